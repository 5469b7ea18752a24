"""The model card: its numbers recomputed by other arithmetic, its gaps said, its text harmless."""

import re
import shutil
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard

from avfake.cli.main import main
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.ensemble import write_ensemble
from avfake.detector.facts import BundleFacts, LabelCounts
from avfake.errors import AvfakeError, ConfigError
from avfake.report.card.measured import mark_of
from avfake.report.card.writing import write_card

TOLD = {"licence": "CC-BY-4.0", "measured_on": "people never seen"}
HOSTILE = "a|b\n<script>x</script> [l](http://e) *i*"


@pytest.fixture
def folder(detector_folder: Path, tmp_path: Path) -> Path:
    """A detector without its run around it."""
    copy = tmp_path / "some" / "detector"
    shutil.copytree(detector_folder, copy)
    return copy


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 clips of 30 families: one genuine, a face, a voice, both; no genuine one called fake."""
    rng = np.random.default_rng(0)
    face, voice = np.tile([0, 1, 0, 1], 30), np.tile([0, 0, 1, 1], 30)
    label = face | voice
    p = {"fake": label, "face_fake": face, "voice_fake": voice}
    table = pd.DataFrame(
        {
            "clip_id": [f"c{k}" for k in range(120)],
            "group": np.repeat([f"family {k}" for k in range(30)], 4),
            "method": np.tile([None, HOSTILE, "griffin_lim", "both_ways"], 30),
            "label": label.astype(bool),
            "face_fake": face.astype(bool),
            "voice_fake": voice.astype(bool),
        }
        | {f"p_{name}": np.clip(0.25 + 0.4 * truth + 0.2 * rng.normal(size=120), 0.01, 0.99)
           for name, truth in p.items()}
    )  # fmt: skip
    sure = np.where(table["p_fake"] > 0.7, "fake", "unsure")
    table["decision"] = np.where(table["p_fake"] < 0.3, "real", sure)
    table.loc[~table["label"] & (table["decision"] == "fake"), "decision"] = "unsure"
    table.loc[::17, "p_voice_fake"] = np.nan
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def stress(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cells and a made-up one; the AUC falls most where files are very coarse."""
    cells = {"untouched": 0.0, "rewritten": -0.01, "crf_40": -0.2, "odd|cell": -0.05}
    rows = [
        {"cell": cell, "output": output, "metric": metric, "change": sign * change}
        | {"low": sign * change - 0.03, "high": sign * change + 0.03, "compared": 40}
        | {"assessed": 0.5 if cell == "odd|cell" else 1.0, "unsure": 0.25}
        for cell, change in cells.items()
        for output in ("overall", "face", "voice")
        for metric, sign in (("auc", 1), ("log_loss", -1), ("calibration_error", 0))
    ]
    path = tmp_path_factory.mktemp("stress") / "stress.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def card(
    detector_folder: Path, scores: Path, stress: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """With all that a card can be told."""
    copy = tmp_path_factory.mktemp("told") / "detector"
    shutil.copytree(detector_folder, copy)
    return write_card(copy, scores=scores, stress=stress, **TOLD)


def front_matter(card: Path) -> dict[str, Any]:
    head = card.read_text().split("---\n")[1]
    fields: dict[str, Any] = yaml.safe_load(head)
    return fields


def section(card: Path, title: str) -> str:
    return card.read_text().split(f"## {title}\n")[1].split("\n## ")[0]


def rows_of(text: str, first: str) -> list[list[str]]:
    """Rows of the Markdown tables in a text whose first cell is this one."""
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in line] for line in lines if line[0].strip() == first]


def number(cell: str) -> float:
    return float(cell.split()[0])


