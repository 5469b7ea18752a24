"""Paths and URLs, files written whole, and checks of outputs before any work.

`AnyPath` is a path on disk or a URL of fsspec; every function here takes both where it says so.
"""

from avfake.storage.files import (
    cached,
    descriptor_of,
    is_stream,
    naming,
    read_if_there,
    target_of,
    whole_file,
    write_table,
    write_whole,
)
from avfake.storage.outputs import check_apart, check_file, check_folder, check_table
from avfake.storage.remote import (
    AnyPath,
    as_path,
    beside,
    fitting,
    has_changed,
    inside,
    is_folder,
    is_url,
    list_url,
    name_of,
    open_path,
    read_urls,
    states_of,
)

__all__ = [
    "AnyPath",
    "as_path",
    "beside",
    "cached",
    "check_apart",
    "check_file",
    "check_folder",
    "check_table",
    "descriptor_of",
    "fitting",
    "has_changed",
    "inside",
    "is_folder",
    "is_stream",
    "is_url",
    "list_url",
    "name_of",
    "naming",
    "open_path",
    "read_if_there",
    "read_urls",
    "states_of",
    "target_of",
    "whole_file",
    "write_table",
    "write_whole",
]
