"""Config: load it, fill in defaults, validate it against the schema, and say clearly what is wrong."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from algebraset.errors import ConfigError

SCHEMA_NAME = "config.schema.yaml"

# What decides the bytes of a sample: these keys make a shard valid or stale, all others do not.
SAMPLE_KEYS = (
    "generator",
    "generator_params",
    "statistics",
    "check",
    "backend",
    "root_seed",
    "save_text",
    "save_json",
    "max_attempts",
    "on_error",
    "sample_timeout",
    "ledger",
    "canonical",
)

RUN_KEYS = ("name", "n_jobs", "verbose", "keep_shards")
"""What concerns only how a dataset is made, and so is in no manifest: whoever makes it again chooses anew."""


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of a config file (from the package if installed, else from the repository)."""
    import yaml

    here = Path(__file__).resolve().parent
    installed = here / SCHEMA_NAME
    path = installed if installed.exists() else here.parents[1] / "workflow" / "schemas" / SCHEMA_NAME
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def dataset_keys() -> dict[str, dict[str, Any]]:
    """Return the schema of every key of a `dataset:` block, by key."""
    return schema()["$defs"]["dataset"]["properties"]


def load_config(path: str | Path) -> dict[str, dict[str, Any]]:
    """Load a config file and return its resolved datasets by name.

    Raises:
        ConfigError: the file is missing, is not YAML, or breaks the schema.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"config file {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"config file {path} is not UTF-8: {error}") from None
    import yaml

    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"config file {path} is not valid YAML: {error}") from None
    try:
        return resolve_config(config)
    except ConfigError as error:
        raise ConfigError(f"config file {path}: {error}") from error


def resolve_config(config: Any) -> dict[str, dict[str, Any]]:
    """Interpolate, validate and complete a config; return its datasets by name.

    A resolved dataset has every key of the schema, `name`, and `splits` in place of its short form. The only
    dataset of a config without `datasets` is called "dataset". A dataset's `recipe.json` and `manifest.json` hold its
    config, so they are configs too.

    Raises:
        ConfigError: names the key, the value, what is allowed and the nearest known key.
    """
    config = _interpolate(config)
    if isinstance(config.get("config"), dict) and "fingerprint" in config:
        config = config["config"]
    config = _with_string_keys(config)
    _validate(config, schema())
    shared = config.get("dataset", {})
    if "datasets" not in config:
        return {"dataset": _resolve_dataset("dataset", shared, "dataset")}
    resolved = {}
    for name, own in config["datasets"].items():
        merged = _merge(shared, own)
        if "save_dir" not in own:
            merged["save_dir"] = os.path.join(_with_default(shared, "save_dir"), name)
        resolved[name] = _resolve_dataset(name, merged, f"datasets.{name}")
    _require_distinct_folders(resolved)
    return resolved


def resolve_dataset(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve one `dataset:` block given as a mapping (the Python API and tests)."""
    return resolve_config({"dataset": dict(dataset)})["dataset"]


def config_block(config: Any) -> dict[str, Any]:
    """Return a `dataset:` block, an OmegaConf `DictConfig` or a mapping, as a dict whose interpolations are done.

    Raises:
        ConfigError: it is no mapping, or cannot be resolved.
    """
    return {key: escaped(value) for key, value in _interpolate(config).items()}


def select_dataset(datasets: dict[str, dict[str, Any]], name: str | None) -> dict[str, Any]:
    """Return the dataset called `name`; without a name, the only one there is."""
    if name is None and len(datasets) == 1:
        return next(iter(datasets.values()))
    if name is None:
        raise ConfigError(f"the config has several datasets: choose one with --dataset ({', '.join(datasets)})")
    if name not in datasets:
        raise ConfigError(f"no dataset {name!r}{_nearest(name, datasets)}: the config has {', '.join(datasets)}")
    return datasets[name]


def sample_settings(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved dataset that decides the bytes of its samples."""
    settings = {key: dataset[key] for key in SAMPLE_KEYS}
    # Counting leaks or not changes no sample, rejecting them does.
    return settings | {"reject_leaks": dataset["leakage"] == "reject"}


def as_config(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved dataset as a config that resolves to the same samples."""
    return {"dataset": {key: escaped(value) for key, value in dataset.items() if key not in RUN_KEYS}}


def read_resolved(path: Path) -> dict[str, Any]:
    """Return the resolved dataset in a `recipe.json`; unlike `load_config` it needs neither OmegaConf nor a schema."""
    return _changed(json.loads(path.read_text(encoding="utf-8"))["config"]["dataset"], "\\${", "${")


def _changed(value: Any, old: str, new: str) -> Any:
    """Return a value with a text replaced in all strings it holds."""
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {key: _changed(item, old, new) for key, item in value.items()}
    return [_changed(item, old, new) for item in value] if isinstance(value, list) else value


def escaped(value: Any) -> Any:
    """Return a resolved value so that interpolation leaves it alone."""
    return _changed(value, "${", "\\${")


def _interpolate(config: Any) -> Any:
    from omegaconf import DictConfig, ListConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if config is None:
        raise ConfigError("the config is empty: it needs a `dataset:` block")
    if not isinstance(config, Mapping | DictConfig):
        raise ConfigError(f"the config must be a mapping with a `dataset:` block, not {type(config).__name__}")
    try:
        if not isinstance(config, DictConfig | ListConfig):
            config = OmegaConf.create(dict(config))
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"the config cannot be resolved: {str(error).splitlines()[0]}") from None


