"""A model, a loss and batches in; the best state, on disk and in the model, out.

A killed run goes on where it was; see `fit`.
"""
