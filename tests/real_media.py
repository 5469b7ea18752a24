"""Where clips lie that developers may have beside the checkout; never part of it."""

from pathlib import Path

REAL_MEDIA = Path(__file__).resolve().parents[2] / "shared" / "media"
CASES = REAL_MEDIA.with_name("cases")
