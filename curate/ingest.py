"""Ingest: inputs to records in fixed parts, with every unreadable row quarantined by file, line and reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from curate import engines, readers
from curate.errors import DataError, SchemaError
from curate.readers.base import QUARANTINE, Bad, Batch
from curate.readers.columns import Records, Spec, completed, describe, guess, to_records
from curate.recipe import Input, Recipe
from curate.schema import RECORD
from curate.workspace import PartFile, Workspace, write_parquet


@dataclass
class Source:
    """One input with its files resolved and hashed."""

    input: Input
    reader: str
    files: list[Path]
    hashes: list[str]
    params: Any

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of this input."""
        files = [
            {"path": str(p), "bytes": p.stat().st_size if p.is_file() else None, "sha256": h} for p, h in zip(self.files, self.hashes, strict=True)
        ]
        return {"name": self.input.name, "path": self.input.path, "reader": self.reader, "files": files, "license": self.input.license}


@dataclass
class Ingested:
    """Counts and notes of an ingest."""

    parts: list[PartFile] = field(default_factory=list)
    rows: int = 0
    quarantined: int = 0
    notes: list[str] = field(default_factory=list)
    per_input: dict[str, int] = field(default_factory=dict)


def resolve(recipe: Recipe, base: Path) -> list[Source]:
    """Find and hash the files of every input.

    Args:
        recipe: the recipe.
        base: folder that relative paths refer to.

    Raises:
        DataError: a path matches nothing.
        RecipeError: a reader is unknown or its options are wrong.
    """
    out = []
    for item in recipe.inputs:
        files = readers.find_files(item.path, base, item.read)
        name = readers.choose_one(item.read, files)
        params = readers.parse_options(name, item.options)
        out.append(Source(item, name, files, [readers.digest(p) for p in files], params))
    return out


def key_parts(sources: list[Source], part_rows: int) -> list[Any]:
    """Return everything that shapes the ingest, for its lineage key."""
    parts: list[Any] = ["ingest", 3, part_rows]
    for s in sources:
        i = s.input
        parts.append(
            [s.reader, readers.load()[s.reader].version, s.params.model_dump(mode="json"), dict(i.map), i.license, i.attribution,
             i.origin.model_dump(), i.media, i.name, s.hashes]
        )  # fmt: skip
    return parts


def _frames(source: Source, base: Path, got: Ingested, bad: list[tuple[str, Bad]]) -> Iterator[tuple[Records, str]]:
    item = source.input
    spec = Spec(item.name, item.license, item.attribution, item.origin.zh, item.origin.en, item.media, item.map)
    reader = readers.load()[source.reader]
    rows = 0
    said: set[str] = set()
    for path in source.files:
        columns: dict[str, None] = {}
        for batch in reader.fn(path, source.params):
            batch.file = _shown(path, base) if batch.file in ("", str(path)) else batch.file
            bad += [(item.name, b._replace(file=batch.file if b.file in ("", str(path)) else b.file)) for b in batch.bad]
            for note in batch.notes:
                if note not in said:
                    said.add(note)
                    got.notes.append(f"{item.name}: {note}")
            if not len(batch.frame):
                continue
            batch.frame = completed(batch.frame, columns)
            mapping = _mapping(batch, item)
            line = f"columns: {describe(mapping, batch.frame.columns)}"
            if line not in said:
                said.add(line)
                got.notes.append(f"{item.name}: {line}")
            records = to_records(batch, mapping, spec, rows)
            bad += [(item.name, b) for b in records.bad]
            rows += len(batch.frame)
            got.per_input[item.name] = got.per_input.get(item.name, 0) + len(records.frame)
            yield records, batch.file


def _mapping(batch: Batch, item: Input) -> dict[str, str]:
    try:
        return guess(batch.frame.columns, item.map)
    except SchemaError as e:
        raise SchemaError(f"input {item.name!r}, {batch.file}: {e.message}", hint=e.hint) from e


def _shown(path: Path, base: Path) -> str:
    try:
        return str(path.relative_to(base))
    except ValueError:
        return str(path)


def _unrepeated(records: Records, file: str, seen: set[int], bad: list[tuple[str, Bad]], source: str) -> pl.DataFrame:
    """Keep the first row of every id; a row that repeats one in every respect is quarantined, not lost."""
    frame = records.frame
    keep = []
    for i, ident in enumerate(frame.get_column("id")):
        number = int(ident[:16], 16)
        if number in seen:
            note = f"the same source, id, clip and captions as an earlier row (id {ident})"
            bad.append((source, Bad(file, records.lines[i], "repeated_row", note, ident.encode())))
        else:
            seen.add(number)
            keep.append(i)
    return frame if len(keep) == len(frame) else frame[keep]


def ingest(ws: Workspace, key: str, sources: list[Source], base: Path, part_rows: int) -> Ingested:
    """Read all inputs into parts.

    Args:
        ws: the workspace.
        key: the ingest's key.
        sources: resolved inputs.
        base: folder that paths are shown relative to.
        part_rows: rows per part.

    Raises:
        DataError: not a single record could be read.
    """
    folder = ws.step_dir(key)
    got = Ingested()
    bad: list[tuple[str, Bad]] = []
    seen: set[int] = set()
    waiting: list[pl.DataFrame] = []
    held = 0

    def flush(everything: bool) -> None:
        nonlocal waiting, held
        if not held:
            return
        table = pl.concat(waiting)
        while len(table) >= part_rows or (everything and len(table)):
            head, table = table[:part_rows], table[part_rows:]
            _write(folder, head, got)
        waiting, held = ([table], len(table)) if len(table) else ([], 0)

    for source in sources:
        for records, file in _frames(source, base, got, bad):
            fresh = _unrepeated(records, file, seen, bad, source.input.name)
            waiting.append(fresh)
            held += len(fresh)
            if held >= part_rows:
                flush(everything=False)
    flush(everything=True)
    got.quarantined = len(bad)
    if bad:
        rows = [(s, b.file, b.line, b.reason, b.note, b.raw) for s, b in bad]
        write_parquet(pl.DataFrame(rows, schema=QUARANTINE, orient="row"), folder / "quarantine.parquet")
    if not got.rows:
        first = f"; the first of {len(bad)} bad rows: {bad[0][1].file}:{bad[0][1].line}: {bad[0][1].note}" if bad else ""
        raise DataError(f"no record could be read from {', '.join(s.input.path for s in sources)}{first}", hint="is the file empty?")
    return got


def _write(folder: Path, frame: pl.DataFrame, got: Ingested) -> None:
    started = time.perf_counter()
    full = frame.select(list(RECORD)).with_columns(drop=pl.lit(None, pl.String), drop_note=pl.lit(None, pl.String))
    result = engines.write_part(folder, len(got.parts), full, time.perf_counter() - started)
    got.parts.append(PartFile(result.file, result.rows_in, result.sha256))
    got.rows += len(frame)
