"""A detector and labelled files in, what damage to the files does to its answers out.

Every file is rewritten as a whole once for each cell of `CELLS` (coarser, darker, through a
telephone, ...) and judged anew: faces are found anew, sound is decoded anew.
"""
