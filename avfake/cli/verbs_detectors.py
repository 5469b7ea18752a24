"""The verbs about a detector as a whole: `evaluate`, `stress`, `card` and `ensemble`."""

from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli.answers import print_answer
from avfake.cli.flags import at_least, choose, refuse_idle
from avfake.cli.process import IN_PART, OK, print_aside
from avfake.errors import ConfigError
from avfake.labels import DEFAULT
from avfake.storage import Output, as_path, write_table


def evaluate(
    clips: Annotated[tuple[str, ...], tyro.conf.Positional],
    /,
    *,
    detector: str = DEFAULT,
    out: Path | None = None,
    split: str | None = None,
    audio: bool = True,
    visual: bool = True,
    stacker: bool = True,
    sync: bool = True,
    prior: float | None = None,
    json: bool = False,
) -> int:
    """Measure a detector on prepared clips: a table by what was forged, with intervals.

    Args:
        clips: Folders made by avfake prepare, with labels.
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake.
        out: Write each clip's scores and labels here (.csv, or /dev/stdout).
        split: Only this split of the detector's own plan (test, val), where the clips are the
            ones it was trained on.
        audio: Use the sound.
        visual: Use the picture.
        stacker: Use the stacker.
        sync: Compare lips with sound, where the detector was trained to.
        prior: Share of fakes that the probabilities assume; for a set with another share than
            the training data.
        json: Print the table as JSON.
    """
    print_aside(out)
    if split is not None and detector == DEFAULT:
        raise ConfigError("--split asks for the plan of a run, and the default detector has none")
    if out is not None:
        Output(out, inputs=[as_path(path) for path in clips]).check_file()
    from avfake.detector import PredictOptions
    from avfake.evaluation import ablation_table, render
    from avfake.training import measure_clips

    options = PredictOptions(audio, visual, stacker, sync, prior)
    names = choose([detector])
    plan_table = None if split is None else Path(detector).parent / "plan.csv"
    scores = measure_clips(names, clips, options, plan_table=plan_table, split=split or "", out=out)
    table = ablation_table([("detector", scores)])
    written = "" if out is None else f"scores of {len(scores)} clips: {out}\n"
    facts = {"clips": len(scores), "scores": out, "table": table}
    print_answer(f"{written}{render(table)}", facts, as_json=json)
    return OK


def stress(
    source: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    out: Path,
    detector: str = DEFAULT,
    cells: tuple[str, ...] = (),
    limit: int | None = None,
    workers: int = 1,
    json: bool = False,
) -> int:
    """Measure what damage to files (coding, scaling, noise, a telephone, ...) does to the answers.

    A run that was stopped continues. How to read the table: docs/evaluation.md. Exit code 1 if an
    untouched file could not be assessed.

    Args:
        source: Table made by avfake manifest, or a folder with such a manifest.csv.
        out: Folder for stress.csv, stress.png, and the answers for each cell.
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake.
        cells: Only these, such as crf_40 telephone; by default all.
        limit: Only the first so many labelled files.
        workers: Processes.
        json: Print table, weakest cells and failed files as JSON.
    """
    from avfake.evaluation import draw_stress
    from avfake.scoring import CELLS, run_stress

    at_least(0, workers=workers)
    at_least(1, limit=limit)
    choose([detector])
    found = run_stress(source, detector, out, cells=cells, limit=limit, workers=workers)
    plot, weakest = draw_stress(found.table.rows, out / "stress.png"), found.table.weakest()
    lines = [str(found.table)]
    for worst in weakest:
        what = f"{worst.output}, by {worst.metric.replace('_', ' ').replace('auc', 'AUC')}"
        meaning = CELLS[worst.cell].meaning
        lines.append(f"weakest cell for {what}: {worst.cell}, {worst} ({meaning})")
    left_out = f"; {found.num_unlabelled} without a label left out" * bool(found.num_unlabelled)
    lines.append(f"{found.num_files} files{left_out}; table and plot: {out / 'stress.csv'}, {plot}")
    for cell, rows in found.failed.groupby("cell", sort=False):
        one = rows.iloc[0]
        why = f"such as {one['clip_id']}: {one['reasons']}"
        lines.append(f"{cell}: {len(rows)} files not assessed, {why}")
    facts = {
        "files": found.num_files,
        "unlabelled": found.num_unlabelled,
        "table": found.table.rows,
        "weakest": weakest,
        "failed": found.failed,
        "plot": plot,
    }
    print_answer("\n".join(lines), facts, as_json=json)
    return IN_PART if (found.failed["cell"] == "untouched").any() else OK


