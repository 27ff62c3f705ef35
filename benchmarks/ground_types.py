"""Ground types: the ready tasks with SymPy's integers from Python, gmpy2 and python-flint, and whether bytes agree."""

from __future__ import annotations

import hashlib
import time

from benchmarks.harness import Options, Result, run

TYPES = ("python", "gmpy", "flint")


def measure(options: Options) -> list[Result]:
    """Return goal 5 of the throughput: per task, flint (that of `envs/sympy.yaml`) against the two others."""
    from algebraset.functions import task_names

    results = []
    for task in task_names("sympy"):
        seconds: dict[str, list[float]] = {kind: [] for kind in TYPES}
        digests = set()
        for repeat in range(options.repeats):
            for kind in TYPES if repeat % 2 == 0 else reversed(TYPES):
                took, digest = run(
                    "ground_types",
                    "one",
                    environment={"SYMPY_GROUND_TYPES": kind},
                    task=task,
                    ground_types=kind,
                    budget=options.size(4, 1) * 0.5,
                    count=options.size(400, 20),
                ).value
                seconds[kind].append(1000 * took)
                digests.add(digest)
        same = "same bytes" if len(digests) == 1 else "BYTES DIFFER"
        for kind in ("python", "gmpy"):
            results.append(
                Result(
                    topic="ground types",
                    what=f"{task}: time per sample, {kind}'s over flint's ({same})",
                    judged=[other / flint for other, flint in zip(seconds[kind], seconds["flint"], strict=True)],
                    sides={name: seconds[name] for name in (kind, "flint")},
                    sides_unit="ms",
                )
            )
    return results


def one(task: str, ground_types: str, budget: float, count: int) -> tuple[float, str]:
    """Return the seconds per sample of a ready task, and a digest of its first samples' bytes."""
    from sympy.external.gmpy import GROUND_TYPES

    from algebraset.config import resolve_dataset
    from algebraset.generate import load_recipe, make_samples

    if ground_types != GROUND_TYPES:
        raise RuntimeError(f"SymPy has the ground types {GROUND_TYPES}, not {ground_types}")
    recipe = load_recipe(resolve_dataset({"generator": task, "statistics": task, "splits": {"train": count}}))
    samples = make_samples(recipe, "train", 0, count, probe=False)
    made, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < budget:
        make_samples(recipe, "train", made, made + 10, probe=False)
        made += 10
    took = time.perf_counter() - begin
    return took / made, hashlib.sha256(samples.text + samples.json).hexdigest()
