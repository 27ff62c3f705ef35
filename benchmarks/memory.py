"""Memory: peaks of jobs by the size of a batch, and of workers by the length of a run."""

from __future__ import annotations

from benchmarks import generators, jobs
from benchmarks.harness import Options, Result, compare, execute, scratch

LARGER = 1.10  # at most so many times the peak of the small one


def measure(options: Options) -> list[Result]:
    """Compare peaks: those of the larger must hardly be higher."""
    return [*of_generating(options), *of_collecting(options), *over_a_long_run(options)]


def of_generating(options: Options) -> list[Result]:
    """Compare generate jobs with one small or one large batch."""
    peaks: dict[str, dict[str, list[float]]] = {}
    for count in (options.size(10_000, 1000), options.size(1_000_000, 10_000)):
        for n_jobs in (1, 2):
            with scratch() as folder:
                jobs.prepare(folder / "data", **jobs.SUMS, splits={"train": count}, batch_size=count)
                command = jobs.generate(folder / "data", count, f"--n-jobs={n_jobs}")
                what = f"peak of a generate job, n_jobs {n_jobs}"
                peaks.setdefault(what, {})[f"{count:,} samples"] = _peaks(command, options)
    return [compare(what, "MB", sides, at_most=LARGER) for what, sides in peaks.items()]


def of_collecting(options: Options) -> list[Result]:
    """Compare the collecting jobs of two datasets, both with more digests than are counted at a time."""
    peaks: dict[str, dict[str, list[float]]] = {}
    for count in (options.size(300_000, 1000), options.size(3_000_000, 10_000)):
        with scratch() as folder:
            dataset = jobs.prepare(folder / "data", **jobs.SUMS, splits={"train": count}, batch_size=count)
            execute(jobs.generate(folder / "data", count, "--n-jobs=2"))
            for what, command in jobs.collect(folder / "data", dataset).items():
                peaks.setdefault(f"peak of {what}", {})[f"{count:,} samples"] = _peaks(command, options)
    return [compare(what, "MB", sides, at_most=LARGER) for what, sides in peaks.items()]


def over_a_long_run(options: Options) -> list[Result]:
    """Compare workers after few and after many samples with SymPy, whose cache grows; recycled ones are replaced."""
    expressions = generators.path("expressions")
    few, many = options.size(1000, 50), options.size(10_000, 200)
    results = []
    for name, generator, flags in (
        ("polynomial_factorization", "polynomial_factorization", []),
        ("expressions", expressions, []),
        (f"expressions, recycle_after {few}", expressions, [f"--recycle-after={few}"]),
    ):
        with scratch() as folder:
            data = folder / "data"
            jobs.prepare(data, generator=generator, splits={"train": many}, batch_size=many)
            commands = {f"{count:,} samples": jobs.generate(data, count, "--n-jobs=2", *flags) for count in (few, many)}
            peaks = {what: _peaks(command, options) for what, command in commands.items()}
        results.append(compare(f"peak of a worker, {name}", "MB", peaks, at_most=LARGER))
    return results


def _peaks(command: list[str], options: Options) -> list[float]:
    return [execute(command).peak for _ in range(options.repeats)]
