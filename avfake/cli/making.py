"""The verb `studio`, which makes a dataset."""

from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli.codes import OK
from avfake.cli.flags import at_least


def studio(
    out: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    clips: int = 80,
    seconds: float = 2.0,
    seed: int = 0,
    difficulty: float = 0.3,
    splice_seconds: tuple[float, float] | None = None,
    people: int = 1,
    workers: int | None = None,
) -> int:
    """Make a small labelled dataset of procedural talking heads, genuine and forged.

    Args:
        out: Folder to write, in the layout of the DFDC.
        clips: How many; a quarter each genuine, face forged, voice forged, both.
        seconds: Length of a clip.
        seed: Another seed, other people.
        difficulty: 0 = crude forgeries, 1 = hardly visible ones.
        splice_seconds: Forge only one segment of each fake, of a length between these two;
            truth.csv has its start and end.
        people: 2 shows a silent person beside the speaker; truth.csv names the forged face.
        workers: Processes; by default one a core.
    """
    at_least(0, workers=workers)
    from avfake.parallel import default_workers
    from avfake.studio import StudioConfig, build_studio

    config = StudioConfig(
        clips,
        seconds=seconds,
        seed=seed,
        difficulty=difficulty,
        splice_seconds=splice_seconds,
        num_people=people,
    )
    build_studio(out, config, workers=default_workers() if workers is None else workers)
    print(f"{clips} clips in {out}; the forgeries are listed in {out / 'truth.csv'}")
    return OK
