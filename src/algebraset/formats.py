"""Formats: samples as lines of text and of JSON, and `DatasetWriter`, which writes them to files.

A *nested string* is a sample's problem or answer with every leaf converted to text: a string, a list of
strings, or a list of strings and lists of strings.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from json.encoder import encode_basestring
from pathlib import Path
from typing import IO, Any

from algebraset.errors import FormatError
from algebraset.statistics import dump_json, load_json

NestedString = str | list[str | list[str]]

INNER_SEP = " | "
OUTER_SEP = " || "
ANSWER_SEP = " # "

_JSON_SEP = '", "'


def nested_string(value: Any, leaf_to_text: Callable[[Any], str]) -> NestedString:
    """Convert the leaves of a problem or an answer to text; only `list` nests, a tuple is a leaf.

    Raises:
        FormatError: lists are nested deeper than two levels.
    """
    if not isinstance(value, list):
        return leaf_to_text(value)
    converted: list[str | list[str]] = []
    for item in value:
        if isinstance(item, list):
            for leaf in item:
                if isinstance(leaf, list):
                    raise FormatError(f"lists may nest two levels deep, this one is deeper: {_shorten(value)}")
            converted.append([leaf_to_text(leaf) for leaf in item])
        else:
            converted.append(leaf_to_text(item))
    return converted


def text_and_json(value: Any, leaf_to_text: Callable[[Any], str]) -> tuple[str, str]:
    """Return a problem or an answer as text and as JSON: `joined` and `json_text` of its nested string.

    The text of an int is taken for granted: its digits, as in all backends.

    Raises:
        FormatError: lists are nested deeper than two levels.
    """
    # The common cases in one function: calls between functions are half of what it costs for short texts.
    if type(value) is int:
        digits = f"{value}"
        return digits, f'"{digits}"'
    if not isinstance(value, list):
        leaf = leaf_to_text(value)
        return leaf, encode_basestring(leaf)
    integers = [f"{leaf}" for leaf in value if type(leaf) is int]
    if integers and len(integers) == len(value):
        return INNER_SEP.join(integers), f'["{_JSON_SEP.join(integers)}"]'
    for kind in set(map(type, value)):
        if issubclass(kind, list):
            strings = nested_string(value, leaf_to_text)
            return joined(strings), json_text(strings)
    leaves = list(map(leaf_to_text, value))
    return INNER_SEP.join(leaves), f"[{', '.join(map(encode_basestring, leaves))}]"


def text_line(problem: NestedString, answer: NestedString) -> str:
    r"""Return one sample as a line of text, `problem # answer`, without the line break.

    Raises:
        FormatError: a leaf has `#`, `|` or a line break in it, which would make the line ambiguous.
    """
    line = f"{joined(problem)}{ANSWER_SEP}{joined(answer)}"
    if is_ambiguous(f"{line}\n", json_line(problem, answer), 1):
        leaf = next(leaf for leaf in _leaves(problem, answer) if _breaks_line(leaf))
        raise FormatError(
            f"the leaf {_shorten(leaf)} has '#', '|' or a line break in it, which would corrupt its line of text: "
            "change the generator, or set save_text to false (JSON Lines holds any text)"
        )
    return line


def joined(value: NestedString) -> str:
    """Return one problem or answer as text."""
    if isinstance(value, str):
        return value
    try:
        return INNER_SEP.join(value)
    except TypeError:  # a list with a list in it, the rarer case
        return OUTER_SEP.join([joined(item) for item in value])


def is_ambiguous(text: str, json_lines: str, count: int) -> bool:
    r"""Return whether lines of text have `#`, `|` or a line break in a leaf.

    Args:
        text: `count` lines, `problem # answer`, each with its line break.
        json_lines: the same samples as JSON, where a `#` or `|` can only be a leaf's.
        count: how many.
    """
    if "#" in json_lines or "|" in json_lines:
        return True
    if json_lines.isascii() and "\\" not in json_lines:  # no line break then: those of ASCII are escaped in JSON
        return False
    return "\r" in text or len(text.splitlines()) != count


def json_line(problem: NestedString, answer: NestedString) -> str:
    """Return one sample as a line of JSON, without the line break, as `json.dumps(..., ensure_ascii=False)` does."""
    return f'{{"problem": {json_text(problem)}, "answer": {json_text(answer)}}}'


def json_text(value: NestedString) -> str:
    """Return one problem or answer as JSON."""
    if isinstance(value, str):
        return encode_basestring(value)
    try:
        return f"[{', '.join(map(encode_basestring, value))}]"
    except TypeError:  # a list with a list in it, the rarer case
        return f"[{', '.join(map(json_text, value))}]"


class DatasetWriter:
    """Writes samples, given as nested strings, to `<split>_raw.txt` and `<split>_data.jsonl`.

    Args:
        save_dir: folder of the dataset, made when needed; None for the working directory.
        save_text: write the text file.
        save_json: write the JSON Lines file.
        if_exists: what to do when a split's file is there already: "error" (the default) raises
            `FileExistsError`, "overwrite" starts it anew, "append" continues it.
    """

    INNER_SEP = INNER_SEP
    OUTER_SEP = OUTER_SEP

    def __init__(
        self,
        save_dir: str | os.PathLike[str] | None = None,
        save_text: bool = True,
        save_json: bool = True,
        if_exists: str = "error",
    ) -> None:
        if not (save_text or save_json):
            raise ValueError("save_text and save_json are both false, so nothing would be written")
        if if_exists not in ("error", "overwrite", "append"):
            raise ValueError(f"if_exists must be 'error', 'overwrite' or 'append', not {if_exists!r}")
        self.save_dir = Path(save_dir) if save_dir else Path.cwd()
        self.save_text = save_text
        self.save_json = save_json
        self.if_exists = if_exists
        self._files: dict[str, dict[str, IO[bytes]]] = {}
        self._written: set[str] = set()

    def open(self, tag: str) -> None:
        """Open a split's files. Opening a split again that this writer wrote before continues it.

        Raises:
            ValueError: the tag is no non-empty string.
            FileExistsError: a file is there from before and `if_exists` is "error".
        """
        self._require_tag(tag)
        if tag in self._files:
            return
        paths = {kind: path for kind, path in self._paths(tag).items() if getattr(self, f"save_{kind}")}
        continues = tag in self._written or self.if_exists == "append"
        if not continues and self.if_exists == "error":
            for path in paths.values():
                if path.exists():
                    raise FileExistsError(
                        f"{path} exists already: remove it, or say what to do with DatasetWriter(..., "
                        "if_exists='overwrite') or if_exists='append'"
                    )
        self.save_dir.mkdir(parents=True, exist_ok=True)
        mode = "a" if continues else "w"
        self._files[tag] = {kind: open(path, f"{mode}b") for kind, path in paths.items()}  # noqa: SIM115
        self._written.add(tag)

    def save_batch(self, samples: Iterable[tuple[NestedString, NestedString]], tag: str, batch_idx: int = 0) -> None:
        """Append samples to a split's files and flush them; opens the files if they are not open.

        Args:
            samples: pairs of problem and answer as nested strings.
            tag: the split's name.
            batch_idx: number of the batch. Where the files are not open, 0 means the start of the split.

        Raises:
            ValueError: batch 0 of a split that this writer has written already, with its files closed.
            FormatError: a sample does not fit the format; nothing of the batch is written then.
        """
        self._require_tag(tag)
        if tag not in self._files and tag in self._written and batch_idx == 0:
            raise ValueError(f"batch 0 of {tag!r} was written already: open({tag!r}) first to add to it")
        lines: dict[str, list[bytes]] = {"text": [], "json": []}
        for number, (problem, answer) in enumerate(samples):
            try:
                _require_nested_string(problem)
                _require_nested_string(answer)
                if self.save_text:
                    lines["text"].append(f"{text_line(problem, answer)}\n".encode())
                if self.save_json:
                    lines["json"].append(f"{json_line(problem, answer)}\n".encode())
            except (FormatError, UnicodeEncodeError) as error:
                raise FormatError(f"{tag}, batch {batch_idx}, sample {number} of the batch: {error}") from None
        self.open(tag)
        for kind, file in self._files[tag].items():
            file.write(b"".join(lines[kind]))
            file.flush()

    def close(self, tag: str) -> None:
        """Close a split's files; nothing happens if they are not open."""
        self._require_tag(tag)
        for file in self._files.pop(tag, {}).values():
            file.close()

    def close_all(self) -> None:
        """Close all files."""
        for tag in list(self._files):
            self.close(tag)

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_all()

    def save_final_statistics(self, statistics: dict[str, Any], tag: str) -> None:
        """Put a split's statistics into `statistics.json`, where those of other splits stay."""
        self._require_tag(tag)
        path = self.save_dir / "statistics.json"
        summary = load_json(path.read_bytes()) if path.exists() else {}
        summary.setdefault("splits", {})[tag] = statistics
        write_atomically(path, dump_json(summary, indent=2) + "\n")

    def load_dataset_jsonl(self, tag: str) -> list[tuple[NestedString, NestedString]]:
        """Return all samples of a split as pairs of nested strings.

        Raises:
            FileNotFoundError: the split has no JSON Lines file.
            FormatError: a line is no sample; the text names file and line.
        """
        self._require_tag(tag)
        return list(read_samples(self._paths(tag)["json"]))

    def _paths(self, tag: str) -> dict[str, Path]:
        return {"text": self.save_dir / f"{tag}_raw.txt", "json": self.save_dir / f"{tag}_data.jsonl"}

    @staticmethod
    def _require_tag(tag: str) -> None:
        if not isinstance(tag, str) or not tag:
            raise ValueError(f"tag must be a non-empty string, got {tag!r}")


def read_samples(path: str | os.PathLike[str]) -> Iterator[tuple[NestedString, NestedString]]:
    """Yield the samples of a JSON Lines file as pairs of nested strings.

    Raises:
        FileNotFoundError: there is no such file.
        FormatError: a line is no sample; the text names file and line.
    """
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            try:
                sample = json.loads(line)
                pair = sample["problem"], sample["answer"]
            except (ValueError, KeyError, TypeError) as error:
                raise FormatError(f"{path}, line {number} is no sample: {error!r}") from error
            yield pair


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Give errors of reading or writing a file its name, which they have only if it could not be opened."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file whole or not at all: under a temporary name, then renamed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with naming(path):
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _leaves(*values: NestedString) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        else:
            yield from _leaves(*value)


def _breaks_line(leaf: str) -> bool:
    return "#" in leaf or "|" in leaf or len(f"x{leaf}x".splitlines()) != 1


def _require_nested_string(value: Any) -> None:
    items = value if isinstance(value, list) else [value]
    for item in items:
        leaves = item if isinstance(item, list) and isinstance(value, list) else [item]
        for leaf in leaves:
            if not isinstance(leaf, str):
                raise FormatError(f"{_shorten(leaf)} is no string: samples are strings in lists of two levels at most")


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
