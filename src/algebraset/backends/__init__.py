"""Backends: what SymPy and SageMath do differently. A backend is a module, loaded when it is first used."""

from __future__ import annotations

import importlib
from types import ModuleType

from algebraset.errors import ConfigError

BACKENDS = ("sympy", "sagemath")


def load_backend(name: str) -> ModuleType:
    """Return the module of a backend: `leaf_to_text(value) -> str` and `versions() -> dict`.

    Raises:
        ConfigError: there is no such backend, or its computer algebra system is not installed.
    """
    if name not in BACKENDS:
        raise ConfigError(f"backend = {name!r}: must be one of {', '.join(BACKENDS)}")
    return importlib.import_module(f"algebraset.backends.{name}")
