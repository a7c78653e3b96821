"""CSV records from lines: a quotation mark that nobody closed costs its own line, not the rest of the file."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from curate.errors import DataError
from curate.readers.base import RAW_LIMIT, Bad

# A record over more lines than this is a quotation mark that nobody closed.
MAX_RECORD_LINES = 1_000


class Lines:
    """Numbered lines for ``csv`` that can be given back when a record turns out to be none.

    Args:
        lines: line number and text without its end.
    """

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self.lines = lines
        self.back: deque[tuple[int, str]] = deque()
        self.taken: list[tuple[int, str]] = []
        self.ended = False

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        item = self.back.popleft() if self.back else next(self.lines, None)
        if item is None or len(self.taken) >= MAX_RECORD_LINES:
            self.ended = True
            if item is not None:
                self.back.appendleft(item)
            raise StopIteration
        self.taken.append(item)
        return item[1] + "\n"

    def begin(self) -> None:
        """Forget the lines of the record before."""
        self.taken, self.ended = [], False

    def give_back(self) -> tuple[int, str]:
        """Return the first line of this record and read the others again."""
        self.back.extendleft(reversed(self.taken[1:]))
        return self.taken[0]


def header(first: str, separator: str, path: Path) -> list[str]:
    """Return the names of the columns.

    Args:
        first: the first line of the file.
        separator: one character.
        path: named in the error.

    Raises:
        DataError: the line is no CSV.
    """
    try:
        return unrepeated(next(csv.reader([first], delimiter=separator)))
    except csv.Error as e:
        raise DataError(f"{path}: the header cannot be read: {e}") from e


def unrepeated(cells: Sequence[str]) -> list[str]:
    """Return names of columns, each of them once: of two columns of one name none is lost.

    Args:
        cells: the cells of the header.

    Example:
        >>> unrepeated(["id", "zh", "", "zh"])
        ['id', 'zh', 'column_3', 'zh_4']
    """
    names: list[str] = []
    for i, cell in enumerate(cells, 1):
        name = cell.strip() or f"column_{i}"
        names.append(name if name not in names else f"{name}_{i}")
    return names


def records(source: Lines, separator: str, path: Path, bad: list[Bad]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which a record starts, and its cells; an unclosed quotation mark costs its own line only.

    Args:
        source: the lines after the header.
        separator: one character.
        path: named in faults.
        bad: takes the lines that are no records.
    """
    reader = csv.reader(source, delimiter=separator, strict=True)
    while True:
        source.begin()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as e:
            number, text = source.give_back()
            row = _loose(text, separator) if len(source.taken) == 1 and not source.ended else []
            if row:
                yield number, row
            else:
                bad.append(Bad(str(path), number, "bad_csv", f"a quotation mark that does not fit: {e}", text.encode()[:RAW_LIMIT]))
            reader = csv.reader(source, delimiter=separator, strict=True)
            continue
        if row and row != [""]:
            yield source.taken[0][0], row


def _loose(text: str, separator: str) -> list[str]:
    """Cells of one line with a quotation mark in an odd place, as spreadsheets read it."""
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        return []
