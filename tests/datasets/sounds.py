"""What a spec makes of a folder of sounds, in the shape that tests compare."""

from pathlib import Path

from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest
from avfake.datasets.schema import load_spec

REAL, FAKE, UNKNOWN = (False, None, False), (True, None, True), (None, None, None)
"""(label, face_fake, voice_fake) of a file without picture."""


def built(spec: str, root: Path, **params: str) -> Manifest:
    """The manifest, with the spec's parameters set; all its rows are sound alone."""
    overrides = {f"params.{name}": value for name, value in params.items()}
    manifest = build_manifest(load_spec(spec, overrides), root)
    assert not any(row.has_video for row in manifest.rows)
    assert all(row.has_audio for row in manifest.rows)
    return manifest


def labels(manifest: Manifest) -> dict[str, tuple]:
    """clip_id -> (label, face_fake, voice_fake)."""
    return {r.clip_id: (r.label, r.face_fake, r.voice_fake) for r in manifest.rows}


def told(manifest: Manifest, *columns: str) -> dict[str, tuple]:
    """clip_id -> the values of those columns."""
    return {r.clip_id: tuple(getattr(r, name) for name in columns) for r in manifest.rows}
