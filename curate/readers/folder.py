"""A folder of media with sidecar captions: clip.mp4 with clip.txt, clip.zh.txt, clip.en.txt or clip.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import DataError
from curate.readers.base import RAW_LIMIT, Bad, Batch, Reader, half_surrogate, parse_json
from curate.readers.columns import MEDIA_SUFFIXES, guess, sort_caption
from curate.readers.encoding import detect
from curate.readers.names import NAMES
from curate.stage import Params

MAX_SIDECAR_BYTES = 4 << 20
_MEDIA = {f".{s}": kind for kind, ends in MEDIA_SUFFIXES.items() for s in ends}
_SIDECARS = (
    (".zh.txt", "zh"),
    (".cn.txt", "zh"),
    ("_zh.txt", "zh"),
    (".en.txt", "en"),
    ("_en.txt", "en"),
    (".txt", "caption"),
    (".caption", "caption"),
)


class FolderParams(Params):
    """Options of the folder reader.

    Attributes:
        recursive: look into folders below.
        captionless: keep media without a caption out of the quarantine (they are skipped with a note).
    """

    recursive: bool = True
    captionless: bool = False


def read_folder(path: Path, params: FolderParams) -> Iterator[Batch]:
    """Read media with their sidecars; a medium without a caption, or a sidecar that cannot be read, is quarantined.

    Args:
        path: the folder.
        params: options.

    Raises:
        DataError: it is no folder or holds no media.
    """
    if not path.is_dir():
        raise DataError(f"{path} is no folder", hint="the folder reader takes a folder of media with .txt or .json beside them")
    found = sorted(path.rglob("*") if params.recursive else path.glob("*"))
    media = [p for p in found if p.suffix.lower() in _MEDIA and p.is_file() and not p.name.startswith(".")]
    if not media:
        raise DataError(f"no images or videos in {path}", hint=_hint(path))
    rows: list[dict[str, Any]] = []
    bad: list[Bad] = []
    skipped = 0
    for number, item in enumerate(media, 1):
        name = item.relative_to(path).as_posix()
        row, fault = _sidecars(item)
        if fault:
            bad.append(Bad(name, number, *fault))
        elif not any(row.get(k) for k in ("zh", "en", "caption")):
            if params.captionless:
                skipped += 1
            else:
                bad.append(Bad(name, number, "no_caption", "no .txt or .json beside it", b""))
        else:
            rows.append({**row, "uri": str(item), "source_id": name, "clip_id": name, "media": _MEDIA[item.suffix.lower()], "_line": number})
    notes = [f"{len(media)} media files, {len(rows)} with captions"] + ([f"{skipped} without a caption were left out"] if skipped else [])
    columns = list(dict.fromkeys(k for r in rows for k in r)) or ["_line"]
    schema = {c: pl.Int64() if c == "_line" else pl.String for c in columns}
    yield Batch(pl.DataFrame([{c: r.get(c) for c in columns} for r in rows], schema=schema), str(path), bad, notes)


def _hint(path: Path) -> str:
    tables = sorted({p.suffix for p in path.iterdir() if p.suffix in (".txt", ".csv", ".tsv", ".jsonl", ".json", ".parquet")})
    instead = f"captions without media are read as files: {path}/*{tables[0]}; " if tables else ""
    return f"{instead}known endings: {', '.join(sorted(_MEDIA))}"


def _sidecars(item: Path) -> tuple[dict[str, str], tuple[str, str, bytes] | None]:
    """Captions beside a medium, or why they cannot be read."""
    row: dict[str, str] = {}
    stem = item.with_suffix("")
    for ending, column in _SIDECARS:
        side = stem.with_name(stem.name + ending)
        if side.is_file():
            raw = side.read_bytes()[: MAX_SIDECAR_BYTES + 1]
            if len(raw) > MAX_SIDECAR_BYTES:
                return row, ("too_large", f"{side.name} has more than {MAX_SIDECAR_BYTES >> 20} MiB", raw[:RAW_LIMIT])
            try:
                row.setdefault(column, raw.decode(detect(raw).codec).strip())
            except UnicodeDecodeError as e:
                return row, ("bad_encoding", f"{side.name}: {e.reason}", raw[:RAW_LIMIT])
    side = stem.with_name(stem.name + ".json")
    if side.is_file():
        raw = side.read_bytes()[: MAX_SIDECAR_BYTES + 1]
        try:
            value = parse_json(raw.decode("utf-8-sig"))
        except (ValueError, RecursionError) as e:
            return row, ("bad_json", f"{side.name}: {e}", raw[:RAW_LIMIT])
        if half_surrogate(value):
            return row, ("bad_unicode", f"{side.name}: it holds half of a surrogate pair", raw[:RAW_LIMIT])
        if isinstance(value, dict):
            flat = {str(k): v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in value.items() if v is not None}
            # A sidecar may hold a licence and no caption: the least of the names is there for it, and gives way to any other.
            found = guess([*flat, NAMES["caption"][-1]], {})
            names = {t: s for t, s in found.items() if s in flat and t in ("zh", "en", "caption", "license", "attribution")}
            for target, source in names.items():
                row.setdefault(target, flat[source])
    sort_caption(row)
    return row, None


READERS = (Reader("folder", 1, FolderParams, read_folder, (), "a folder of media with sidecar .txt/.json"),)
