"""The ladder from labelled files to the table; what it refuses, and that it goes on."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
from avfake.cli.main import main
from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest
from avfake.datasets.schema import load_spec
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.errors import ConfigError
from avfake.evaluation.figures.scores import draw_stress
from avfake.scoring.stress.rewriting import Rewrite
from avfake.scoring.stress.run import labelled_rows, run_stress
from avfake.scoring.stress.table import StressTable
from benchmarks.default_damage import run_stress_out_of_fold  # noqa: E402  (outside of the package)


def scores_of(p_fake: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    names = [f"clip_{k}" for k in range(len(labels))]
    columns = dict.fromkeys(("p_fake", "p_face_fake", "p_voice_fake"), p_fake)
    truth = {name: labels.astype(bool) for name in ("label", "face_fake", "voice_fake")}
    decision = np.where(p_fake > 0.5, "fake", "unsure")
    return pd.DataFrame(
        {"clip_id": names, "group": names} | truth | columns | {"decision": decision}
    )


@pytest.fixture
def tables() -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    labels = (np.arange(45) % 3 == 0).astype(int)  # no bin of the 15 holds both classes
    good = np.where(labels == 1, 0.9, 0.1)
    half = good.copy()
    half[:20] = np.nan
    return scores_of(good, labels), {
        "same": scores_of(good, labels),
        "turned": scores_of(1 - good, labels),
        "silenced": scores_of(half, labels),
    }


def test_changes_are_those_of_the_closed_form(
    tables: tuple[pd.DataFrame, dict[str, pd.DataFrame]],
) -> None:
    found = StressTable.comparing(*tables, num_resamples=50)
    table = found.rows.set_index(["cell", "output", "metric"])
    assert table.loc[("same", "face", "log_loss"), "change"] == 0
    turned = table.loc["turned"]["change"]
    assert turned["overall", "auc"] == pytest.approx(-1)
    assert turned["voice", "log_loss"] == pytest.approx(np.log(9))
    assert turned["face", "calibration_error"] == pytest.approx(0.8)
    silenced = table.loc[("silenced", "overall", "auc")]
    assert (silenced["compared"], silenced["assessed"]) == (25, 25 / 45)
    assert silenced["change"] == 0
    assert table.loc[("untouched", "overall", "auc"), "unsure"] == 30 / 45
    assert silenced["unsure"] == 37 / 45


def test_the_weakest_cell_is_named_and_drawn(
    tables: tuple[pd.DataFrame, dict[str, pd.DataFrame]], tmp_path: Path
) -> None:
    table = StressTable.comparing(*tables, num_resamples=50)
    found = table.weakest()
    assert {one.cell for one in found} == {"turned"}
    assert len(found) == 9
    assert "| turned    | overall | -1.000" in str(table)
    assert draw_stress(table.rows, tmp_path / "stress.png").read_bytes()[:4] == b"\x89PNG"
    harmless = table.rows[table.rows["cell"].isin(["same", "untouched"])]
    assert StressTable(harmless).weakest() == []


@pytest.fixture
def manifest(studio_root: Path) -> Manifest:
    return build_manifest(load_spec("studio"), studio_root)


def test_sets_that_say_nothing_are_refused(manifest: Manifest, tmp_path: Path) -> None:
    rows = manifest.rows
    genuine = [replace(row, clip_id=f"{row.clip_id}{k}", path=f"{row.path}{k}", label=False)
               for k, row in enumerate(rows)]  # fmt: skip
    with pytest.raises(ConfigError, match="genuine clips only"):
        labelled_rows(replace(manifest, rows=tuple(genuine)))
    with pytest.raises(ConfigError, match="3 labelled clips"):
        labelled_rows(replace(manifest, rows=rows[:3]))
    with pytest.raises(ConfigError, match="twice as a clip_id"):
        labelled_rows(replace(manifest, rows=(*rows, rows[0])))
    with pytest.raises(ConfigError, match="twice as a file"):
        labelled_rows(replace(manifest, rows=(*rows, replace(rows[0], clip_id="new"))))
    with pytest.raises(ConfigError, match="1 groups are too few"):
        labelled_rows(replace(manifest, rows=tuple(replace(r, group="one") for r in rows)))
    with pytest.raises(ConfigError, match="at least 10"):
        labelled_rows(manifest, limit=4)
    with pytest.raises(ConfigError, match=r"has no manifest\.csv"):
        run_stress(tmp_path, "none", tmp_path / "out")


def test_every_file_gets_a_row_and_nothing_is_done_twice(
    manifest: Manifest, detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("not a video")
    rows = manifest.rows[:9]
    rows = (*rows, replace(rows[0], clip_id="broken", path=str(broken)))
    replace(manifest, rows=rows).save(tmp_path / "manifest.csv")
    out = tmp_path / "out"
    args = (tmp_path, str(detector_folder), out)
    found = run_stress(*args, cells=["mute", "black"], workers=0)
    assert found.num_files == 10
    assert found.failed["cell"].tolist() == ["untouched", "black", "mute"]
    assert found.failed["reasons"].str.startswith("file:not_media").all()
    scored = pd.read_csv(out / "cells" / "mute.csv")
    assert scored["clip_id"].tolist() == [row.clip_id for row in rows]
    assert scored["p_voice_fake"].isna().all()
    assert scored["reasons"].str.contains("voice:silent_audio").sum() == 9
    black = pd.read_csv(out / "cells" / "black.csv")
    assert black["p_face_fake"].isna().all()
    assert black["reasons"].str.contains("face:no_face").sum() == 9
    first = (out / "stress.csv").read_bytes()
    rewritten, rewrite = set(), Rewrite.__call__

    def again(change: Rewrite, file: Path, folder: Path) -> Path:
        rewritten.add(file.name)
        return rewrite(change, file, folder)

    monkeypatch.setattr(Rewrite, "__call__", again)
    run_stress(*args, cells=["mute", "black"], workers=0)
    assert rewritten <= {"broken.mp4"}  # what failed is tried again
    assert (out / "stress.csv").read_bytes() == first
    pd.testing.assert_frame_equal(StressTable.read(out / "stress.csv").rows, found.table.rows)


def test_each_model_judges_what_it_has_not_seen(
    manifest: Manifest, detector_folder: Path, tmp_path: Path
) -> None:
    bundle = Bundle.read(detector_folder)
    rows = [row for row in manifest.rows if row.label is not None][:12]
    held_out = [rows[number :: len(bundle.models)] for number in range(len(bundle.models))]
    found = run_stress_out_of_fold(detector_folder, held_out, tmp_path, cells=["mute"], workers=0)
    table = found.rows
    pd.testing.assert_frame_equal(StressTable.read(tmp_path / "stress.csv").rows, table)
    assert table.loc[table["cell"] == "untouched", "assessed"].max() == 1
    for number, (model, part) in enumerate(zip(bundle.models, held_out, strict=True)):
        found = pd.read_csv(tmp_path / f"model_{number}" / "untouched.csv")
        assert found["clip_id"].tolist() == [row.clip_id for row in part]
        alone = Detector(replace(bundle, models=(model,)))
        expected = alone.predict(part[0].path).p_fake
        assert found["p_fake"].iloc[0] == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ConfigError, match="one for each is needed"):
        run_stress_out_of_fold(detector_folder, held_out[1:], tmp_path / "few")
    genuine = [row for row in rows if not row.label][:2]
    one_class = [genuine, *([] for _ in bundle.models[1:])]  # and nothing for the other models
    with pytest.raises(ConfigError, match="no fake, or no genuine one"):
        run_stress_out_of_fold(
            detector_folder, one_class, tmp_path / "one", cells=["mute"], workers=0
        )


def test_the_verb_refuses_in_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, detector_folder: Path
) -> None:
    (tmp_path / "manifest.csv").write_text("clip_id,path,label\na,a.mp4,true\nb,b.mp4,false\n")
    options = ["--detector", str(detector_folder), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as left:
        main(["stress", str(tmp_path), *options, "--cells", "mute"])
    assert left.value.code == 2
    assert "2 labelled clips of 2 groups are too few" in capsys.readouterr().err
