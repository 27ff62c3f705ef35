"""Config: what is accepted, what it becomes, and that every error says key, value, what is allowed and the nearest."""

from __future__ import annotations

import json
import os
import re

import pytest
import yaml
from helpers import ROOT, make
from omegaconf import OmegaConf

from algebraset import ConfigError, DatasetPipeline, DatasetWriter
from algebraset.config import (
    as_config,
    dataset_keys,
    load_config,
    resolve_config,
    resolve_dataset,
    sample_settings,
    select_dataset,
)

BASE = {"generator": "g.py:generate", "num_train_samples": 10, "num_test_samples": 2}


def wrong(config, *words: str) -> str:
    """Check that a config is an error whose text has all the words; return the text."""
    with pytest.raises(ConfigError) as caught:
        resolve_config(config)
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value}"
    return str(caught.value)


@pytest.mark.parametrize("key", sorted(dataset_keys()))
def test_an_unknown_key_suggests_the_nearest(key):
    typo = key[:-2] + key[-1] + key[-2] if key[-1] != key[-2] else key + "x"
    text = wrong({"dataset": {**BASE, typo: 1}}, f"dataset.{typo}", f"did you mean {key}?")
    assert all(known in text for known in dataset_keys())


def test_unknown_keys_are_named_at_every_level():
    wrong({"datset": BASE}, "datset", "did you mean dataset?")
    wrong({"dataset": BASE, "datasets": {"a": {"bath_size": 1}}}, "datasets.a.bath_size", "did you mean batch_size?")
    wrong({"dataset": {**BASE, "colour": 1, "taste": 2}}, "dataset.colour", "dataset.taste")


WRONG_TYPES = {
    "generator": [None, 3, ["a"], ""],
    "generator_params": [None, 3, "a", [1]],
    "statistics": [3, "", ["a"]],
    "check": [3, "", ["a"]],
    "save_dir": [None, 3, ""],
    "num_train_samples": [None, "10", 1.5, True],
    "num_test_samples": [None, "1e4", 0.5, False],
    "splits": [None, 3, [1], "train"],
    "batch_size": [None, "5", 2.5, True],
    "n_jobs": [None, "all", 0.5, True],
    "root_seed": [None, "42", 0.5, True],
    "save_text": [None, "yes", 1, 0],
    "save_json": [None, "no", 1, 0],
    "verbose": [None, "off", 1],
    "max_attempts": [None, "5", 1.5, True],
    "keep_shards": [None, "true", 1],
    "backend": [None, 3, ["sympy"]],
}


@pytest.mark.parametrize("key, value", [(key, value) for key, values in WRONG_TYPES.items() for value in values])
def test_wrong_types_are_errors_with_key_value_and_type(key, value):
    block = {k: v for k, v in BASE.items() if key != "splits" or "samples" not in k}
    text = wrong({"dataset": {**block, key: value}}, f"dataset.{key}", json.dumps(value))
    assert "must" in text


@pytest.mark.parametrize("key", ["batch_size", "n_jobs", "root_seed", "max_attempts"])
def test_a_float_is_no_integer_even_where_it_has_no_fraction(key):
    """JSON Schema counts 42.0 as an integer, but the seed text of root_seed 42.0 is another than that of 42."""
    try:
        value = resolve_dataset({**BASE, key: 42.0})[key]
    except ConfigError as error:
        assert f"dataset.{key}" in str(error) and "42.0" in str(error)
    else:
        assert type(value) is int


@pytest.mark.parametrize("counts", [{"splits": {"train": 10.0}}, {"num_train_samples": 10.0}])
def test_a_float_is_no_number_of_samples(counts):
    try:
        value = resolve_dataset({"generator": "g:f", **counts})["splits"]["train"]
    except ConfigError as error:
        assert "train" in str(error) and "10.0" in str(error)
    else:
        assert type(value) is int


@pytest.mark.parametrize(
    "key, value, allowed",
    [
        ("num_train_samples", -1, "at least 0"),
        ("num_test_samples", -5, "at least 0"),
        ("batch_size", 0, "at least 1"),
        ("max_attempts", 0, "at least 1"),
        ("n_jobs", 0, "not"),
        ("backend", "sagemth", "sympy, sagemath, did you mean sagemath?"),
        ("backend", "maple", "sympy, sagemath"),
        ("save_dir", "data/{x}", "match"),
    ],
)
def test_values_out_of_range_are_errors_that_say_what_is_allowed(key, value, allowed):
    wrong({"dataset": {**BASE, key: value}}, f"dataset.{key} = {json.dumps(value)}", allowed)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "../x", "-a", ".a", "é", "a.b"])
