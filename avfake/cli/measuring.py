"""What `evaluate` prints.

Apart from `scoring`: the packages of training take seconds to import, and a verdict needs none.
"""

from collections.abc import Sequence
from pathlib import Path

from avfake.cli.choosing import choose_one
from avfake.cli.codes import OK
from avfake.detector import Detector, PredictOptions
from avfake.errors import ConfigError
from avfake.evaluation import ablation_table, render
from avfake.labels import DEFAULT
from avfake.storage import as_path, check_file, check_table, write_whole
from avfake.training import COLUMNS, examples_in, measure


def evaluate_clips(
    clips: Sequence[str | Path],
    detector: str,
    options: PredictOptions,
    *,
    out: Path | None,
    split: str | None,
) -> int:
    """Print the table of metrics of a detector on prepared clips with labels."""
    if split is not None and detector == DEFAULT:
        raise ConfigError("--split asks for the plan of a run, and the default detector has none")
    if out is not None:
        check_file(out, inputs=[as_path(path) for path in clips])
    choose_one(detector)
    plan_table = None if split is None else Path(detector).parent / "plan.csv"
    examples = examples_in(clips, plan_table=plan_table, split=split or "")
    if not examples:
        raise ConfigError(f"no clip is left to evaluate in {', '.join(map(str, clips))}")
    if out is not None:
        ids = {example.row.clip_id for example in examples}
        check_table(out, COLUMNS, rows=lambda: ids, optional=("prior",))
    scores = measure(Detector.from_pretrained(detector), examples, options)
    if out is not None:
        write_whole(out, scores.to_csv(index=False))
        print(f"scores of {len(scores)} clips: {out}")
    print(render(ablation_table([("detector", scores)])))
    return OK
