"""Check outputs before any work: refuse those that cannot be written or would destroy something.

Every verb calls `check_file` or `check_folder` for the path, and `check_table` or `check_mark` for
what exists there. `files` does the writing.
"""
