"""The record: one row, one clip (or image, or bare prompt) with its Chinese and its English caption."""

from __future__ import annotations

import hashlib
import json
from json.encoder import encode_basestring

import polars as pl

from curate.errors import SchemaError

MEDIA = pl.Enum(["none", "image", "video"])
ORIGIN = pl.Enum(["human", "machine", "translated", "unknown"])
SCRIPT = pl.Enum(["none", "hans", "hant", "mixed"])
LANG = pl.Enum(["zh", "en", "fr", "ja", "ko", "other", "mixed", "und"])
BY = pl.Enum(["term", "vector", "both"])
DUP_KIND = pl.Enum(["exact", "near", "semantic", "clip"])
SPLIT = pl.Enum(["train", "validation", "test"])
SEVERITY = pl.Enum(["error", "warning", "review"])

RECORD = pl.Schema(
    {
        "id": pl.String(),
        "clip_id": pl.String(),
        "media": MEDIA,
        "uri": pl.String(),
        "media_sha256": pl.String(),
        "start_s": pl.Float64(),
        "end_s": pl.Float64(),
        "zh": pl.String(),
        "en": pl.String(),
        "zh_origin": ORIGIN,
        "en_origin": ORIGIN,
        "source": pl.String(),
        "source_id": pl.String(),
        "license": pl.String(),
        "attribution": pl.String(),
        "extra": pl.String(),
    }
)

TERMS = pl.List(pl.Struct({"term_id": pl.String(), "lang": pl.String(), "start": pl.UInt32(), "end": pl.UInt32()}))
LABELS = pl.List(pl.Struct({"id": pl.String(), "score": pl.Float32(), "by": BY}))
FLAGS = pl.List(
    pl.Struct(
        {
            "check": pl.String(),
            "severity": SEVERITY,
            "lang": pl.String(),
            "start": pl.UInt32(),
            "end": pl.UInt32(),
            "note": pl.String(),
            "note_en": pl.String(),
            "suggestion": pl.String(),
        }
    )
)


def canonical_json(value: object) -> str:
    """Serialize to the one JSON text that hashes are taken of (sorted keys, no spaces, UTF-8).

    Args:
        value: anything JSON can hold.

    Example:
        >>> canonical_json({"b": 1, "a": "唐"})
        '{"a":"唐","b":1}'
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def record_id(source: str, source_id: str, clip_id: str, zh: str | None, en: str | None) -> str:
    """Return the id of a record: 20 hex digits, blake2b-80 of what was read.

    Args:
        source: name of the input in the recipe.
        source_id: the row's own id in that source.
        clip_id: the clip.
        zh: Chinese caption as read.
        en: English caption as read.

    Example:
        >>> len(record_id("clips", "1", "c1", "龙舟", None))
        20
    """
    # ``canonical_json`` of the list, piece by piece: this is done for every row that is read.
    text = f"[{','.join(['null' if v is None else encode_basestring(v) for v in (source, source_id, clip_id, zh, en)])}]"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def stable_key(seed: int, *values: str) -> float:
    """Return a number in [0, 1) that depends only on the seed and the values, on every machine.

    Args:
        seed: the recipe's seed.
        values: what to draw for, usually an id.

    Example:
        >>> stable_key(1, "a") == stable_key(1, "a"), 0 <= stable_key(1, "a") < 1
        (True, True)
    """
    digest = hashlib.blake2b("\x1f".join(values).encode(), digest_size=8, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "big") / 2**64


def cast(frame: pl.DataFrame, schema: pl.Schema, where: str) -> pl.DataFrame:
    """Select and cast columns to a declared schema.

    Args:
        frame: what a stage or reader returned.
        schema: the columns expected, in order.
        where: named in the error.

    Raises:
        SchemaError: a column is missing or cannot be cast; names column, expected and got.
    """
    missing = [c for c in schema if c not in frame.columns]
    if missing:
        raise SchemaError(f"{where}: column {missing[0]!r} is missing; found {', '.join(frame.columns)}")
    out = []
    for name, dtype in schema.items():
        series = frame.get_column(name)
        if series.dtype != dtype:
            try:
                series = series.cast(dtype, strict=True)
            except (pl.exceptions.PolarsError, TypeError, ValueError) as e:
                raise SchemaError(f"{where}: column {name!r} should be {dtype}, got {frame.schema[name]}: {e}") from e
        out.append(series)
    return pl.DataFrame(out) if out else pl.DataFrame()
