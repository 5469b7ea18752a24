"""What a command is to write, checked before any work: a loss is refused, and what cannot be done.

Every verb asks `check_file` or `check_folder` whether the place can be written, and `check_table`
or `check_mark` whether what stands there may go. What then writes is `files`.
"""

from avfake.outputs.contents import check_mark, check_table
from avfake.outputs.places import TABLE, check_apart, check_file, check_folder

__all__ = ["TABLE", "check_apart", "check_file", "check_folder", "check_mark", "check_table"]