def test_split_names_are_file_names(name):
    wrong({"dataset": {"generator": "g:f", "splits": {name: 1}}}, "dataset.splits", repr(name))


@pytest.mark.parametrize("name", ["", "a/b", "a b", "..", "-a", "é"])
def test_dataset_names_are_folder_names(name):
    wrong({"dataset": BASE, "datasets": {name: {}}}, "datasets", repr(name))


@pytest.mark.parametrize("name", [1, False, 1.5])
def test_names_that_yaml_reads_as_no_string_do_not_crash(name):
    for config in ({"dataset": {"generator": "g:f", "splits": {name: 1}}}, {"dataset": BASE, "datasets": {name: {}}}):
        try:
            resolved = resolve_config(config)
        except ConfigError as error:
            assert str(name) in str(error)
        else:
            assert all(isinstance(key, str) for key in resolved)
            assert all(isinstance(key, str) for dataset in resolved.values() for key in dataset["splits"])


def test_negative_samples_in_splits_name_the_split():
    wrong({"dataset": {"generator": "g:f", "splits": {"dev": -1}}}, "dataset.splits.dev = -1", "at least 0")
    wrong({"dataset": {"generator": "g:f", "splits": {"dev": "x"}}}, "dataset.splits.dev", "integer")
    wrong({"dataset": {"generator": "g:f", "splits": {}}}, "dataset.splits", "must not be empty")


def test_the_number_of_samples_is_said_once():
    wrong({"dataset": {**BASE, "splits": {"train": 1}}}, "splits", "num_train_samples", "not both")
    wrong({"dataset": {"generator": "g:f"}}, "num_train_samples", "num_test_samples", "splits")


def test_a_dataset_needs_a_generator():
    wrong({"dataset": {"num_train_samples": 1}}, "dataset.generator")
    wrong({"datasets": {"a": {"num_train_samples": 1}}}, "datasets.a.generator")


def test_something_must_be_written():
    wrong({"dataset": {**BASE, "save_text": False, "save_json": False}}, "save_text", "save_json")
    shared = {**BASE, "save_text": False}
    wrong({"dataset": shared, "datasets": {"a": {}, "b": {"save_json": False}}}, "datasets.b", "save_json")


@pytest.mark.parametrize("other", ["data/one", "./data/one", "data//one/", "data/two/../one"])
def test_two_datasets_do_not_share_a_folder(other):
    config = {"dataset": BASE, "datasets": {"a": {"save_dir": "data/one"}, "b": {"save_dir": other}}}
    wrong(config, "a and b", "data/one")


@pytest.mark.parametrize("config", [None, {}, [], [1], "dataset", 3, {"dataset": None}, {"datasets": {}}, {1: 2}])
def test_what_is_no_config_is_an_error(config):
    wrong(config)


def test_files_that_cannot_be_read_are_named(tmp_path):
    broken = tmp_path / "broken.yaml"
    for content in ("", "# nothing\n", "dataset: [", "dataset: {generator: a", "a: b: c", "\t- x", "- 1", "text"):
        broken.write_text(content)
        with pytest.raises(ConfigError, match=re.escape(str(broken))):
            load_config(broken)
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(ConfigError, match=re.escape(str(path))):
            load_config(path)


