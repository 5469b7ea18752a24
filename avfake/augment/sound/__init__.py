"""Transforms of the sound: one drawn change for all windows of a clip, which keep their length."""
