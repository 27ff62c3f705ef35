"""Formats: text and JSON Lines against their definition and calt-x's golden files, and the writer's rules."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from helpers import ROOT, make, run_python
from hypothesis import given
from hypothesis import strategies as st

from algebraset import DatasetWriter, FormatError
from algebraset.backends.sympy import leaf_to_text
from algebraset.formats import is_ambiguous, json_line, nested_string, text_and_json, text_line
from algebraset.seeds import sample_seed
from algebraset.statistics import load_json

GOLDEN = ROOT / "tests" / "golden"
sys.path.insert(0, str(GOLDEN))
import generators_sympy  # noqa: E402

SPLITS = {"train": 6, "test": 3}
LINE_BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]

harmless = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
harmless |= st.sampled_from(["", "0", " ", '"', "\\", "\t", "\x00", "é", "\U0001f9ee", "a b"])
hostile = harmless | st.text(max_size=8) | st.sampled_from(["#", " # ", "|", " | ", " || ", *LINE_BREAKS])


def test_the_line_breaks_tested_here_are_all_there_are():
    every = (chr(code) for code in range(0x110000))
    assert [mark for mark in every if len(f"x{mark}x".splitlines()) > 1] == [
        m for m in sorted(LINE_BREAKS) if len(m) == 1
    ]


def nested(leaves):
    return leaves | st.lists(leaves, max_size=4) | st.lists(leaves | st.lists(leaves, max_size=3), max_size=4)


def joined(value) -> str:
    """Join a nested string as the definition says: a flat list with ` | `, a list with a list in it with ` || `."""
    if isinstance(value, str):
        return value
    if all(isinstance(item, str) for item in value):
        return " | ".join(value)
    return " || ".join(item if isinstance(item, str) else " | ".join(item) for item in value)


def leaves_of(value) -> list[str]:
    return [value] if isinstance(value, str) else [leaf for item in value for leaf in leaves_of(item)]


def corrupts(leaf: str) -> bool:
    return "#" in leaf or "|" in leaf or any(mark in leaf for mark in LINE_BREAKS)


@given(nested(hostile), nested(hostile))
def test_a_text_line_is_as_defined_or_an_error(problem, answer):
    broken = [leaf for leaf in leaves_of([problem, answer]) if corrupts(leaf)]
    if broken:
        with pytest.raises(FormatError) as caught:
            text_line(problem, answer)
        assert any(repr(leaf) in str(caught.value) for leaf in broken)
        assert "save_text" in str(caught.value)
    else:
        assert text_line(problem, answer) == f"{joined(problem)} # {joined(answer)}"


@given(st.lists(st.tuples(nested(hostile), nested(hostile)), max_size=4))
def test_lines_together_are_ambiguous_if_one_of_them_is(samples):
    text = "".join(f"{joined(problem)} # {joined(answer)}\n" for problem, answer in samples)
    lines = "".join(f"{json_line(problem, answer)}\n" for problem, answer in samples)
    broken = any(corrupts(leaf) for sample in samples for leaf in leaves_of(list(sample)))
    assert is_ambiguous(text, lines, len(samples)) == broken


@given(nested(hostile), nested(hostile))
def test_a_json_line_is_what_json_dumps_writes_and_comes_back(problem, answer):
    line = json_line(problem, answer)
    assert line == json.dumps({"problem": problem, "answer": answer}, ensure_ascii=False)
    assert json.loads(line) == {"problem": problem, "answer": answer}
    assert "\n" not in line


scalars = st.integers() | st.booleans() | st.none() | st.tuples(st.integers(), st.lists(st.integers(), max_size=2))


@given(nested(scalars))
def test_only_lists_nest_and_every_leaf_is_its_str(value):
    expected = value
    if isinstance(value, list):
        expected = [[str(leaf) for leaf in item] if isinstance(item, list) else str(item) for item in value]
    else:
        expected = str(value)
    assert nested_string(value, leaf_to_text) == expected
    assert nested_string(value, str) == expected
    assert text_and_json(value, str) == (joined(expected), json.dumps(expected, ensure_ascii=False))


@pytest.mark.parametrize("value", [[[[]]], [[[1]]], [1, [2, [3]]], [[], [[]]]])
def test_deeper_nesting_is_an_error(value):
    for convert in (nested_string, text_and_json):
        with pytest.raises(FormatError, match="two levels"):
            convert(value, str)


@pytest.mark.parametrize("mark", ["#", "|", *LINE_BREAKS])
@pytest.mark.parametrize("place", ["{}", "a{}", "{}b", "a{}b"])
def test_every_leaf_that_would_corrupt_its_line_is_named(mark, place):
    leaf = place.format(mark)
    for problem, answer in ((leaf, "1"), ("1", leaf), (["1", leaf], []), ([["1"], [leaf]], "2")):
        with pytest.raises(FormatError) as caught:
            text_line(problem, answer)
        assert repr(leaf) in str(caught.value)
        assert json.loads(json_line(problem, answer)) == {"problem": problem, "answer": answer}


def golden(case: str, split: str, suffix: str) -> bytes:
    return (GOLDEN / "sympy" / case / f"{split}_{suffix}").read_bytes()


def test_every_golden_folder_has_a_generator_and_the_other_way_round():
    assert {path.name for path in (GOLDEN / "sympy").iterdir()} == set(generators_sympy.CASES)


@pytest.mark.parametrize("case", generators_sympy.CASES)
def test_formats_write_the_golden_bytes(case):
    generate = generators_sympy.CASES[case]
    for split, count in SPLITS.items():
        text, lines = "", ""
        for index in range(count):
            pair = generate(sample_seed(42, split, index))
            strings = [nested_string(value, leaf_to_text) for value in pair]
            text += text_line(*strings) + "\n"
            lines += json_line(*strings) + "\n"
        assert text.encode() == golden(case, split, "raw.txt")
        assert lines.encode() == golden(case, split, "data.jsonl")


@pytest.mark.parametrize("case", generators_sympy.CASES)
def test_the_pipeline_writes_the_golden_bytes_and_statistics(case, tmp_path):
    statistics = generators_sympy.STATISTICS.get(case)
    make(
        tmp_path,
        generators_sympy.CASES[case],
        statistics,
        num_train_samples=6,
        num_test_samples=3,
        root_seed=42,
        n_jobs=1,
        batch_size=4,
    ).run()
    ours = json.loads((tmp_path / "statistics.json").read_text())["splits"]
    for split, count in SPLITS.items():
        for suffix in ("raw.txt", "data.jsonl"):
            assert (tmp_path / f"{split}_{suffix}").read_bytes() == golden(case, split, suffix)
        assert ours[split]["num_samples"] == count
        if statistics is not None:
            theirs = yaml.safe_load(golden(case, split, "stats.yaml"))
            assert theirs.pop("num_samples") == count
            assert {key for key in ours[split] if key.endswith("_stats")} == set(theirs)
            for category, metrics in theirs.items():
                require_same_numbers(ours[split][category], metrics)


def require_same_numbers(ours: dict, theirs: dict) -> None:
    """Compare one metric, or all of a category; calt-x rounds while it adds, so sums agree to 12 digits."""
    if "mean" not in theirs or isinstance(theirs["mean"], dict):
        assert set(ours) == set(theirs)
        for name in theirs:
            require_same_numbers(ours[name], theirs[name])
        return
    assert (ours["min"], ours["max"]) == (theirs["min"], theirs["max"])
    for key in ("mean", "std"):
        assert math.isclose(ours[key], theirs[key], rel_tol=1e-12)


SAMPLES = [("p", []), ([], "q"), ("", ""), ("0", "0"), (["a", "b"], [["1"], "2", []]), ("é", ["\U0001f9ee"])]


@given(st.lists(st.tuples(nested(harmless), nested(harmless)), max_size=8))
def test_what_was_written_comes_back(samples):
    with tempfile.TemporaryDirectory() as folder, DatasetWriter(folder, save_text=False) as writer:
        writer.save_batch(samples, "train")
        assert writer.load_dataset_jsonl("train") == samples


@pytest.mark.parametrize("mark", LINE_BREAKS)
def test_json_lines_keep_unicode_line_breaks(tmp_path, mark):
    with DatasetWriter(tmp_path, save_text=False) as writer:
        writer.save_batch([(f"a{mark}b", mark)], "train")
    assert DatasetWriter(tmp_path).load_dataset_jsonl("train") == [(f"a{mark}b", mark)]


def test_empty_answers_and_zero_come_back(tmp_path):
    with DatasetWriter(tmp_path) as writer:
        writer.save_batch(SAMPLES[:3], "train")
        writer.save_batch(SAMPLES[3:], "train", 1)
    assert writer.load_dataset_jsonl("train") == SAMPLES
    assert (tmp_path / "train_raw.txt").read_text(encoding="utf-8").splitlines() == [
        f"{joined(problem)} # {joined(answer)}" for problem, answer in SAMPLES
    ]


def test_separators_are_public():
    assert (DatasetWriter.INNER_SEP, DatasetWriter.OUTER_SEP) == (" | ", " || ")


@pytest.mark.parametrize("save_text, save_json", [(True, True), (True, False), (False, True)])
def test_only_the_formats_asked_for_are_written(tmp_path, save_text, save_json):
    with DatasetWriter(tmp_path / "new" / "folder", save_text, save_json) as writer:
        writer.open("train")
        writer.save_batch([("1", "2")], "train")
    assert (tmp_path / "new/folder/train_raw.txt").exists() is save_text
    assert (tmp_path / "new/folder/train_data.jsonl").exists() is save_json


def test_batches_are_on_disk_before_the_writer_is_closed(tmp_path):
    writer = DatasetWriter(tmp_path)
    writer.save_batch([("1", "2")], "train")
    assert (tmp_path / "train_raw.txt").read_text() == "1 # 2\n"
    assert writer.load_dataset_jsonl("train") == [("1", "2")]
    writer.close_all()


def test_closing_what_is_not_open_does_nothing_and_opening_twice_neither(tmp_path):
    writer = DatasetWriter(tmp_path)
    writer.close("train")
    writer.close_all()
    writer.open("train")
    writer.open("train")
    writer.save_batch([("1", "2")], "train")
    writer.close("train")
    writer.close("train")
    assert writer.load_dataset_jsonl("train") == [("1", "2")]


def test_a_writer_continues_a_split_that_it_closed_when_asked(tmp_path):
    writer = DatasetWriter(tmp_path)
    writer.save_batch([("1", "1")], "train", 0)
    writer.close("train")
    writer.save_batch([("2", "2")], "train", 1)
    writer.close("train")
    with pytest.raises(ValueError, match="batch 0"):
        writer.save_batch([("3", "3")], "train", 0)
    writer.open("train")
    writer.save_batch([("4", "4")], "train", 0)
    writer.close_all()
    assert writer.load_dataset_jsonl("train") == [("1", "1"), ("2", "2"), ("4", "4")]


def test_splits_do_not_mix(tmp_path):
    with DatasetWriter(tmp_path) as writer:
        for number in range(3):
            writer.save_batch([(str(number), "a")], "train", number)
            writer.save_batch([(str(number), "b")], "test", number)
    assert [answer for _, answer in writer.load_dataset_jsonl("test")] == ["b"] * 3
    assert [answer for _, answer in writer.load_dataset_jsonl("train")] == ["a"] * 3


@pytest.mark.parametrize("existing", ["train_raw.txt", "train_data.jsonl"])
@pytest.mark.parametrize("batch_idx", [0, 1])
def test_existing_files_are_neither_truncated_nor_doubled(tmp_path, existing, batch_idx):
    (tmp_path / existing).write_text("mine\n")
    with DatasetWriter(tmp_path) as writer, pytest.raises(FileExistsError, match=existing):
        writer.save_batch([("1", "2")], "train", batch_idx)
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "mine\n"


def test_existing_files_are_overwritten_or_appended_to_when_asked(tmp_path):
    for if_exists, expected in (("overwrite", ["1"]), ("overwrite", ["1"]), ("append", ["1", "1"])):
        with DatasetWriter(tmp_path, if_exists=if_exists) as writer:
            writer.save_batch([("1", "x")], "train")
        assert [problem for problem, _ in writer.load_dataset_jsonl("train")] == expected
        assert (tmp_path / "train_raw.txt").read_text().count("\n") == len(expected)


def test_a_bad_batch_writes_nothing(tmp_path):
    with DatasetWriter(tmp_path) as writer:
        writer.save_batch([("1", "2")], "train")
        for bad in ("a#b", "a|b", "a\nb"):
            with pytest.raises(FormatError, match="train, batch 1, sample 2"):
                writer.save_batch([("3", "4"), ("5", "6"), (bad, "7")], "train", 1)
    assert writer.load_dataset_jsonl("train") == [("1", "2")]
    assert (tmp_path / "train_raw.txt").read_text() == "1 # 2\n"


@pytest.mark.parametrize("save_text, save_json", [(True, True), (True, False), (False, True)])
def test_text_that_is_no_unicode_is_a_format_error_and_writes_nothing(tmp_path, save_text, save_json):
    with DatasetWriter(tmp_path, save_text, save_json) as writer, pytest.raises(FormatError, match="sample 1"):
        writer.save_batch([("1", "2"), ("\ud800", "3")], "train")
    assert all(path.stat().st_size == 0 for path in tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [1, None, [1], [["a", 2]], [[["a"]]], ("a",)])
def test_samples_that_are_no_nested_strings_are_errors(tmp_path, wrong):
    with DatasetWriter(tmp_path) as writer:
        for pair in ((wrong, "1"), ("1", wrong)):
            with pytest.raises(FormatError):
                writer.save_batch([pair], "train")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tag", ["", None, 3])
def test_tags_are_non_empty_strings(tmp_path, tag):
    writer = DatasetWriter(tmp_path)
    for method in (writer.open, writer.close, writer.load_dataset_jsonl):
        with pytest.raises(ValueError, match="tag"):
            method(tag)
    with pytest.raises(ValueError, match="tag"):
        writer.save_batch([], tag)
    with pytest.raises(ValueError, match="tag"):
        writer.save_final_statistics({}, tag)


def test_an_unknown_way_to_treat_existing_files_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="overwrite"):
        DatasetWriter(tmp_path, if_exists="truncate")


def test_statistics_of_all_splits_are_in_one_file(tmp_path):
    writer = DatasetWriter(tmp_path / "new")
    writer.save_final_statistics({"num_samples": 1}, "train")
    writer.save_final_statistics({"num_samples": 10**5000}, "test")
    writer.save_final_statistics({"num_samples": 3}, "train")
    assert load_big(tmp_path / "new" / "statistics.json")["splits"]["test"]["num_samples"] == 10**5000
    assert load_big(tmp_path / "new" / "statistics.json")["splits"]["train"] == {"num_samples": 3}


def load_big(path: Path):
    return load_json(path.read_bytes())


@pytest.mark.parametrize("line", ["", "{}", '{"problem": "1"}', "[1]", '"text"', "{'problem': 1}", "3"])
def test_a_line_that_is_no_sample_is_named(tmp_path, line):
    (tmp_path / "train_data.jsonl").write_text('{"problem": "1", "answer": "2"}\n' + line + "\n")
    with pytest.raises(FormatError, match=r"train_data\.jsonl, line 2"):
        DatasetWriter(tmp_path).load_dataset_jsonl("train")


def test_a_missing_split_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        DatasetWriter(tmp_path).load_dataset_jsonl("train")


SCRIPT = """
import sys, locale
assert sys.flags.utf8_mode == 0 and "utf" not in locale.getpreferredencoding(False).lower()
from algebraset import DatasetPipeline, DatasetWriter

