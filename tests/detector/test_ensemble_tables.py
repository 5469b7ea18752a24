"""Score tables combined: rows matched by file, what is missing named, what is twice refused."""

import csv
from pathlib import Path

import pytest

from avfake.cli.main import main
from avfake.detector.tables import combine_tables
from avfake.errors import ConfigError

HEADER = "file,status,decision,p_fake,p_face_fake,p_voice_fake,reasons\n"


def table(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return path


def test_rows_are_matched_by_file_whatever_their_order(tmp_path: Path) -> None:
    first = table(tmp_path / "1.csv", "a,ok,fake,0.9,0.9,,", "b,ok,real,0.2,0.1,,")
    second = table(tmp_path / "2.csv", "b,ok,fake,0.6,,0.6,", "a,ok,fake,0.4,0.4,,")
    combined = combine_tables([first, second], "geometric_mean")
    rows = {row["file"]: row for row in combined.rows}
    assert rows["a"]["p_fake"] == pytest.approx(0.6)
    assert (rows["a"]["decision"], rows["b"]["decision"]) == ("fake", "unsure")
    assert rows["b"]["p_fake"] == 0.6  # no lower than its voice
    assert rows["b"]["p_face_fake"] == 0.1
    assert rows["a"]["p_voice_fake"] is None
    assert not combined.missing
    again = combine_tables([second, first], "geometric_mean")
    assert {row["file"]: row for row in again.rows} == rows


def test_a_row_that_failed_everywhere_has_no_probability(tmp_path: Path) -> None:
    failed = "a,failed,unsure,,,,file:not_media"
    first, second = table(tmp_path / "1.csv", failed), table(tmp_path / "2.csv", failed)
    (row,) = combine_tables([first, second], "mean").failed
    assert (row["p_fake"], row["status"], row["decision"]) == (None, "failed", "unsure")
    assert row["reasons"] == "file:not_media"


def test_the_verb_names_missing_rows_and_says_so_with_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = table(tmp_path / "1.csv", "a,ok,fake,0.9,,,", "b,ok,real,0.2,,,")
    second = table(tmp_path / "2.csv", "a,ok,fake,0.8,,,")
    out = tmp_path / "out.csv"
    args = ["ensemble", str(first), str(second), "--rule", "rank_mean", "--out", str(out)]
    with pytest.raises(SystemExit) as left:
        main(args)
    assert left.value.code == 1
    printed = capsys.readouterr().out
    assert f"{second} has no row for 1 of them: b" in printed
    assert "no probability" in printed
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["p_fake"] for row in rows] == ["0.625", "0.25"]
    assert rows[1]["status"] == "partial"
    assert rows[1]["reasons"] == "file:no_row (1 of 2 tables)"


def test_tables_of_evaluate_keep_their_labels_and_may_not_contradict(tmp_path: Path) -> None:
    header = "clip_id,group,label,p_fake,decision\n"
    first = table(tmp_path / "1.csv", "a,g,True,0.9,fake", header=header)
    second = table(tmp_path / "2.csv", "a,g,True,0.7,fake", header=header)
    (row,) = combine_tables([first, second], "mean").rows
    assert (row["clip_id"], row["group"], row["label"]) == ("a", "g", "True")
    assert (row["p_fake"], row["decision"]) == (pytest.approx(0.8), "fake")
    table(second, "a,g,False,0.7,fake", header=header)
    with pytest.raises(ConfigError, match="a: label differs between the tables: False, True"):
        combine_tables([first, second], "mean")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "a,ok,fake,0.9,,,\na,ok,fake,0.8,,,\n", "more than once: a"),
        (HEADER + "a,ok,fake,1.2,,,\n", r"a: p_fake is '1\.2'; a probability lies in"),
        (HEADER + "a,ok,fake,high,,,\n", "p_fake is 'high'"),
        (HEADER + "a,ok,fake,nan,,,\n", "p_fake is 'nan'"),
        ("file,label\na,1\n", "has a column p_fake"),
        ("name,p_fake\na,1\n", "a column file or clip_id"),
        ("", "has a column p_fake"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    good, bad = table(tmp_path / "1.csv", "a,ok,fake,0.9,,,"), tmp_path / "2.csv"
    bad.write_text(text)
    with pytest.raises(ConfigError, match=message):
        combine_tables([good, bad], "mean")


def test_one_table_is_no_ensemble(tmp_path: Path) -> None:
    path = table(tmp_path / "1.csv", "a,ok,fake,0.9,,,")
    with pytest.raises(ConfigError, match="two score tables or more"):
        combine_tables([path], "mean")
    with pytest.raises(ConfigError, match="a table counts once"):
        combine_tables([path, path], "mean")
    with pytest.raises(ConfigError, match="cannot be read as a score table"):
        combine_tables([path, tmp_path / "gone.csv"], "mean")


def test_names_that_are_not_utf8_are_matched_and_written_back(tmp_path: Path) -> None:
    for name in ("1.csv", "2.csv"):
        row = b"raw\xff.mp4,ok,fake,0.9,0.9,,\n"
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + HEADER.encode() + row)
    args = ["ensemble", str(tmp_path / "1.csv"), str(tmp_path / "2.csv")]
    with pytest.raises(SystemExit) as left:
        main([*args, "--out", str(tmp_path / "both.csv")])
    assert not left.value.code
    assert b"\nraw\xff.mp4,ok," in (tmp_path / "both.csv").read_bytes()
