"""Functions of a config: the ways to name them, what is said when that fails, and digests of callables."""

from __future__ import annotations

import functools
import hashlib
import threading

import helpers
import pytest
from helpers import run_python

from algebraset import ConfigError
from algebraset.functions import (
    bind_check,
    bind_generator,
    callable_digest,
    load_function,
    source_file,
    task_names,
)

GENERATOR = """
from sibling import OFFSET

class Family:
    @staticmethod
    def generate(seed):
        return "family", seed

def generate(seed, degree=1):
    return seed + OFFSET, degree
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the working directory: an empty folder, whose modules are forgotten afterwards."""
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("algebraset_user_") or name in ("sibling", "my_module", "my_package", "my_package.inner"):
            del sys.modules[name]


def load(spec, role="generator", backend="sympy"):
    return load_function(spec, backend, role)


def test_a_file_and_a_function_with_imports_of_files_beside_it(folder):
    inner = folder / "with space" / "gen"
    inner.mkdir(parents=True)
    (inner / "my.py").write_text(GENERATOR)
    (inner / "sibling.py").write_text("OFFSET = 10\n")
    for path in ("with space/gen/my.py", str(inner / "my.py"), "./with space/gen/../gen/my.py"):
        function = load(f"{path}:generate")
        assert function.call(1, degree=3) == (11, 3)
        assert function.digest() == hashlib.sha256((inner / "my.py").read_bytes()).hexdigest()
        assert not function.ready
    assert load("with space/gen/my.py:Family.generate").call(4) == ("family", 4)


def test_a_file_is_imported_once(folder):
    (folder / "my.py").write_text("STATE = []\ndef generate(seed): return STATE, 1\ndef check(p, a): return STATE\n")
    assert load("my.py:generate").call(1)[0] is load("my.py:check", "check").call(1, 2)


def test_two_files_of_the_same_name_are_two_modules(folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "my.py").write_text(f"def generate(seed): return {name!r}, seed\n")
    assert [load(f"{name}/my.py:generate").call(1)[0] for name in ("a", "b")] == ["a", "b"]


def test_a_module_of_the_working_directory_or_of_the_path(folder):
    (folder / "my_package").mkdir()
    (folder / "my_package" / "__init__.py").touch()
    (folder / "my_package" / "inner.py").write_text("def generate(seed): return seed, 'inner'\n")
    assert load("my_package.inner:generate").call(3) == (3, "inner")
    assert load("helpers:sums").call is helpers.sums


@pytest.mark.parametrize(
    "role, attribute", [("generator", "generate"), ("statistics", "statistics"), ("check", "check")]
)
def test_a_ready_task_has_a_function_for_each_role(role, attribute):
    for task in task_names("sympy"):
        function = load(task, role)
        assert function.ready and function.call.__name__ == attribute
        assert function.call.__module__.startswith("algebraset.tasks.sympy.")


def test_the_ready_tasks_are_those_of_the_issue_and_no_helper_modules():
    tasks = {"polynomial_addition", "polynomial_factorization", "polynomial_gcd"}
    assert tasks == set(task_names("sympy"))
    assert tasks <= set(task_names("sagemath"))


def test_an_unknown_task_suggests_the_nearest():
    with pytest.raises(ConfigError) as caught:
        load("polynomial_factorisation")
    text = str(caught.value)
    assert "generator = 'polynomial_factorisation'" in text and "did you mean polynomial_factorization?" in text
    assert "polynomial_gcd" in text and "module:function" in text and "file.py:function" in text


def test_an_unknown_function_suggests_the_nearest(folder):
    (folder / "my.py").write_text("def generate(seed): return 1, 2\nvalue = 3\n")
    for name in ("genrate", "value", "generate.nope"):
        with pytest.raises(ConfigError, match=rf"check = 'my.py:{name}'.*my\.py has no function"):
            load(f"my.py:{name}", "check")
    with pytest.raises(ConfigError, match="did you mean generate"):
        load("my.py:genrate")


