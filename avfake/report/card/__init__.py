"""The model card (README.md) of a detector folder: one template, and the numbers that fill it.

Numbers come from the tables that are given, or from the bundle; what neither holds is named as not
measured or not stated.
"""
