"""algebraset: datasets of computer algebra, generated with SymPy or SageMath, that anyone can rebuild.

Importing this package imports neither SymPy nor SageMath; names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from algebraset.errors import (
    AlgebrasetError,
    ConfigError,
    FormatError,
    Reject,
    SampleError,
    ShardError,
    StatisticsError,
)
from algebraset.version import GENERATION_REVISION, __version__

_LAZY = {
    "BaseStatisticsCalculator": "algebraset.statistics",
    "DatasetPipeline": "algebraset.pipeline",
    "DatasetWriter": "algebraset.formats",
    "IncrementalStatistics": "algebraset.statistics",
    "numpy_seed": "algebraset.seeds",
    "sample_seed": "algebraset.seeds",
    "seed_all": "algebraset.seeds",
}

__all__ = [
    "GENERATION_REVISION",
    "AlgebrasetError",
    "BaseStatisticsCalculator",
    "ConfigError",
    "DatasetPipeline",
    "DatasetWriter",
    "FormatError",
    "IncrementalStatistics",
    "Reject",
    "SampleError",
    "ShardError",
    "StatisticsError",
    "__version__",
    "get_backend_classes",
    "numpy_seed",
    "sample_seed",
    "seed_all",
]


def get_backend_classes(name: str) -> tuple[type, type]:
    """Return a backend's `DatasetGenerator` and the `DatasetWriter`.

    Raises:
        ConfigError: there is no backend of this name.
    """
    from algebraset.backends import load_backend
    from algebraset.formats import DatasetWriter

    load_backend(name)
    return importlib.import_module(f"algebraset.{name}").DatasetGenerator, DatasetWriter


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
