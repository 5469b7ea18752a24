"""From a spec and a folder to labelled rows, and from rows to splits that do not leak.

`load_spec` reads how a dataset lies on disk, `build_manifest` lists its files with their labels,
`assign_splits` divides them so that what belongs together stays together.
"""

from avfake.datasets.build import build_manifest
from avfake.datasets.listing import media_in
from avfake.datasets.manifest import Manifest, Row, read_manifest
from avfake.datasets.schema import DatasetSpec, load_spec
from avfake.datasets.splits import assign_splits, rows_together

__all__ = [
    "DatasetSpec",
    "Manifest",
    "Row",
    "assign_splits",
    "build_manifest",
    "load_spec",
    "media_in",
    "read_manifest",
    "rows_together",
]