def test_every_number_is_that_of_the_table(card: Path, scores: Path) -> None:
    table = pd.read_csv(scores)
    metrics = section(card, "Measured on test clips")
    for output, p_name, y_name in (
        ("overall", "p_fake", "label"),
        ("face", "p_face_fake", "face_fake"),
        ("voice", "p_voice_fake", "voice_fake"),
    ):
        known = table[table[p_name].notna()]
        p, y = known[p_name].to_numpy(), known[y_name].to_numpy(bool)
        fakes, reals = p[y], p[~y]
        auc = np.mean(fakes[:, None] > reals) + np.mean(fakes[:, None] == reals) / 2
        loss = -np.mean(np.r_[np.log(fakes), np.log(1 - reals)])
        bins = np.array_split(np.argsort(p), 15)
        error = sum(abs(p[b].sum() - y[b].sum()) for b in bins) / len(p)
        row = next(row for row in rows_of(metrics, output) if row[1] == "all")
        assert number(row[2]) == pytest.approx(auc, abs=5e-4)
        assert number(row[3]) == pytest.approx(loss, abs=5e-4)
        assert number(row[5]) == pytest.approx(error, abs=5e-4)
        assert row[6] == f"{len(known)}/120"
        listed = {m["name"].split(" (")[0]: m["value"] for m in hub_metrics(card)}
        assert listed[f"AUC, {output}"] == pytest.approx(auc, abs=5e-5)
        assert listed[f"log-loss, {output}"] == pytest.approx(loss, abs=5e-5)
    face_only = table[(table["label"] == table["face_fake"]) & ~table["voice_fake"]]
    p, y = face_only["p_fake"].to_numpy(), face_only["label"].to_numpy(bool)
    row = next(row for row in rows_of(metrics, "overall") if row[1] == "face only")
    assert number(row[2]) == pytest.approx(np.mean(p[y][:, None] > p[~y]), abs=5e-4)


def hub_metrics(card: Path) -> list[dict[str, Any]]:
    [model] = front_matter(card)["model-index"]
    metrics: list[dict[str, Any]] = model["results"][0]["metrics"]
    return metrics


def test_false_alarms_come_first_and_none_is_not_never(card: Path, scores: Path) -> None:
    table = pd.read_csv(scores)
    fakes, genuine = table[table["label"]], table[~table["label"]]
    paragraph = card.read_text().split("\n\n")[2]
    # Clopper and Pearson of none of 30, in closed form.
    high = 100 * (1 - 0.025 ** (1 / 30))
    assert paragraph.startswith(f"**Of 30 genuine clips it calls 0.0 % [0.0, {high:.1f}] fake**")
    found, unsure = (
        100 * np.mean(fakes["decision"] == "fake"),
        [100 * np.mean(rows["decision"] == "unsure") for rows in (genuine, fakes)],
    )
    assert f"Of 90 fakes it finds {found:.1f} % [" in paragraph
    assert f"for {unsure[0]:.1f} % [" in paragraph
    assert f"genuine clips and {unsure[1]:.1f} % [" in paragraph
    assert "120 labelled clips of 30 groups: people never seen" in paragraph
    decided = section(card, "Measured on test clips")
    assert rows_of(decided, "all fakes")[0][1:3] == ["90", next(iter(re.findall(
        rf"{found:.1f} % \[[\d., ]+\]", paragraph)))]  # fmt: skip
    kept = {metric["type"]: metric["value"] for metric in hub_metrics(card)}
    assert kept["false_alarm_rate"] == 0
    assert kept["hit_rate"] == pytest.approx(found / 100, abs=5e-5)


def test_the_hub_reads_its_front_matter(card: Path, folder: Path) -> None:
    fields = front_matter(card)
    assert fields["library_name"] == "avfake"
    assert (fields["license"], fields["pipeline_tag"]) == ("cc-by-4.0", "video-classification")
    loaded = ModelCard.load(card)
    assert loaded.data.model_name == f"avfake detector {Bundle.read(folder).name[-12:]}"
    assert {one.metric_type for one in loaded.data.eval_results} >= {"auc", "false_alarm_rate"}
    worded = front_matter(write_card(folder, licence="Research use only: see the sources"))
    assert worded["license"] == "other"
    assert worded["license_name"] == "research-use-only-see-the-sources"
    assert "model-index" not in worded
    assert front_matter(write_card(folder))["license"] == "unknown"


def test_the_same_inputs_give_the_same_bytes_anywhere(
    card: Path, folder: Path, scores: Path, stress: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copy(scores, tmp_path / "other name.csv"))
    again = write_card(folder, scores=moved, stress=stress, **TOLD)
    assert again.read_bytes() == card.read_bytes()
    assert str(card.parent.parent) not in card.read_text()


