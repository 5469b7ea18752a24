"""The verb `export`: a detector as an ONNX network."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from avfake.cli.flags import at_least, choose, refuse_idle
from avfake.cli.process import OK

if TYPE_CHECKING:
    from avfake.clips import Clip

NUM_STUDIO_CLIPS = 4


def export(
    detector: Annotated[str, tyro.conf.Positional],
    /,
    *,
    out: Path,
    clips: tuple[str, ...] = (),
    limit: int | None = None,
    stacker: bool = True,
    sync: bool = True,
) -> int:
    """Write a detector as an ONNX network that needs neither torch nor avfake.

    The folder says what goes in and what comes out, and holds a short example that runs it with
    NumPy and ONNX Runtime. Its answers are compared with the detector's; an export that differs by
    more than .01 in a probability is refused. For example: avfake export default --out network/

    Args:
        detector: Folder of a trained detector, its name on the Hugging Face Hub, or default.
        out: Folder to write.
        clips: Folders made by avfake prepare, with the settings of this detector, to compare the
            answers on; by default a few generated clips.
        limit: At most so many clips of --clips, evenly spread.
        stacker: Use the stacker (--no-stacker: the calibrated fusion head). A stacker cannot be
            exported.
        sync: Compare lips with sound (--no-sync: do not). The comparison cannot be exported.
    """
    at_least(1, limit=limit)
    refuse_idle({"--limit": None if clips else limit}, "it chooses among --clips")
    from avfake.detector import PredictOptions, check_export, export_detector

    check_export(out)
    choose([detector])
    options = PredictOptions(use_stacker=stacker, use_sync=sync)
    if clips:
        found = export_detector(detector, out, _prepared(clips, limit), options)
    else:
        with _generated(detector) as made:
            found = export_detector(detector, out, made, options)
    print(
        f"compared on {found.num_clips} clips, {found.num_answers} probabilities: largest "
        f"difference {found.largest_difference:.1e}"
    )
    print(f"written: {out} (try it: python {out / 'run.py'})")
    return OK


def _prepared(folders: tuple[str, ...], limit: int | None) -> "Iterator[Clip]":
    from avfake.clips import Clip, PreparedFolder
    from avfake.parallel import progress

    every = [one.archive for name in folders for one in PreparedFolder(name).clips]
    step = max(1, len(every) // (limit or len(every)))
    chosen = every[::step][:limit]
    return (Clip(archive) for archive in progress(chosen, unit="clip", desc="compare"))


@contextmanager
def _generated(detector: str) -> "Iterator[Iterator[Clip]]":
    """Give a few studio clips, cut as the detector wants them."""
    from avfake.detector import Bundle
    from avfake.studio import StudioConfig, build_studio

    bundle = Bundle.read(detector)
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        studio = Path(folder, "studio")
        config = StudioConfig(num_clips=NUM_STUDIO_CLIPS, seconds=2.0)
        rows = build_studio(studio, config, workers=0, show_progress=False)
        yield (bundle.cut_clip(studio / row.filename) for row in rows)
