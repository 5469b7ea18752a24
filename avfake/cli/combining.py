"""The verb `ensemble`, which combines several detectors or their score tables."""

from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli.codes import IN_PART, OK
from avfake.cli.flags import refuse_idle
from avfake.cli.process import print_aside
from avfake.errors import ConfigError
from avfake.storage import as_path, check_file, check_folder, check_table


def ensemble(
    members: Annotated[tuple[str, ...], tyro.conf.Positional],
    /,
    *,
    out: Path,
    rule: str = "mean",
    held_out: Path | None = None,
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
    """
    print_aside(out)
    read = [as_path(name) for name in members]
    if members and all(name.lower().endswith(".csv") for name in members):
        refuse_idle({"--held-out": held_out}, "a decision is fitted for detectors, not for tables")
        check_file(out, inputs=read)
        return _combine_tables([Path(name) for name in members], out, rule)
    if out.suffix.lower() == ".csv":
        raise ConfigError(f"--out {out}: of detectors a folder is written; give a name without end")
    check_folder(out, inputs=[*read, *([held_out] if held_out else [])])
    from avfake.detector import fit_decision, write_ensemble

    decision = fit_decision(held_out) if held_out else None
    write_ensemble(out, members, rule, decision)
    print(f"ensemble of {len(members)} detectors: {out}")
    return OK


def _combine_tables(paths: list[Path], out: Path, rule: str) -> int:
    from avfake.detector import combine_tables
    from avfake.storage import write_table

    table = combine_tables(paths, rule)
    known = {row[table.columns[0]] for row in table.rows}
    check_table(out, table.columns, rows=lambda: known)
    write_table(out, table.columns, table.rows)
    print(f"{len(table.rows)} files combined from {len(paths)} tables: {out}")
    if table.is_ranked:
        print("p_fake is a rank: it orders the files and is no probability")
    for path, files in table.missing.items():
        named = ", ".join(files[:5]) + ", ..." * (len(files) > 5)
        print(f"{path} has no row for {len(files)} of them: {named}")
    if table.failed:
        print(f"{len(table.failed)} files have no probability in any table; reasons in {out}")
    return IN_PART if table.missing or table.failed else OK
