"""Texts as arrays of code points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.uint32]
# How many code points there are.
CODES = 0x110000
LINE_END = 10


def codes_of(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def distinct(codes: Codes) -> Ints:
    """Return the different code points of a text, in order."""
    there = np.zeros(CODES, np.bool_)
    there[codes] = True
    out: Ints = np.flatnonzero(there)
    return out


def spread(starts: Ints, counts: Ints) -> Ints:
    """Return the numbers ``start .. start + count - 1`` of every row, one row after the other.

    Example:
        >>> spread(np.array([5, 9]), np.array([2, 3])).tolist()
        [5, 6, 9, 10, 11]
    """
    total = np.cumsum(counts)
    out: Ints = np.arange(int(total[-1]) if len(total) else 0) + np.repeat(starts - (total - counts), counts)
    return out


class Joined:
    """Texts as one row of code points, each followed by a line end.

    Args:
        texts: the texts.
        rows: which of them.
    """

    def __init__(self, texts: Sequence[str], rows: Sequence[int]) -> None:
        self.rows = np.asarray(rows, np.int64)
        mine = texts if len(rows) == len(texts) else [texts[i] for i in rows]
        self.text = "\n".join(mine) + "\n"
        self.codes = codes_of(self.text)
        self.starts = np.concatenate(([0], np.cumsum(np.fromiter(map(len, mine), np.int64, len(mine)) + 1)))

    def lines(self, places: Ints) -> Ints:
        """Return in which of the texts a place is."""
        return np.searchsorted(self.starts, places, side="right") - 1


class Known:
    """A property of characters, asked of Python once for each character that is met.

    Args:
        ask: the property.
        dtype: of its values.
    """

    def __init__(self, ask: Callable[[str], int], dtype: type[np.generic]) -> None:
        self._ask = ask
        self._met = np.zeros(CODES, np.bool_)
        self._is: NDArray[Any] = np.zeros(CODES, dtype)

    def of(self, codes: Codes) -> NDArray[Any]:
        """Return the property of every code point."""
        unmet = codes[~self._met[codes]]
        if len(unmet):
            new = distinct(unmet)
            self._is[new] = [self._ask(chr(c)) for c in new.tolist()]
            self._met[new] = True
        return self._is[codes]


@lru_cache(maxsize=1)
def upper() -> Known:
    """Which characters are capitals."""
    return Known(str.isupper, np.bool_)


@lru_cache(maxsize=1)
def alnum() -> Known:
    """Which characters are letters or digits."""
    return Known(str.isalnum, np.bool_)


def fold_array(table: Mapping[int, str]) -> Codes:
    """Return a table of one-to-one folds as an array over all code points."""
    out = np.arange(CODES, dtype=np.uint32)
    out[np.fromiter(table, np.int64, len(table))] = np.fromiter(map(ord, table.values()), np.uint32, len(table))
    return out
