"""Groups that are put aside, with their forgeries, before the other clips are forged."""

from collections.abc import Sequence

from avfake.clips import PreparedFolder
from avfake.datasets import assign_splits
from avfake.training.plan import Plan, gather


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
