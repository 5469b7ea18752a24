"""Which part of a fake was forged, from its comparison with its original: true, false or unknown.

The fakes of most datasets are labelled as fakes, not by whether the face or the voice was forged.
The original shows it: what is the same in both, up to coding, was not forged. Where the original is
absent, or too different to be compared, the label stays unknown, with the reason.
"""
