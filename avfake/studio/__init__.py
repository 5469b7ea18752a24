"""A seed in, a labelled dataset of talking heads out: genuine, face or voice forged, or both."""

from avfake.studio.build import build_studio
from avfake.studio.family import forged_area
from avfake.studio.plan import ClipPlan, StudioConfig, plan_families

__all__ = ["ClipPlan", "StudioConfig", "build_studio", "forged_area", "plan_families"]
