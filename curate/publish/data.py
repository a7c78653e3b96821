"""The rows and media of a release: which caption counts, where a clip goes, what may not be in two splits."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import polars as pl

from curate.cells import guard
from curate.errors import DataError, UsageError, did_you_mean
from curate.workspace import Workspace, sha256_file, write_atomic, write_parquet

SPLITS = ("train", "validation", "test")
SHARD_ROWS = 500_000
PER_FOLDER = 1000
_BASE = (
    "clip_id",
    "media",
    "uri",
    "media_sha256",
    "start_s",
    "end_s",
    "zh",
    "en",
    "zh_origin",
    "en_origin",
    "source",
    "source_id",
    "license",
    "attribution",
)
_OPTIONAL = ("themes", "eras", "regions", "split", "review", "flags", "zh_final", "en_final", "themes_final", "dup_group", "clip_group", "cells")
_CLIP = ("width", "height", "fps", "frames", "duration_s", "origin", "ai_generated", "ai_label", "c2pa", "opt_out")
_ORDER = (
    "id", "clip_id", "media", "uri", "file_name", "media_sha256", "start_s", "end_s", *_CLIP, "zh", "en", "zh_as_read", "en_as_read", "zh_origin",
    "en_origin", "themes", "eras", "regions", "review", "flags", "split", "license", "attribution", "source", "source_id",
)  # fmt: skip
# Columns that hold normalized text or numbers for machines only; a release never carries them.
_NEVER = ("zh_norm", "en_norm", "zh_tokens", "en_tokens", "zh_sig", "en_sig", "zh_key", "en_key", "zh_vector", "en_vector", "drop", "drop_note")

Mode = Literal["none", "link", "copy", "cut"]


@dataclass(frozen=True)
class Written:
    """One file of a release: path inside it, rows (0 for media), and the split it belongs to."""

    path: str
    rows: int
    split: str


def _ids(table: pl.DataFrame, column: str) -> pl.DataFrame:
    dtype = table.schema[column]
    if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
        first = dtype.inner.fields[0].name
        return table.with_columns(pl.col(column).list.eval(pl.element().struct.field(first)).cast(pl.List(pl.String)))
    return table


def _final(table: pl.DataFrame, lang: str) -> pl.DataFrame:
    """A reviewer's text where there is one; what was read stays beside it."""
    if f"{lang}_final" not in table.columns:
        return table
    final, read = pl.coalesce(f"{lang}_final", lang), pl.col(lang)
    edited = final.is_not_null() & (final != read.fill_null(""))
    return table.with_columns(final.alias(lang), pl.when(edited).then(read).alias(f"{lang}_as_read")).drop(f"{lang}_final")


def load(ws: Workspace, key: str, more: Sequence[str] = ()) -> pl.DataFrame:
    """Return the live rows as a release shows them, sorted as they were read.

    Args:
        ws: the workspace.
        key: the last step.
        more: further columns that the recipe asks for.

    Raises:
        UsageError: a column asked for does not exist or is never released.
    """
    have = [c for r in ws.chain(key) for c in r.schema]
    for name in more:
        if name in _NEVER:
            raise UsageError(f"publish.columns: {name!r} is for machines and is never released")
        if name not in have and name not in _ORDER:
            raise UsageError(f"publish.columns: there is no column {name!r}", hint=did_you_mean(name, [c for c in have if c not in _NEVER]))
    wanted = [c for c in dict.fromkeys((*_BASE, *_OPTIONAL, *_CLIP, *more)) if c in have]
    table = ws.table(key, wanted)
    for lang in ("zh", "en"):
        table = _final(table, lang)
    if "themes_final" in table.columns:
        table = _ids(_ids(table, "themes"), "themes_final")
        table = table.with_columns(pl.coalesce("themes_final", "themes").alias("themes")).drop("themes_final")
    if "split" not in table.columns:
        table = table.with_columns(split=pl.lit("train"))
    for column in ("themes", "eras", "regions"):
        table = _ids(table, column) if column in table.columns else table.with_columns(pl.lit([], pl.List(pl.String)).alias(column))
    enums = [c for c, t in table.schema.items() if isinstance(t, pl.Enum)]
    return table.with_columns(pl.col(enums).cast(pl.String))


