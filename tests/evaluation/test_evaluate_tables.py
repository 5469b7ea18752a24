import numpy as np
import pandas as pd
import pytest

from avfake.errors import AvfakeError
from avfake.evaluation.slices import add_kind, forgery_kind
from avfake.evaluation.tables import (
    Answers,
    ablation_table,
    compare,
    read_plan,
    read_scores,
    render,
)


@pytest.fixture
def scores() -> pd.DataFrame:
    """A detector that sees every forged face and no forged voice."""
    rng = np.random.default_rng(0)
    face = np.tile([False, True, False, True], 20)
    voice = np.tile([False, False, True, True], 20)
    p_face = np.where(face, 0.9, 0.1) + rng.uniform(-0.05, 0.05, 80)
    return pd.DataFrame(
        {
            "clip_id": [f"c{i}" for i in range(80)],
            "group": [f"g{i // 4}" for i in range(80)],
            "label": face | voice,
            "face_fake": face,
            "voice_fake": voice,
            "p_fake": p_face,
            "p_face_fake": p_face,
            "p_voice_fake": np.full(80, np.nan),
        }
    )


def cell(table: pd.DataFrame, **wanted: str) -> pd.Series:
    rows = table
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(
    ("face", "voice", "label", "kind"),
    [
        (False, False, False, "genuine"),
        (None, None, False, "genuine"),
        (True, False, True, "face only"),
        (False, True, True, "voice only"),
        (True, True, True, "both"),
        (None, None, True, "fake (part unknown)"),
        (True, None, True, "fake (part unknown)"),
        (False, False, None, "genuine"),
        (True, False, None, "face only"),
        (True, None, None, "fake (part unknown)"),
        (None, True, None, "fake (part unknown)"),
        (False, None, None, None),
        (None, None, None, None),
    ],
)
def test_a_kind_is_told_only_where_both_parts_are_known(face, voice, label, kind) -> None:
    assert forgery_kind(face, voice, label) == kind


def test_an_absent_stream_cannot_be_the_forged_one() -> None:
    assert forgery_kind(True, None, True, has_voice=False) == "face only"
    assert forgery_kind(None, True, True, has_face=False) == "voice only"
    # A forged voice in which no speech was found is a forged voice still.
    assert forgery_kind(False, True, True, has_voice=False) == "voice only"
    assert forgery_kind(True, True, True, has_voice=False) == "both"
    frame = pd.DataFrame(
        {"label": [True], "face_fake": [True], "voice_fake": [None], "has_voice": [False]}
    )
    assert add_kind(frame)["kind"].tolist() == ["face only"]


def test_the_table_says_which_forgeries_are_seen(scores) -> None:
    table = ablation_table([("faces", scores)], num_resamples=50)
    assert cell(table, output="overall", kind="face only", metric="auc")["value"] == 1
    assert cell(table, output="overall", kind="both", metric="auc")["value"] == 1
    unseen = cell(table, output="overall", kind="voice only", metric="auc")
    assert unseen["value"] == pytest.approx(0.5, abs=0.2)
    assert unseen["low"] < unseen["value"] < unseen["high"]
    assert unseen["assessed"] == unseen["labelled"] == 40
    assert cell(table, output="face", metric="auc")["value"] == 1


def test_what_was_not_assessed_is_counted_and_not_scored(scores) -> None:
    scores.loc[:9, "p_fake"] = np.nan
    table = ablation_table([("a", scores)], num_resamples=10)
    row = cell(table, output="overall", kind="all", metric="log_loss")
    assert (row["assessed"], row["labelled"]) == (70, 80)
    voice = cell(table, output="voice", metric="auc")
    assert voice["assessed"] == 0
    assert np.isnan(voice["value"])


def test_unknown_labels_are_left_out_whatever_the_way_they_are_written(scores) -> None:
    scores["face_fake"] = scores["face_fake"].astype(object)
    scores.loc[0, "face_fake"] = None
    scores.loc[1, "face_fake"] = np.nan
    scores.loc[2, "face_fake"] = pd.NA
    scores["p_voice_fake"] = None
    table = ablation_table([("a", scores)], num_resamples=10)
    assert cell(table, output="face", metric="auc")["labelled"] == 77


def test_the_rendered_table_is_aligned_and_tells_everything(scores) -> None:
    other = scores.assign(p_fake=0.5)
    text = render(ablation_table([("faces", scores), ("coin", other)], num_resamples=50))
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split("|")[1].strip() == "detector"
    assert set(lines[1]) <= set("|- ")
    assert any("faces" in li and "face only" in li and "1.000 [1.000, 1.000]" in li for li in lines)
    assert any("coin" in line and "0.500 [0.500, 0.500]" in line for line in lines)
    assert any("voice" in line and "| 0/80" in line for line in lines)


