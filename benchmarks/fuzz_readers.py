"""One damaged input, and the reader that a user would meet it with.

Each kind copies its undamaged files into an empty folder, damages one of them, and reads them all.
"""

import hashlib
import io
import json
import random
import shutil
import warnings
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from avfake.clips import Clip, PreparedFolder
from avfake.datasets import build_manifest, load_spec, read_manifest
from avfake.detector import Detector, FolderFacts, combine_tables
from avfake.errors import AvfakeError, MediaError
from avfake.evaluation import ablation_table, read_plan, read_scores
from avfake.media import probe, read_frames, read_sound
from avfake.parallel import Journal
from avfake.report.card.measured import Measured
from avfake.scoring import StressTable, find_files
from avfake.training import TrainingConfig
from avfake.training.run import open_run
from avfake.verdict import Verdict
from benchmarks.mutations import mutate_media
from benchmarks.text_mutations import mutate_text

BOMB_SHARE = 0.01
"""Share of the media that are bombs: each takes seconds."""
ASK_SHARE = 0.1
"""Share of the media that can be decoded about which the detector is asked."""
Reader = Callable[[Path, Path, random.Random], str]
"""Takes the folder of originals, an empty one and a generator; returns what was done. AvfakeError
where the input is refused."""


class Confident(Exception):  # noqa: N818 - a finding, not an error of a program
    """A decision on a file that could not be decoded."""


@lru_cache(maxsize=1)
def detector(folder: Path) -> Detector:
    return Detector.from_pretrained(folder)


def media(work: Path, here: Path, rng: random.Random) -> str:
    """Read a damaged video, sound or picture, and ask the detector."""
    files = sorted((work / "media").iterdir())
    bombs = [file for file in files if file.stem in ("bomb", "wide", "screen", "huge", "inside")]
    small = [file for file in files if file not in bombs]
    source = rng.choice(bombs if bombs and rng.random() < BOMB_SHARE else small)
    content, how = mutate_media(source.read_bytes(), source.suffix, rng)
    file = here / f"damaged{source.suffix}"
    file.write_bytes(content)
    what = f"{source.name}: {how}"
    (here / "what").write_text(what)
    target: str | Path = f"{file}!/a.mp4" if source.suffix == ".zip" else file
    is_decoded = read_media(target)
    if not is_decoded or rng.random() < ASK_SHARE:
        verdict = detector(work / "written" / "run" / "detector").predict(target)
        answered = verdict.decision != "unsure" or verdict.p_fake is not None
        if answered and not is_decoded:
            raise Confident(f"{verdict.decision}, p_fake {verdict.p_fake}")
    if not is_decoded:
        raise AvfakeError("not decoded")
    return what


def read_media(path: str | Path) -> bool:
    """Read facts, some frames and the sound; return whether anything was decoded."""
    try:
        info = probe(path)
    except MediaError:
        return False
    is_decoded = False
    for wanted, read in (
        (info.has_video, lambda: read_frames(path, info.sample_times(4))),
        (info.has_audio, lambda: read_sound(path, max_seconds=60)),
    ):
        try:
            is_decoded |= wanted and bool(read())
        except MediaError:
            continue
    return is_decoded


def clip(work: Path, here: Path, rng: random.Random) -> str:
    """Read a damaged archive of a prepared clip."""
    source = rng.choice(sorted((work / "written" / "clips" / "archives").glob("*.zip")))
    file = here / source.name
    if rng.random() < 0.4:
        content, how = mutate_media(source.read_bytes(), ".zip", rng)
    else:
        content, how = _with_damaged_member(source, rng)
    file.write_bytes(content)
    what = f"clip: {how}"
    (here / "what").write_text(what)
    opened = Clip.open(file)
    assert opened.meta.clip_id is not None
    opened.crops()
    opened.stored_crops()
    opened.waveform()
    verdict = detector(work / "written" / "run" / "detector").predict_clip(opened)
    return f"{what}: {verdict.status}"


