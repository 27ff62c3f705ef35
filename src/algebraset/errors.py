"""The exceptions of algebraset: what a user can raise, and what the package raises."""

from __future__ import annotations


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
