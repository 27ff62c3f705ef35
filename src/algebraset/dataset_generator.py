"""`DatasetGenerator`: the Python API one step below `DatasetPipeline`, for any splits; each backend has its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from algebraset.errors import ConfigError
from algebraset.formats import DatasetWriter
from algebraset.pipeline import DatasetPipeline


class DatasetGenerator:
    """Generates splits with one backend. Use `algebraset.sympy.DatasetGenerator` or `algebraset.sagemath`'s.

    Args:
        backend: accepted for code written for CALT; workers are fresh processes with either.
        n_jobs: worker processes as joblib counts them (-1: all cores).
        verbose: show progress.
        root_seed: the seed that all sample seeds derive from.
    """

    system: str

    def __init__(self, backend: str = "loky", n_jobs: int = -1, verbose: bool = True, root_seed: int = 42) -> None:
        if backend not in ("loky", "multiprocessing"):
            raise ConfigError(f"backend = {backend!r}: must be 'loky' or 'multiprocessing'; both mean worker processes")
        self.backend = backend
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.root_seed = root_seed

    def run(
        self,
        dataset_sizes: Mapping[str, int],
        instance_generator: Callable[[int], Any],
        statistics_calculator: Callable[[Any, Any], Mapping[str, Any]] | None = None,
        dataset_writer: DatasetWriter | None = None,
        batch_size: int = 100_000,
        save_dir: str | None = None,
        save_text: bool = True,
        save_json: bool = True,
    ) -> None:
        """Generate the splits of `dataset_sizes`.

        Args:
            dataset_sizes: samples by split name.
            instance_generator: `seed -> (problem, answer)`.
            statistics_calculator: `(problem, answer) -> numbers`, or None.
            dataset_writer: says where to and in which formats to write, in place of the last three arguments;
                `if_exists="overwrite"` replaces another dataset there.
            batch_size: samples per shard.
            save_dir: folder of the dataset; None for the working directory.
            save_text: write `<split>_raw.txt`.
            save_json: write `<split>_data.jsonl`.

        Raises:
            As `DatasetPipeline.run`.
        """
        writer = dataset_writer or DatasetWriter(save_dir, save_text, save_json)
        if writer.if_exists == "append":
            raise ConfigError("a dataset is made whole: a DatasetWriter with if_exists='append' cannot be used here")
        DatasetPipeline(
            instance_generator,
            statistics_calculator,
            save_dir=str(writer.save_dir),
            save_text=writer.save_text,
            save_json=writer.save_json,
            splits=dataset_sizes,
            batch_size=batch_size,
            n_jobs=self.n_jobs,
            root_seed=self.root_seed,
            verbose=self.verbose,
            backend=self.system,
        ).run(overwrite=writer.if_exists == "overwrite")
