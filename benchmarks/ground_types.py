"""Ground types: the ready tasks with SymPy's numbers from Python, gmpy2 and python-flint, and whether bytes agree."""

from __future__ import annotations

import hashlib
from statistics import geometric_mean, median
from typing import Any

from benchmarks.harness import Options, Result, alternate, run, seconds

TYPES = ("flint", "gmpy", "python")

# Of each ready task its defaults, whose numbers are small, and larger problems: parameters and samples.
CASES: dict[tuple[str, str], tuple[dict[str, Any], int]] = {
    ("polynomial_addition", "defaults"): ({}, 10_000),
    ("polynomial_addition", "QQ, 20 terms"): (
        {"symbols": "x, y, z", "field_str": "QQ", "max_degree": 6, "max_num_terms": 20, "num_bound": 10**6},
        4000,
    ),
    ("polynomial_gcd", "defaults"): ({}, 5000),
    ("polynomial_gcd", "three variables, degree 5"): (
        {"symbols": "x, y, z", "max_degree": 5, "max_num_terms": 8, "num_bound": 1000, "max_coeff": 1000},
        2000,
    ),
    ("polynomial_gcd", "GF(101), degree 12"): (
        {"symbols": "x", "field_str": "GF(101)", "max_degree": 12, "max_num_terms": 12},
        2000,
    ),
    ("polynomial_factorization", "defaults"): ({}, 1500),
    ("polynomial_factorization", "degree 6, coefficients up to 10^6"): (
        {"symbols": "x", "max_degree": 6, "max_num_terms": 6, "num_bound": 10**6, "max_coeff": 10**6},
        1000,
    ),
    ("polynomial_factorization", "GF(7), degree 8"): (
        {"symbols": "x", "field_str": "GF(7)", "max_degree": 8, "max_num_terms": 8},
        1000,
    ),
}


def measure(options: Options) -> list[Result]:
    """Compare the time per sample of flint, that of `envs/sympy.yaml`, with the faster of the others."""
    results, by_case = [], []
    for (task, name), (params, count) in CASES.items():
        case = {"task": task, "params": params, "count": options.size(count, 20)}
        runs = alternate({kind: lambda k=kind, c=case: _one(k, c) for kind in TYPES}, options.repeats)
        times = {kind: [1000 * took for took, _ in values] for kind, values in runs.items()}
        digests = {digest for values in runs.values() for _, digest in values}
        results.append(Result(f"{task}, {name}: different outputs", [len(digests)], unit="", at_most=1))
        other = min(("gmpy", "python"), key=lambda kind, t=times: median(t[kind]))
        by_case.append([theirs / flint for theirs, flint in zip(times[other], times["flint"], strict=True)])
        results.append(
            Result(f"{task}, {name}: {other}'s time over flint's", by_case[-1], sides=times, sides_unit="ms")
        )
    what = "all of these, geometric mean: the time of the faster of gmpy and python over flint's"
    return [*results, Result(what, [geometric_mean(ratios) for ratios in zip(*by_case, strict=True)], at_least=1)]


def _one(kind: str, case: dict[str, Any]) -> tuple[float, str]:
    variables = {"SYMPY_GROUND_TYPES": kind, "MPMATH_NOGMPY": None if kind == "gmpy" else "1"}
    return tuple(run("ground_types", "one", environment=variables, kind=kind, **case).value)


def one(task: str, params: dict[str, Any], kind: str, count: int) -> tuple[float, str]:
    """Return the seconds per sample of a ready task, and a digest of its bytes.

    Raises:
        ValueError: SymPy has not the ground types that it should have.
    """
    from sympy.external.gmpy import GROUND_TYPES

    from algebraset.config import resolve_dataset
    from algebraset.generate import load_recipe, make_samples

    if kind != GROUND_TYPES:
        raise ValueError(f"SymPy has the ground types {GROUND_TYPES}, not {kind}")
    dataset = {"generator": task, "generator_params": params, "statistics": task, "splits": {"train": 2 * count}}
    recipe = load_recipe(resolve_dataset(dataset))
    make_samples(recipe, "train", count, count + count // 10, probe=False)  # what is made once, as rings
    digest = hashlib.sha256()

    def make() -> None:
        samples = make_samples(recipe, "train", 0, count, probe=False)
        digest.update(samples.text + samples.json)

    return seconds(make) / count, digest.hexdigest()
