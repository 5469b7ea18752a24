"""A run in, its pictures out (png): what it saw, how it learned, how good and how honest.

Drawn by matplotlib without a window, in one style. Each `draw_*` returns the path it wrote, or
raises `AvfakeError` where there is nothing to draw.
"""
