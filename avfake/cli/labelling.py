"""Work and output of the verb `labels`."""

from collections import Counter
from pathlib import Path

from avfake.audit import NO_LABEL_REASONS, derive_labels
from avfake.cli.codes import IN_PART, OK
from avfake.datasets import read_manifest
from avfake.storage import as_path


def label_fakes(manifest: str, out: Path, *, workers: int | None, masks: bool) -> int:
    """Derive and say how it went; 1 if any pair could not be read."""
    inputs = [as_path(manifest)]
    rows = read_manifest(manifest)
    derived = derive_labels(rows, out, workers=workers, masks=masks, inputs=inputs)
    words = {True: "changed", False: "unchanged", None: "unknown"}
    print(f"{len(derived.rows)} fakes")
    for part in ("face", "voice"):
        found = Counter(words[getattr(row, f"{part}_fake")] for row in derived.rows)
        print(f"  {part}: " + ", ".join(f"{found[word]} {word}" for word in words.values()))
        whys = Counter(getattr(row, f"{part}_why") for row in derived.rows)
        for why, count in whys.most_common():
            if why is not None:
                print(f"    unknown, {count}: {NO_LABEL_REASONS[why]}")
    print(f"  no visible change: {sum(row.no_visible_change is True for row in derived.rows)}")
    for contradiction in derived.contradictions:
        print(f"  note: {contradiction}")
    print(f"distances in {out / 'derived.csv'}, labels in {out / 'manifest.csv'}")
    broken = {"unreadable", "failed"}
    return IN_PART if any({row.face_why, row.voice_why} & broken for row in derived.rows) else OK
