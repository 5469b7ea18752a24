"""What tricks do to the answers of the default detector.

    python -m benchmarks evasion --real ../shared/media --out runs/evasion

Takes a few genuine and forged videos with a face and a voice, and recordings, of development
sources, chosen by a rule and not by their answers; does each trick of `evasion_tricks` to each, and
has it assessed by the detector that ships. That detector has learned from these sources: the row
"unchanged" is better than on files of others, and what counts is the change from it. Beside each
decision stands the one that follows from the probability alone, before reasons that forbid an
answer. Writes OUT/answers.csv, a row a file, and benchmarks/results/evasion.csv, a row a trick.
The clips of changed files, and what the frozen networks make of them, are kept in OUT: run again,
only the answers are made anew.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import load_file, save_file
from torch import Tensor

from avfake import Detector
from avfake.clips import Clip
from avfake.detector import Bundle
from avfake.faces import FaceDetector
from avfake.labels import DEFAULT, Modality
from avfake.media import Waveform, iter_frames, read_sound
from avfake.parallel import progress
from avfake.storage import write_whole
from avfake.verdict import Verdict
from benchmarks.evasion_tricks import TRICKS, UNTOUCHED, Change, Material, Trick, minute, write
from benchmarks.measuring import RESULTS, commit

DIVISION = Path(__file__).parents[1] / "recipes" / "results" / "division.csv"
ANSWERS = ("fake", "real", "unsure", "not assessed")
TRUTHS = ("genuine", "forged")
LARGEST_PX, SMALLEST_PX, SHORTEST_SECONDS = 640, 256, 2.0
VIDEO_HZ, RECORDING_HZ = 48_000, 16_000
BASES = {"video": UNTOUCHED, "recording": "recording", "genuine": UNTOUCHED}
"""What a trick is done to -> the row that it is compared with."""


@dataclass(frozen=True)
class Config:
    """What is measured."""

    real: Path
    """Folder with video/, voice/ and their tables, as for recipes/default_detector.py."""
    out: Path = Path("runs/evasion")
    videos: int = 4
    """Videos of each class."""
    recordings: int = 6
    """Recordings of each class."""
    seconds: float = 2.5
    """Length of each video that is used, from its start."""
    tricks: tuple[str, ...] = tuple(TRICKS)
    table: Path = RESULTS / "evasion.csv"


def main(config: Config) -> None:
    detector = Detector.from_pretrained(DEFAULT, device="cpu")
    answers = pd.DataFrame(progress(assessed(detector, config), desc="assess", unit="file"))
    write_whole(config.out / "answers.csv", answers.to_csv(index=False))
    table = summary(answers).assign(detector=detector.name, commit=commit())
    write_whole(config.table, table.to_csv(index=False))
    print(table.drop(columns=["meaning", "detector", "commit"]).to_string(index=False))


@dataclass(frozen=True)
class File:
    """One of the chosen files."""

    path: Path
    source: str
    truth: str
    """genuine or forged"""


def chosen(config: Config) -> dict[str, list[File]]:
    """Return the videos and the recordings: in the order of the hash of the name, one an owner."""
    division = pd.read_csv(DIVISION).set_index("source")
    found: dict[str, list[File]] = {"video": [], "recording": []}
    for kind, folder, table in (
        ("video", "video", "manifest.csv"),
        ("recording", "voice", "voice/manifest.csv"),
    ):
        rows = pd.read_csv(config.real / table, dtype=str, keep_default_na=False)
        rows = rows[rows["source"].map(division["part"]) == "development"]
        rows = rows[
            (rows["certainty"] == "high") & (rows["duration_s"].astype(float) >= SHORTEST_SECONDS)
        ]
        if kind == "video":
            sides = rows[["width", "height"]].astype(int)
            fits = (sides.max(axis=1) <= LARGEST_PX) & (sides.min(axis=1) >= SMALLEST_PX)
            faces = pd.to_numeric(rows["faces_found"]) == 1
            rows = rows[fits & faces & (rows["has_audio"] == "yes") & has_voice(rows)]
        rows = rows.assign(
            owner=rows["source"].map(division["owner"]),
            order=[hashlib.sha256(name.encode()).hexdigest() for name in rows["filename"]],
        ).sort_values("order")
        for label, truth in (("REAL", "genuine"), ("FAKE", "forged")):
            few = (
                rows[rows["label"] == label]
                .drop_duplicates("owner")
                .head(config.videos if kind == "video" else config.recordings)
            )
            found[kind] += [
                File(config.real / folder / row.filename, row.source, truth)
                for row in few.itertuples()
            ]
    return found


def has_voice(rows: pd.DataFrame) -> pd.Series:
    """Genuine files with a genuine voice, and forged ones with a forged face and any voice."""
    genuine = (rows["face_fake"] == "false") & (rows["voice_fake"] == "false")
    return genuine | ((rows["face_fake"] == "true") & (rows["voice_fake"] != "absent"))


def assessed(detector: Detector, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the answer to each file after each trick."""
    files, bundle = chosen(config), detector.members[0]
    search = bundle.spec.clip.face_detector(device="cpu")
    videos = {one: decoded(one, search, config.seconds) for one in files["video"]}
    recordings = {one: heard(one) for one in files["recording"]}
    genuine = [material for one, material in videos.items() if one.truth == "genuine"]
    for name in config.tricks:
        trick = TRICKS[name]
        sources = recordings if trick.of == "recording" else videos
        for number, (file, material) in enumerate(sources.items()):
            # Never the file itself: the numbers of genuine videos begin at 0.
            other = genuine[(number + 1) % len(genuine)]
            for made, change in variants(trick, file):
                kept = config.out / "clips" / f"{name}_{made.truth}_{number}.zip"
                path = kept.with_suffix(".mp4")
                if not kept.is_file():
                    file_made = write(change(material, other), path, trick)
                    bundle.cut_clip(file_made).save(kept)
                    file_made.unlink()
                clip = Clip.open(kept)
                features = {bundle.name: kept_features(bundle, clip, kept)}
                verdict = detector.predict_clip(clip, features=features)
                yield {"trick": name, **answer(detector, verdict, made)}