def _with_damaged_member(source: Path, rng: random.Random) -> tuple[bytes, str]:
    """Return an archive with one member damaged, left out, doubled or grown."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(["meta.json", "meta.json", "sound.flac", *members])
    content, how = members.get(name, b""), "grown"
    ending = Path(name).suffix
    draw = rng.random()
    if draw < 0.02:
        content = bytes(1_200_000_000)
    elif ending == ".json":
        content, how = mutate_text(content, ending, rng)
    else:
        content, how = mutate_media(content, ending, rng)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two members of one name
        for member, stored in members.items():
            if member != name or rng.random() > 0.1:
                archive.writestr(member, content if member == name else stored)
        if rng.random() < 0.05:
            archive.writestr(rng.choice([name, "../../out", "/etc/x", "a\\b"]), b"x")
    return packed.getvalue(), f"{ending} {how}"


def _damage_one(
    source: Path, here: Path, names: list[str], rng: random.Random, *, big: bool = True
) -> tuple[Path, str]:
    """Copy a folder and damage one of these files of it; return the copy and what was done."""
    copy = here / source.name
    shutil.copytree(source, copy, ignore=None if big else shutil.ignore_patterns("archives"))
    name = rng.choice(names)
    file = copy / name
    content = file.read_bytes() if file.is_file() else b""
    draw = rng.random()
    if draw < 0.02:
        file.unlink(missing_ok=True)
        return copy, f"{name}: removed"
    if draw < 0.03:
        file.unlink(missing_ok=True)
        file.mkdir()
        return copy, f"{name}: a folder"
    if file.suffix in (".safetensors", ".flac"):
        damaged, how = mutate_media(content, file.suffix, rng)
    else:
        damaged, how = mutate_text(content, file.suffix, rng)
    file.write_bytes(damaged)
    return copy, f"{name}: {how}"


def manifest(work: Path, here: Path, rng: random.Random) -> str:
    """Read a damaged manifest."""
    names = ["manifest.csv", "manifest.csv", "manifest.csv.json"]
    folder, what = _damage_one(work / "written" / "clips", here, names, rng, big=False)
    (here / "what").write_text(what)
    read_manifest(folder / "manifest.csv")
    return what


def metadata(work: Path, here: Path, rng: random.Random) -> str:
    """List a folder in the way of DFDC with a damaged metadata.json."""
    folder = here / "dfdc"
    folder.mkdir()
    studio = work / "written" / "studio"
    for video in studio.glob("*.mp4"):
        (folder / video.name).symlink_to(video)
    content = (studio / "metadata.json").read_bytes()
    damaged, how = mutate_text(content, ".json", rng)
    (folder / "metadata.json").write_bytes(damaged)
    (here / "what").write_text(how)
    build_manifest(load_spec("dfdc"), folder)
    return how


def spec(work: Path, here: Path, rng: random.Random) -> str:
    """Load a damaged data spec, and list a folder with it."""
    sources = sorted((Path(__file__).parents[1] / "data_specs").glob("*.yaml"))
    source = rng.choice([*sources, *[s for s in sources if s.stem in ("studio", "dfdc")] * 5])
    damaged, how = mutate_text(source.read_bytes(), ".yaml", rng)
    file = here / source.name
    file.write_bytes(damaged)
    (here / "what").write_text(f"{source.name}: {how}")
    loaded = load_spec(file)
    build_manifest(loaded, work / "written" / "studio")
    return how


def bundle(work: Path, here: Path, rng: random.Random) -> str:
    """Open a detector with one damaged file and checksums that fit it again."""
    source = work / "written" / "run" / "detector"
    names = sorted(file.name for file in source.iterdir())
    folder, what = _damage_one(source, here, [*names, "config.yaml", "calibration.json"], rng)
    (here / "what").write_text(what)
    if "checksums" not in what:
        sums = {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in folder.iterdir()
            if file.is_file() and file.name not in ("checksums.json", "README.md")
        }
        (folder / "checksums.json").write_text(json.dumps(sums))
    FolderFacts.read(folder)
    loaded = Detector.from_pretrained(folder)
    archive = sorted((work / "written" / "clips" / "archives").glob("*.zip"))[0]
    loaded.predict_clip(Clip.open(archive))
    return what


def prepared(work: Path, here: Path, rng: random.Random) -> str:
    """Read a folder of prepared clips with one damaged table."""
    names = ["clips.yaml", "status.csv", "manifest.csv", "journal.jsonl"]
    folder, what = _damage_one(work / "written" / "clips", here, names, rng, big=False)
    (here / "what").write_text(what)
    Journal(folder / "journal.jsonl", "clip_id")
    opened = PreparedFolder(folder)
    assert opened.config
    assert opened.clips is not None
    return what


def tables(work: Path, here: Path, rng: random.Random) -> str:
    """Read tables of scores, plans and stress tables with one of them damaged."""
    run = work / "written" / "run"
    names = ["test_scores.csv", "test_scores.csv", "plan.csv", "out_of_fold.csv"]
    name = rng.choice([one for one in names if (run / one).is_file()])
    damaged, how = mutate_text((run / name).read_bytes(), ".csv", rng)
    file = here / name
    file.write_bytes(damaged)
    what = f"{name}: {how}"
    (here / "what").write_text(what)
    refused = 0
    for read in (_measured, read_plan, StressTable.read, _combined, _requested):
        try:
            read(file)
        except AvfakeError:
            refused += 1
    if refused == 5:
        raise AvfakeError("refused by all readers")
    return what


def _measured(file: Path) -> None:
    read_scores(file)
    ablation_table([("", Measured.read(file, plan=None).scores)], num_resamples=2)


def _combined(file: Path) -> None:
    combine_tables([file, file], "mean")


def _requested(file: Path) -> None:
    find_files([file.parent], file)


def run(work: Path, here: Path, rng: random.Random) -> str:
    """Go on with a run whose record of settings is damaged."""
    folder, source = here / "run", work / "written" / "run" / "config.json"
    folder.mkdir()
    damaged, how = mutate_text(source.read_bytes(), ".json", rng)
    (folder / source.name).write_bytes(damaged)
    (here / "what").write_text(how)
    open_run(folder, TrainingConfig.preset("tiny"), inputs={})
    return how


def verdicts(_: Path, here: Path, rng: random.Random) -> str:
    """Read a damaged verdict, as a program would that keeps them."""
    text = Verdict.failed("a.mp4", MediaError("a.mp4", "not_media").reason).to_json()
    damaged, how = mutate_text(text.encode(), ".json", rng)
    (here / "what").write_text(how)
    Verdict.from_json(damaged.decode(errors="replace"))
    return how


READERS: dict[str, tuple[Reader, int]] = {
    "media": (media, 60),
    "clip": (clip, 10),
    "bundle": (bundle, 7),
    "spec": (spec, 6),
    "metadata": (metadata, 5),
    "manifest": (manifest, 4),
    "prepared": (prepared, 4),
    "tables": (tables, 2),
    "run": (run, 1),
    "verdicts": (verdicts, 1),
}
"""Kind of input -> its reader, and its share of the inputs in percent."""
