"""A fake and its original in, which part of it was forged out: true, false, or not known and why.

The fakes of most datasets say that they are fakes, not whether the face or the voice was forged.
The original tells: what is the same in both, up to coding, was not. Where the original is absent,
or too unlike to be compared, nothing is said.
"""

from avfake.labels.derive import Derived, DerivedRow, check_target, derive_labels, fill
from avfake.labels.pair import PairComparison, PairConfig, compare_pair
from avfake.labels.picture import PictureComparison, PictureConfig, compare_faces
from avfake.labels.sound import SoundComparison, SoundConfig, compare_sound
from avfake.labels.unknowns import WHYS, Why

__all__ = [
    "WHYS",
    "Derived",
    "DerivedRow",
    "PairComparison",
    "PairConfig",
    "PictureComparison",
    "PictureConfig",
    "SoundComparison",
    "SoundConfig",
    "Why",
    "check_target",
    "compare_faces",
    "compare_pair",
    "compare_sound",
    "derive_labels",
    "fill",
]
