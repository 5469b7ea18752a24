"""On files: planted leaks and shortcuts are caught, clean data passes, the verb says so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfake.audit.audit import LabelName, audit_manifest
from avfake.audit.measuring import measure_files
from avfake.cli.main import main
from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest, Row
from avfake.datasets.schema import load_spec
from avfake.errors import ManifestError
from avfake.media.frames import iter_frames
from avfake.media.types import Waveform
from avfake.media.writing import write_audio, write_video
from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig

RATE = 16_000
Write = Callable[[Path, Waveform, bool], None]


def plain(path: Path, sound: Waveform, is_fake: bool) -> None:
    write_audio(path, sound)


def late(path: Path, sound: Waveform, is_fake: bool) -> None:
    pause = np.zeros(RATE // 5 if is_fake else 0, np.float32)
    write_audio(path, Waveform(np.concatenate([pause, sound.samples]), RATE))


def poorer(path: Path, sound: Waveform, is_fake: bool) -> None:
    write_audio(path.with_suffix(".mp3"), sound, kbps=32 if is_fake else 64)
    path.with_suffix(".mp3").rename(path)


def spoken(folder: Path, write: Write, count: int = 60) -> Manifest:
    """Noises of chance length and level, half of them called fake."""
    rng, rows = np.random.default_rng(0), []
    for k in range(count):
        samples = rng.normal(size=int(rng.uniform(0.5, 1) * RATE)) * rng.uniform(0.02, 0.1)
        path = folder / f"{k:02}.wav"
        write(path, Waveform(samples.astype(np.float32), RATE), k % 2 == 0)
        rows.append(Row(path.name, str(path), label=k % 2 == 0, group=str(k // 4), has_video=False))
    return Manifest(tuple(rows), "made-up")


def shortcuts(manifest: Manifest, journal: Path, label: LabelName = "label") -> set[str]:
    report = audit_manifest(manifest, journal, label=label, workers=0, show_progress=False)
    assert not report.problems
    return {probe.name for probe in report.probes if probe.is_shortcut}


def test_sound_without_a_shortcut_passes(tmp_path: Path) -> None:
    assert shortcuts(spoken(tmp_path, plain), tmp_path / "journal") == set()


def test_a_pause_before_fakes_is_caught(tmp_path: Path) -> None:
    caught = shortcuts(spoken(tmp_path, late), tmp_path / "journal")
    assert {"leading silence", "all together"} <= caught
    assert not caught & {"codec", "loudness", "trailing silence"}


def test_another_bitrate_of_fakes_is_caught(tmp_path: Path) -> None:
    caught = shortcuts(spoken(tmp_path, poorer), tmp_path / "journal")
    assert {"bitrate", "all together"} <= caught
    assert not caught & {"codec", "loudness", "leading silence"}


def test_a_small_studio_passes_but_not_with_a_copy_in_another_split(
    studio_root: Path, tmp_path: Path
) -> None:
    manifest = build_manifest(load_spec("studio"), studio_root)
    assert audit_manifest(manifest, tmp_path / "journal", workers=0, show_progress=False).passes

    copied = manifest.rows[0]
    frames = [frame[::2, ::2] for _, frame in iter_frames(copied.path)]
    write_video(tmp_path / "copy.mp4", frames, fps=15, crf=32)
    copy = replace(copied, clip_id="copy.mp4", path=str(tmp_path / "copy.mp4"), split="test")
    copy = replace(copy, group="", original=None, identity=None)
    leaking = replace(manifest, rows=(*manifest.rows, copy))
    report = audit_manifest(leaking, tmp_path / "journal", workers=0, show_progress=False)
    assert {leak.kind for leak in report.leaks} <= {"picture", "sound"}
    assert any(
        copied.clip_id in finding and "copy.mp4" in finding and "by picture" in finding
        for finding in report.findings
    )


def test_what_was_measured_is_kept_until_the_file_changes(tmp_path: Path) -> None:
    manifest, journal = spoken(tmp_path, plain, 6), tmp_path / "journal"
    first = measure_files(manifest.rows, journal, workers=0, show_progress=False)
    lines = journal.read_text()
    again = measure_files(manifest.rows, journal, workers=0, show_progress=False)
    assert journal.read_text() == lines
    assert [one.facts for one in again] == [one.facts for one in first]
    (tmp_path / "00.wav").write_bytes(b"no sound")
    changed = measure_files(manifest.rows, journal, workers=0, show_progress=False)
    assert "not_media" in changed[0].problem
    assert not changed[0].is_readable
    assert len(journal.read_text().splitlines()) == 7


def test_labels_of_one_kind_cannot_be_probed(tmp_path: Path) -> None:
    manifest = spoken(tmp_path, plain, 6)
    with pytest.raises(ManifestError, match="voice_fake is known for 0"):
        shortcuts(manifest, tmp_path / "journal", "voice_fake")


@pytest.mark.parametrize(("write", "code"), [(plain, 0), (late, 1)])
def test_the_verb_says_what_it_found_and_leaves_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write: Write, code: int
) -> None:
    table = tmp_path / "manifest.csv"
    spoken(tmp_path, write).save(table)
    with pytest.raises(SystemExit) as left:
        main(["audit", str(table), "--workers", "0"])
    printed = capsys.readouterr().out
    assert left.value.code == code
    assert ("shortcut: leading silence tells fake from genuine" in printed) is bool(code)
    assert ("nothing found" in printed) is not bool(code)


@pytest.mark.slow
def test_a_large_studio_passes_for_every_label(tmp_path: Path) -> None:
    config = StudioConfig(320, seconds=1.2, seed=5, frame_sizes=((160, 160), (192, 144)))
    build_studio(tmp_path / "studio", config, workers=2, show_progress=False)
    manifest = build_manifest(load_spec("studio"), tmp_path / "studio")
    names: tuple[LabelName, ...] = ("label", "face_fake", "voice_fake")
    for label in names:
        assert shortcuts(manifest, tmp_path / "journal", label) == set(), label
