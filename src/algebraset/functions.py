"""Functions named in a config: find them, check that they can be called, and know their source."""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from algebraset.errors import ConfigError

FUNCTION_KEYS = ("generator", "statistics", "check", "canonical")
"""The keys of a config that name functions."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the config and where it came from."""

    call: Callable[..., Any]
    source: Path | None
    ready: bool  # one of algebraset's own tasks, whose changes the generation revision states

    def digest(self) -> str | None:
        """Return the SHA-256 of the source file, None where there is none."""
        return hashlib.sha256(self.source.read_bytes()).hexdigest() if self.source else None


def source_file(spec: str | None) -> str | None:
    """Return the user's file that a config entry `path/to/file.py:function` names, None for other forms."""
    path, _, function = (spec or "").rpartition(":")
    return path if function and path.endswith(".py") else None


def load_function(spec: str, backend: str, role: str) -> Function:
    """Find a function by its config entry: a task name, `package.module:function` or `path/to/file.py:function`.

    Args:
        spec: the config entry.
        backend: "sympy" or "sagemath"; ready tasks have a version for each.
        role: "generator", "statistics", "check" or "canonical": the config key; says which function of a ready task
            is meant.

    Raises:
        ConfigError: there is no such task, file, module or function, or importing it fails.
    """
    origin, _, name = spec.rpartition(":")
    if not origin:
        module = _import(f"algebraset.tasks.{backend}.{_known_task(spec, backend, role)}", role, spec)
        name = "generate" if role == "generator" else role
    elif origin.endswith(".py"):
        module = _import_file(origin, role, spec)
    else:
        module = _import(origin, role, spec)
    function = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ConfigError(
            f"{role} = {spec!r}: {module.__file__ or origin} has no function {name!r}{_nearest(name, public)}"
        )
    source = Path(module.__file__) if getattr(module, "__file__", None) else None
    return Function(function, source, ready=not origin)


def bind_generator(function: Callable[..., Any], params: Mapping[str, Any], spec: str) -> Callable[[int], Any]:
    """Return the generator as a function of the seed alone.

    Raises:
        ConfigError: the generator does not take `generator_params`.
    """
    _require_keywords(function, (0,), params, f"generator = {spec!r}", "generator_params")
    return functools.partial(function, **params) if params else function


def bind_check(function: Callable[..., Any], params: Mapping[str, Any]) -> Callable[[Any, Any], Any]:
    """Return the check as a function of problem and answer; it gets the `generator_params` it has parameters for."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions of C extensions have no signature
        return function
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    names = {parameter.name for parameter in list(parameters)[2:]}
    accepted = {key: value for key, value in params.items() if takes_all or key in names}
    return functools.partial(function, **accepted) if accepted else function


def callable_digest(function: Callable[..., Any]) -> str | None:
    """Return a digest of a callable's code, its captured values and its source file; None if it has none.

    Used for callables handed over in Python, which have no entry in a config. It may differ for equal callables (a
    captured set of strings, say), which costs a resumed run its finished shards. Modules that the source imports do not
    enter, as with the functions of a config.
    """
    import cloudpickle

    defined = function
    while isinstance(defined, functools.partial):
        defined = defined.func
    if not inspect.isroutine(defined):
        defined = type(defined)
    digest = hashlib.sha256()
    try:
        cloudpickle.dumps(function)  # the first time leaves marks on classes (copyreg's __slotnames__)
        pickled = cloudpickle.dumps(function)
    except Exception:  # whatever a captured object raises when it cannot be pickled
        return None
    # cloudpickle gives each class that it pickles by value a random name, to know it again in this process.
    for name in list(getattr(cloudpickle.cloudpickle, "_DYNAMIC_CLASS_TRACKER_BY_CLASS", {}).values()):
        pickled = pickled.replace(name.encode(), b"")
    digest.update(pickled)
    with suppress(OSError, TypeError):  # what an interactive session or a C extension defines has no source file
        digest.update(Path(inspect.getsourcefile(defined) or "").read_bytes())
    return digest.hexdigest()


def task_names(backend: str) -> list[str]:
    """Return the names of the ready tasks of a backend."""
    package = importlib.import_module(f"algebraset.tasks.{backend}")
    return sorted(name for _, name, _ in pkgutil.iter_modules(package.__path__) if not name.startswith("_"))


def _known_task(name: str, backend: str, role: str) -> str:
    known = task_names(backend)
    if name in known:
        return name
    raise ConfigError(
        f"{role} = {name!r}: no ready task of backend {backend} has this name{_nearest(name, known)} (there are "
        f"{', '.join(known)}); your own function is named package.module:function or path/to/file.py:function"
    )


def _import(module: str, role: str, spec: str) -> ModuleType:
    if os.getcwd() not in sys.path:  # as `python -m` does: modules of the working directory are importable
        sys.path.append(os.getcwd())
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise ConfigError(_explain_import(error, role, spec)) from error


def _import_file(path: str, role: str, spec: str) -> ModuleType:
    file = Path(path).resolve()
    if not file.is_file():
        raise ConfigError(f"{role} = {spec!r}: there is no file {path} (looked in {os.getcwd()})")
    name = f"algebraset_user_{hashlib.sha256(os.fsencode(file)).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    if str(file.parent) not in sys.path:  # as for a script: modules beside the file are importable
        sys.path.append(str(file.parent))
    module_spec = importlib.util.spec_from_file_location(name, file)
    assert module_spec is not None and module_spec.loader is not None  # the file ends in .py
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigError(_explain_import(error, role, spec)) from error
    return module


def _explain_import(error: BaseException, role: str, spec: str) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if not frame.filename.startswith("<frozen")), frames[-1])
    text = (
        f"{role} = {spec!r} cannot be imported: {type(error).__name__}: {error} ({last.filename}, line {last.lineno})"
    )
    # A SageMath that is there in parts says by name what is missing.
    sagemath = sys.modules.get("algebraset.backends.sagemath")
    hint = sagemath.missing_module(error) if sagemath and isinstance(error, ImportError) else None
    if hint:
        text += f"; {hint}"
    elif isinstance(error, ModuleNotFoundError):
        text += f"; the Python of this job is {sys.executable}: install the package there, or name it in its envs/ file"
    return text


def _require_keywords(
    function: Callable[..., Any], args: tuple[Any, ...], params: Mapping[str, Any], where: str, key: str
) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*args, **params)
    except TypeError as error:
        known = list(signature.parameters)[len(args) :]
        hints = "".join(f"; {name!r} is unknown{_nearest(name, known)}" for name in params if name not in known)
        raise ConfigError(
            f"{where} does not take these {key}: {error}{hints} (it takes {', '.join(known) or 'none'})"
        ) from None


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]}?" if close else ""