def card(
    detector: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    scores: Path | None = None,
    stress: Path | None = None,
    licence: str | None = None,
    measured_on: str | None = None,
    out_of_fold: bool = False,
) -> int:
    """Write the model card (README.md) of a detector again, with what was measured.

    What is not given here is named in the card as not measured, or not stated. How to read it:
    docs/evaluation.md.

    Args:
        detector: Folder of a trained detector.
        scores: Table of avfake evaluate --out, or test_scores.csv of a training run.
        stress: The stress.csv of avfake stress.
        licence: Of the weights: a short name of the Hub, such as cc-by-4.0, or words.
        measured_on: What the clips of --scores are, in words.
        out_of_fold: Each score is by models that had not seen its clip; otherwise clips that
            trained the detector are refused.
    """
    if scores is None:
        about = {"--measured-on": measured_on, "--out-of-fold": out_of_fold}
        refuse_idle(about, "it describes --scores")
    from avfake.detector import CARD
    from avfake.report import write_card

    read = [table for table in (scores, stress) if table is not None]
    Output(detector / CARD, "the card", read).check_file("card", endings=())
    path = write_card(
        detector,
        scores=scores,
        stress=stress,
        licence=licence,
        measured_on=measured_on,
        out_of_fold=out_of_fold,
    )
    print(f"model card: {path}")
    for flag, given in (("scores", scores), ("stress", stress)):
        if given is None:
            print(f"without --{flag}, the card names this as not measured")
    return OK


def ensemble(
    members: Annotated[tuple[str, ...], tyro.conf.Positional],
    /,
    *,
    out: Path,
    rule: str = "mean",
    held_out: Path | None = None,
    json: bool = False,
) -> int:
    """Combine score tables into one table, or detectors into one folder that opens like any.

    Rows are matched by file. Exit code 1 if a table lacks a file that another has, or if a file
    has no probability in any.

    Args:
        members: Score tables (csv) of predict or evaluate; or detectors: folders or Hub names.
        out: The table (csv), or the folder, to write.
        rule: mean, median, geometric_mean, logit_mean, max, confident, confident_majority,
            weighted, strongest_person; for tables also rank_mean, which orders files and gives
            no probabilities.
        held_out: For detectors: scores with labels that this ensemble got, by avfake evaluate, on
            clips its members never saw; the decision is fitted on them. Without it the members
            must agree.
        json: Print what was combined as JSON.
    """
    print_aside(out)
    read = [as_path(name) for name in members]
    if members and all(name.lower().endswith(".csv") for name in members):
        refuse_idle({"--held-out": held_out}, "a decision is fitted for detectors, not for tables")
        Output(out, inputs=read).check_file()
        return _combine_tables([Path(name) for name in members], out, rule, as_json=json)
    if out.suffix.lower() == ".csv":
        raise ConfigError(f"--out {out}: of detectors a folder is written; give a name without end")
    Output(out, inputs=[*read, *([held_out] if held_out else [])]).check_folder()
    from avfake.detector import write_ensemble

    write_ensemble(out, members, rule, held_out)
    text = f"ensemble of {len(members)} detectors: {out}"
    print_answer(text, {"members": members, "rule": rule, "out": out}, as_json=json)
    return OK


def _combine_tables(paths: list[Path], out: Path, rule: str, *, as_json: bool) -> int:
    from avfake.detector import combine_tables

    table = combine_tables(paths, rule)
    Output(out).check_table(table.columns, lambda: {row[table.columns[0]] for row in table.rows})
    write_table(out, table.columns, table.rows)
    lines = [f"{len(table.rows)} files combined from {len(paths)} tables: {out}"]
    if table.is_ranked:
        lines.append("p_fake is a rank: it orders the files and is no probability")
    for path, files in table.missing.items():
        named = ", ".join(files[:5]) + ", ..." * (len(files) > 5)
        lines.append(f"{path} has no row for {len(files)} of them: {named}")
    if table.failed:
        lines.append(f"{len(table.failed)} files have no probability in any table; see {out}")
    facts = {
        "members": paths,
        "rule": rule,
        "out": out,
        "files": len(table.rows),
        "is_ranked": table.is_ranked,
        "missing": table.missing,
        "failed": table.failed,
    }
    print_answer("\n".join(lines), facts, as_json=as_json)
    return IN_PART if table.missing or table.failed else OK
