"""Many files on one page: a table to sort and filter, a histogram, links to reports.

The page holds all rows as data and shows a hundred at a time; without its script, the first hundred
stand in it as a plain table. It works from a disk, so it cannot make reports: each row has the
command that makes one.
"""

import base64
import hashlib
import io
import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from avfake.detector import Detector, PredictOptions
from avfake.errors import MediaError
from avfake.media import probe, read_frames
from avfake.report.document import file_name
from avfake.report.page import render_template
from avfake.report.wording import percent
from avfake.report.writing import ENDINGS, MARK, write_report
from avfake.scoring import ScoreTable
from avfake.storage import AnyPath, Output, as_path, fitting, write_whole

Row = Mapping[str, Any]
INDEX, REPORTS = "index.html", "reports"
ROWS_SHOWN = 100
"""Rows of a page of the table."""
THUMBNAILS = 40
"""Rows that have a small picture: decoding one for each of many files would take long."""
THUMBNAIL_PX = 96
NUM_BINS = 20
DECISIONS = {"fake": "forged", "unsure": "unsure", "real": "genuine", "failed": "no answer"}


@dataclass(frozen=True)
class Listed:
    """One row as it is shown."""

    file: str
    name: str
    """Last part of the path."""
    decision: str
    """A key of `DECISIONS`."""
    scores: tuple[float | None, float | None, float | None]
    """p_fake, p_face_fake, p_voice_fake."""
    reasons: str
    report: str
    """Path of its report, from the page."""
    is_made: bool
    """Whether that report was there when the page was written."""

    @property
    def data(self) -> list[Any]:
        """Return the row as a list for the script of the page."""
        shown = [None if p is None else round(p, 4) for p in self.scores]
        return [self.file, self.decision, *shown, self.reasons, self.report, int(self.is_made)]


def check_dashboard(folder: Path, inputs: Sequence[AnyPath]) -> None:
    """Raise ConfigError if the page cannot be written, or would replace another file.

    inputs: files that the command reads
    """
    Output(folder / INDEX, "--report", inputs).check_file("page", ENDINGS, MARK)


def report_of(folder: Path, file: str) -> Path:
    """Return the path of the report on a file in the folder of a dashboard."""
    code = hashlib.sha256(file.encode(errors="surrogateescape")).hexdigest()[:8]
    name = file_name(file).encode(errors="replace").decode()
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)[:80]
    return folder / REPORTS / fitting(f"{plain}-{code}.html")


def most_suspicious(rows: Sequence[Row], number: int) -> list[str]:
    """Return the files with the highest probabilities, the highest first."""
    having = [row for row in rows if row["p_fake"] is not None]
    return [row["file"] for row in sorted(having, key=lambda row: -row["p_fake"])[:number]]


def write_dashboard(rows: Sequence[Row], folder: Path, table: AnyPath, flags: str = "") -> Path:
    """Write index.html into a folder; return its path.

    Args:
        rows: of a `ScoreTable`
        table: where those rows stand as CSV, to link to
        flags: of `avfake report`, so that its answers are those of the rows
    """
    listed = sorted((_listed(row, folder) for row in rows), key=_by_score)
    page = render_dashboard(listed, folder, _link(table, folder), flags)
    target = folder / INDEX
    write_whole(target, page.encode(errors="backslashreplace"))
    return target


def write_pages(
    scores: ScoreTable,
    folder: Path,
    flags: str,
    detector: Detector | None,
    *,
    options: PredictOptions,
    number: int,
) -> Iterator[Path]:
    """Write the page of a table and the reports of its most suspicious files; yield each path.

    Args:
        flags: as of `write_dashboard`
        detector, options: what answered; no report is made without a detector
        number: of reports
    """
    page = write_dashboard(scores.rows, folder, scores.path, flags)
    files = most_suspicious(scores.rows, number) if detector is not None else []
    for file in files:
        assert detector is not None
        write_report(file, detector, report_of(folder, file), options)
        yield report_of(folder, file)
    if files:
        write_dashboard(scores.rows, folder, scores.path, flags)  # with the links to them
    yield page


def render_dashboard(listed: Sequence[Listed], folder: Path, table: str, flags: str) -> str:
    """Return the page as text."""
    counts = Counter(row.decision for row in listed)
    data = {
        "rows": [row.data for row in listed],
        "folder": str(folder),
        "flags": f" {flags}" if flags else "",
        "shown": ROWS_SHOWN,
        "decisions": DECISIONS,
    }
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
    return render_template(
        "dashboard.html",
        first=listed[:ROWS_SHOWN],
        number=len(listed),
        counts={words: counts[key] for key, words in DECISIONS.items()},
        decisions=DECISIONS,
        thumbnails=thumbnails([row.file for row in listed[:THUMBNAILS]]),
        thumbnail_px=THUMBNAIL_PX,
        bins=histogram([row.scores[0] for row in listed]),
        data=Markup(text),  # noqa: S704 - no tag and no entity can be in it any more
        table=table,
        command=lambda row: command_of(row.file, folder, flags),
        percent=percent,
        shown=ROWS_SHOWN,
    )


def command_of(file: str, folder: Path, flags: str) -> str:
    """Return the command that makes the report on a file."""
    out = shlex.join(["--out", str(report_of(folder, file))])
    return " ".join(filter(None, ("avfake report", shlex.quote(file), flags, out)))


def histogram(scores: Sequence[float | None]) -> list[tuple[str, int, float]]:
    """Return for each bin its range in words, its count, and that as a share of the fullest."""
    known = np.array([p for p in scores if p is not None], np.float64)
    counts, edges = np.histogram(known, NUM_BINS, (0.0, 1.0))
    most = max(1, int(counts.max()))
    return [
        (f"{100 * low:.0f} to {100 * high:.0f} %", int(count), float(count) / most)
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def thumbnails(files: Sequence[str]) -> dict[str, str]:
    """Return file -> a small picture of its middle as a data URI, for those that have a picture.

    Files behind URLs are left out: each would be fetched once more.
    """
    found = {}
    for file in files:
        path = as_path(file)
        if not isinstance(path, Path):
            continue
        try:
            info = probe(path)
            middle = info.video_start_seconds + (info.video_end_seconds or 0.0)
            if info.has_video:
                found[file] = _small(read_frames(path, [middle / 2]).pixels[0])
        except (MediaError, OSError):
            continue  # its row says why
    return found


def _small(frame: np.ndarray) -> str:
    image = Image.fromarray(frame)
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _listed(row: Row, folder: Path) -> Listed:
    report = report_of(folder, row["file"])
    return Listed(
        file=row["file"],
        name=file_name(row["file"]),
        decision="failed" if row["p_fake"] is None else row["decision"],
        scores=(row["p_fake"], row["p_face_fake"], row["p_voice_fake"]),
        reasons=row["reasons"] or "",
        report=f"{REPORTS}/{report.name}",
        is_made=report.is_file(),
    )


def _by_score(row: Listed) -> tuple[bool, float, str]:
    p_fake = row.scores[0]
    return p_fake is None, -(p_fake or 0.0), row.file


def _link(table: AnyPath, folder: Path) -> str:
    """Return the address of the table from the page; "" where there is none."""
    if not isinstance(table, Path):
        return str(table) if str(table).startswith("http") else ""
    if not table.is_file():
        return ""
    is_beside = table.parent.resolve() == folder.resolve()  # the folder may still be made
    return table.name if is_beside else table.absolute().as_uri()