def generate(seed):
    return ["\\u00e9", "\\u4e8c\\u6b21", "\\U0001f9ee"], str(seed % 7) + "\\u03b2"

for n_jobs in (1, 2):
    DatasetPipeline(
        generate, lambda problem, answer: {"l\\u00e4nge": len(answer)}, save_dir=str(n_jobs), num_train_samples=4,
        num_test_samples=0, batch_size=2, n_jobs=n_jobs, backend="sympy", verbose=True,
    ).run()
with DatasetWriter("1") as writer:
    writer.save_batch([("\\u00e9", "\\U0001f9ee")], "more")
    writer.save_final_statistics({"l\\u00e4nge": 1}, "more")
    assert writer.load_dataset_jsonl("more") == [("\\u00e9", "\\U0001f9ee")]
assert writer.load_dataset_jsonl("train")[0][0][0] == "\\u00e9"
"""


def test_files_are_utf_8_in_any_locale(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    latin = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = run_python("-X", "utf8=0", "script.py", cwd=tmp_path, **latin)
    assert result.returncode == 0, result.stderr
    for n_jobs in ("1", "2"):
        text = (tmp_path / n_jobs / "train_raw.txt").read_text(encoding="utf-8")
        assert text.startswith("é | 二次 | \U0001f9ee # ")
        assert "länge" in (tmp_path / n_jobs / "statistics.json").read_text(encoding="utf-8")
    assert (tmp_path / "1/train_data.jsonl").read_bytes() == (tmp_path / "2/train_data.jsonl").read_bytes()