def _merge(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Override shared keys by own ones; the two ways to give splits override each other as a whole."""
    short_form = {"num_train_samples", "num_test_samples"}
    dropped: set[str] = set()
    if "splits" in own:
        dropped = short_form
    elif short_form & set(own):
        dropped = {"splits"}
    return {key: value for key, value in shared.items() if key not in dropped} | dict(own)


def _with_default(block: Mapping[str, Any], key: str) -> Any:
    return block.get(key, dataset_keys()[key].get("default"))


def _resolve_dataset(name: str, block: Mapping[str, Any], where: str) -> dict[str, Any]:
    if "generator" not in block:
        raise ConfigError(f"{where}.generator is missing: {dataset_keys()['generator']['description']}")
    short_form = [key for key in ("num_train_samples", "num_test_samples") if key in block]
    if "splits" in block and short_form:
        raise ConfigError(f"{where}: give either splits or {' and '.join(short_form)}, not both")
    if "splits" not in block and not short_form:
        raise ConfigError(f"{where}: say how many samples to make: num_train_samples and num_test_samples, or splits")
    splits = block.get("splits") or {
        key.split("_")[1]: block[key] for key in ("num_train_samples", "num_test_samples") if key in block
    }
    resolved: dict[str, Any] = {"name": name}
    for key in dataset_keys():
        if key not in ("num_train_samples", "num_test_samples", "splits"):
            resolved[key] = _with_default(block, key)
    resolved["splits"] = dict(splits)
    resolved["save_dir"] = os.path.normpath(resolved["save_dir"])
    unknown = [split for split in resolved["held_out"] or () if split not in splits]
    if unknown:
        nearest = _nearest(unknown[0], splits)
        raise ConfigError(f"{where}.held_out: no split {unknown[0]!r}{nearest} (there are {', '.join(splits)})")
    if not (resolved["save_text"] or resolved["save_json"]):
        raise ConfigError(f"{where}: save_text and save_json are both false, so nothing would be written; set one true")
    return resolved


def _require_distinct_folders(datasets: Mapping[str, Mapping[str, Any]]) -> None:
    owners: dict[str, str] = {}
    for name, dataset in datasets.items():
        folder = dataset["save_dir"]
        if folder in owners:
            raise ConfigError(f"datasets {owners[folder]} and {name} have the same save_dir {folder!r}")
        for other, owner in owners.items():
            if f"{folder}/".startswith(f"{other}/") or f"{other}/".startswith(f"{folder}/"):
                raise ConfigError(
                    f"the save_dir of dataset {name}, {folder!r}, and that of {owner}, {other!r}, are nested"
                )
        owners[folder] = name


def _validate(config: Any, against: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import extend

    # JSON Schema counts 42.0 as an integer; as a root seed it is another text than 42.
    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    validator = extend(Draft202012Validator, type_checker=checker)
    error = best_match(validator(against).iter_errors(config))
    if error is not None:
        raise ConfigError(_explain(error))


def _with_string_keys(value: Any) -> Any:
    """Return a config whose names are strings, also where YAML reads them as numbers or booleans."""
    if isinstance(value, dict):
        return {str(key): _with_string_keys(item) for key, item in value.items()}
    return [_with_string_keys(item) for item in value] if isinstance(value, list) else value


def _explain(error: Any) -> str:
    """Turn one jsonschema error into a sentence with key, value, what is allowed and the nearest key."""
    path = ".".join(str(part) for part in error.absolute_path)
    rule = error.schema
    if error.validator == "additionalProperties":
        known = list(rule["properties"])
        unknown = sorted(str(key) for key in error.instance if key not in rule["properties"])
        prefix = f"{path}." if path else ""
        return "; ".join(f"unknown key {prefix}{key}{_nearest(key, known)}" for key in unknown) + (
            f" (known keys: {', '.join(known)})"
        )
    if "propertyNames" in error.absolute_schema_path:
        return f"{path}: {error.instance!r} is no name: it must match {rule['pattern']}"
    allowed = {
        "type": lambda: f"must be of type {_types(rule['type'])}",
        "enum": lambda: f"must be one of {', '.join(map(str, rule['enum']))}{_nearest(error.instance, rule['enum'])}",
        "minimum": lambda: f"must be at least {rule['minimum']}",
        "exclusiveMinimum": lambda: f"must be more than {rule['exclusiveMinimum']}",
        "uniqueItems": lambda: "must not name anything twice",
        "not": lambda: "is not allowed",
        "minLength": lambda: "must not be empty",
        "pattern": lambda: f"must match {rule['pattern']}",
        "minProperties": lambda: "must not be empty",
    }.get(error.validator, lambda: error.message)()
    text = f"{path or 'config'} = {json.dumps(error.instance, ensure_ascii=False, default=str)}: {allowed}"
    return f"{text}. {rule['description']}" if "description" in rule else text


def _types(kind: str | list[str]) -> str:
    return kind if isinstance(kind, str) else " or ".join(kind)


def _nearest(key: Any, known: Any) -> str:
    close = difflib.get_close_matches(str(key), [str(item) for item in known], n=1)
    return f", did you mean {close[0]}?" if close else ""
