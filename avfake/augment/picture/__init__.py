"""Transforms of the crops: one drawn change for all frames of a clip, landmarks included."""
