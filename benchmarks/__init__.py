"""Benchmarks of algebraset: `make bench` runs all of them, `python -m benchmarks --help` says how to run some."""