def test_a_file_that_is_no_utf_8_is_a_config_error(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("dataset: {save_dir: é}".encode("latin-1"))
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load_config(path)


def test_interpolation():
    config = {
        "dataset": {**BASE, "root_seed": 7, "save_dir": "data/seed_${dataset.root_seed}"},
        "datasets": {"a": {"generator_params": {"degree": "${dataset.num_test_samples}"}}},
    }
    resolved = resolve_config(config)["a"]
    assert resolved["save_dir"] == "data/seed_7/a"
    assert resolved["generator_params"] == {"degree": 2}
    assert resolve_config(OmegaConf.create(config))["a"] == resolved


@pytest.mark.parametrize("text", ["${nope}", "${dataset.nope}", "${", "${oc.env:ALGEBRASET_NO_SUCH_VARIABLE}", "???"])
def test_interpolations_that_cannot_be_resolved_are_errors(text):
    wrong({"dataset": {**BASE, "save_dir": text}}, "resolved")


def test_the_short_form_means_splits():
    short = resolve_dataset(BASE)
    assert short == resolve_dataset({"generator": BASE["generator"], "splits": {"train": 10, "test": 2}})
    assert short["splits"] == {"train": 10, "test": 2}
    assert "num_train_samples" not in short
    assert resolve_dataset({"generator": "g:f", "num_test_samples": 0})["splits"] == {"test": 0}


def test_defaults_are_those_of_the_schema_and_every_key_is_there():
    resolved = resolve_dataset(BASE)
    assert set(resolved) == set(dataset_keys()) - {"num_train_samples", "num_test_samples"} | {"name"}
    for key, rule in dataset_keys().items():
        if "default" in rule:
            assert resolved[key] == rule["default"]


def test_a_dataset_of_several_overrides_the_shared_keys():
    config = {
        "dataset": {**BASE, "root_seed": 1, "save_dir": "out", "generator_params": {"a": 1}},
        "datasets": {
            "plain": {},
            "own": {"root_seed": 2, "save_dir": "elsewhere", "generator_params": {"b": 2}},
            "split": {"splits": {"dev": 3}},
            "short": {"num_train_samples": 4},
        },
    }
    resolved = resolve_config(config)
    assert {name: dataset["name"] for name, dataset in resolved.items()} == {name: name for name in config["datasets"]}
    assert [resolved[name]["save_dir"] for name in resolved] == ["out/plain", "elsewhere", "out/split", "out/short"]
    assert (resolved["plain"]["root_seed"], resolved["own"]["root_seed"]) == (1, 2)
    assert resolved["own"]["generator_params"] == {"b": 2}
    assert resolved["split"]["splits"] == {"dev": 3}
    assert resolved["short"]["splits"] == {"train": 4, "test": 2}


def test_the_short_form_overrides_shared_splits():
    shared = {"generator": "g:f", "splits": {"train": 1, "dev": 2}}
    resolved = resolve_config({"dataset": shared, "datasets": {"a": {"num_train_samples": 5}, "b": {}}})
    assert resolved["a"]["splits"] == {"train": 5}
    assert resolved["b"]["splits"] == {"train": 1, "dev": 2}
    wrong({"dataset": shared, "datasets": {"a": {"splits": {"x": 1}, "num_train_samples": 5}}}, "datasets.a", "both")


def test_datasets_need_no_shared_block():
    assert resolve_config({"datasets": {"a": BASE}})["a"]["save_dir"] == "data/a"


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"splits": {"a": 0, "B_2-c": 5}},
        {"generator_params": {"nested": {"list": [1, 2.5, None, "x"]}}, "max_attempts": 3},
        {"generator_params": {"text": "\\${not_a_key}"}},
        {"n_jobs": -1, "keep_shards": True, "verbose": False},
    ],
)
def test_a_resolved_dataset_resolves_to_itself(own):
    """All but how it was run: whoever makes the dataset again chooses that anew."""
    block = {"generator": "g:f"} | ({} if "splits" in own else {"num_train_samples": 3}) | own
    resolved = resolve_dataset(block)
    again = resolve_config(json.loads(json.dumps(as_config(resolved))))["dataset"]
    assert again == resolved | {"n_jobs": 1, "keep_shards": False, "verbose": True}


def test_a_manifest_and_a_recipe_are_config_files(tmp_path):
    pipeline = make(tmp_path / "data", num_train_samples=2, num_test_samples=1)
    pipeline.run()
    expected = pipeline.dataset | {"verbose": True}  # how it was run is in no manifest
    assert load_config(tmp_path / "data" / "manifest.json")["dataset"] == expected
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"config": as_config(pipeline.dataset), "fingerprint": "00", "sources": {}}))
    assert load_config(recipe)["dataset"] == expected


def test_choosing_one_of_several_datasets():
    datasets = resolve_config({"dataset": BASE, "datasets": {"addition": {}, "factorization": {}}})
    assert select_dataset(datasets, "addition")["name"] == "addition"
    assert select_dataset({"addition": datasets["addition"]}, None)["name"] == "addition"
    with pytest.raises(ConfigError, match="addition, factorization"):
        select_dataset(datasets, None)
    with pytest.raises(ConfigError, match="did you mean addition"):
        select_dataset(datasets, "additon")


