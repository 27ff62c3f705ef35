"""Ground types: the ready tasks with SymPy's numbers from Python, gmpy2 and python-flint, and whether bytes agree."""

from __future__ import annotations

import hashlib

from benchmarks.harness import Options, Result, alternate, run, seconds

TYPES = ("flint", "gmpy", "python")


def measure(options: Options) -> list[Result]:
    """Compare the time per sample of flint, that of `envs/sympy.yaml`, with the fastest of the others."""
    from algebraset.functions import task_names

    results = []
    for task in task_names("sympy"):
        sides = {kind: lambda t=task, k=kind: _one(t, k, options.size(600, 20)) for kind in TYPES}
        runs = alternate(sides, options.repeats)
        times = {kind: [1000 * took for took, _ in values] for kind, values in runs.items()}
        digests = {digest for values in runs.values() for _, digest in values}
        fastest = [min(gmpy, python) for gmpy, python in zip(times["gmpy"], times["python"], strict=True)]
        ratios = [other / flint for other, flint in zip(fastest, times["flint"], strict=True)]
        results.append(Result(f"{task}: different outputs", [len(digests)], unit="", at_most=1))
        what = f"{task}: the faster of gmpy and python, its time over flint's"
        results.append(Result(what, ratios, sides=times, sides_unit="ms"))
    return results


def _one(task: str, ground_types: str, count: int) -> tuple[float, str]:
    variables = {"SYMPY_GROUND_TYPES": ground_types, "MPMATH_NOGMPY": None if ground_types == "gmpy" else "1"}
    return tuple(run("ground_types", "one", environment=variables, task=task, kind=ground_types, count=count).value)


def one(task: str, kind: str, count: int) -> tuple[float, str]:
    """Return the seconds per sample of a ready task, and a digest of its bytes.

    Raises:
        ValueError: SymPy has not the ground types that it should have.
    """
    from sympy.external.gmpy import GROUND_TYPES

    from algebraset.config import resolve_dataset
    from algebraset.generate import load_recipe, make_samples

    if kind != GROUND_TYPES:
        raise ValueError(f"SymPy has the ground types {GROUND_TYPES}, not {kind}")
    recipe = load_recipe(resolve_dataset({"generator": task, "statistics": task, "splits": {"train": count}}))
    digest = hashlib.sha256()

    def make() -> None:
        samples = make_samples(recipe, "train", 0, count, probe=False)
        digest.update(samples.text + samples.json)

    return seconds(make) / count, digest.hexdigest()
