"""Backends: what SymPy and SageMath do differently. A backend is a module, loaded when it is first used."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from algebraset.errors import ConfigError

BACKENDS = ("sympy", "sagemath")

MODULES = {"sympy": "sympy", "sagemath": "sage"}
"""The Python module by which each backend's system is known to be installed."""

HOW_TO_GET = {
    "sympy": (
        "SymPy is not installed: run the workflow with --use-conda (its environment is envs/sympy.yaml), or install "
        "it: pip install sympy python-flint joblib cloudpickle pebble"
    ),
    "sagemath": (
        "SageMath is not installed: run the workflow with --use-conda (its environment is envs/sage.yaml), or install "
        "its wheels: pip install passagemath-singular passagemath-flint joblib cloudpickle pebble"
    ),
}
"""What to say to a user whose Python has not the backend's system."""


def load_backend(name: str) -> ModuleType:
    """Return the module of a backend: `leaf_to_text(value) -> str` and `versions() -> dict`.

    The system itself is loaded too: SageMath must be before a user's generator imports parts of it.

    Raises:
        ConfigError: there is no such backend, or its computer algebra system is not installed.
    """
    if name not in BACKENDS:
        raise ConfigError(f"backend = {name!r}: must be one of {', '.join(BACKENDS)}")
    if importlib.util.find_spec(MODULES[name]) is None:
        raise ConfigError(f"{HOW_TO_GET[name]} (looked in {sys.executable})")
    backend = importlib.import_module(f"algebraset.backends.{name}")
    backend.load()
    return backend
