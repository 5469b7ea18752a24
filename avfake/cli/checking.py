"""The verbs `audit` and `specs`, which check a dataset or its spec before training."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from avfake.cli.codes import IN_PART, OK
from avfake.cli.flags import at_least
from avfake.errors import ConfigError
from avfake.storage import beside, check_file


def audit(
    manifest: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    plan: Path | None = None,
    label: Literal["label", "face_fake", "voice_fake"] = "label",
    limit: float = 0.6,
    parts: bool = True,
    clips: Path | None = None,
    workers: int | None = None,
) -> int:
    """Look for leaks between the splits of a dataset, and for shortcuts to its labels.

    What was measured is kept beside the manifest. Exit code 1 if anything was found.

    Args:
        manifest: Table made by avfake manifest.
        plan: Table with the columns clip_id and split; by default the manifest's own splits.
        label: What the shortcuts would give away.
        limit: A probe fails if its AUC is above this, its whole interval included.
        parts: Rows of one part may not be parted (--no-parts where they may).
        clips: Folder made by avfake prepare from this manifest, to probe the size of the crops.
        workers: Processes; by default one a core.
    """
    at_least(0, workers=workers)
    if not 0 <= limit <= 1:
        raise ConfigError(f"--limit is {limit:g}; an AUC lies in [0, 1]")
    from avfake.audit import ProbeConfig, audit_manifest
    from avfake.clips import PreparedFolder
    from avfake.datasets import read_manifest

    rows, journal = read_manifest(manifest), beside(manifest, f"{manifest.name}.audit.jsonl")
    read = [manifest, *([plan] if plan else [])]
    said = "the record beside the manifest:"
    check_file(journal, flag=said, what="record", endings=(), inputs=read)
    if clips is not None:
        PreparedFolder(clips)  # refuses any other
    report = audit_manifest(
        rows,
        Path(str(journal)),
        plan=plan,
        label=label,
        parts=parts,
        clips=clips,
        config=ProbeConfig(limit),
        workers=workers,
    )
    print(report)
    return OK if report.passes else IN_PART


def specs(words: Annotated[tuple[str, ...], tyro.conf.Positional] = (), /) -> int:
    """List the datasets that can be read, describe one, or check a spec of your own.

    `avfake specs check FILE ROOT` reads the folder with the spec and says what comes of it; exit
    code 1 if it is refused.

    Args:
        words: Nothing, the name of a spec or a YAML file, or check FILE ROOT.
    """
    from avfake.cli.datasets import check_spec, describe_spec, list_all_specs

    match words:
        case ():
            list_all_specs()
        case ("check", file, root):
            return check_spec(file, root)
        case (name,) if name != "check":
            describe_spec(name)
        case _:
            raise ConfigError(
                f"specs {' '.join(words)}: say avfake specs, avfake specs NAME, "
                "or avfake specs check FILE ROOT"
            )
    return OK
