"""From a seed to a labelled dataset of talking heads: genuine, face or voice forged, or both."""

from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig

__all__ = ["StudioConfig", "build_studio"]
