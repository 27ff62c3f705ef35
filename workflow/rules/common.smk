# What all rules share: where the package is, the config, and the helpers that rules name.

import importlib.util
import inspect
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config
from snakemake_interface_executor_plugins.settings import DeploymentMethod

# Relative to this file, since `workflow.basedir` is another repository's when this one is used as a module.
REPOSITORY = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parents[1]
SOURCE = str(REPOSITORY / "src")
SCRIPTS = shlex.quote(str(REPOSITORY / "workflow" / "scripts"))

if SOURCE not in sys.path:
    sys.path.insert(0, SOURCE)

from algebraset.backends import HOW_TO_GET, MODULES
from algebraset.config import RUN_KEYS, resolve_config, sample_settings
from algebraset.errors import ConfigError
from algebraset.functions import FUNCTION_KEYS, source_file
from algebraset.plan import batch, checksums_file, data_files, digests_file, generation_order, num_batches
from algebraset.shards import locked
from algebraset.version import GENERATION_REVISION

# Snakemake brings all that is needed here but OmegaConf.
if importlib.util.find_spec("omegaconf") is None:

    conda: "../../envs/workflow.yaml"

    importlib.invalidate_caches()
    if importlib.util.find_spec("omegaconf") is None:
        raise WorkflowError(
            f"OmegaConf is missing in the Python of Snakemake: {shlex.quote(sys.executable)} -m pip install omegaconf "
            "(or use --use-conda, which brings it)"
        )


def typed(value):
    """Return a value of --config with its strings read as YAML."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return yaml.safe_load(value) if isinstance(value, str) else value


# A config file on the command line replaces the default one instead of being mixed with it.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml" if os.path.exists("config/config.yaml") else str(REPOSITORY / "config/config.yaml")


# Snakemake reads nested values of --config as strings: dataset={batch_size: 5} has the string "5".
if not workflow.modifier.skip_configfile:
    update_config(config, typed(workflow.config_settings.config))

try:
    DATASETS = {dataset["save_dir"]: dataset for dataset in resolve_config(config).values()}
except ConfigError as error:
    raise WorkflowError(f"config: {error}")

USES_CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
for dataset in DATASETS.values():
    if not USES_CONDA and importlib.util.find_spec(MODULES[dataset["backend"]]) is None:
        raise WorkflowError(f"dataset {dataset['name']}: {HOW_TO_GET[dataset['backend']]} (looked in {sys.executable})")

for dataset in DATASETS.values():
    if dataset["save_dir"] == ".":
        raise WorkflowError(
            f"config: {dataset['name']}.save_dir = '.': name a folder, it cannot be the working directory"
        )
    for key in (*FUNCTION_KEYS, "ledger"):
        file = dataset[key] if key == "ledger" else source_file(dataset[key])
        if file is not None and not os.path.isfile(file):
            raise WorkflowError(f"config: {dataset['name']}.{key} = {dataset[key]!r}: there is no file {file}")

# On a cluster Snakemake is told a number of jobs and not of cores.
if workflow.resource_settings.nodes is not None and workflow.resource_settings.cores is None:
    for dataset in DATASETS.values():
        if dataset["n_jobs"] < 0:
            raise WorkflowError(
                f"config: {dataset['name']}.n_jobs = {dataset['n_jobs']} counts the cores of one machine: on a cluster, "
                "give a positive number"
            )

NUM_JOBS = sum(num_batches(dataset, split) for dataset in DATASETS.values() for split in dataset["splits"])
if NUM_JOBS > 20_000:
    factor = -(-NUM_JOBS // 1000)
    logger.warning(
        f"This config makes {NUM_JOBS:,} generate jobs. Snakemake needs some milliseconds for each before the first one "
        f"starts: with a batch_size {factor} times as large, or batches_per_job: {factor}, it would be about 1,000 jobs."
    )

ENVIRONMENTS = {"sympy": "../../envs/sympy.yaml", "sagemath": "../../envs/sage.yaml"}


def command(script):
    """Return the start of a job's command: the Python, fixed string hashing, the package on its path, and the script.

    Under conda the variables must be set inside the command (Snakemake removes an exported PYTHONPATH), and `python` is
    the environment's, without the packages in the user's home. Without conda it is the Python that runs Snakemake. `-P`
    keeps the scripts' folder off the path. `exec` makes the job Snakemake's own child, so that it can end with it.
    It is part of the rule's code, which is no rerun trigger of our profiles: moving the checkout changes no sample.
    """
    python = "python" if USES_CONDA else shlex.quote(sys.executable)
    variables = "PYTHONHASHSEED=0 PYTHONNOUSERSITE=1" if USES_CONDA else "PYTHONHASHSEED=0"
    path = f"{shlex.quote(SOURCE)}${{PYTHONPATH:+:$PYTHONPATH}}"
    text = f"{variables} PYTHONPATH={path} exec {python} -P {SCRIPTS}/{script}.py"
    return text.replace("{", "{{").replace("}", "}}")  # single braces are Snakemake's to fill in


def called_per_batch(function):
    """Give a function the signature that Snakemake looks at before each call: to work it out costs more than the call."""
    function.__signature__ = inspect.signature(function)
    return function


def datasets_of(**settings):
    """Return the folders of the datasets with these settings, as a wildcard constraint for `save_dir`."""
    folders = [folder for folder, data in DATASETS.items() if settings.items() <= data.items()]
    return "|".join(re.escape(folder) for folder in folders)


def source_files(wildcards):
    """Return the user's files with the functions of a dataset: editing one makes the dataset anew."""
    dataset = DATASETS[wildcards.save_dir]
    files = {source_file(dataset[key]) for key in FUNCTION_KEYS} | {dataset["ledger"]}
    return [local(file) for file in sorted(files - {None})]


