"""Measurements, one module a question; never tests. `python -m benchmarks` lists and runs them."""
