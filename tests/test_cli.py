"""The command line: output, exit codes, errors that can be repeated, and fixed string hashing."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from helpers import run_python

import algebraset
from algebraset import sample_seed
from algebraset.cli import parse

GENERATOR = """
from algebraset import Reject

def generate(seed, factor=1):
    if seed % 3 == 0:
        raise Reject("divisible")
    return [seed % 10, factor], seed % 10 * factor

def words(seed):
    return list({"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"}), seed % 5

def failing(seed):
    raise ZeroDivisionError("no inverse")

def bars(seed):
    return "a|b", 1

def unseeded(seed):
    import random
    return random.random(), 1

def statistics(problem, answer):
    return {"problem": {"first": problem[0]}, "answer": answer}

def not_finite(problem, answer):
    return {"size": float("nan")}

def enormous(problem, answer):
    return {"size": 10**5000}

def check(problem, answer, factor=1):
    return int(problem[0]) * factor == int(answer)

def refuse(problem, answer):
    return False
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "gen").mkdir()
    (tmp_path / "gen" / "my.py").write_text(GENERATOR)
    return tmp_path


def config(folder: Path, name: str = "config file.yaml", datasets=None, **keys) -> str:
    """Write a config file for functions of `gen/my.py`; return its name."""
    functions = {k: f"gen/my.py:{keys.pop(k)}" for k in ("generator", "statistics", "check") if k in keys}
    block = {"generator": "gen/my.py:generate", "save_dir": "out", "num_train_samples": 6, "num_test_samples": 2}
    content = {"dataset": block | functions | keys} | ({"datasets": datasets} if datasets else {})
    (folder / name).write_text(yaml.safe_dump(content))
    return name


def cli(folder: Path, *args: str, status: int = 0, **env: str):
    """Run a verb and check its exit status."""
    result = run_python("-m", "algebraset", *args, cwd=folder, **env)
    assert result.returncode == status, f"{result.stdout}\n{result.stderr}"
    return result


def test_help_and_version(tmp_path):
    assert cli(tmp_path, "--version").stdout == f"{algebraset.__version__}\n"
    text = cli(tmp_path, "--help").stdout
    assert all(verb in text for verb in ("sample", "preview", "run", "check"))
    assert "--index" in cli(tmp_path, "sample", "--help").stdout
    assert cli(tmp_path, status=2).stderr
    assert "invalid choice" in cli(tmp_path, "smaple", status=2).stderr


@pytest.mark.parametrize("flags", [("-E",), ("-R",)])
def test_python_flags_about_hashing_do_not_make_it_start_itself_forever(tmp_path, flags):
    code = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('algebraset', run_name='__main__')"
    src = str(Path(algebraset.__file__).parents[1])
    result = run_python(*flags, "-c", code, src, "sample", cwd=tmp_path, timeout=10, PYTHONHASHSEED="0")
    assert result.returncode == 1 and "PYTHONHASHSEED" in result.stderr


def test_sample_prints_the_sample_its_seed_statistics_and_time(folder):
    path = config(folder, generator_params={"factor": 7}, statistics="statistics", check="check")
    index = next(i for i in range(6) if sample_seed(42, "train", i) % 3 == 0)
    attempt = next(k for k in range(1, 99) if sample_seed(42, "train", index, k) % 3)
    seed = sample_seed(42, "train", index, attempt)
    out = cli(folder, "sample", "--configfile", path, "--split", "train", "--index", str(index)).stdout
    assert f"{seed % 10} | 7 # {seed % 10 * 7}" in out.splitlines()
    assert re.search(rf"^seed +{seed}$", out, re.M)
    assert re.search(rf"^attempt +{attempt}$", out, re.M)
    assert out.count("rejected: divisible") == attempt
    statistics = json.loads(re.search(r"^statistics +(\{.*)$", out, re.M)[1])
    assert statistics == {"problem": {"first": seed % 10}, "answer": seed % 10 * 7}
    assert re.search(r"^check +True$", out, re.M)
    assert re.search(r"^time +\d+\.\d+ s$", out, re.M)


def test_run_writes_the_dataset_that_sample_and_preview_show(folder):
    path = config(folder, statistics="statistics", check="check")
    preview = cli(folder, "preview", "--configfile", path, "--samples", "3").stdout
    assert not (folder / "out").exists()
    cli(folder, "run", "--configfile", path)
    lines = (folder / "out" / "train_raw.txt").read_text().splitlines()
    shown = [line.strip() for line in preview.splitlines()]
    assert [line for line in shown if " # " in line] == lines[:3] + (
        folder / "out/test_raw.txt"
    ).read_text().splitlines()
    assert "6 samples" in preview and "2 samples" in preview
    one = cli(folder, "sample", "--configfile", "out/manifest.json", "--index", "4").stdout
    assert one.splitlines()[0] == lines[4]
    assert "train: 6 answers, 0 wrong" in cli(folder, "check", "--configfile", path).stdout
    spoiled = (folder / "out" / "test_data.jsonl").read_text().replace('"answer": "', '"answer": "1')
    (folder / "out" / "test_data.jsonl").write_text(spoiled)
    wrong = cli(folder, "check", "--configfile", path, status=1).stdout
    assert "test: 2 answers, 2 wrong" in wrong and "test_data.jsonl, line 1" in wrong and "train: 6 answers, 0" in wrong


