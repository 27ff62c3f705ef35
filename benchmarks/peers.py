"""The peer, calt-x, as it is on PyPI: imported without its package's top level, which would load PyTorch."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import types
from pathlib import Path
from typing import Any


def calt_folder() -> Path:
    """Return where calt-x is installed; `CALT_FOLDER` tells a Python that has it not (SageMath's)."""
    given = os.environ.get("CALT_FOLDER")
    if given:
        return Path(given)
    spec = importlib.util.find_spec("calt")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("calt-x is not installed: run the benchmarks with `make bench`")
    return Path(spec.submodule_search_locations[0])


def calt(module: str) -> Any:
    """Import a module of calt-x, named below `calt.`; its packages are stand-ins with its folders."""
    folder = calt_folder()
    parts = module.split(".")[:-1]
    for depth in range(len(parts) + 1):
        name = ".".join(["calt", *parts[:depth]])
        if name not in sys.modules:
            package = types.ModuleType(name)
            package.__path__ = [str(folder.joinpath(*parts[:depth]))]
            sys.modules[name] = package
    return importlib.import_module(f"calt.{module}")


def calt_pipeline(**arguments: Any) -> None:
    """Run calt-x's `DatasetPipeline`, without what it logs."""
    pipeline = calt("dataset.pipeline").DatasetPipeline(**arguments)
    logging.disable(logging.CRITICAL)
    pipeline.run()


def calt_sympy_sampler() -> type:
    """Return calt-x's `PolynomialSampler` for SymPy."""
    return calt("dataset.sympy.utils.polynomial_sampler").PolynomialSampler


def calt_sagemath_sampler() -> type:
    """Return calt-x's `PolynomialSampler` for SageMath; the names it wants from `sage.all` come from their modules."""
    if importlib.util.find_spec("sage.all") is None:
        stand_in = types.ModuleType("sage.all")
        for module, names in _SAGE_ALL.items():
            for name in names:
                setattr(stand_in, name, getattr(importlib.import_module(module), name))
        sys.modules["sage.all"] = stand_in
    return calt("dataset.sagemath.utils.polynomial_sampler").PolynomialSampler


_SAGE_ALL = {
    "sage.rings.finite_rings.finite_field_constructor": ["GF"],
    "sage.rings.rational_field": ["QQ"],
    "sage.rings.real_mpfr": ["RR"],
    "sage.rings.integer_ring": ["ZZ"],
    "sage.rings.polynomial.polynomial_ring_constructor": ["PolynomialRing"],
    "sage.rings.polynomial.term_order": ["TermOrder"],
    "sage.arith.misc": ["binomial"],
    "sage.matrix.constructor": ["matrix"],
    "sage.misc.misc_c": ["prod"],
    "sage.misc.prandom": ["randint"],
}
