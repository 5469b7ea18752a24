"""A spec and a folder in, labelled rows out, and splits that do not leak.

`load_spec` reads what a dataset looks like, `build_manifest` lists its files with their labels,
`assign_folds` and `assign_splits` divide them so that what belongs together stays together.
"""

from avfake.data.build import build_manifest
from avfake.data.catalogue import licence_of, list_specs, load_spec
from avfake.data.media_files import media_in
from avfake.data.rows import Label, Manifest, Row
from avfake.data.spec import DatasetSpec
from avfake.data.splits import assign_folds, assign_splits, check_groups, split_hash
from avfake.data.storage import read_manifest, save_manifest

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
    "save_manifest",
    "split_hash",
]
