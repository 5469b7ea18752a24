"""Explanation of a score: the crops and windows of a clip with most weight, and maps of them."""
