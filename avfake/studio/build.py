"""A whole studio on disk: the clips, metadata.json as in DFDC, and the truth beside it."""

import json
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

from avfake.errors import AvfakeError, ConfigError
from avfake.parallel import Failure, map_items, progress
from avfake.storage import Output, remove_partials, write_table, write_whole
from avfake.studio.family import build_family
from avfake.studio.plan import ClipPlan, StudioConfig, plan_families

CONFIG_FILE, METADATA_FILE, TRUTH_FILE = "studio.json", "metadata.json", "truth.csv"
OPTIONAL = ("segments", "forged_side")


def build_studio(
    out: str | Path,
    config: StudioConfig,
    *,
    workers: int | None = None,
    show_progress: bool = True,
) -> tuple[ClipPlan, ...]:
    """Make the clips of the studio in folder `out`, or complete those of a run that was stopped.

    workers: processes; None for one a core, 0 builds in this one. The result does not depend on it.
    """
    out = Path(out)
    families = plan_families(config)
    _claim(out, config)
    failures = []
    total = sum(len(family.clips) for family in families)
    with progress(total=total, desc="studio", unit="clip", disable=not show_progress) as bar:
        build = partial(build_family, config=config, out=out)
        for index, result in map_items(build, families, workers=workers):
            bar.update(len(families[index].clips))
            if isinstance(result, Failure):
                failures.append(f"{families[index].clips[0].family}: {result.detail}")
    if failures:
        raise AvfakeError(
            f"{out}: {len(failures)} of {len(families)} families could not be built; "
            f"run again to go on. First: {failures[0]}"
        )
    clips = tuple(clip for family in families for clip in family.clips)
    # Last, so that their presence shows that all is there.
    _write_truth(out / TRUTH_FILE, clips)
    write_whole(out / METADATA_FILE, json.dumps(dfdc_metadata(clips), indent=1))
    return clips


def dfdc_metadata(clips: tuple[ClipPlan, ...]) -> dict[str, dict[str, str]]:
    """Return the metadata of DFDC: REAL, or FAKE with the original; never which part."""
    entries = {}
    for clip in sorted(clips, key=lambda clip: clip.filename):
        entry = {"label": "FAKE" if clip.label else "REAL", "split": clip.split}
        entries[clip.filename] = entry | ({"original": clip.original} if clip.original else {})
    return entries


def _write_truth(path: Path, clips: tuple[ClipPlan, ...]) -> None:
    """Write all facts of the clips as CSV with a header; true and false in lower case.

    Columns of options (`OPTIONAL`) are left out where they are empty for all clips.
    """
    names = [field.name for field in fields(ClipPlan)]
    names = [n for n in names if n not in OPTIONAL or any(getattr(clip, n) for clip in clips)]
    rows = []
    for clip in sorted(clips, key=lambda clip: clip.filename):
        facts = vars(clip) | {"segments": " ".join(map(str, clip.segments))}
        cells = {name: facts[name] for name in names}
        rows.append({n: str(x).lower() if isinstance(x, bool) else x for n, x in cells.items()})
    write_table(path, names, rows)


def _described(config: StudioConfig) -> dict[str, object]:
    """Return the config as it is in studio.json; an option that is off is not named."""
    plain: dict[str, object] = json.loads(json.dumps(asdict(config)))
    options = {"splice_seconds": None, "num_people": 1}
    return {n: v for n, v in plain.items() if n not in options or v != options[n]}


def _claim(out: Path, config: StudioConfig) -> None:
    """Mark the folder as this studio's; ConfigError if it is another's."""
    Output(out, "OUT").check_folder(CONFIG_FILE, (TRUTH_FILE, METADATA_FILE))
    remove_partials(out)
    wanted, mark = _described(config), out / CONFIG_FILE
    if not mark.exists():
        if any(out.glob("*.mp4")):
            raise ConfigError(f"{out} holds videos that are not a studio's; choose another folder")
        write_whole(mark, json.dumps(wanted, indent=1))
        return
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
        found.keys()
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{mark} is not what avfake wrote; choose another folder") from error
    different = [name for name in wanted | found if found.get(name) != wanted.get(name)]
    if different:
        listed = ", ".join(
            f"{n} {found.get(n)!r} there, {wanted.get(n)!r} asked" for n in different
        )
        raise ConfigError(
            f"{out} holds a studio of other settings ({listed}); "
            "choose another folder, delete this one, or ask for what it holds"
        )
