"""Seeds: the seed of each attempt at a sample, and seeding every random number generator with one call."""

from __future__ import annotations

import hashlib
import importlib
import random
import sys

# Of a short text the interpreter's own SHA-256 takes half as long as OpenSSL's, which is made for long ones.
try:
    from _sha2 import sha256  # Python 3.12 and later
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:
        from hashlib import sha256


def sample_seed(root_seed: int, split: str, index: int, attempt: int = 0) -> int:
    """Return the 128-bit seed of one attempt at one sample.

    It is the first 16 bytes, big-endian, of SHA-256 of `{root_seed}_{split}_{index}` for attempt 0 and of
    `{root_seed}_{split}_{index}_{attempt}` for later ones, so it depends on nothing else: not on batches,
    workers or order. Attempt 0 is CALT's seed (calt-x 1.5.0).

    Args:
        root_seed: the dataset's `root_seed`.
        split: the split's name.
        index: position of the sample in its split, from 0.
        attempt: 0 for the first try, k for the try after k rejections.
    """
    return attempt_seed(f"{root_seed}_{split}", index, attempt)


def attempt_seed(prefix: str, index: int, attempt: int) -> int:
    """Return the seed of `sample_seed`; `prefix` is `{root_seed}_{split}`, which a loop makes once."""
    name = f"{prefix}_{index}" if attempt == 0 else f"{prefix}_{index}_{attempt}"
    return int.from_bytes(sha256(name.encode()).digest()[:16], "big")


def numpy_seed(seed: int) -> int:
    """Return a 32-bit seed for `numpy.random.seed`, which refuses the 128-bit seeds that generators get.

    The whole seed is hashed (SHA-256, first 4 bytes, big-endian), so no part of it is ignored.
    `numpy.random.default_rng(seed)` takes the 128-bit seed as it is and needs no helper.
    """
    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:4], "big")


def seed_all(seed: int) -> None:
    """Seed `random` and, where they are loaded, NumPy's, SymPy's and SageMath's global generators.

    A library that is not imported yet is not imported for this, but for SymPy, where that is the backend: import at the
    top of the generator's file what the generator draws random numbers from.
    """
    if "algebraset.backends.sympy" in sys.modules:
        importlib.import_module("sympy.core.random")
    seed_loaded(seed)


def seed_loaded(seed: int) -> None:
    """Seed the global generators of `seed_all`, importing nothing."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(numpy_seed(seed))
    if "sympy.core.random" in sys.modules:
        sys.modules["sympy.core.random"].seed(seed)
    if "sage.misc.randstate" in sys.modules:
        from algebraset.backends import sagemath

        sagemath.load()
        sagemath.seed(seed)
