"""Exit codes."""

OK = 0
IN_PART = 1
"""Done, but some files could not be: each is listed with its reason."""
FAILED = 2
"""Nothing could be done; one sentence says why."""
INTERRUPTED = 130
