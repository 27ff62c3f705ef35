"""The generators that use SymPy; see `generators`."""

from __future__ import annotations

import random
from typing import Any

import sympy

from algebraset.tasks.sympy import polynomial_factorization


def factorization(seed: int) -> tuple[Any, Any]:
    """Return a polynomial and its factors, as the ready task does: from half a millisecond to one."""
    return polynomial_factorization.generate(seed)


def expressions(seed: int) -> tuple[str, str]:
    """Return an expanded product of SymPy expressions, which fill SymPy's cache, unlike elements of rings."""
    rng = random.Random(seed)
    x, y = sympy.symbols("x y")
    product = (rng.randint(1, 10**9) * x + rng.randint(1, 10**9)) * (rng.randint(1, 10**9) * y + 1) ** 2
    return str(product), str(sympy.expand(product))
