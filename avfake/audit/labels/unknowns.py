"""Why a comparison says nothing: codes for the table, as `errors.REASONS` has for verdicts."""

from typing import Literal

Why = Literal[
    "no_original",
    "original_missing",
    "unreadable",
    "no_audio",
    "original_no_audio",
    "silent",
    "too_short",
    "no_video",
    "no_face",
    "other_size",
    "not_aligned",
    "other_picture",
    "no_surroundings",
    "face_too_small",
    "partly",
    "undecided",
    "failed",
]

UNKNOWN_REASONS: dict[Why, str] = {
    "no_original": "the manifest names no original",
    "original_missing": "the original is not among the files",
    "unreadable": "one of the two files could not be read",
    "no_audio": "the file has no sound track",
    "original_no_audio": "the original has no sound track",
    "silent": "one of the two sound tracks is digital silence",
    "too_short": "the two have too little in common in time",
    "no_video": "one of the two has no picture",
    "no_face": "no face was found in the original",
    "other_size": "the two pictures differ in size",
    "not_aligned": "the two pictures are shifted too far against each other",
    "other_picture": "the two differ around the face as well: another scene, time or crop",
    "no_surroundings": "the face fills the picture; there is nothing to compare it with",
    "face_too_small": "the face is too small to be compared",
    "partly": "the sound goes on where its original has none; what both have is alike",
    "undecided": "the distance lies between that of copies and that of forgeries",
    "failed": "the worker died, ran out of time, or met a bug on this pair",
}
"""Code -> what it means, in words."""
