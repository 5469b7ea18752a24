"""A manifest comes in, a folder of prepared clips goes out, with a status row for every file.

Preparation may be killed at any moment and started again: what is done is not done twice.
"""

from avfake.prepare.folder import PreparedClip, PreparedFolder, check_target
from avfake.prepare.forged import ForgeryConfig, forge_clips
from avfake.prepare.joined import join_clips, pairs_of_sources
from avfake.prepare.run import prepare_clips
from avfake.prepare.worn import wear_clips

__all__ = [
    "ForgeryConfig",
    "PreparedClip",
    "PreparedFolder",
    "check_target",
    "forge_clips",
    "join_clips",
    "pairs_of_sources",
    "prepare_clips",
    "wear_clips",
]