def test_a_missing_file_is_named_with_the_folder_that_was_searched(folder):
    with pytest.raises(ConfigError) as caught:
        load("no/such/file.py:generate", "statistics")
    assert "statistics" in str(caught.value) and "no/such/file.py" in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    "line, expected",
    [
        ("raise ValueError('oops')", "ValueError: oops"),
        ("1 / 0", "ZeroDivisionError"),
        ("import no_such_library", "No module named 'no_such_library'"),
        ("from math import no_such_name", "no_such_name"),
        ("def broken(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
)
@pytest.mark.parametrize("spec", ["my_module.py:generate", "my_module:generate"])
def test_import_errors_name_the_entry_the_file_and_the_line(folder, spec, line, expected):
    (folder / "my_module.py").write_text(f"import math\n\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        load(spec)
    text = str(caught.value)
    assert f"generator = {spec!r}" in text and expected in text
    assert "my_module.py, line 3" in text


def test_a_missing_library_names_the_python_that_misses_it(folder):
    import sys

    (folder / "my.py").write_text("import no_such_library\n")
    for spec in ("my.py:generate", "no_such_library:generate"):
        with pytest.raises(ConfigError, match="no_such_library") as caught:
            load(spec)
        assert sys.executable in str(caught.value)


def test_a_file_that_failed_to_import_is_tried_again(folder):
    (folder / "my.py").write_text("1 / 0\n")
    with pytest.raises(ConfigError):
        load("my.py:generate")
    (folder / "my.py").write_text("def generate(seed): return seed, 'good'\n")
    assert load("my.py:generate").call(1) == (1, "good")


def test_source_files_are_told_from_other_entries():
    assert source_file("a b/my.py:generate") == "a b/my.py"
    for spec in (None, "polynomial_gcd", "package.module:function", "my.py"):
        assert source_file(spec) is None


def test_params_are_bound_to_the_generator():
    def generate(seed, degree, terms=2):
        return seed, degree, terms

    assert bind_generator(generate, {"degree": 3}, "spec")(1) == (1, 3, 2)
    assert bind_generator(lambda seed, **params: params, {"any": 1}, "spec")(1) == {"any": 1}


@pytest.mark.parametrize(
    "params, words",
    [
        ({"degre": 3}, ["'degre' is unknown", "did you mean degree?", "degree, terms"]),
        ({"degree": 1, "colour": 2}, ["'colour' is unknown"]),
        ({}, ["degree"]),
        ({"degree": 1, "seed": 2}, ["seed"]),
    ],
)
def test_wrong_params_are_named(params, words):
    def generate(seed, degree, terms=2):
        return seed, degree

    with pytest.raises(ConfigError) as caught:
        bind_generator(generate, params, "my.py:generate")
    for word in ["my.py:generate", "generator_params", *words]:
        assert word in str(caught.value)


def test_a_generator_without_a_seed_is_an_error():
    with pytest.raises(ConfigError, match=r"generator_params|seed"):
        bind_generator(lambda: (1, 2), {}, "my.py:generate")


def test_a_check_gets_the_params_that_it_has_parameters_for():
    params = {"degree": 3, "field": "QQ"}
    assert bind_check(lambda p, a: (p, a), params)(1, 2) == (1, 2)
    assert bind_check(lambda p, a, field: (p, a, field), params)(1, 2) == (1, 2, "QQ")
    assert bind_check(lambda p, a, *, degree=0: degree, params)(1, 2) == 3
    assert bind_check(lambda p, a, **rest: rest, params)(1, 2) == params
    assert bind_check(lambda degree, field: (degree, field), params)(1, 2) == (1, 2)
    assert bind_check(max, params)(1, 2) == 2


def test_callables_that_do_different_things_have_different_digests():
    def scaled(factor):
        return lambda seed: (seed, factor * seed)

    class Generator:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, seed):
            return seed, self.factor * seed

    class Slotted:
        __slots__ = ("power",)

        def __init__(self, power):
            self.power = power

        def __call__(self, seed):
            return seed, seed**self.power

    def captured(factor):
        class Local:
            def __call__(self, seed):
                return seed, factor * seed

        return Local()

    callables = [
        captured(1),
        captured(2),
        Slotted(1),
        Slotted(2),
        scaled(1),
        scaled(2),
        scaled([1, 2]),
        lambda seed: (seed, seed),
        lambda seed: (seed, -seed),
        lambda seed, k=1: (seed, k),
        lambda seed, k=2: (seed, k),
        functools.partial(helpers.sums, 1),
        functools.partial(helpers.sums, 2),
        helpers.sums,
        helpers.picky_sums,
        Generator(1),
        Generator(2),
        Generator(1).__call__,
    ]
    digests = [callable_digest(function) for function in callables]
    assert None not in digests
    assert len(set(digests)) == len(digests)
    assert digests == [callable_digest(function) for function in callables]


def test_a_callable_that_cannot_be_pickled_has_no_digest():
    lock = threading.Lock()
    assert callable_digest(lambda seed: lock) is None
    assert callable_digest(functools.partial(helpers.sums, lock)) is None


SCRIPT = """
import functools, sys
from algebraset.functions import callable_digest

TABLE = {name: len(name) for name in ("one", "two", "three")}

def scaled(factor):
    def generate(seed):
        return [seed, TABLE["three"]], factor * seed
    return generate

class Generator:
    def __init__(self): self.table = dict(TABLE)
    def __call__(self, seed): return seed, self.table

for function in (scaled(int(sys.argv[1])), functools.partial(scaled(2), 1), Generator(), Generator().__call__):
    print(callable_digest(function))
"""


def test_the_digest_is_the_same_in_another_process_so_that_a_run_can_be_resumed(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)

    def digests(factor, hash_seed):
        result = run_python("script.py", factor, cwd=tmp_path, PYTHONHASHSEED=hash_seed)
        assert result.returncode == 0, result.stderr
        return result.stdout.split()

    first = digests("1", "1")
    assert digests("1", "2") == first
    assert digests("2", "1")[0] != first[0]
    (tmp_path / "script.py").write_text(SCRIPT.replace("factor * seed", "factor + seed"))
    assert digests("1", "1")[0] != first[0]
