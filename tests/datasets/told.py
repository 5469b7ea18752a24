"""What a spec makes of a folder, in the shape that tests compare."""

from pathlib import Path

from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest
from avfake.datasets.schema import load_spec

Told = tuple[bool | None, bool | None, bool | None, str | None, str, str | None]


def manifest_of(spec: str, root: Path, **params: str) -> Manifest:
    """The manifest, with the spec's parameters set."""
    overrides = {f"params.{name}": value for name, value in params.items()}
    return build_manifest(load_spec(spec, overrides), root)


def told(manifest: Manifest) -> dict[str, Told]:
    """clip_id -> (label, face_fake, voice_fake, original, group, split)."""
    return {
        r.clip_id: (r.label, r.face_fake, r.voice_fake, r.original, r.group, r.split)
        for r in manifest.rows
    }