def leaks(table: pl.DataFrame) -> list[str]:
    """Say what is in more than one split.

    Args:
        table: ``split`` and ``clip_id``; ``dup_group``, ``clip_group``, ``media_sha256`` and ``uri`` with bounds if there.

    Returns:
        One line per kind of leak, with an example.
    """
    out = []
    keys: dict[str, pl.Expr] = {"clip": pl.col("clip_id"), "id": pl.col("id")}
    if "dup_group" in table.columns:
        keys["group of duplicates"] = pl.col("dup_group")
    if "clip_group" in table.columns:
        keys["group of clips that show the same"] = pl.col("clip_group")
    whole = pl.when(pl.col("start_s").is_null())
    keys["media file"] = whole.then(pl.col("media_sha256"))
    keys["media address"] = whole.then(pl.col("uri"))
    keys["pair of captions"] = pl.when(pl.col("zh").is_not_null() & pl.col("en").is_not_null()).then(pl.struct("zh", "en").struct.json_encode())
    for name, expr in keys.items():
        found = table.select(expr.alias("key"), "split").drop_nulls().unique().group_by("key").len().filter(pl.col("len") > 1).sort("key")
        if len(found):
            out.append(
                f"split leakage: {len(found)} {name}{'s' if len(found) > 1 else ''} in more than one split, such as {str(found['key'][0])[:80]!r}"
            )
    return out


def is_local(uri: str | None) -> bool:
    """Say whether an address is a path on this machine."""
    return bool(uri) and "://" not in str(uri)


def shown_uri(uri: str | None, base: Path) -> str | None:
    """Return an address without any path of this machine in it: URLs as they are, files relative to the recipe or by name.

    Example:
        >>> shown_uri("https://example.org/a.mp4", Path("/x")), shown_uri("/x/clips/a.mp4", Path("/x")), shown_uri("/y/a.mp4", Path("/x"))
        ('https://example.org/a.mp4', 'clips/a.mp4', 'a.mp4')
    """
    if uri is None or not is_local(uri):
        return uri
    path = Path(uri)
    if not path.is_absolute():
        return path.name if ".." in path.parts else path.as_posix()
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        return path.name


def clip_name(clip_id: str, start: float | None, end: float | None, suffix: str) -> str:
    """Return an ASCII file name that is unique over the whole release, as several trainers key on the stem.

    Args:
        clip_id: the clip.
        start: seconds.
        end: seconds.
        suffix: ending with the dot.

    Example:
        >>> clip_name("舞龙 1", None, None, ".mp4")
        '1-de3644764e.mp4'
    """
    digest = hashlib.blake2b(json.dumps([clip_id, start, end]).encode(), digest_size=5).hexdigest()
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(clip_id).stem if "/" in clip_id or clip_id.endswith(suffix) else clip_id).strip("-")[:40]
    return f"{stem or 'clip'}-{digest}{suffix.lower()}"


def place_media(table: pl.DataFrame, mode: Mode, base: Path, staging: Path, final: Path) -> tuple[pl.DataFrame, list[str]]:
    """Put the media of each row beside its split's metadata and name it in ``file_name``.

    Args:
        table: the rows; ``uri`` as read.
        mode: ``none``, ``link`` (a symbolic link), ``copy`` or ``cut`` (only the seconds of the clip).
        base: folder that relative addresses refer to.
        staging: folder that is being written.
        final: folder that it will be renamed to; links are relative to it.

    Returns:
        The table with ``file_name``, and one line per medium that is not there; its rows keep their captions.
    """
    names: list[str | None] = []
    faults: dict[str, None] = {}
    done: dict[tuple[str, str], str] = {}
    per_split: dict[str, int] = {}
    for row in table.select("clip_id", "media", "uri", "start_s", "end_s", "split").iter_rows(named=True):
        if mode == "none" or row["media"] == "none" or not is_local(row["uri"]):
            names.append(None)
            continue
        source = Path(row["uri"]) if Path(row["uri"]).is_absolute() else base / row["uri"]
        if not source.is_file():
            faults[f"media file {shown_uri(row['uri'], base)!r} is missing"] = None
            names.append(None)
            continue
        cut = mode == "cut" and row["end_s"] is not None and row["media"] == "video"
        bounds: tuple[float | None, float | None] = (row["start_s"], row["end_s"]) if cut else (None, None)
        suffix = ".mp4" if cut else source.suffix
        name = clip_name(row["clip_id"], bounds[0], bounds[1], suffix)
        if (row["split"], name) not in done:
            number = per_split[row["split"]] = per_split.get(row["split"], -1) + 1
            relative = f"clips/{number // PER_FOLDER:03d}/{name}"
            _place(source, "cut" if cut else ("copy" if mode == "cut" else mode), bounds, Path("data") / row["split"] / relative, staging, final)
            done[(row["split"], name)] = relative
        names.append(done[(row["split"], name)])
    return table.with_columns(pl.Series("file_name", names, dtype=pl.String)), list(faults)


