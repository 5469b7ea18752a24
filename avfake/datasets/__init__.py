"""A spec and a folder in, labelled rows out, and splits that do not leak.

`load_spec` reads what a dataset looks like, `build_manifest` lists its files with their labels,
`assign_folds` and `assign_splits` divide them so that what belongs together stays together.
"""

from avfake.datasets.build import build_manifest
from avfake.datasets.catalogue import licence_of, list_specs, load_spec
from avfake.datasets.groups import rows_together
from avfake.datasets.listing import read_manifest, save_manifest
from avfake.datasets.media_files import media_in
from avfake.datasets.rows import Label, Manifest, Row
from avfake.datasets.segments import segments_as_text
from avfake.datasets.spec import DatasetSpec
from avfake.datasets.splits import assign_folds, assign_splits, check_groups, split_hash

__all__ = [
    "DatasetSpec",
    "Label",
    "Manifest",
    "Row",
    "assign_folds",
    "assign_splits",
    "build_manifest",
    "check_groups",
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