def kept_features(bundle: Bundle, clip: Clip, archive: Path) -> dict[str, Tensor]:
    """Return what the frozen networks make of a clip; kept beside its archive."""
    path = archive.with_suffix(".safetensors")
    if not path.is_file():
        save_file(dict(bundle.features(clip)), path)
    return load_file(path)


def variants(trick: Trick, file: File) -> Iterator[tuple[File, Change]]:
    """Yield what a trick makes of a file, with its truth."""
    if trick.of != "genuine":
        yield file, trick.change
    elif file.truth == "genuine":
        yield file, trick.change
        yield replace(file, truth="forged"), partial(minute, is_forged=True)


def decoded(file: File, search: FaceDetector, seconds: float) -> Material:
    """Return the first seconds of a video, with the landmarks of its face in each frame."""
    shown = [(at, frame) for at, frame in iter_frames(file.path) if at < seconds]
    frames = np.stack([frame for _, frame in shown])
    fps = (len(shown) - 1) / (shown[-1][0] - shown[0][0])
    sound = read_sound(file.path, VIDEO_HZ).waveform()
    sound = Waveform(sound.samples[: round(len(shown) / fps * VIDEO_HZ)], VIDEO_HZ)
    points, sides = {}, []
    for number, faces in zip(range(0, len(shown), 8), search.detect(frames[::8]), strict=True):
        if len(faces):
            widths = (faces.boxes[:, 2:] - faces.boxes[:, :2]).max(axis=1)
            points[number] = faces.landmarks[widths.argmax()].reshape(-1)
            sides.append(widths.max())
    columns = np.stack(list(points.values())).T
    between = [np.interp(np.arange(len(shown)), list(points), column) for column in columns]
    landmarks = np.stack(between, axis=1).reshape(-1, 5, 2)
    return Material(frames, fps, sound, landmarks, float(np.median(sides)))


def heard(file: File) -> Material:
    """Return a recording."""
    sound = read_sound(file.path, RECORDING_HZ).waveform()
    return Material(np.zeros((0, 1, 1, 3), np.uint8), 25.0, sound, np.zeros((0, 5, 2)))


def answer(detector: Detector, verdict: Verdict, file: File) -> dict[str, Any]:
    """Return the decision on a file, and the one by its probability alone."""
    modality: Modality = "whole"
    if None in (verdict.p_face_fake, verdict.p_voice_fake):
        modality = "sound" if verdict.p_face_fake is None else "picture"
    rule = detector.members[0].decision_model.rule(use_stacker=True, modality=modality)
    assert rule is not None  # the detector that ships has rules
    by_probability = rule.decide(verdict.p_fake)
    failed = verdict.status == "failed"
    return {
        "source": file.source,
        "truth": file.truth,
        "decision": "not assessed" if failed else verdict.decision,
        "by_probability": "not assessed" if failed else by_probability,
        "p_fake": verdict.p_fake,
        "p_face_fake": verdict.p_face_fake,
        "p_voice_fake": verdict.p_voice_fake,
        "reasons": " ".join(map(str, verdict.reasons)),
    }


def summary(answers: pd.DataFrame) -> pd.DataFrame:
    """Return a row a trick: counts of decisions, and of those that became confidently wrong.

    newly_wrong: wrong decisions on files that were not decided wrongly without the trick; before:
    the same by probability alone.
    """
    rows = []
    for name, trick in TRICKS.items():
        part = answers[answers["trick"] == name]
        if part.empty:
            continue
        row: dict[str, Any] = {"trick": name, "meaning": trick.meaning, "of": trick.of}
        for truth in TRUTHS:
            mine = part.loc[part["truth"] == truth, "decision"]
            row |= {f"{truth} {one}": int((mine == one).sum()) for one in ANSWERS}
        base = answers[answers["trick"] == BASES[trick.of]].set_index("source")
        row["wrong"], row["wrong_before"] = (
            int(is_wrong(part, column).sum()) for column in ("decision", "by_probability")
        )
        was = is_wrong(base, "by_probability") if len(base) else pd.Series(dtype=bool)
        known = part["source"].map(was).fillna(False).astype(bool)
        row["newly_wrong"], row["newly_wrong_before"] = (
            int((is_wrong(part, column) & ~known).sum())
            for column in ("decision", "by_probability")
        )
        given = Counter(word for text in part["reasons"] for word in text.split())
        row["reasons"] = ", ".join(f"{code} {count}" for code, count in given.most_common())
        rows.append(row)
    return pd.DataFrame(rows)


def is_wrong(answers: pd.DataFrame, column: str) -> pd.Series:
    """Return bool, whether a file is called the opposite of what it is."""
    opposite = answers["truth"].map({"genuine": "fake", "forged": "real"})
    return answers[column] == opposite
