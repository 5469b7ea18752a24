"""Preparation of a manifest: a folder of clips with a status row for every file.

A preparation that was stopped continues where it ended.
"""
