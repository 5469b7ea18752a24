"""Train, measure on the test clips, publish: the steps that every recipe repeats.

Each run writes results.csv, with all that is needed to measure it again; rows of it, committed, are
in recipes/results/.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from avfake.clips import Clip, PreparedFolder, Sampled
from avfake.datasets import assign_splits
from avfake.detector import Detector, PredictOptions
from avfake.errors import ConfigError
from avfake.evaluation import ablation_table, draw_answers, read_plan, render
from avfake.parallel import progress
from avfake.report import write_card
from avfake.storage import Output, write_whole
from avfake.training.accelerator import is_main_process, on_main_process
from avfake.training.config import TrainingConfig
from avfake.training.pipeline import TrainedDetector, train_detector, with_found_rate
from avfake.training.plan import Example, Plan, gather
from avfake.training.rate_finder import RateConfig
from avfake.training.run import environment
from avfake.verdict import Verdict


@dataclass(frozen=True)
class MeasuredDetector:
    """A trained detector and its scores of the test clips."""

    name: str
    trained: TrainedDetector
    plan: Plan
    scores: pd.DataFrame
    """The table of `measure`."""
    out: Path

    def show_methods(self, output: str, metrics: Sequence[str], file: str) -> None:
        """Print, and write into `file`, the metrics of each forgery method against all genuine."""
        detector = (self.name, self.scores)
        table = ablation_table([detector], metrics=metrics, methods_of=output)
        publish_table(self.out / file, table)

    def show_moments(self) -> None:
        """Print, and write into moments.csv, how well single crops and windows are classified."""
        if not is_main_process():
            return
        moments = pd.DataFrame(_moments(self.trained.load(), self.plan.splits["test"]))
        if not len(moments):
            announce("no test clip names its forged segments: moments are not measured")
            return
        table = ablation_table([("each moment", moments)], metrics=["auc"])
        publish_table(self.out / "moments.csv", table[table["output"] != "overall"])


def train_and_test(
    name: str,
    clips: Sequence[str | Path | PreparedFolder],
    config: TrainingConfig,
    out: Path,
    *,
    rate_search: RateConfig | None = None,
    unseen: Plan | None = None,
) -> MeasuredDetector:
    """Train a detector, measure it on the test clips, and print and publish the results.

    Args:
        clips: prepared folders, or their paths
        rate_search: search the learning rate first (rates.csv)
        unseen: plan of other clips to publish the results of; the run is in out/run then
    """
    folders = [c if isinstance(c, PreparedFolder) else PreparedFolder(c) for c in clips]
    if rate_search:
        config, finding = with_found_rate(folders, config, rate_search, out / "rates.csv")
        announce(str(finding))
    trained = train_detector(folders, config, out / "run" if unseen else out)
    plan = unseen or trained.plan
    if unseen:
        own = measure(trained.load(), trained.plan.splits["test"])
        announce(f"on the test clips of the run:\n{render(ablation_table([(name, own)]))}\n")
        announce("on the clips put aside:")
    scores = measure(trained.load(), plan.splits["test"])
    publish_test(trained.detector, plan, scores, out / "test_scores.csv")
    record_results({name: scores}, plan, out, seed=config.seed)
    announce(f"pictures: {trained.detector.parent / 'figures'}")
    announce(f"detector: {trained.detector} (split {plan.hash})")
    return MeasuredDetector(name, trained, plan, scores, out)


def publish_test(detector: Path, plan: Plan, scores: pd.DataFrame, path: Path) -> None:
    """Write scores, the card of a detector, and pictures beside its folder.

    A card that has these numbers stays: it may have a stress table, too.

    Args:
        scores: the table of `measure`
        path: file for it
    """
    if not is_main_process():
        return
    save_table(path, scores)
    draw_answers(detector.parent, path)
    source = f"the test split of {plan.data} clips (train/val/test), plan {plan.hash}"
    write_card(detector, scores=path, measured_on=source, keep=True)


def record_results(
    measured: Mapping[str, pd.DataFrame], plan: Plan, out: Path, *, seed: int
) -> pd.DataFrame:
    """Return the table of `ablation_table` with its provenance, printed and in results.csv.

    Added columns: seed, split (hash of the plan), commit, machine, data (datasets, and numbers of
    clips to train, validate and test on).

    measured: name of a detector -> its table from `measure`, on the plan's test clips
    """
    origin = {name: environment()[name] for name in ("commit", "machine")}
    table = ablation_table(list(measured.items()))
    table = table.assign(seed=seed, split=plan.hash, **origin, data=plan.data)
    publish_table(out / "results.csv", table)
    return table


def save_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as csv, on the main process only."""
    if is_main_process():
        write_whole(path, table.to_csv(index=False))


