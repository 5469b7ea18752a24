"""The pictures of the README, of generated people alone: a report, and the ablation of the demo.

    make demo && python -m benchmarks readme_pictures

Writes report.webp and ablation.png. The report is about a clip of six seconds, forged in one
segment, of a person that the detector has not seen; the bars are what recipes/results/synthetic.csv
holds. Needs the extras train and report, playwright, and Chromium.
"""

import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from avfake import Detector
from avfake.evaluation.figures.style import BLUE, GREEN, VERMILION, picture
from avfake.report.pdf import find_browser
from avfake.report.writing import write_report
from avfake.studio import StudioConfig, build_studio

KINDS = {"face only": "face forged", "voice only": "voice forged", "both": "both forged"}
ROWS = {"full": BLUE, "no-audio": VERMILION, "no-visual": GREEN}
"""Row of the ablation table -> colour of its bars."""
WIDTH_PX = 900


@dataclass(frozen=True)
class Config:
    """Which detector answers, about whom, and where the pictures go."""

    detector: Path = Path("demo/runs/full/detector")
    results: Path = Path("recipes/results/synthetic.csv")
    out: Path = Path("docs/pictures")
    seed: int = 41
    """Seed of the studio: other numbers, other people."""


def main(config: Config) -> None:
    config.out.mkdir(exist_ok=True, parents=True)
    draw_ablation(pd.read_csv(config.results), config.out / "ablation.png")
    detector = Detector.from_pretrained(str(config.detector))
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        clip = both_forged(Path(folder), config.seed)
        os.chdir(clip.parent)  # the page names the file as it was called
        try:
            print(write_report(clip.name, detector, Path("clip.html")))
            shot = screenshot(clip.with_name("clip.html"))
        finally:
            os.chdir(before)
    shot.save(config.out / "report.webp", quality=80, method=6)


def both_forged(folder: Path, seed: int) -> Path:
    """Return a clip, called clip.mp4, of which face and voice are forged for a while."""
    settings = StudioConfig(4, seconds=6.0, seed=seed, difficulty=0.2, splice_seconds=(2.0, 3.0))
    build_studio(folder / "studio", settings, workers=0, show_progress=False)
    rows = pd.read_csv(folder / "studio" / "truth.csv")
    [row] = rows[rows["face_fake"] & rows["voice_fake"]].itertuples()
    print(f"forged: {row.segments}")
    return (folder / "studio" / row.filename).rename(folder / "clip.mp4")


def screenshot(page: Path) -> Image.Image:
    """Return a report in Chromium, down to the end of its scores over time."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": WIDTH_PX, "height": 900}, color_scheme="light")
        shown.goto(page.as_uri())
        shown.locator(".area").first.click(position={"x": 340, "y": 5})
        shown.wait_for_timeout(1000)  # the preview has to get there
        shown.evaluate("window.scrollTo(0, 0)")
        slider = shown.locator("#moment").bounding_box()
        assert slider is not None
        area = {"x": 0, "y": 0, "width": WIDTH_PX, "height": slider["y"] + slider["height"] + 12}
        image = shown.screenshot(full_page=True, clip=area)  # type: ignore[arg-type]
        browser.close()
    return Image.open(io.BytesIO(image))


def draw_ablation(results: pd.DataFrame, out: Path) -> None:
    """Draw the AUC by what was forged, with 95 % intervals: the detector, and without a part."""
    found = results[(results["output"] == "overall") & (results["metric"] == "auc")]
    found = found.set_index(["detector", "kind"])
    with picture(out, width_px=WIDTH_PX, height_px=330, title="What each part finds") as figure:
        axes = figure.subplots()
        for number, (row, colour) in enumerate(ROWS.items()):
            rows = found.loc[[(row, kind) for kind in KINDS]]
            at = [group + 0.26 * (number - 1) for group in range(len(KINDS))]
            reach = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
            axes.bar(at, rows["value"], 0.24, color=colour, label=row)
            axes.errorbar(at, rows["value"], reach, fmt="none", ecolor="black", capsize=3)
        axes.axhline(0.5, color="black", linestyle="--", linewidth=1)
        axes.set(ylim=(0, 1.05), ylabel="AUC (0.5: guessing)", xticks=range(len(KINDS)))
        axes.set_xticklabels(KINDS.values())
        axes.grid(visible=False, axis="x")
        figure.legend(loc="outside right upper", fontsize=10)
