"""Check outputs before any work: refuse those that cannot be written or would destroy something.

Every verb calls `check_file` or `check_folder` for the path, and `check_table` or `check_mark` for
what exists there. `files` does the writing.
"""

from avfake.outputs.contents import check_mark, check_table
from avfake.outputs.locations import TABLE, check_apart, check_file, check_folder

__all__ = ["TABLE", "check_apart", "check_file", "check_folder", "check_mark", "check_table"]
