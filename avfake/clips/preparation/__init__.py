"""A manifest comes in, a folder of prepared clips goes out, with a status row for every file.

Preparation may be killed at any moment and started again: what is done is not done twice.
"""
