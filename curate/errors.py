"""Errors of Leishu: one family, each says what was wrong and what to do next.

CurateError            exit 1  something failed
├── UsageError         exit 2  wrong command, option or file name
│   └── RecipeError    exit 2  the recipe cannot be run
├── DataError          exit 3  the data does not fit
│   └── SchemaError    exit 3  a column is missing or has another type
├── StageError         exit 1  a stage broke its contract
├── MissingExtra       exit 2  an optional package is not installed
├── LexiconError       exit 2  a knowledge file is not in order
└── PublishRefused     exit 4  something required for publishing is missing
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CurateError(Exception):
    """Base of all errors that Leishu raises on purpose.

    Args:
        message: what is wrong, with the value that was found.
        hint: the next step, in one sentence.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  Hint: {self.hint}" if self.hint else self.message


class UsageError(CurateError):
    """A command, option or path that cannot be used."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe that cannot be run; the message lists every fault found."""


class DataError(CurateError):
    """Input data that does not fit what was asked of it."""

    exit_code = 3


class SchemaError(DataError):
    """A column is missing, unexpected, or of another type."""


class StageError(CurateError):
    """A stage broke its contract; names the step, the part and the first id."""


class MissingExtra(CurateError):
    """An optional package is needed and not installed."""

    exit_code = 2


class LexiconError(CurateError):
    """A knowledge file under ``lexicons/`` is not in order."""

    exit_code = 2


class PublishRefused(CurateError):
    """A release may not be published yet; the message lists what is missing."""

    exit_code = 4


def did_you_mean(value: str, choices: Iterable[str]) -> str:
    """Return a hint that names the nearest choice and, if few, all choices.

    Args:
        value: what the user wrote.
        choices: what would have been valid.

    Returns:
        A sentence such as ``did you mean 'dedup'? Choices: dedup, split.``

    Example:
        >>> did_you_mean("dedupe", ["dedup", "split"])
        "did you mean 'dedup'? Choices: dedup, split."
    """
    names = sorted({str(c) for c in choices})
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.6)
    shown = ", ".join(names[:30]) + (", …" if len(names) > 30 else "")
    start = f"did you mean {near[0]!r}? " if near else ""
    return f"{start}Choices: {shown}."


def need_extra(package: str, extra: str) -> MissingExtra:
    """Return the error that says how to install an optional package.

    Args:
        package: the import or distribution name that is missing.
        extra: the extra of ``leishu`` that brings it.
    """
    return MissingExtra(
        f"this needs the package {package!r}, which is not installed",
        hint=f"pip install 'leishu[{extra}]'",
    )
