"""Tells whether the face or the voice in a video was forged."""

__version__ = "0.1.0"