def test_unknown_metrics_are_refused(scores) -> None:
    with pytest.raises(AvfakeError, match="luck.*known: auc, "):
        ablation_table([("a", scores)], metrics=["luck"])


def test_the_groups_of_a_table_are_its_groups_or_else_its_clips(scores: pd.DataFrame) -> None:
    assert Answers.read(scores, "face").groups == scores["group"].tolist()
    assert Answers.read(scores.drop(columns="group"), "face").groups == scores["clip_id"].tolist()


def test_the_rendered_rows_keep_their_order(scores: pd.DataFrame) -> None:
    table = ablation_table([("", scores)], num_resamples=0)
    lines = render(table).splitlines()[2:]
    found = [tuple(word.strip() for word in line.strip("|").split("|")[:2]) for line in lines]
    pairs = table[["output", "kind"]].drop_duplicates().itertuples(index=False)
    assert found == list(map(tuple, pairs))
    assert found != sorted(found)


def test_two_detectors_are_compared_on_the_clips_both_assessed(scores) -> None:
    blind = scores.assign(p_fake=np.random.default_rng(1).random(80))
    blind.loc[:4, "p_fake"] = np.nan
    shuffled = blind.sample(frac=1, random_state=0)
    row = cell(compare(scores, shuffled, num_resamples=200), output="overall", metric="auc")
    assert row["compared"] == 75
    assert 0 < row["low"] < row["value"] < row["high"]
    with pytest.raises(AvfakeError, match="no clip in common"):
        compare(scores, blind.assign(clip_id="x").head(1))


def test_a_score_file_comes_back_as_it_was_written(scores, tmp_path) -> None:
    scores["label"] = scores["label"].astype(object)
    scores.loc[3, "label"] = None
    scores.to_csv(tmp_path / "scores.csv", index=False)
    table = read_scores(tmp_path / "scores.csv")
    np.testing.assert_allclose(table["p_fake"], scores["p_fake"])
    assert table["p_voice_fake"].isna().all()
    assert table["label"].tolist() == scores["label"].tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip_id,p_fake\na,0.5\na,0.6\n", r"occurs twice: 1 \(a\)"),
        ("clip_id,p_fake\na,1.5\nb,0.2\nc,high\n", r"p_fake is not in \[0, 1\]: 2 \(a, c\)"),
        ("clip_id,p_fake,label\na,0.5,maybe\n", r"label is neither true nor false: 1 \(a\)"),
        ("name,p_fake\na,0.5\n", "column clip_id is missing"),
        ("", "cannot be read"),
    ],
)
def test_a_score_file_that_cannot_be_right_is_refused_by_name(text, message, tmp_path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(AvfakeError, match=message):
        read_scores(path)


def test_a_missing_score_file_is_the_users_error(tmp_path) -> None:
    with pytest.raises(AvfakeError, match="cannot be read as a score table: "):
        read_scores(tmp_path / "none.csv")


def test_each_method_is_measured_against_all_genuine_clips(scores: pd.DataFrame) -> None:
    """Swaps of even groups are seen, those of odd ones are not."""
    seen = np.arange(80) // 4 % 2 == 0
    scores["method"] = np.where(scores["face_fake"], np.where(seen, "crude", "fine"), "real")
    scores["p_face_fake"] = np.where(scores["face_fake"] & seen, 0.9, 0.1)
    table = ablation_table([("d", scores)], metrics=["auc"], methods_of="face")
    assert list(table["kind"]) == ["all", "crude", "fine"]
    assert list(table["value"]) == [0.75, 1.0, 0.5]
    assert list(table["labelled"]) == [80, 60, 60]


def test_a_plan_gives_the_split_of_each_clip(tmp_path):
    plan = tmp_path / "plan.csv"
    plan.write_bytes(b"\xef\xbb\xbfclip_id,split,fold\nraw\xff.mp4,train,0\nNA,test,\n")
    assert read_plan(plan) == {"raw\udcff.mp4": "train", "NA": "test"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as a plan"),
        (b"clip_id\na\n", "column split is missing"),
        (b"\xff\xfe\0\0", "is missing"),
    ],
)
def test_what_is_no_plan_is_named(tmp_path, content, said):
    (tmp_path / "plan.csv").write_bytes(content)
    with pytest.raises(AvfakeError, match=said):
        read_plan(tmp_path / "plan.csv")