def test_names_stay_names(card: Path) -> None:
    text = section(card, "Measured on test clips")
    assert "<script>" not in text.replace("\\<", "")
    [row] = rows_of(text, r"a\|b \<script\>x\</script\> \[l\](http\://e) \*i\*")
    assert row[1] == "30"
    assert rows_of(text, "griffin_lim")
    widths = {
        len(re.split(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| a")
    }
    assert widths == {7}


def test_what_was_not_measured_is_said_and_not_made_up(folder: Path) -> None:
    card = write_card(folder)
    for title in ("Measured on test clips", "Stress"):
        text = section(card, title)
        assert "not measured" in text
        assert not re.search(r"\d\.\d", text)
    limits = section(card, "Limits")
    assert "Test clips: not measured." in limits
    assert "Faces smaller than 20 px, or than 3 % of" in limits
    assert "Weights: not stated." in section(card, "Licence")
    bundle = Bundle.read(folder)
    few = BundleFacts(datasets=("mine",), num_clips={"train": 7}, split_hash="abc", seed=1)
    replace(bundle, facts=few).save(folder)
    assert not (folder / "README.md").exists()
    card = write_card(folder)
    assert "**" not in card.read_text().split("\n\n")[2]
    assert rows_of(section(card, "Training data"), "mine") == [["mine", "not stated"]]
    [row] = rows_of(section(card, "Calibration and decision"), "overall")
    assert row[3:] == ["not measured"] * 4


def test_what_training_knew_stands_in_it(run_folder: Path) -> None:
    card = run_folder / "detector" / "README.md"
    plan = pd.read_csv(run_folder / "plan.csv", dtype=str)
    data = section(card, "Training data")
    assert rows_of(data, "studio") == [["studio", "Apache-2.0"]]
    for split, rows in plan.groupby("split"):
        families = rows["group"].nunique()  # of one genuine clip and three fakes each
        asked = [str(n) for n in (families, 3 * families, families)]
        assert rows_of(data, str(split))[0][1:4] == asked
    facts = Bundle.read(card.parent).facts
    assert f"hash of the plan: {facts.split_hash}." in data
    assert f"commit: {facts.commit}" in section(card, "Training")
    found = facts.held_out.outputs["overall"].log_loss
    [row] = rows_of(section(card, "Calibration and decision"), "overall")
    assert row[4] == f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def test_limits_are_written_from_the_facts(folder: Path) -> None:
    bundle = Bundle.read(folder)
    facts = replace(
        bundle.facts,
        labels={
            "face": LabelCounts(genuine=3, assumed=9),
            "voice": LabelCounts(genuine=3, unknown=9),
        },
        one_class_folders={"voices_only": "fake"},
    )
    facts.settings["augment"]["forge"]["face_rate"] = 0.5
    decision_model = replace(
        bundle.decision_model, not_trained={"voice": "no clip has a label for it"}
    )
    replace(bundle, facts=facts, decision_model=decision_model).save(folder)
    card = write_card(folder)
    limits = section(card, "Limits")
    assert "Of 9 fakes it is only assumed that the face is forged" in limits
    assert "Of 9 clips nothing is known about the voice." in limits
    assert "From voices_only it learned fake clips only" in limits
    assert "Faces forged while it trained, of genuine ones: self_blend." in limits
    assert "It does not assess the voice: no clip has a label for it." in card.read_text()


def test_the_weakest_cell_is_named_and_commented(
    card: Path, folder: Path, stress: Path, tmp_path: Path
) -> None:
    text = section(card, "Stress")
    sentence = next(line for line in text.splitlines() if line.startswith("- **face**"))
    assert (
        "weakest under `crf_40` (H.264, very coarse), where the AUC changes by -0.200" in sentence
    )
    assert "[-0.230, -0.170]; the interval leaves out 0" in sentence
    assert "log-loss suffers most there too: +0.200" in sentence
    assert "Writing the files again changes the AUC by -0.010 [-0.040, +0.020]" in sentence
    assert r"assesses the fewest files under odd\|cell: 50 % of them" in sentence
    assert rows_of(text, "crf_40")[1][1:3] == ["face", "-0.200 [-0.230, -0.170]"]
    assert "Not run: crf_23, crf_28," in text
    table = pd.read_csv(stress)
    for column in ("change", "low", "high"):
        table[column] = 0.0
    harmless = tmp_path / "stress.csv"
    table.to_csv(harmless, index=False)
    text = section(write_card(folder, stress=harmless), "Stress")
    assert (
        "**voice**: no cell made it worse by any metric. It assesses the fewest files under" in text
    )


def test_a_card_is_no_part_of_what_the_detector_is(
    card: Path, folder: Path, scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = Bundle.read(folder).name
    before = card.read_bytes()
    assert write_card(card.parent, scores=scores, keep=True).read_bytes() == before
    assert write_card(card.parent, keep=True).read_bytes() == before
    assert "people never seen" not in write_card(folder, keep=True).read_text()
    assert mark_of(scores) in write_card(folder, scores=scores, keep=True).read_text()
    shutil.copy(card, folder)
    assert Bundle.read(folder).name == name
    (folder / "README.md").write_text("edited on the Hub")
    assert Bundle.read(folder).name == name

    def download(_name: str, *, allow_patterns: list[str], **_: object) -> str:
        target = tmp_path / "downloaded"
        target.mkdir(exist_ok=True)
        for file in folder.iterdir():
            if any(fnmatch(file.name, pattern) for pattern in allow_patterns):
                shutil.copy(file, target)
        return str(target)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert Detector.from_pretrained("someone/detector").name.endswith(name[-13:])
    assert (tmp_path / "downloaded/README.md").read_text() == "edited on the Hub"


def test_an_ensemble_has_a_card_and_keeps_those_of_its_members(
    folder: Path, scores: Path, tmp_path: Path
) -> None:
    write_card(folder, licence="cc0-1.0")
    together = tmp_path / "together"
    write_ensemble(together, (str(folder),), "geometric_mean")
    card = write_card(together, scores=scores)
    assert "An ensemble of 1 detectors" in card.read_text()
    assert "the rule geometric_mean" in card.read_text()
    assert number(rows_of(card.read_text(), "overall")[0][2]) > 0.5
    member = together / "members/0/README.md"
    assert member.read_bytes() == (folder / "README.md").read_bytes()
    assert Detector.from_pretrained(together).name


def test_tables_that_do_not_fit_are_refused(folder: Path, scores: Path, tmp_path: Path) -> None:
    table = pd.read_csv(scores)
    bad = tmp_path / "bad.csv"

    def refused(changed: pd.DataFrame, match: str) -> None:
        changed.to_csv(bad, index=False)
        with pytest.raises(AvfakeError, match=match):
            write_card(folder, scores=bad)

    refused(table.drop(columns=["decision"]), "decision is missing; make the table with")
    refused(table.assign(decision="maybe"), "fake, real, unsure; got maybe")
    refused(table.assign(label=None), "no clip has a label")
    refused(table.assign(p_fake=2.0), "p_fake is not in")
    plan = pd.DataFrame({"clip_id": ["c0", "c5"], "split": ["test", "train"]})
    plan.to_csv(folder.parent / "plan.csv", index=False)
    with pytest.raises(ConfigError, match=r"1 of its clips trained this detector .*c5"):
        write_card(folder, scores=scores)
    card = write_card(folder, scores=scores, out_of_fold=True)
    source = "out of fold\\: each clip scored by models that had not seen it"
    assert source in card.read_text()
    with pytest.raises(ConfigError, match="is no folder"):
        write_card(tmp_path / "nothing")
    bad.write_text("cell,output\ncrf_40,face\n")
    with pytest.raises(AvfakeError, match="cannot be read as a stress table"):
        write_card(folder, stress=bad)


def test_one_class_gives_no_number_for_the_other(
    folder: Path, scores: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(scores)
    table[table["label"]].to_csv(tmp_path / "fakes.csv", index=False)
    card = write_card(folder, scores=tmp_path / "fakes.csv")
    assert card.read_text().split("\n\n")[2].startswith("**False alarms: not measured**")
    assert rows_of(card.read_text(), "overall")[0][2] == "-"
    assert "false_alarm_rate" not in {metric["type"] for metric in hub_metrics(card)}


def test_the_verb_writes_it_and_says_what_is_lacking(
    card: Path, folder: Path, scores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["--scores", str(scores), "--licence", "CC-BY-4.0"]
    with pytest.raises(SystemExit) as left:
        main(["card", str(folder), *told, "--measured-on", "people never seen"])
    assert left.value.code == 0
    assert "without --stress" in capsys.readouterr().out
    written = folder / "README.md"
    assert "not measured" in section(written, "Stress")
    for title in ("Measured on test clips", "Licence"):
        assert section(written, title) == section(card, title)
    with pytest.raises(SystemExit) as left:
        main(["card", str(folder / "nothing")])
    assert left.value.code == 2
    assert "is no folder" in capsys.readouterr().err