def publish_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table of metrics as csv, and print it."""
    save_table(path, table)
    announce(render(table))


def announce(text: str) -> None:
    """Print a result, on the main process only."""
    if is_main_process():
        print(text)  # noqa: T201 - the output of every recipe


OF_ROW = ("clip_id", "group", "method", "label", "face_fake", "voice_fake")
OF_VERDICT = ("p_fake", "p_face_fake", "p_voice_fake", "decision")
COLUMNS = (*OF_ROW, "has_face", "has_voice", *OF_VERDICT, "prior")
"""Columns of the table; has_face and has_voice: whether the clip holds crops and speech. prior only
where one was set."""


def measure_clips(
    detectors: Sequence[str | Path],
    clips: Sequence[str | Path],
    options: PredictOptions,
    *,
    plan_table: Path | None = None,
    split: str = "",
    out: Path | None = None,
) -> pd.DataFrame:
    """Return the table of `measure` for prepared folders, or for one split of a run.

    Args:
        detectors: as for `Detector.from_pretrained`
        clips: the prepared folders
        plan_table: plan.csv of the training run; None = all usable clips
        out: csv for the table, checked before the clips are measured
    """
    examples = gather([PreparedFolder(path) for path in clips], assume_face_weight=0.0)
    if plan_table is not None:
        if not plan_table.is_file():
            raise ConfigError(f"--split {split} needs the plan of the training run, {plan_table}")
        plan = read_plan(plan_table)
        examples = [example for example in examples if plan.get(example.row.clip_id) == split]
    if not examples:
        raise ConfigError(f"no clip is left to evaluate in {', '.join(map(str, clips))}")
    if out is not None:
        ids = {example.row.clip_id for example in examples}
        Output(out).check_table(COLUMNS, lambda: ids, ("prior",))
    scores = measure(Detector.from_pretrained(detectors), examples, options)
    if out is not None:
        save_table(out, scores)
    return scores


def measure(
    detector: Detector, examples: Sequence[Example], options: PredictOptions | None = None
) -> pd.DataFrame:
    """Return one row a clip: clip_id, group, method, labels, probabilities, the decision.

    Where a prior was set, there is a column for it. ConfigError without any example.
    Of several processes the main process measures; all get the table.
    """
    if not examples:
        raise ConfigError("no clip to measure on; data.test_share 0 leaves none for the test")
    return on_main_process(
        lambda: pd.DataFrame(
            [
                _row(example, detector.predict_clip(Clip.open(example.archive), options))
                | ({"prior": options.prior} if options and options.prior else {})
                for example in progress(examples, desc="measure", unit="clip")
            ]
        )
    )


def _row(example: Example, verdict: Verdict) -> dict[str, object]:
    known = {name: getattr(example.row, name) for name in OF_ROW}
    streams = {"has_face": example.has_visual, "has_voice": example.has_audio}
    return known | streams | {name: getattr(verdict, name) for name in OF_VERDICT}


def _moments(detector: Detector, examples: Sequence[Example]) -> Iterator[dict[str, object]]:
    """Yield a row for each crop and each window of the clips that name forged segments."""
    [member] = detector.members
    for example in examples:
        if not example.row.segments:
            continue
        clip = Clip.open(example.archive)
        sampled = Sampled.of(clip, member.spec.whole())
        known, frames, windows = sampled.labels(example.labels, example.row.segments)
        scores = member.score_clip(clip)
        for part, found, forged, label in (
            ("face", scores.frame_scores, frames, known.face),
            ("voice", scores.window_scores, windows, known.voice),
        ):
            for p, share in zip(found, forged, strict=False):  # no scores without that branch
                row = dict.fromkeys(("label", "face_fake", "voice_fake", "p_fake"))
                row |= {"p_face_fake": None, "p_voice_fake": None, "group": example.row.group}
                yield row | {f"{part}_fake": bool(share * label), f"p_{part}_fake": float(p)}


def put_aside(
    folders: Sequence[PreparedFolder], *, share: float, seed: int
) -> tuple[dict[str, set[str]], Plan]:
    """Return the genuine clips to learn from, and the plan to test on the groups put aside.

    share: of the groups, to be put aside

    The clips are folder name -> clip_ids within that folder, for the folders that have any.
    """
    examples = [e for e in gather(folders, assume_face_weight=0.0) if e.has_label("overall")]
    sides = assign_splits(
        [e.row for e in examples], {"learn": 1 - share, "aside": share}, seed=seed
    )
    learn = [e for e in examples if sides[e.row.clip_id] == "learn" and e.row.label is False]
    aside = tuple(e for e in examples if sides[e.row.clip_id] == "aside")
    clips: dict[str, set[str]] = {}
    for example in learn:
        prefix = f"{example.folder}/" if len(folders) > 1 else ""
        clips.setdefault(example.folder, set()).add(example.row.clip_id.removeprefix(prefix))
    names = tuple(folder.name for folder in folders)
    return clips, Plan({"train": tuple(learn), "val": (), "test": aside}, {}, names)
