import json
import re
import shlex

import pytest

from avfake.cli.main import main
from avfake.errors import ConfigError
from avfake.report.dashboard import (
    check_dashboard,
    histogram,
    most_suspicious,
    report_of,
    write_dashboard,
)

ATTACK = "v/</script><script>alert(1)</script>&amp;.mp4"


def row(file, p_fake, decision="unsure", reasons=""):
    return {
        "file": file,
        "decision": decision,
        "p_fake": p_fake,
        "p_face_fake": p_fake,
        "p_voice_fake": None,
        "reasons": reasons,
    }


def data_of(text):
    [found] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found)


def test_rows_are_sorted_and_the_page_is_whole_without_its_script(tmp_path):
    rows = [
        row("a.mp4", 0.2),
        row("b.mp4", None, reasons="file:not_media"),
        row(ATTACK, 0.9, "fake"),
    ]
    rows += [row(f"many/{i}.mp4", 0.1, "real") for i in range(120)]
    (tmp_path / "scores.csv").touch()
    out = write_dashboard(rows, tmp_path, tmp_path / "scores.csv", "--prior 0.1")
    text = out.read_text()
    data = data_of(text)
    assert [one[0] for one in data["rows"]][:2] == [ATTACK, "a.mp4"]
    assert data["rows"][-1][:3] == ["b.mp4", "failed", None]
    assert text.count("<script") == 2
    body = text.split('<tbody id="body">')[1].split("</tbody>")[0]
    assert body.count("<tr>") == 100
    assert "The first 100 of 123 rows" in text
    assert '<a href="scores.csv">' in text
    assert "avfake report a.mp4 --prior 0.1 --out" in body
    for words, count in (("forged", 1), ("unsure", 1), ("genuine", 120), ("no answer", 1)):
        assert f"<dt>{words}</dt><dd>{count}</dd>" in text


def test_a_table_elsewhere_is_linked_from_a_folder_that_is_made(tmp_path):
    (tmp_path / "scores.csv").touch()
    out = write_dashboard([row("a.mp4", 0.2)], tmp_path / "new", tmp_path / "scores.csv")
    assert f'<a href="{(tmp_path / "scores.csv").as_uri()}">' in out.read_text()


def test_a_report_that_is_there_is_linked(tmp_path):
    made = report_of(tmp_path, "a b.mp4")
    made.parent.mkdir()
    made.touch()
    text = write_dashboard([row("a b.mp4", 0.2)], tmp_path, tmp_path / "no.csv").read_text()
    assert f'<a href="reports/{made.name}"' in text
    assert data_of(text)["rows"][0][-1] == 1
    assert "no.csv" not in text  # a table that is not there


def test_names_of_reports_can_be_written_and_differ(tmp_path):
    names = {
        report_of(tmp_path, f).name for f in ("a/x.mp4", "b/x.mp4", "وجه" * 99 + ".mp4", "a\udc80")
    }
    assert len(names) == 4
    for name in names:
        assert name.endswith(".html")
        assert len(name.encode()) < 255


def test_histogram_and_order():
    found = histogram([0.0, 0.01, 0.99, 1.0, None])
    assert [count for _, count, _ in found] == [2] + [0] * 18 + [2]
    assert found[0][0] == "0 to 5 %"
    assert histogram([])[0][2] == 0
    rows = [row("a", 0.1), row("b", None), row("c", 0.8)]
    assert most_suspicious(rows, 5) == ["c", "a"]


def test_a_foreign_page_is_left_alone(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(ConfigError, match="was not made by this command"):
        check_dashboard(tmp_path, [])


def test_predict_writes_a_page_with_reports(studio_root, detector_folder, tmp_path, capsys):
    good = min(studio_root.glob("*.mp4"))
    bad = tmp_path / "bad <b>.mp4"
    bad.write_bytes(b"no")
    out = tmp_path / "out"
    args = ["predict", good, bad, "--detector", detector_folder, "--report", out, "--reports", "1"]
    with pytest.raises(SystemExit) as left:
        main([str(one) for one in args])
    assert left.value.code == 1
    assert f"written: {out / 'index.html'}" in capsys.readouterr().out
    text = (out / "index.html").read_text()
    first, last = data_of(text)["rows"]
    assert (first[0], first[-1]) == (str(good), 1)
    assert (out / first[-2]).is_file()
    assert (last[0], last[1], last[-1]) == (str(bad), "failed", 0)
    assert "<b>" not in text
    assert text.count("data:image/jpeg") == 1
    assert (out / "scores.csv").is_file()
    command = data_of(text)["flags"]
    assert shlex.split(command) == ["--detector", str(detector_folder)]
