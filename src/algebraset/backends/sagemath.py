"""What is particular to SageMath: loading it, text of a value, versions, and errors that say how to get it.

Nothing of SageMath is imported before `load` is called. SageMath's modules import each other in cycles, so the first
one decides whether the rest can be imported (https://github.com/passagemath/passagemath/issues/1604): call `load`
before any other import from `sage`, a user's generator included.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import lru_cache
from typing import Any

from algebraset.backends import HOW_TO_GET
from algebraset.errors import ConfigError
from algebraset.seeds import numpy_seed


def load() -> None:
    """Import what SageMath needs for polynomials, in an order that works; later calls cost nothing.

    This is a fraction of `sage.all`, which takes three times as long to import and which the modular `passagemath-*`
    wheels do not have; it is the way out where the parts do not load by themselves.

    Raises:
        ConfigError: SageMath is not installed, or a part of it that polynomials need is missing.
    """
    try:
        _import_parts()
    except (ImportError, AttributeError) as error:  # AttributeError is what some import cycles end in
        if not is_installed():
            raise ConfigError(f"{HOW_TO_GET['sagemath']} (looked in {sys.executable})") from error
        try:
            importlib.import_module("sage.all")
            _import_parts()
        except (ImportError, AttributeError):
            raise ConfigError(
                f"SageMath in {sys.executable} lacks a part that polynomials need ({error}): "
                "the wheels passagemath-singular and passagemath-flint have them, as has conda-forge's sage"
            ) from error
    _remember_missing("sage.rings.polynomial.pbori.pbori")
    # As `sage.all` does, so that the text of a long integer does not depend on whether a generator imports that.
    sys.set_int_max_str_digits(0)


def _import_parts() -> None:
    for module in (
        "sage.rings.integer",  # first: from here the import cycles close
        "sage.libs.pari",
        "sage.libs.singular.function",
        "sage.misc.randstate",
        "sage.rings.polynomial.laurent_polynomial_ring",  # matrices use it and do not import it
        "sage.rings.polynomial.multi_polynomial_libsingular",
        "sage.rings.polynomial.polynomial_ring_constructor",
    ):
        importlib.import_module(module)


def _remember_missing(module: str) -> None:
    """If a module is not there, let Python know without looking for it again.

    Every `factor()` in several variables tries to import this one, and a search costs more than the factorization.
    None in `sys.modules` is Python's documented way to say so: the import fails at once.
    """
    try:
        missing = importlib.util.find_spec(module) is None
    except (ModuleNotFoundError, ValueError):
        missing = True
    if missing:
        sys.modules.setdefault(module, None)  # type: ignore[arg-type]


def is_installed() -> bool:
    """Return whether this Python has SageMath, without importing it."""
    return importlib.util.find_spec("sage") is not None


def seed(seed: int) -> None:
    """Seed SageMath's random state, and the generators of PARI and Singular, which SageMath leaves alone; `load` first.

    `set_random_seed` makes SageMath's own functions reproducible, also those that use random numbers of PARI, NTL,
    GAP or libc: they seed the library from SageMath's state when they first need it. But what calls PARI or Singular
    directly (`pari("random(9)")`, Singular's library procedures) meets the state that earlier calls left, so these
    are seeded here. Not seeded are direct calls of GAP (SageMath's `current_randstate().set_seed_libgap()` does that;
    it would start GAP here, which takes seconds) and the programs that `sage.interfaces` talks to over a pipe.
    """
    # Their seeds do not come from SageMath's state, so what is drawn from it is as after `set_random_seed`.
    small = 1 + numpy_seed(seed) % (2**31 - 2)
    sys.modules["sage.misc.randstate"].set_random_seed(seed)
    sys.modules["sage.libs.pari"].pari.setrand(small)
    _singular_system()("random", small)


@lru_cache(maxsize=1)
def _singular_system() -> Any:
    from sage.libs.singular.function import singular_function

    return singular_function("system")


def leaf_to_text(value: Any) -> str:
    """Return the text of a scalar: SageMath's own `str`."""
    return str(value)


def versions() -> dict[str, str]:
    """Return SageMath's version, and those of the `passagemath-*` wheels where it comes as wheels, by name.

    Raises:
        ConfigError: SageMath is not installed.
    """
    try:
        from sage.version import version
    except ImportError as error:
        raise ConfigError(f"{HOW_TO_GET['sagemath']} (looked in {sys.executable})") from error
    from importlib import metadata  # 40 ms, which a job's start need not pay

    found = {"sagemath": str(version)}
    for name in ("passagemath-flint", "passagemath-pari", "passagemath-singular"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def missing_module(error: ImportError) -> str | None:
    """Return what brings the SageMath module that a user's import did not find; None if it is no SageMath module.

    Args:
        error: what the import raised.
    """
    name = getattr(error, "name", None) or ""
    if name == "sage" or (name.startswith("sage.") and not is_installed()):
        return f"{HOW_TO_GET['sagemath']} (looked in {sys.executable})"
    if name == "sage.all":
        return (
            "`sage.all` is the whole of SageMath, and this Python has only parts of it: pip install "
            "passagemath-standard (the sage package of conda-forge has it too), or import the names from the "
            "modules that define them, as in `from sage.rings.integer_ring import ZZ` (faster to start); "
            "SageMath's `import_statements(NAME)` tells which"
        )
    if name.startswith("sage."):
        return (
            f"`{name}` is a part of SageMath that this Python has not: install the passagemath package that "
            "brings it, or all of them with pip install passagemath-standard, or use the sage package of conda-forge"
        )
    return None
