"""The peer, calt-x, as it is on PyPI. Its modules are the installed ones; two packages are stand-ins.

`calt/__init__.py` imports PyTorch, wandb and transformers, of which generating datasets uses nothing: `calt` is an
empty package with the folder of the installed one. In SageMath's modular wheels there is no `sage.all`: there it is a
module with the names that calt-x imports from it.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import os
import sys
import types
from pathlib import Path
from typing import Any

SAGE_ALL = {
    "sage.arith.misc": ["binomial"],
    "sage.matrix.constructor": ["matrix"],
    "sage.misc.misc_c": ["prod"],
    "sage.misc.prandom": ["randint"],
    "sage.rings.finite_rings.finite_field_constructor": ["GF"],
    "sage.rings.integer_ring": ["ZZ"],
    "sage.rings.polynomial.polynomial_ring_constructor": ["PolynomialRing"],
    "sage.rings.polynomial.term_order": ["TermOrder"],
    "sage.rings.rational_field": ["QQ"],
    "sage.rings.real_mpfr": ["RR"],
}


def calt_folder() -> Path:
    """Return where calt-x is installed; `CALT_FOLDER` tells a Python that has it not (SageMath's).

    Raises:
        RuntimeError: it is not installed.
    """
    if "CALT_FOLDER" in os.environ:
        return Path(os.environ["CALT_FOLDER"])
    spec = importlib.util.find_spec("calt")  # imports nothing
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("calt-x is not installed here: `make bench` makes an environment that has it")
    return Path(spec.submodule_search_locations[0])


def calt(module: str) -> Any:
    """Import a module of calt-x, named below `calt`."""
    if "calt" not in sys.modules:
        package = types.ModuleType("calt")
        package.__path__ = [str(calt_folder())]
        sys.modules["calt"] = package
    return importlib.import_module(f"calt.{module}")


def calt_run(**arguments: Any) -> None:
    """Run calt-x's `DatasetPipeline`, without what it logs."""
    logging.disable(logging.CRITICAL)
    calt("dataset.pipeline").DatasetPipeline(**arguments).run()


@functools.cache
def calt_sampler(backend: str) -> type:
    """Return calt-x's `PolynomialSampler` for a backend."""
    if backend == "sympy":
        return calt("dataset.sympy.utils.polynomial_sampler").PolynomialSampler
    if importlib.util.find_spec("sage.all") is None:
        stand_in: Any = types.ModuleType("sage.all")
        for name, names in SAGE_ALL.items():
            for value in names:
                setattr(stand_in, value, getattr(importlib.import_module(name), value))
        sys.modules["sage.all"] = stand_in
    # From its file alone: the package around it would import what the modular wheels lack.
    path = calt_folder() / "dataset" / "sagemath" / "utils" / "polynomial_sampler.py"
    spec = importlib.util.spec_from_file_location("calt_sagemath_sampler", path)
    assert spec is not None and spec.loader is not None  # it is a .py file
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PolynomialSampler
