"""What a reader gives: raw rows with a locator, and rows that could not be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from curate.stage import Params

RAW_LIMIT = 64 * 1024
# A caption longer than this is an accident (a whole book in one cell) and would slow every stage.
MAX_CAPTION_CHARS = 100_000

QUARANTINE = pl.Schema(
    {
        "source": pl.String(),
        "file": pl.String(),
        "line": pl.Int64(),
        "reason": pl.String(),
        "note": pl.String(),
        "raw": pl.Binary(),
    }
)


class Bad(NamedTuple):
    """A row that could not be read: where, why, and the raw bytes (cut at 64 KiB)."""

    file: str
    line: int
    reason: str
    note: str
    raw: bytes


@dataclass
class Batch:
    """Rows as they were read.

    Attributes:
        frame: the source's own columns plus ``_line`` (Int64, 1-based place in the file).
        file: the file, relative to the recipe where possible.
        bad: rows that could not be read.
        notes: what the reader decided, such as the encoding it found.
    """

    frame: pl.DataFrame
    file: str
    bad: list[Bad] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


ReadFn = Callable[[Path, Any], Iterator[Batch]]


@dataclass(frozen=True)
class Reader:
    """The description of one reader.

    Attributes:
        name: key in the recipe.
        version: enters the ingest key.
        params: pydantic model of its options.
        fn: ``(path, params) -> batches``.
        suffixes: file endings it is chosen for when the recipe says ``auto``.
        help: one line.
    """

    name: str
    version: int
    params: type[Params]
    fn: ReadFn
    suffixes: tuple[str, ...] = ()
    help: str = ""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        names = [k for k, _ in pairs]
        raise ValueError(f"the key {next(k for k in names if names.count(k) > 1)!r} is written twice")
    return out


def parse_json(text: str) -> Any:
    """Parse JSON; a key written twice is a fault, not a silent choice.

    Raises:
        ValueError: it is no JSON, or a number in it has thousands of digits.
    """
    return json.loads(text, object_pairs_hook=_pairs)


def half_surrogate(value: Any) -> bool:
    """Say whether a JSON value holds half of a surrogate pair (``\\ud800`` alone), which is no text and cannot be stored."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