def _place(source: Path, mode: str, bounds: tuple[float | None, float | None], inside: Path, staging: Path, final: Path) -> None:
    target = staging / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode == "link":
        # The staging folder is a sibling of the final one, so the same relative link is right in both.
        os.symlink(os.path.relpath(source.resolve(), (final / inside).parent.resolve()), target)
    elif mode == "copy":
        shutil.copyfile(source, target)
    else:
        cut_clip(source, target, float(bounds[0] or 0.0), float(bounds[1] or 0.0))


def cut_clip(source: Path, target: Path, start_s: float, end_s: float) -> None:
    """Write the seconds of one clip as its own file, keeping labels of AI-generated content.

    Args:
        source: the whole video.
        target: the clip to write.
        start_s: seconds, at least 0.
        end_s: seconds, more than ``start_s``.

    Raises:
        DataError: this installation cannot cut.
    """
    try:
        cut = import_module("curate.media").cut
    except (ImportError, AttributeError) as e:
        raise DataError("publish.media: cut is not available in this installation", hint="use media: copy or media: link") from e
    cut(source, target, start_s, end_s)


def finish(table: pl.DataFrame, base: Path, more: Sequence[str]) -> pl.DataFrame:
    """Order the columns, hide paths of this machine and drop what only the checks needed.

    Args:
        table: rows with ``file_name`` where there are media.
        base: the recipe's folder.
        more: further columns that the recipe asks for.
    """
    table = table.with_columns(pl.Series("uri", [shown_uri(u, base) for u in table.get_column("uri").to_list()], dtype=pl.String))
    table = _ids(table, "flags") if "flags" in table.columns else table
    if "file_name" in table.columns and table.get_column("file_name").null_count() == len(table):
        table = table.drop("file_name")
    empty = [c for c in (*_CLIP, "zh_as_read", "en_as_read", "media_sha256") if c in table.columns and table.get_column(c).null_count() == len(table)]
    names = [c for c in dict.fromkeys((*_ORDER, *more)) if c in table.columns and c not in empty]
    return table.select(names)


def write_split(table: pl.DataFrame, split: str, staging: Path, formats: Sequence[str]) -> list[Written]:
    """Write the rows of one split as Parquet and JSONL, and once more beside the clips if the split has any; rows without one have null there.

    Args:
        table: the rows of the split.
        split: its name.
        staging: the release folder.
        formats: ``parquet``, ``jsonl``, ``csv``.
    """
    out = []
    folder = staging / "data" / split
    folder.mkdir(parents=True, exist_ok=True)
    shards = [table[i : i + SHARD_ROWS] for i in range(0, max(1, len(table)), SHARD_ROWS)]
    for number, shard in enumerate(shards):
        stem = "captions" if len(shards) == 1 else f"captions-{number:05d}"
        for ending in formats:
            path = folder / f"{stem}.{ending}"
            if ending == "parquet":
                write_parquet(shard, path)
            elif ending == "jsonl":
                write_atomic(path, jsonl(shard))
            else:
                lists = [c for c, t in shard.schema.items() if isinstance(t, pl.List)]
                flat = shard.with_columns(pl.col(c).cast(pl.List(pl.String)).list.join(";") for c in lists)
                texts = [c for c, t in flat.schema.items() if t == pl.String]
                guarded = [pl.Series(c, [None if v is None else guard(v) for v in flat.get_column(c)], dtype=pl.String) for c in texts]
                write_atomic(path, flat.with_columns(guarded).write_csv().encode())
            out.append(Written(path.relative_to(staging).as_posix(), len(shard), split))
    if "file_name" in table.columns:
        with_media = table.drop("uri")
        if table.get_column("file_name").null_count() < len(table):
            # Parquet, as loaders guess the types of JSON Lines per split: a column that is empty in a small one would break the set.
            path = folder / "metadata.parquet"
            write_parquet(with_media, path)
            out.append(Written(path.relative_to(staging).as_posix(), len(with_media), split))
    return out


def jsonl(table: pl.DataFrame) -> bytes:
    """Return rows as JSON Lines, UTF-8 as it is; every row has every column, so that loaders see one schema."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table.iter_rows(named=True)).encode()


def sums(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder but ``SHA256SUMS`` itself, by path."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
    return {p.relative_to(folder).as_posix(): sha256_file(p) for p in files}


def facts_of_files(folder: Path, rows: dict[str, Written]) -> list[dict[str, Any]]:
    """Return path, bytes, rows and sha256 of every file of a release."""
    return [
        {"path": name, "bytes": (folder / name).stat().st_size, "rows": rows[name].rows if name in rows else None, "sha256": digest}
        for name, digest in sums(folder).items()
    ]