def test_only_what_decides_the_bytes_is_in_the_sample_settings():
    plain = sample_settings(resolve_dataset(BASE))
    for key, value in {"batch_size": 7, "n_jobs": 3, "save_dir": "x", "verbose": False, "keep_shards": True}.items():
        assert sample_settings(resolve_dataset({**BASE, key: value})) == plain
    assert sample_settings(resolve_dataset({**BASE, "num_train_samples": 99})) == plain
    for key, value in {"root_seed": 7, "generator_params": {"a": 1}, "save_text": False, "max_attempts": 2}.items():
        assert sample_settings(resolve_dataset({**BASE, key: value})) != plain


def test_constructor_arguments_are_checked_like_a_config():
    with pytest.raises(ConfigError, match="batch_size = 0"):
        DatasetPipeline(print, None, "out", num_train_samples=1, batch_size=0)
    with pytest.raises(ConfigError, match="nothing would be written"):
        DatasetPipeline(print, None, "out", num_train_samples=1, save_text=False, save_json=False)
    with pytest.raises(ConfigError, match="num_train_samples"):
        DatasetPipeline(print, None, "out")
    for functions in ((None, None), ("g:f", None), (print, "g:f")):
        with pytest.raises(ConfigError, match="must be a function"):
            DatasetPipeline(*functions, "out", num_train_samples=1)


def test_a_pipeline_from_a_config_block_takes_keys_defaults_and_params_from_it():
    cfg = OmegaConf.create(
        {
            "shared": {"degree": 5},
            "dataset": {"num_train_samples": 3, "save_dir": "out", "generator_params": {"degree": "${shared.degree}"}},
        }
    )
    pipeline = DatasetPipeline.from_config(cfg.dataset, lambda seed, degree: (seed, degree))
    assert pipeline.dataset["splits"] == {"train": 3}
    assert pipeline.dataset["backend"] == "sympy"
    assert pipeline.instance_generator(1) == (1, 5)


@pytest.mark.parametrize("block", [{"num_train_samples": "${nope}"}, {"num_train_samples": "???"}, None, 3, {"n": 1}])
def test_a_wrong_config_block_is_a_config_error(block):
    config = OmegaConf.create({"dataset": block}).dataset if isinstance(block, dict) else block
    with pytest.raises(ConfigError):
        DatasetPipeline.from_config(config, print)


def test_a_writer_that_would_write_nothing_is_an_error(tmp_path):
    with pytest.raises((ValueError, ConfigError)):
        DatasetWriter(tmp_path, save_text=False, save_json=False)


def documented_keys() -> dict[str, list[str]]:
    """Return the cells of every row of the key table in config/README.md, by key."""
    rows = {}
    for line in (ROOT / "config" / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and re.fullmatch(r"`\w+`", cells[0]):
            rows[cells[0].strip("`")] = cells
    return rows


def test_the_readme_documents_exactly_the_keys_of_the_schema():
    assert list(documented_keys()) == list(dataset_keys())


@pytest.mark.parametrize("key", dataset_keys())
def test_the_readme_gives_each_key_its_default_type_and_text(key):
    rule, (_, kind, default, text) = dataset_keys()[key], documented_keys()[key]
    if "default" in rule:
        assert yaml.safe_load(default.strip("`")) == rule["default"] and default.startswith("`")
    else:
        assert default == "(required)" if key == "generator" else default == "(none)"
    names = {"object": "mapping", "array": "list"}
    for name in [rule["type"]] if isinstance(rule["type"], str) else rule["type"]:
        assert names.get(name, name) in kind or all(f"`{value}`" in kind for value in rule.get("enum", [""]))
    minimum = rule.get("minimum", rule.get("additionalProperties", {}).get("minimum") if key == "splits" else None)
    assert (f"at least {minimum}" in kind) == (minimum is not None)
    assert text.endswith(".") and len(text) > 10


def test_the_default_config_is_valid_and_its_functions_exist():
    from algebraset.generate import load_recipe

    path = ROOT / "config" / "config.yaml"
    (dataset,) = load_config(path).values()
    assert dataset["splits"] == {"train": 10000, "test": 1000}
    assert not os.path.isabs(dataset["save_dir"])
    assert load_recipe(dataset).check is not None
