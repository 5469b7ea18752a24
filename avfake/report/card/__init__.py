"""A detector folder and tables of what was measured in, its model card (README.md) out.

Numbers come from the tables, from what the bundle says of itself, or not at all: a section without
any says "not measured".
"""
