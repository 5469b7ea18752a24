"""A fake and its original in, which part of it was forged out: true, false, or not known and why.

The fakes of most datasets say that they are fakes, not whether the face or the voice was forged.
The original tells: what is the same in both, up to coding, was not. Where the original is absent,
or too unlike to be compared, nothing is said.
"""
