"""The Python API: the same plan, generate and collect as the workflow, in one tree of processes."""

from __future__ import annotations

import functools
import logging
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from algebraset.backends import load_backend
from algebraset.collect import (
    concatenate_all,
    merged_statistics,
    remove_leftovers,
    write_manifest,
    write_recipe,
    write_statistics,
)
from algebraset.config import config_block, escaped, resolve_dataset
from algebraset.errors import ConfigError, ShardError
from algebraset.functions import FUNCTION_KEYS, bind_check, bind_generator, callable_digest
from algebraset.generate import Recipe, load_recipe, make_recipe
from algebraset.plan import (
    Batch,
    Shard,
    data_files,
    digests_file,
    generation_order,
    plan_split,
    shard_dir,
    totals_file,
)
from algebraset.shards import held_out_checksums, is_finished, locked, write_digests
from algebraset.statistics import load_json
from algebraset.workers import Settings, Task, WorkerDied, effective_n_jobs, in_other_process, write_shards

logger = logging.getLogger("algebraset")

MANY_SAMPLES = 500_000
"""From so many on, counting duplicates takes longer than the start of a process."""


class DatasetPipeline:
    """Generates a dataset from a Python function, with the files and bytes of the workflow.

    Args:
        instance_generator: `seed -> (problem, answer)`; closures, lambdas and `functools.partial` work too.
        statistics_calculator: `(problem, answer) -> numbers` by category and metric, or None.
        save_dir: folder of the dataset.
        save_text: write `<split>_raw.txt`.
        save_json: write `<split>_data.jsonl`.
        num_train_samples: samples in the split "train".
        num_test_samples: samples in the split "test".
        batch_size: samples per shard, which is what a killed run resumes by; it never changes a byte.
        n_jobs: worker processes as joblib counts them (-1: all cores); 1 works in this process.
        root_seed: the seed that all sample seeds derive from.
        verbose: show a progress bar on a terminal, log lines elsewhere.
        backend: "sympy" or "sagemath".
        splits: samples by split name, in place of `num_train_samples` and `num_test_samples`.
        check: `(problem, answer) -> bool`, which must be true for every sample, or None. It gets the
            `generator_params` that it has parameters for.
        canonical: `problem -> str`, which says when two problems are the same, or None for the same text.
        options: the other keys of a dataset's config, as `keep_shards`, `sample_timeout` or `leakage`; they are
            described in config/README.md.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        instance_generator: Callable[[int], Any],
        statistics_calculator: Callable[[Any, Any], Mapping[str, Any]] | None,
        save_dir: str,
        save_text: bool = True,
        save_json: bool = True,
        num_train_samples: int | None = None,
        num_test_samples: int | None = None,
        batch_size: int = 1000,
        n_jobs: int = 1,
        root_seed: int = 42,
        verbose: bool = True,
        backend: str = "sagemath",
        *,
        splits: Mapping[str, int] | None = None,
        check: Callable[[Any, Any], Any] | None = None,
        canonical: Callable[[Any], str] | None = None,
        **options: Any,
    ) -> None:
        for name, function in (
            ("instance_generator", instance_generator),
            ("statistics_calculator", statistics_calculator),
            ("check", check),
            ("canonical", canonical),
        ):
            if not callable(function) and (function is not None or name == "instance_generator"):
                raise ConfigError(f"{name} must be a function, not {function!r}")
        taken = sorted({"generator", "statistics", "batches_per_job"} & set(options))
        if taken:
            raise ConfigError(f"{', '.join(taken)}: no argument of DatasetPipeline")
        given = {
            "num_train_samples": num_train_samples,
            "num_test_samples": num_test_samples,
            "splits": dict(splits) if splits is not None else None,
        }
        self.dataset = resolve_dataset(
            {
                "generator": _name(instance_generator),
                "statistics": _name(statistics_calculator),
                "check": _name(check),
                "save_dir": str(save_dir),
                "save_text": save_text,
                "save_json": save_json,
                "batch_size": batch_size,
                "n_jobs": n_jobs,
                "root_seed": root_seed,
                "verbose": verbose,
                "backend": backend,
                "canonical": _name(canonical),
                **options,
                **{key: value for key, value in given.items() if value is not None},
            }
        )
        name, params = self.dataset["generator"], self.dataset["generator_params"]
        self.instance_generator = bind_generator(instance_generator, params, name)
        self.statistics_calculator = statistics_calculator
        self.check = check if check is None else bind_check(check, params)
        self.canonical = canonical

    @classmethod
    def from_config(
        cls,
        config: Any,
        instance_generator: Callable[[int], Any],
        statistics_calculator: Callable[[Any, Any], Mapping[str, Any]] | None = None,
        *,
        check: Callable[..., Any] | None = None,
        canonical: Callable[[Any], str] | None = None,
    ) -> DatasetPipeline:
        """Make a pipeline from a `dataset:` block and Python functions.

        Args:
            config: the block as an OmegaConf `DictConfig` or a dict. Its functions (`generator`, `statistics`, ...)
                are not used, its `generator_params` become keyword arguments of `instance_generator`. Keys and
                defaults are those of the workflow's config (`backend: sympy` among them).
            instance_generator: `(seed, **generator_params) -> (problem, answer)`.
            statistics_calculator: `(problem, answer) -> numbers`, or None.
            check: `(problem, answer) -> bool`, which gets the `generator_params` it has parameters for, or None.
            canonical: `problem -> str`, or None.

        Raises:
            ConfigError: names the key, the value, what is allowed and the nearest known key; or the block has a
                `check` or `canonical` and the arguments have not, so that samples would go unchecked.
        """
        block = config_block(config)
        for key, function in (("check", check), ("canonical", canonical)):
            if block.get(key) is not None and function is None:
                raise ConfigError(
                    f"{key} = {block[key]!r}: from_config takes no function from a config, so pass it as {key}=..., or "
                    f"set {key} to null"
                )
        no_functions = dict.fromkeys(FUNCTION_KEYS[1:])
        dataset = resolve_dataset({**block, "generator": _name(instance_generator), **no_functions})
        return cls(
            instance_generator,
            statistics_calculator,
            check=check,
            canonical=canonical,
            **{key: escaped(value) for key, value in dataset.items() if key not in _NOT_ARGUMENTS},
        )

    def run(self, overwrite: bool = False) -> None:
        """Generate the dataset. A run that was killed continues from its finished shards.

        Args:
            overwrite: replace a finished dataset of another config or generator in `save_dir`.

        Raises:
            ConfigError: `save_dir` holds a finished dataset that another config or generator made.
            SampleError: a sample could not be made; the text names it and how to repeat it.
            WorkerDied: a worker process was killed; run again to continue.
        """
        recipe = self._recipe()
        # Where a clock runs, it must not run while a generator's first sample imports SymPy.
        needed = self.dataset["backend"] if self.dataset["sample_timeout"] is not None else None
        run_dataset(self.dataset, recipe, functools.partial(_in_worker, recipe, needed), overwrite)

    def _recipe(self) -> Recipe:
        backend = load_backend(self.dataset["backend"])
        functions = {
            "generator": self.instance_generator,
            "statistics": self.statistics_calculator,
            "check": self.check,
            "canonical": self.canonical,
        }
        # A callable without a digest gets a new one each time: its shards are never taken for current ones.
        digests = {
            key: callable_digest(function) or uuid.uuid4().hex
            for key, function in functions.items()
            if function is not None
        }
        return make_recipe(self.dataset, functions, backend, digests, digests, repeat="")


_NOT_ARGUMENTS = ("name", "batches_per_job", *FUNCTION_KEYS)


def run_config_dataset(dataset: Mapping[str, Any], repeat: str, overwrite: bool = False) -> None:
    """Generate a dataset of a config file without Snakemake.

    Args:
        dataset: the resolved dataset.
        repeat: the command that repeats a sample, for error messages.
        overwrite: as in `DatasetPipeline.run`.

    Raises:
        As `DatasetPipeline.run`.
    """
    make_recipe = functools.partial(load_recipe, dict(dataset), repeat)
    run_dataset(dataset, make_recipe(), make_recipe, overwrite)


def run_dataset(
    dataset: Mapping[str, Any], recipe: Recipe, make_recipe: Callable[[], Recipe], overwrite: bool = False
) -> None:
    """Plan, generate and collect one dataset in this process and its workers; resumes from finished shards.

    Args:
        dataset: the resolved dataset.
        recipe: what makes the samples.
        make_recipe: makes the recipe in a worker.
        overwrite: as in `DatasetPipeline.run`.

    Raises:
        As `DatasetPipeline.run`.
    """
    dataset = {**dataset, "batches_per_job": 1}  # jobs are the workflow's
    with _messages(dataset["verbose"]), locked(Path(dataset["save_dir"])):
        if _is_complete(dataset, recipe, overwrite):
            _remove_temporary(dataset)
            logger.info("%s: complete, nothing to do", dataset["save_dir"])
            return
        write_recipe(dataset, recipe, Path(dataset["save_dir"]) / "recipe.json")
        if sys.flags.hash_randomization and effective_n_jobs(dataset["n_jobs"]) == 1:
            logger.warning(
                "n_jobs is 1, so samples are made in this process, whose string hashing is random: a generator that "
                "iterates over sets repeats only under PYTHONHASHSEED=0 or with more workers"
            )
        total = sum(dataset["splits"].values())
        with _Progress(dataset) as progress:
            for splits in _stages(dataset):
                done = progress.done
                try:
                    _generate(dataset, recipe, make_recipe, splits, progress)
                except WorkerDied as death:
                    logger.warning("%s: %s. Trying once more", dataset["save_dir"], death)
                    progress.rewind(done)
                    _generate(dataset, recipe, make_recipe, splits, progress)
        _collect(dataset, recipe.fingerprint)
        _remove_temporary(dataset)
        if not dataset["keep_shards"]:
            shutil.rmtree(Path(dataset["save_dir"]) / "shards", ignore_errors=True)
        logger.info("%s: %d samples", dataset["save_dir"], total)


def _stages(dataset: Mapping[str, Any]) -> list[list[tuple[str, tuple[str, ...]]]]:
    """Return the splits in groups that can be made at the same time, each split with those it must not repeat."""
    order = generation_order(dataset)
    return [[entry] for entry in order] if dataset["leakage"] == "reject" else [order]


def _generate(
    dataset: Mapping[str, Any],
    recipe: Recipe,
    make_recipe: Callable[[], Recipe],
    splits: list[tuple[str, tuple[str, ...]]],
    progress: _Progress,
) -> None:
    """Generate the batches of some splits that are not there yet, and the digests of those that are held out."""
    save_dir = dataset["save_dir"]
    for_later = {name for _, names in generation_order(dataset) for name in names}
    todo = []
    for split, names in splits:
        replaced = []
        held_out = tuple(digests_file(save_dir, name) for name in names)
        checksums = held_out_checksums(held_out)
        for batch in plan_split(dataset, split):
            shard = Shard.of(save_dir, batch)
            if is_finished(shard, batch, recipe.fingerprint, checksums):
                progress.advance(batch, batch.stop - batch.start)
            else:
                todo.append(Task(batch, shard, held_out))
                if shard.folder.exists():
                    replaced.append(batch.label)
        if replaced:
            listed = ", ".join(replaced[:5]) + (", ..." if len(replaced) > 5 else "")
            folder = shard_dir(save_dir, split)
            logger.warning("%s: damaged or not of this dataset, so they are made anew: %s", folder, listed)
    write_shards(todo, recipe, make_recipe, Settings.of(dataset, dataset["n_jobs"]), progress.advance)
    for split, _ in splits:
        if split in for_later:
            sidecars = (Shard.of(save_dir, batch).sidecar for batch in plan_split(dataset, split))
            write_digests(sidecars, digests_file(save_dir, split))


def _collect(dataset: Mapping[str, Any], fingerprint: str) -> None:
    """Make the final files of the shards; with many samples another process copies while this one counts duplicates."""
    folder = Path(dataset["save_dir"])
    remove_leftovers(folder)  # copies of a killed run may fill the disk
    many = sum(dataset["splits"].values()) >= MANY_SAMPLES and dataset["leakage"] != "ignore"
    # Elsewhere than on Linux nothing ends the other process when this one is killed.
    if many and effective_n_jobs(dataset["n_jobs"]) > 1 and sys.platform == "linux":
        try:
            with in_other_process(concatenate_all, dataset, fingerprint) as copied:
                try:
                    merged = merged_statistics(dataset, fingerprint)
                except ShardError:
                    copied()  # which deletes what it finds damaged, so that its error may be the cause of this one
                    raise
                files = copied()
        except BaseException:
            remove_leftovers(folder)
            raise
    else:
        files = concatenate_all(dataset, fingerprint)
        merged = merged_statistics(dataset, fingerprint)
    write_statistics(dataset, *merged)  # now that the files are there which they are of
    write_manifest(dataset, fingerprint, files)


def _remove_temporary(dataset: Mapping[str, Any]) -> None:
    """Remove what collecting leaves for the manifest; a killed run of the workflow may have left some, too."""
    totals = totals_file(dataset["save_dir"])
    for path in [totals, *totals.parent.glob("*.checksums")]:
        path.unlink(missing_ok=True)


def _is_complete(dataset: Mapping[str, Any], recipe: Recipe, overwrite: bool) -> bool:
    """Return whether the dataset is there already; raise rather than replace another one."""
    folder = Path(dataset["save_dir"])
    others = [folder / name for name in ("recipe.json", "statistics.json", "manifest.json", "SHA256SUMS")]
    files = [path for split in dataset["splits"] for path in data_files(dataset, split).values()]
    made_by = _read(folder / "recipe.json").get("fingerprint")
    existing = [str(path) for path in files if path.exists()]
    if existing and made_by != recipe.fingerprint and not overwrite:
        raise ConfigError(
            f"{folder} holds a dataset that another config or generator made ({', '.join(existing)}): choose another "
            "save_dir, move it away, or replace it with overwrite (run(overwrite=True), --overwrite)"
        )
    # The same samples, perhaps more or fewer of them: replacing these files loses nothing.
    manifest = _read(folder / "manifest.json")
    if manifest.get("fingerprint") != recipe.fingerprint or not all(path.exists() for path in files + others):
        return False
    sizes = {name: entry["bytes"] for name, entry in manifest["files"].items()}
    made = manifest["config"]["dataset"]
    same = [made[key] == dataset[key] for key in ("leakage", "held_out")]
    return (
        all(same)
        and list(made["splits"].items()) == list(dataset["splits"].items())
        and all(path.stat().st_size == sizes.get(path.name) for path in files)
    )


def _read(path: Path) -> dict[str, Any]:
    """Return a JSON file of a dataset, {} where it is missing or damaged."""
    try:
        return load_json(path.read_bytes())
    except (OSError, ValueError):
        return {}


@contextmanager
def _messages(verbose: bool) -> Iterator[None]:
    """Show this package's log lines during a run, unless the user has set up logging: then that decides."""
    if not verbose or logger.hasHandlers():
        yield
        return
    handler, level = logging.StreamHandler(), logger.level
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Progress:
    """Shows finished samples: on a terminal by a bar, elsewhere by a log line for every tenth of them."""

    def __init__(self, dataset: Mapping[str, Any]) -> None:
        self.name, self.total, self.done = dataset["save_dir"], sum(dataset["splits"].values()), 0
        self._bar: Any = None
        if dataset["verbose"] and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, unit="sample", desc=str(self.name))

    def advance(self, batch: Batch, count: int) -> None:
        before, self.done = self.done, self.done + count
        if self._bar is not None:
            self._bar.update(count)
        elif before * 10 // self.total != self.done * 10 // self.total:
            logger.info("%s: %d of %d samples (%s)", self.name, self.done, self.total, batch.split)

    def rewind(self, done: int) -> None:
        """Go back to a count, when batches are made again."""
        if self._bar is not None:
            self._bar.update(done - self.done)
        self.done = done

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _in_worker(recipe: Recipe, backend: str | None) -> Recipe:
    """Return the recipe, after loading a backend."""
    if backend is not None:
        load_backend(backend)
    return recipe


def _name(function: Callable[..., Any] | None) -> str | None:
    """Return what a manifest calls a function that was handed over in Python."""
    if function is None:
        return None
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    if not hasattr(inner, "__qualname__"):
        inner = type(inner)
    return f"{inner.__module__}:{inner.__qualname__}"
