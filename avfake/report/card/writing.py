"""The card as a whole: chapters in order, written into the folder."""

from pathlib import Path

from avfake.detector import CARD
from avfake.evaluation import as_text
from avfake.report.card.front_matter import front_matter
from avfake.report.card.measured import Measured, mark_of
from avfake.report.card.origin import data_section, training_section
from avfake.report.card.subject import Subject
from avfake.report.card.summary import summary
from avfake.report.card.tables import metric_sections, stress_section
from avfake.report.card.trust import calibration_section, limits_section
from avfake.report.card.words import NOT_STATED
from avfake.scoring import read_stress
from avfake.storage import write_whole

USE = """## Use

```python
from avfake import Detector

verdict = Detector.from_pretrained("FOLDER_OR_HUB_NAME").predict("clip.mp4")
```

How to read these numbers: `docs/evaluation.md` of avfake."""


def write_card(
    folder: Path,
    *,
    scores: Path | None = None,
    stress: Path | None = None,
    licence: str | None = None,
    measured_on: str | None = None,
    out_of_fold: bool = False,
) -> Path:
    """Write README.md into a detector's folder; the same inputs give the same bytes.

    Args:
        folder: bundle or ensemble
        scores: table of `avfake evaluate --out`, or test_scores.csv of a run
        stress: stress.csv of `avfake stress`
        licence: of the weights: a short name of the Hub, such as cc-by-4.0, or words
        measured_on: what the clips of `scores` are, in words
        out_of_fold: each score is by models that had not seen its clip, so that clips of the
            training may be among them
    """
    target = folder / CARD
    text = render_card(
        folder,
        scores=scores,
        stress=stress,
        licence=licence,
        measured_on=measured_on,
        out_of_fold=out_of_fold,
    )
    write_whole(target, text)
    return target


def has_card_of(folder: Path, scores: Path) -> bool:
    """Whether the folder's card has the numbers of this very table, and perhaps more."""
    card = folder / CARD
    return card.is_file() and mark_of(scores) in card.read_text(encoding="utf-8")


def render_card(
    folder: Path,
    *,
    scores: Path | None = None,
    stress: Path | None = None,
    licence: str | None = None,
    measured_on: str | None = None,
    out_of_fold: bool = False,
) -> str:
    """The text that `write_card` writes."""
    subject = Subject.read(folder)
    plan = None if out_of_fold else folder.parent / "plan.csv"
    measured = Measured.read(scores, plan=plan, source=measured_on) if scores else None
    damage = read_stress(stress) if stress else None
    parts = [
        front_matter(subject, measured, licence),
        f"# {subject.name}",
        summary(subject, measured),
        metric_sections(measured),
        stress_section(damage),
    ]
    if subject.decision_model is not None:
        parts += [
            calibration_section(subject),
            limits_section(subject, measured, is_stressed=damage is not None),
            data_section(subject),
            training_section(subject),
        ]
    return "\n\n".join([*parts, _licences(licence), USE]) + "\n"


def _licences(licence: str | None) -> str:
    return (
        f"## Licence\n\nWeights: {as_text(licence or NOT_STATED)}. The data they learned from may "
        "bind their use, too; its licences stand above where they are known. The code of avfake is "
        "Apache-2.0."
    )
