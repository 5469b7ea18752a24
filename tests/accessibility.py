"""What axe-core, which npm installs, finds on a page; the variable AVFAKE_AXE names its script."""

import os
from pathlib import Path
from typing import Any

import pytest

AXE = Path(os.environ.get("AVFAKE_AXE", "axe.min.js"))
needs_axe = pytest.mark.skipif(not AXE.is_file(), reason="AVFAKE_AXE names no axe.min.js")


def serious(page: Any) -> list[tuple[str, str]]:
    """Return each rule that is broken seriously, and where; the page must be open to scripts."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return [
        (one["id"], str(node["target"]))
        for one in page.evaluate("axe.run()")["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
