"""Paths and URLs, files written whole, and checks of outputs before any work.

`AnyPath` is a path on disk or a URL of fsspec; every function here takes both where it says so.
"""

from avfake.storage.files import (
    cache_folder,
    cached,
    descriptor_of,
    read_if_there,
    remove_partials,
    replacing,
    target_of,
    write_table,
    write_whole,
)
from avfake.storage.outputs import Output
from avfake.storage.remote import AnyPath, as_path, fitting, has_changed, states_of

__all__ = [
    "AnyPath",
    "Output",
    "as_path",
    "cache_folder",
    "cached",
    "descriptor_of",
    "fitting",
    "has_changed",
    "read_if_there",
    "remove_partials",
    "replacing",
    "states_of",
    "target_of",
    "write_table",
    "write_whole",
]