def test_a_check_that_takes_no_text_is_told_so(folder):
    cli(folder, "run", "--configfile", config(folder))
    (folder / "subtracting.py").write_text("def check(problem, answer):\n    return answer - 1 >= 0\n")
    told = cli(folder, "check", "--configfile", "out/manifest.json", "--check", "subtracting.py:check", status=1)
    assert "test_data.jsonl, line 1: the check failed, which gets values as text here: TypeError" in told.stdout


def test_run_refuses_to_replace_another_dataset(folder):
    cli(folder, "run", "--configfile", config(folder))
    before = (folder / "out/train_raw.txt").read_bytes()
    other = config(folder, root_seed=7)
    assert "--overwrite" in cli(folder, "run", "--configfile", other, status=1).stderr
    assert (folder / "out/train_raw.txt").read_bytes() == before
    cli(folder, "run", "--configfile", other, "--overwrite")
    assert (folder / "out/train_raw.txt").read_bytes() != before


def test_one_of_several_datasets(folder):
    path = config(folder, datasets={"a": {"generator_params": {"factor": 2}}, "b": {"generator_params": {"factor": 3}}})
    error = cli(folder, "sample", "--configfile", path, status=1).stderr
    assert error.startswith("error: ") and "--dataset" in error and "a, b" in error and "Traceback" not in error
    seed = next(s for k in range(99) if (s := sample_seed(42, "train", 0, k)) % 3)
    out = cli(folder, "sample", "--configfile", path, "--dataset", "b").stdout
    assert out.splitlines()[0].endswith(f"# {seed % 10 * 3}")
    cli(folder, "run", "--configfile", path)
    assert (folder / "out/a/SHA256SUMS").exists() and (folder / "out/b/SHA256SUMS").exists()


@pytest.mark.parametrize(
    "args, words",
    [
        (("--configfile", "missing.yaml"), ["missing.yaml"]),
        (("--split", "dev"), ["'dev'", "train, test"]),
        (("--index", "-1"), ["--index", "-1"]),
        (("--dataset", "other"), ["'other'"]),
    ],
)
def test_wrong_arguments_are_errors_without_a_traceback(folder, args, words):
    default = config(folder)
    given = args if "--configfile" in args else ("--configfile", default, *args)
    error = cli(folder, "sample", *given, status=1).stderr
    assert error.startswith("error: ") and "Traceback" not in error
    assert all(word in error for word in words)


WRONG = {
    "generator": ({"generator": "failing"}, "ZeroDivisionError: no inverse"),
    "text": ({"generator": "bars"}, "'a|b'"),
    "statistics": ({"statistics": "not_finite"}, "size: nan is not finite"),
    "unseeded": ({"generator": "unseeded"}, "not a function of its seed"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_the_command_that_an_error_names_repeats_the_error(folder, kind):
    keys, expected = WRONG[kind]
    error = cli(folder, "run", "--configfile", config(folder, **keys), status=1).stderr
    assert expected in error
    command = shlex.split(re.search(r"^Repeat it with: (.*)$", error, re.M)[1])
    assert command[:3] == ["python", "-m", "algebraset"]
    again = cli(folder, *command[3:], status=1).stderr
    assert again.startswith("error: ") and expected in again


def test_a_refused_answer_is_refused_again(folder):
    error = cli(folder, "run", "--configfile", config(folder, check="refuse"), status=1).stderr
    command = shlex.split(re.search(r"^Repeat it with: (.*)$", error, re.M)[1])
    assert re.search(r"^check +False$", cli(folder, *command[3:], status=1).stdout, re.M)


def test_sample_shows_statistics_of_any_size(folder):
    out = cli(folder, "sample", "--configfile", config(folder, statistics="enormous")).stdout
    assert f'{{"size": 1{"0" * 5000}}}' in out


def test_preview_shows_what_only_json_lines_can_hold(folder):
    out = cli(folder, "preview", "--configfile", config(folder, generator="bars", save_text=False)).stdout
    assert "a|b" in out


def test_output_does_not_depend_on_string_hashing(folder):
    path = config(folder, generator="words", n_jobs=1)
    outputs = set()
    for hash_seed in ("1", "2", "random"):
        env = {"PYTHONHASHSEED": hash_seed}
        line = cli(folder, "sample", "--configfile", path, **env).stdout.splitlines()[0]
        outputs.add(line)
    cli(folder, "run", "--configfile", path, PYTHONHASHSEED="3")
    outputs.add((folder / "out" / "train_raw.txt").read_text().splitlines()[0])
    assert len(outputs) == 1


def test_a_reader_that_has_seen_enough_is_no_error_of_a_sample(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["algebraset", "preview", "--configfile", config(folder)])
    args, seen = parse(), []

    def write(text):
        seen.append(text)
        if "#" in text:  # a sample
            raise BrokenPipeError

    with monkeypatch.context() as patched, pytest.raises(BrokenPipeError):
        patched.setattr(sys.stdout, "write", write)
        args.verb(args)
    assert sum("#" in text for text in seen) == 1
