"""Memory: peaks of jobs by the size of a batch, and of workers by the length of a run."""

from __future__ import annotations

from benchmarks import jobs
from benchmarks.harness import Options, Result, compare, execute, scratch

LARGER = 1.10  # at most so many times the peak of the small one


def measure(options: Options) -> list[Result]:
    """Compare peaks: those of the larger must hardly be higher."""
    return [*by_size(options), *over_a_long_run(options)]


def by_size(options: Options) -> list[Result]:
    """Compare the jobs of a dataset with one small or one large batch."""
    peaks: dict[str, dict[str, list[float]]] = {}
    for count in (options.size(10_000, 1000), options.size(1_000_000, 10_000)):
        with scratch() as folder:
            dataset = jobs.prepare(folder / "data", **jobs.SUMS, splits={"train": count}, batch_size=count)
            commands = {
                f"generate job, n_jobs {n}": jobs.generate(folder / "data", count, f"--n-jobs={n}") for n in (1, 2)
            }
            for what, command in (commands | jobs.collect(folder / "data", dataset)).items():
                peak = [execute(command).peak for _ in range(options.repeats)]
                peaks.setdefault(f"peak of {what}", {})[f"{count:,} samples"] = peak
    return [compare(what, "MB", sides, at_most=LARGER) for what, sides in peaks.items()]


def over_a_long_run(options: Options) -> list[Result]:
    """Compare workers after some and after many samples with SymPy, whose cache grows; recycled ones are replaced."""
    short, long = options.size(2000, 100), options.size(20_000, 400)
    results = []
    with scratch() as folder:
        for name, generator in (
            ("expressions", "benchmarks.generators:expressions"),
            ("factorization", "polynomial_factorization"),
        ):
            data = folder / name
            jobs.prepare(data, generator=generator, splits={"train": long}, batch_size=long)
            for what, options_ in (("", []), (f", recycle_after {short}", [f"--recycle-after={short}"])):
                sides = {
                    f"{count:,} samples": [
                        execute(jobs.generate(data, count, "--n-jobs=2", *options_)).peak
                        for _ in range(options.repeats)
                    ]
                    for count in (short, long)
                }
                results.append(compare(f"peak of a worker, {name}{what}", "MB", sides, at_most=LARGER))
    return results