def resolved(wildcards):
    """Return the resolved dataset as JSON, without what concerns only how it is run."""
    dataset = DATASETS[wildcards.save_dir]
    return json.dumps({key: value for key, value in dataset.items() if key not in RUN_KEYS})


def resolved_but_not_tracked(wildcards, input):
    """Return the same for a job that needs no rerun when the dataset grows: what uses `input` is no rerun trigger."""
    return resolved(wildcards)


def keep_shards_flag(wildcards, input):
    """Return the flag of collecting jobs for a dataset that keeps its shards; not tracked, since it changes no file."""
    return "--keep-shards" if DATASETS[wildcards.save_dir]["keep_shards"] else ""


@called_per_batch
def run_settings(wildcards, input):
    """Return the options of a generate job that change no sample, or that follow from its inputs, and are not tracked.

    It does without `threads`, for which Snakemake would evaluate all resources of jobs that are finished, too.
    """
    dataset = DATASETS[wildcards.save_dir]
    options = f"--batch-size {dataset['batch_size']}"
    if dataset["recycle_after"]:
        options += f" --recycle-after {dataset['recycle_after']}"
    if len(input) > 1:
        options += f" --held-out {' '.join(shlex.quote(str(file)) for file in input[1:])}"
    return options


RECIPES = {folder: json.dumps(sample_settings(dataset)) for folder, dataset in DATASETS.items()}


def recipe(wildcards):
    """Return what decides the bytes of a dataset's samples, as a parameter: when it changes, jobs rerun."""
    return RECIPES[wildcards.save_dir]


@called_per_batch
def sample_range(wildcards):
    """Return which samples a batch has, as a parameter: the last batch of a dataset that grows has more."""
    planned = batch(DATASETS[wildcards.save_dir], wildcards.split, int(wildcards.batch))
    return f"{planned.start}-{planned.stop}"


def shards(save_dir, split):
    """Return the planned shards of a split."""
    count = num_batches(DATASETS[save_dir], split)
    return [f"{save_dir}/shards/{split}/{number:07d}" for number in range(count)]


def split_shards(wildcards):
    """Return the shards that a split's final files are made of."""
    return shards(wildcards.save_dir, wildcards.split)


@called_per_batch
def held_out_digests(wildcards):
    """Return the digests of the splits whose problems a split must not have (none but with `leakage: reject`)."""
    names = dict(generation_order(DATASETS[wildcards.save_dir]))[wildcards.split]
    return [str(digests_file(wildcards.save_dir, name)) for name in names]


def all_shards(wildcards):
    """Return the shards of all splits of a dataset."""
    save_dir = wildcards.save_dir
    return [shard for split in DATASETS[save_dir]["splits"] for shard in shards(save_dir, split)]


def all_data_files(wildcards):
    """Return the final text and JSON Lines files of a dataset."""
    dataset = DATASETS[wildcards.save_dir]
    return [str(path) for split in dataset["splits"] for path in data_files(dataset, split).values()]


def all_checksums(wildcards):
    """Return the checksums of the final files of a dataset, one file a split."""
    save_dir = wildcards.save_dir
    return [str(checksums_file(save_dir, split)) for split in DATASETS[save_dir]["splits"]]


def final_files():
    """Return all that a run makes; the rest is scratch."""
    names = ("statistics.json", "manifest.json", "SHA256SUMS")
    return [f"{folder}/{name}" for folder in DATASETS for name in names]


def require_folders():
    """Raise if a dataset's folder cannot be written or the Python API works in it: before Snakemake deletes outputs."""
    for folder in DATASETS:
        try:
            with locked(Path(folder), shared=True):
                pass
        except ConfigError as error:
            raise WorkflowError(str(error))


def name_full_disks():
    """Say which datasets are on a full disk: there the jobs' logs, which would say so, are empty."""
    for folder in DATASETS:
        if os.path.isdir(folder) and shutil.disk_usage(folder).free < 4096:
            logger.error(f"{folder}: no space left on device. Make room and run again: what is finished is kept.")


@called_per_batch
def generate_threads(wildcards):
    """Return the processes of a generate job: `n_jobs`, where -1 means all cores that Snakemake may use."""
    n_jobs = DATASETS[wildcards.save_dir]["n_jobs"]
    if n_jobs > 0:
        return n_jobs
    return max(1, workflow.cores + 1 + n_jobs)


@called_per_batch
def generate_mem_mb(wildcards, threads, attempt):
    """Return the memory of a generate job: 1 GB a process, as much again with every retry, and some for Snakemake.

    With `leakage: reject` each process holds the digests of the held-out problems, about 100 bytes each.
    """
    dataset = DATASETS[wildcards.save_dir]
    names = dict(generation_order(dataset))[wildcards.split]
    digests = sum(dataset["splits"][name] for name in names) // 10_000
    return 500 + (1000 + digests) * threads * attempt


@called_per_batch
def generate_runtime(wildcards, attempt):
    """Return the minutes a generate job may take, more with every retry."""
    return 120 * attempt


def collect_runtime(wildcards, attempt):
    """Return the minutes a collecting job may take, more with every retry."""
    return 60 * attempt


def collect_mem_mb(wildcards, attempt):
    """Return the memory of planning and collecting jobs, which does not grow with the dataset."""
    return 1000 * attempt


wildcard_constraints:
    split=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    batch=r"[0-9]+",
    save_dir=datasets_of() or "(?!)",
