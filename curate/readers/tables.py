"""CSV, TSV, JSON Lines, JSON, Parquet and plain prompt lists. One bad row costs one row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import polars as pl

from curate.cells import MARK, unguard
from curate.errors import DataError
from curate.readers.base import MAX_CAPTION_CHARS, RAW_LIMIT, Bad, Batch, Reader, half_surrogate, parse_json
from curate.readers.csvrows import Lines, header, records
from curate.readers.encoding import SAMPLE, detect, wide_lines
from curate.stage import Params

BATCH = 20_000
# A line longer than this is not a row of captions; reading it into a cell would cost memory for nothing.
MAX_LINE_BYTES = 16 << 20


class TextParams(Params):
    """Options of the text readers.

    Attributes:
        encoding: a codec name, or ``auto``.
    """

    encoding: str = "auto"


class CsvParams(TextParams):
    """Options of the CSV reader.

    Attributes:
        separator: one character, or ``auto`` (comma, tab, semicolon or bar, whichever the header has most of).
        guarded: whether an apostrophe before ``= + - @`` is a guard against spreadsheets and is taken away; ``auto`` does so in a release
            of this tool, and nowhere else.
    """

    separator: str = "auto"
    guarded: Literal["auto", "yes", "no"] = "auto"


class JsonParams(TextParams):
    """Options of the JSON reader.

    Attributes:
        field: name of the list in the top-level object; ``auto`` takes the only list there is.
    """

    field: str = "auto"


class ParquetParams(Params):
    """The Parquet reader has no options."""


def _codec(path: Path, params: TextParams) -> tuple[str, list[str]]:
    with path.open("rb") as f:
        head = f.read(SAMPLE)
    if params.encoding != "auto":
        return params.encoding, []
    found = detect(head)
    return found.codec, [] if found.codec == "utf-8" else [f"{path.name}: read as {found.codec} ({found.why})"]


def _lines(path: Path, codec: str) -> Iterator[tuple[int, str | None, bytes]]:
    """Yield line number, text (``None`` if it does not decode) and bytes."""
    if codec.startswith(("utf-16", "utf-32")):
        yield from wide_lines(path.read_bytes(), codec)
        return
    with _opened(path) as f:
        for number, raw in enumerate(iter(lambda: f.readline(MAX_LINE_BYTES + 1), b""), 1):
            if len(raw) > MAX_LINE_BYTES:
                while raw and not raw.endswith(b"\n") and (more := f.readline(MAX_LINE_BYTES)):
                    if more.endswith(b"\n"):
                        break
                yield number, None, raw[:RAW_LIMIT]
                continue
            start = 3 if number == 1 and raw.startswith(b"\xef\xbb\xbf") else 0
            try:
                yield number, raw[start:].decode("utf-8" if codec == "utf-8-sig" else codec).rstrip("\r\n"), raw
            except UnicodeDecodeError:
                yield number, None, raw


def _opened(path: Path) -> BinaryIO:
    """Open a text file; one whose lines end with CR alone, as old spreadsheets write, is read whole."""
    with path.open("rb") as f:
        head = f.read(SAMPLE)
    return io.BytesIO(path.read_bytes().replace(b"\r", b"\n")) if b"\r" in head and b"\n" not in head else path.open("rb")


def _undecodable(path: Path, number: int, raw: bytes, codec: str) -> Bad:
    if len(raw) >= RAW_LIMIT:
        return Bad(str(path), number, "too_large", f"a line of more than {MAX_LINE_BYTES >> 20} MiB", raw[:RAW_LIMIT])
    return Bad(str(path), number, "bad_encoding", f"not valid {codec}", raw[:RAW_LIMIT])


def _batch(path: Path, rows: list[dict[str, Any]], lines: list[int], bad: list[Bad], notes: list[str]) -> Batch:
    if not rows:
        return Batch(pl.DataFrame({"_line": []}, schema={"_line": pl.Int64()}), str(path), list(bad), list(notes))
    columns = list(dict.fromkeys(k for r in rows for k in r))
    data: dict[str, Any] = {}
    for c in columns:
        values = [r.get(c) for r in rows]
        data[c] = pl.Series(c, [_cell(v) for v in values], dtype=pl.String)
    frame = pl.DataFrame(data).with_columns(pl.Series("_line", lines, dtype=pl.Int64))
    return Batch(frame, str(path), list(bad), list(notes))


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def read_jsonl(path: Path, params: TextParams) -> Iterator[Batch]:
    """Read JSON Lines; a line that is no JSON object is quarantined alone.

    Args:
        path: the file.
        params: options.
    """
    codec, notes = _codec(path, params)
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    bad: list[Bad] = []
    for number, text, raw in _lines(path, codec):
        if text is None:
            bad.append(_undecodable(path, number, raw, codec))
        elif text.strip():
            try:
                value = parse_json(text)
            except (ValueError, RecursionError) as e:
                bad.append(Bad(str(path), number, "bad_json", str(e)[:200], raw[:RAW_LIMIT]))
                continue
            if half_surrogate(value):
                bad.append(Bad(str(path), number, "bad_unicode", "it holds half of a surrogate pair", raw[:RAW_LIMIT]))
            elif isinstance(value, dict):
                rows.append({str(k): v for k, v in value.items()})
                lines.append(number)
            elif isinstance(value, str):
                rows.append({"caption": value})
                lines.append(number)
            else:
                whole = "; a file that is one list is named .json" if isinstance(value, list) and number == 1 else ""
                bad.append(Bad(str(path), number, "not_an_object", f"a JSON {type(value).__name__}, not an object{whole}", raw[:RAW_LIMIT]))
        if len(rows) >= BATCH:
            yield _batch(path, rows, lines, bad, notes)
            rows, lines, bad, notes = [], [], [], []
    yield _batch(path, rows, lines, bad, notes)


def _separator(header: str, asked: str, path: Path) -> str:
    if asked != "auto":
        return asked
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max(",\t;|", key=header.count)


def _of_release(path: Path) -> bool:
    """Whether a file is ``data/<split>/….csv`` of a release whose manifest says that its cells are guarded."""
    try:
        manifest = json.loads((path.resolve().parents[2] / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, IndexError):
        return False
    return isinstance(manifest, dict) and manifest.get("csv_guard") == MARK


def read_csv(path: Path, params: CsvParams) -> Iterator[Batch]:
    """Read CSV or TSV with a header; a record with another number of cells is quarantined alone.

    Args:
        path: the file.
        params: options.

    Raises:
        DataError: the header does not decode.
    """
    codec, notes = _codec(path, params)
    bad: list[Bad] = []
    source = Lines(_decoded(path, codec, bad))
    first = next((line for line in source if line.strip()), "")
    if bad:
        # The next line is a row; to take its cells for names would lose it and all the others.
        raise DataError(
            f"{path}: the header in line {bad[0].line} cannot be read: {bad[0].note}", hint="save it as UTF-8, or set options: {encoding: …}"
        )
    if not first:
        return
    separator = _separator(first, params.separator, path)
    csv.field_size_limit(MAX_LINE_BYTES)
    names = header(first, separator, path)
    plain = unguard if params.guarded == "yes" or (params.guarded == "auto" and _of_release(path)) else str
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, row in records(source, separator, path, bad):
        if len(row) != len(names):
            note = f"{len(row)} cells, the header has {len(names)}"
            bad.append(Bad(str(path), number, "wrong_cells", note, separator.join(row).encode()[:RAW_LIMIT]))
            continue
        rows.append({n: plain(v) if v != "" else None for n, v in zip(names, row, strict=True)})
        lines.append(number)
        if len(rows) >= BATCH:
            yield _batch(path, rows, lines, bad, notes)
            rows, lines, notes = [], [], []
            bad.clear()
    yield _batch(path, rows, lines, bad, notes)


def _decoded(path: Path, codec: str, bad: list[Bad]) -> Iterator[tuple[int, str]]:
    for number, text, raw in _lines(path, codec):
        if text is None:
            bad.append(_undecodable(path, number, raw, codec))
        else:
            yield number, text


def read_json(path: Path, params: JsonParams) -> Iterator[Batch]:
    """Read one JSON document: a list of objects, or an object that holds one.

    Args:
        path: the file.
        params: options.

    Raises:
        DataError: the file is no JSON, or holds no list of rows.
    """
    codec, notes = _codec(path, params)
    try:
        value = parse_json(path.read_bytes().decode(codec))
    except (ValueError, RecursionError) as e:
        raise DataError(f"{path}: not valid JSON: {e}", hint="is it JSON Lines? then name it .jsonl, or set read: jsonl") from e
    if isinstance(value, dict):
        lists = {k: v for k, v in value.items() if isinstance(v, list)}
        if params.field != "auto":
            lists = {params.field: lists[params.field]} if params.field in lists else {}
        if len(lists) == 1:
            value = next(iter(lists.values()))
        elif value and all(isinstance(v, dict) for v in value.values()):
            value = [{"id": k, **v} for k, v in value.items()]
        elif value and all(isinstance(v, str) for v in value.values()):
            value = [{"id": k, "caption": v} for k, v in value.items()]
    if not isinstance(value, list):
        raise DataError(f"{path}: no list of rows found", hint="set options: {field: NAME}")
    if value and all(isinstance(v, dict) and {"data", "annotations"} <= set(v) for v in value):
        raise DataError(f"{path}: tasks of Label Studio, captions inside annotations", hint="export them there as JSON-MIN or CSV")
    rows, lines, bad = [], [], []
    for number, item in enumerate(value, 1):
        if half_surrogate(item):
            bad.append(Bad(str(path), number, "bad_unicode", "it holds half of a surrogate pair", json.dumps(item).encode()[:RAW_LIMIT]))
        elif isinstance(item, dict):
            rows.append({str(k): v for k, v in item.items()})
            lines.append(number)
        elif isinstance(item, str):
            rows.append({"caption": item})
            lines.append(number)
        else:
            bad.append(Bad(str(path), number, "not_an_object", f"item {number} is a {type(item).__name__}", str(item).encode()[:RAW_LIMIT]))
    for start in range(0, max(1, len(rows)), BATCH):
        yield _batch(path, rows[start : start + BATCH], lines[start : start + BATCH], bad if start == 0 else [], notes if start == 0 else [])


def read_parquet(path: Path, params: ParquetParams) -> Iterator[Batch]:
    """Read Parquet in batches; nested cells travel as JSON text.

    Args:
        path: the file.
        params: no options.

    Raises:
        DataError: the file is not Parquet, or damaged.
    """
    try:
        lazy = pl.scan_parquet(path)
        total = int(lazy.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as e:
        raise DataError(f"{path}: not a Parquet file: {str(e).splitlines()[0]}") from e
    for start in range(0, total, BATCH):
        try:
            frame = lazy.slice(start, BATCH).collect()
        except (pl.exceptions.PolarsError, OSError) as e:
            raise DataError(f"{path}: the rows from {start + 1} on cannot be read: {str(e).splitlines()[0]}", hint="the file is damaged") from e
        lines = pl.Series("_line", range(start + 1, start + 1 + len(frame)), dtype=pl.Int64)
        yield Batch(frame.with_columns(lines), str(path))


def read_prompts(path: Path, params: TextParams) -> Iterator[Batch]:
    """Read a plain list of prompts, one a line; lines that start with # are comments.

    Args:
        path: the file.
        params: options.
    """
    codec, notes = _codec(path, params)
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    bad: list[Bad] = []
    for number, text, raw in _lines(path, codec):
        if text is None:
            bad.append(_undecodable(path, number, raw, codec))
        elif text.strip() and not text.startswith("#"):
            rows.append({"caption": text.strip()})
            lines.append(number)
        if len(rows) >= BATCH:
            yield _batch(path, rows, lines, bad, notes)
            rows, lines, bad, notes = [], [], [], []
    yield _batch(path, rows, lines, bad, notes)


assert MAX_CAPTION_CHARS < MAX_LINE_BYTES

READERS = (
    Reader("csv", 3, CsvParams, read_csv, (".csv", ".tsv"), "CSV or TSV with a header line"),
    Reader("jsonl", 2, TextParams, read_jsonl, (".jsonl", ".ndjson"), "JSON Lines"),
    Reader("json", 2, JsonParams, read_json, (".json",), "one JSON document with a list of rows"),
    Reader("parquet", 2, ParquetParams, read_parquet, (".parquet", ".pq"), "Parquet"),
    Reader("prompts", 1, TextParams, read_prompts, (".txt", ".prompts"), "plain prompts, one a line"),
)
