"""Excel and OpenDocument tables: one sheet, every cell as text, the first row that holds anything as header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import DataError, did_you_mean, need_extra
from curate.readers.base import RAW_LIMIT, Bad, Batch, Reader
from curate.readers.csvrows import unrepeated
from curate.stage import Params


class ExcelParams(Params):
    """Options of the reader of spreadsheets.

    Attributes:
        sheet: name of the sheet; the first one that holds anything if empty.
    """

    sheet: str = ""


def read_excel(path: Path, params: ExcelParams) -> Iterator[Batch]:
    """Read one sheet; the other ones are named in a note.

    Args:
        path: the file.
        params: options.

    Raises:
        DataError: the file is no spreadsheet, or has no such sheet.
        MissingExtra: the package ``fastexcel`` is not installed.
    """
    try:
        import fastexcel
    except ImportError as e:
        raise need_extra("fastexcel", "excel") from e
    try:
        book = fastexcel.read_excel(path)
        sheets: list[str] = book.sheet_names
        if params.sheet and params.sheet not in sheets:
            raise DataError(f"{path}: there is no sheet {params.sheet!r}", hint=did_you_mean(params.sheet, sheets))
        name, rows = next((got for s in ([params.sheet] if params.sheet else sheets) if (got := (s, _rows(book, s)))[1]), ("", []))
    except fastexcel.FastExcelError as e:
        raise DataError(f"{path}: not a spreadsheet: {str(e).splitlines()[0]}", hint="save it anew as .xlsx, or as CSV in UTF-8") from e
    if not rows:
        return
    rest = [s for s in sheets if s != name]
    notes = [f"{path.name}: sheet {name!r}" + (f"; not read: {', '.join(rest)} (options: {{sheet: NAME}})" if rest else "")]
    header = unrepeated([cell or "" for cell in rows[0][1]])
    bad = [
        Bad(str(path), n, "wrong_cells", "a cell under no header", repr(row).encode()[:RAW_LIMIT]) for n, row in rows[1:] if any(row[len(header) :])
    ]
    good = [(n, row) for n, row in rows[1:] if not any(row[len(header) :])]
    frame = pl.DataFrame({c: pl.Series([row[i] for _, row in good], dtype=pl.String) for i, c in enumerate(header)})
    yield Batch(frame.with_columns(pl.Series("_line", [n for n, _ in good], dtype=pl.Int64)), str(path), bad, notes)


def _rows(book: Any, sheet: str) -> list[tuple[int, list[str | None]]]:
    """The rows that hold anything, with their numbers as the program shows them."""
    table: pl.DataFrame = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_polars()
    cells = ([None if v is None or not v.strip() else v for v in row] for row in table.iter_rows())
    return [(n, row) for n, row in enumerate(cells, 1) if any(row)]


READERS = (Reader("excel", 1, ExcelParams, read_excel, (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "a sheet of Excel or OpenDocument"),)
