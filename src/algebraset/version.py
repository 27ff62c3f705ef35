"""The package's version, and the revision of what it generates."""

__version__ = "0.1.0"

GENERATION_REVISION = 1
"""Raised whenever the same config would give other bytes than before: shards of another revision are made anew."""
