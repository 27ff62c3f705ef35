"""The exceptions of algebraset: what a user can raise, what the package raises, and how commands show them.

Every command imports this module, `--help` too, so it imports little.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Reject(Exception):
    """Raised by a generator to give up on a seed: the sample is tried again with the next attempt's seed.

    Args:
        reason: short text; rejected attempts are counted by it in `statistics.json`, so keep it free of
            values that change from sample to sample.
    """

    def __init__(self, reason: str = "rejected") -> None:
        super().__init__(reason)
        self.reason = str(reason)

    def __reduce__(self) -> tuple[type[Reject], tuple[str]]:
        return (type(self), (self.reason,))


class AlgebrasetError(Exception):
    """Base class of every error that algebraset raises on purpose; its text is meant for the user."""


class ConfigError(AlgebrasetError):
    """A config, a command line or a constructor argument is wrong; raised before any work starts."""


class SampleError(AlgebrasetError):
    """One sample could not be made; the text names split, index, seed and the command that repeats it."""


class ShardError(AlgebrasetError):
    """A shard is missing, damaged or not the planned one; the text names the file."""


class FormatError(AlgebrasetError):
    """A value does not fit the text or JSON Lines format; the sample loop adds which sample it was."""


class StatisticsError(AlgebrasetError):
    """A statistics function returned something that is no finite number; the text names the metric."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print algebraset's own errors without a traceback, which would hide their text, and exit with status 1."""
    try:
        yield
    except OSError as error:  # a full disk, a folder without permission: the traceback would say no more
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except AlgebrasetError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.__cause__ is not None and not isinstance(error.__cause__, AlgebrasetError):
            import traceback

            print("\nCaused by:", file=sys.stderr)
            traceback.print_exception(error.__cause__, file=sys.stderr)
        sys.exit(1)


def sample_command(config: Path) -> str:
    """Return the command that repeats a sample of a config file, but for `--split` and `--index`."""
    import shlex

    return f"python -m algebraset sample --configfile {shlex.quote(str(config))}"
