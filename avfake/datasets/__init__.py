"""From a spec and a folder to labelled rows, and from rows to splits that do not leak.

`load_spec` reads how a dataset lies on disk, `build_manifest` lists its files with their labels,
`assign_folds` and `assign_splits` divide them so that what belongs together stays together.
"""

from avfake.datasets.build import build_manifest
from avfake.datasets.listing import media_in
from avfake.datasets.manifest import (
    Manifest,
    Row,
    read_manifest,
    save_manifest,
    segments_as_text,
)
from avfake.datasets.schema import licence_of, list_specs, load_spec
from avfake.datasets.spec import DatasetSpec
from avfake.datasets.splits import (
    assign_folds,
    assign_splits,
    rows_together,
    split_hash,
)

__all__ = [
    "DatasetSpec",
    "Manifest",
    "Row",
    "assign_folds",
    "assign_splits",
    "build_manifest",
    "licence_of",
    "list_specs",
    "load_spec",
    "media_in",
    "read_manifest",
    "rows_together",
    "save_manifest",
    "segments_as_text",
    "split_hash",
]
