"""Measure what damage to labelled files does to the answers of a detector.

Every file is rewritten as a whole once for each cell of `CELLS` (coarser, darker, through a
telephone, ...) and scored again, from decoding and face detection on.
"""
