"""From a source's own columns to records: names guessed and reported, mixed captions sorted by language."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any, NamedTuple

import polars as pl

from curate import langid
from curate.errors import SchemaError, did_you_mean
from curate.readers.base import MAX_CAPTION_CHARS, RAW_LIMIT, Bad, Batch
from curate.readers.names import NAMED, NAMES, captions_in, plain_name
from curate.schema import RECORD, canonical_json, record_id

_Column = list[str | None]
# A title or a subtitle is a caption only where no column is called one.
_WEAK = ("标题", "標題", "字幕")
# Unread columns that are named in one line.
SHOWN = 12
MEDIA_SUFFIXES = {
    "video": ("mp4", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "m4v", "gif", "ts", "flv", "wmv"),
    "image": ("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "heic"),
}


class Records(NamedTuple):
    """Records of a batch.

    Attributes:
        frame: of the record schema.
        bad: rows that are no records.
        lines: the place of each record in the file.
    """

    frame: pl.DataFrame
    bad: list[Bad]
    lines: list[int]


@dataclass(frozen=True)
class Spec:
    """What the recipe says of an input, as the mapping needs it."""

    name: str
    license: str = "unknown"
    attribution: str | None = None
    zh_origin: str = "unknown"
    en_origin: str = "unknown"
    media: str = "auto"
    map: Mapping[str, str] = field(default_factory=dict)


def guess(columns: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Say which source column feeds which record column.

    Args:
        columns: the source's columns.
        given: record column to source column, as the recipe says; these win.

    Returns:
        Record column (or ``caption`` for one caption in whichever language) to source column.

    Raises:
        SchemaError: a given column is not there, or no caption column can be guessed.

    Example:
        >>> guess(["id", "text_zh", "caption_en", "_line"], {})
        {'zh': 'text_zh', 'en': 'caption_en', 'source_id': 'id'}
    """
    for target, source in given.items():
        if source not in columns:
            raise SchemaError(f"there is no column {source!r} for {target!r}", hint=did_you_mean(source, [c for c in columns if c != "_line"]))
    out: dict[str, str] = dict(given)
    free = {plain_name(c): c for c in columns if c != "_line" and c not in given.values()}
    for target, names in NAMES.items():
        if target in out:
            continue
        named = [n for n in free if target in NAMED and NAMED[target].fullmatch(n)]
        for name in (*names, *named):
            if name in free and not (name in _WEAK and (named or any(n in free for n in NAMES["caption"]))):
                out[target] = free.pop(name)
                break
    if "zh" in out and "en" in out and "caption" not in given:
        out.pop("caption", None)
    if not {"zh", "en", "caption"} & set(out):
        shown = ", ".join(c for c in columns if c != "_line") or "none"
        raise SchemaError(
            f"no caption column found; the columns are: {shown}",
            hint="name it: map: {zh: COLUMN, en: COLUMN} in the recipe, --map zh=COLUMN on the command line",
        )
    return out


def completed(frame: pl.DataFrame, seen: dict[str, None]) -> pl.DataFrame:
    """Give a batch the columns that earlier batches of its file had; sparse JSON rows may lack one for thousands of rows.

    Args:
        frame: the batch.
        seen: columns of the file so far; this batch's are added.
    """
    lacking = [c for c in seen if c not in frame.columns]
    seen.update(dict.fromkeys(frame.columns))
    return frame.with_columns([pl.lit(None, pl.String).alias(c) for c in lacking]) if lacking else frame


def describe(mapping: Mapping[str, str], columns: Sequence[str] = ()) -> str:
    """Return the mapping as one line for people.

    Args:
        mapping: record column to source column.
        columns: the source's columns; those that feed none are named, as nobody reads a caption out of them.

    Example:
        >>> describe({"zh": "描述"}, ["描述", "remarks", "_line"])
        'zh ← 描述; kept aside in extra: remarks'
    """
    rest = [c for c in columns if c not in mapping.values() and c != "_line"]
    aside = f"; kept aside in extra: {', '.join(rest[:SHOWN])}{' …' if len(rest) > SHOWN else ''}" if rest else ""
    return ", ".join(f"{target} ← {source}" for target, source in mapping.items()) + aside


def to_records(batch: Batch, mapping: Mapping[str, str], spec: Spec, first_row: int) -> Records:
    """Turn a batch of raw rows into records.

    Args:
        batch: rows as read; ``_line`` is their place in the file.
        mapping: record column to source column.
        spec: what the recipe says of the input.
        first_row: rows of this input read before, for rows without an id of their own.

    Returns:
        The records with their lines, and the rows that are no records.

    Raises:
        SchemaError: a caption column holds numbers, truth values or dates.
    """
    frame = batch.frame
    bad: list[Bad] = []
    _check_types(frame, mapping)
    columns = {t: _strings(frame, s, t) for t, s in mapping.items() if s in frame.columns}
    lines = frame.get_column("_line").to_list()
    n = len(frame)
    none: list[str | None] = [None] * n
    zh, en, captions = _spoken(*(columns.get(c, none) for c in ("zh", "en", "caption")))
    if any(captions):
        for i, caption in enumerate(captions):
            if caption and not (zh[i] and en[i]):
                a, b = langid.split_mixed(caption)
                zh[i], en[i] = zh[i] or a or None, en[i] or b or None
    rest = [c for c in frame.columns if c not in mapping.values() and c != "_line"]
    extras = _extras(frame, rest, columns.get("extra", none))
    good: list[int] = []
    for i, pair in enumerate(zip(zh, en, strict=True)):
        fault = _fault(*pair)
        if fault:
            raw = canonical_json({c: frame[c][i] if isinstance(frame[c][i], (str, int, float, bool)) else str(frame[c][i]) for c in frame.columns})
            bad.append(Bad(batch.file, int(lines[i]), fault[0], fault[1], raw.encode("utf-8", "replace")[:RAW_LIMIT]))
        else:
            good.append(i)
    if len(good) < n:
        columns = {name: [values[i] for i in good] for name, values in columns.items()}
        zh, en, extras, lines = ([values[i] for i in good] for values in (zh, en, extras, lines))
    table = _table(columns, spec, zh, en, [str(first_row + i + 1) for i in good])
    records, faults = _typed({**table, "extra": extras})
    for i, note in faults.items():
        raw = canonical_json({k: str(v[i]) for k, v in table.items()} | {"extra": str(extras[i])})
        bad.append(Bad(batch.file, int(lines[i]), "wrong_type", note, raw.encode()[:RAW_LIMIT]))
    return Records(records, bad, [int(line) for i, line in enumerate(lines) if i not in faults])


def _check_types(frame: pl.DataFrame, mapping: Mapping[str, str]) -> None:
    for target in ("zh", "en", "caption"):
        dtype = frame.schema.get(mapping.get(target, ""))
        if dtype is not None and (dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean):
            hint = f"name the column of the captions in the recipe: map: {{{target}: COLUMN}}; the columns are: {', '.join(frame.columns[:-1])}"
            raise SchemaError(f"the column {mapping[target]!r}, taken as {target!r}, holds {dtype}, not text", hint=hint)


def _strings(frame: pl.DataFrame, column: str, target: str) -> list[str | None]:
    series = frame.get_column(column)
    if series.dtype == pl.String:
        return [v if v is None or v.strip() else None for v in series.to_list()]
    if series.dtype == pl.Binary:
        return [None if v is None else v.decode("utf-8", "replace") for v in series.to_list()]
    if series.dtype.is_nested() and target in ("zh", "en", "caption"):
        return [None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in series.to_list()]
    return [None if v is None else _text(v) for v in series.to_list()]


def sort_caption(row: dict[str, Any]) -> None:
    """Move a caption of unknown language to where its content belongs; what is there already stays.

    Args:
        row: a row of a reader that knows the languages of some of its captions; changed in place.
    """
    cells = [row[c] for c in ("zh", "en", "caption") if row.get(c)]
    if any(cell[0] + cell[-1] in ("{}", "[]") for cell in cells):
        spoken = _spoken(*([row.get(c)] for c in ("zh", "en", "caption")))
        row.update({c: cell for c, (cell,) in zip(("zh", "en", "caption"), spoken, strict=True)})
    caption = row.pop("caption", None)
    if caption:
        for lang, text in zip(("zh", "en"), langid.split_mixed(caption), strict=True):
            if text and not row.get(lang):
                row[lang] = text


def _spoken(zh: _Column, en: _Column, captions: _Column) -> tuple[_Column, _Column, _Column]:
    """Take apart cells that hold JSON: a list of captions becomes lines, an object such as ``{"zh": …, "en": …}`` goes where it says."""
    out = {"zh": list(zh), "en": list(en), "caption": list(captions)}
    for column, cells in (("zh", zh), ("en", en), ("caption", captions)):
        for i, cell in enumerate(cells):
            if cell and cell[0] + cell[-1] in ("{}", "[]") and (found := captions_in(cell, column)) is not None:
                out[column][i] = None
                for target, text in found.items():
                    out[target][i] = out[target][i] or text
    return out["zh"], out["en"], out["caption"]


def _text(value: object) -> str:
    if isinstance(value, dict):
        inner = value.get("path") or value.get("text")
        return str(inner) if inner else canonical_json({k: str(v) for k, v in value.items()})
    if isinstance(value, list):
        return "\n".join(str(v) for v in value if v is not None)
    return str(value)


def _extras(frame: pl.DataFrame, rest: list[str], given: list[str | None]) -> list[str | None]:
    if not rest:
        return given
    keep = sorted(c for c in rest if frame.schema[c] != pl.Binary)
    if "extra" not in keep and not any(given) and all(frame.schema[c] == pl.String for c in keep):
        names = [f"{encode_basestring(c)}: " for c in keep]
        cells = [
            [None if v is None else name + encode_basestring(v) for v in frame.get_column(c).to_list()] for c, name in zip(keep, names, strict=True)
        ]
        rows = ([cell for cell in row if cell is not None] for row in zip(*cells, strict=True))
        return [f"{{{', '.join(row)}}}" if row else None for row in rows] if keep else given
    out: list[str | None] = []
    for i, row in enumerate(frame.select(keep).iter_rows(named=True)):
        carried = {k: v for k, v in row.items() if v is not None}
        if given[i]:
            carried["extra"] = given[i]
        out.append(json.dumps(carried, ensure_ascii=False, sort_keys=True, default=str) if carried else None)
    return out


# A NUL byte, half of a surrogate pair, the replacement character.
_DAMAGED = re.compile("[\x00\ufffd\ud800-\udfff]")


def _fault(zh: str | None, en: str | None) -> tuple[str, str] | None:
    if not zh and not en:
        return "no_caption", "neither a Chinese nor an English caption"
    for lang, text in (("zh", zh), ("en", en)):
        if text and len(text) > MAX_CAPTION_CHARS:
            return "too_large", f"the {lang} caption has {len(text)} characters, the limit is {MAX_CAPTION_CHARS}"
        if not text or not _DAMAGED.search(text):
            continue
        if "\x00" in text:
            return "nul_byte", f"the {lang} caption holds a NUL byte"
        if any("\ud800" <= c <= "\udfff" for c in text):
            return "bad_unicode", f"the {lang} caption holds half of a surrogate pair"
        if "\ufffd" in text:
            return "bad_encoding", f"the {lang} caption holds the replacement character U+FFFD"
    return None


def _table(columns: Mapping[str, _Column], spec: Spec, zh: _Column, en: _Column, numbers: list[str]) -> dict[str, _Column]:
    """The columns of records but ``extra``, all of them text."""
    n = len(numbers)
    none: _Column = [None] * n

    # In a file with ids a bare row number could be another row's id.
    given = columns.get("source_id", none)
    source_id = [v or (f"row-{number}" if "source_id" in columns else number) for v, number in zip(given, numbers, strict=True)]
    uri, kind = columns.get("uri", none), columns.get("media", none)
    if "uri" not in columns:
        # Many sets call the file name "media".
        named = [bool(k) and k not in _ENUMS["media"] for k in kind]
        uri = [k if is_name else None for k, is_name in zip(kind, named, strict=True)]
        kind = [None if is_name else k for k, is_name in zip(kind, named, strict=True)]
    clip = [c or u or f"{spec.name}:{s}" for c, u, s in zip(columns.get("clip_id", none), uri, source_id, strict=True)]
    return {
        "id": [record_id(spec.name, *row) for row in zip(source_id, clip, zh, en, strict=True)],
        "clip_id": [*clip],
        "media": [k or _media(u, spec.media) for k, u in zip(kind, uri, strict=True)],
        "uri": uri,
        "media_sha256": columns.get("media_sha256", none),
        "start_s": columns.get("start_s", none),
        "end_s": columns.get("end_s", none),
        "zh": zh,
        "en": en,
        "zh_origin": [o or (spec.zh_origin if t else "unknown") for o, t in zip(columns.get("zh_origin", none), zh, strict=True)],
        "en_origin": [o or (spec.en_origin if t else "unknown") for o, t in zip(columns.get("en_origin", none), en, strict=True)],
        "source": [spec.name] * n,
        "source_id": [*source_id],
        "license": [v or spec.license for v in columns.get("license", none)],
        "attribution": [v or spec.attribution for v in columns.get("attribution", none)],
    }


def _media(uri: str | None, given: str) -> str:
    if given != "auto":
        return given
    suffix = (uri or "").split("?")[0].rsplit(".", 1)[-1].lower()
    return next((kind for kind, ends in MEDIA_SUFFIXES.items() if suffix in ends), "none")


_ENUMS = {"media": {"none", "image", "video"}, "zh_origin": {"human", "machine", "translated", "unknown"}}
_ENUMS["en_origin"] = _ENUMS["zh_origin"]


def _typed(table: dict[str, _Column]) -> tuple[pl.DataFrame, dict[int, str]]:
    """Records of the right types, and what is wrong with the rows that are none."""
    times: dict[str, list[float | None]] = {k: [None] * len(table["id"]) for k in ("start_s", "end_s")}
    faults: dict[int, str] = {}
    if any(v is not None for k in times for v in table[k]):
        for i, pair in enumerate(zip(table["start_s"], table["end_s"], strict=True)):
            try:
                times["start_s"][i], times["end_s"][i] = _interval(*pair)
            except ValueError as e:
                faults[i] = str(e)
    for column, allowed in _ENUMS.items():
        for wrong in set(table[column]) - allowed:
            for i, value in enumerate(table[column]):
                if value == wrong:
                    faults.setdefault(i, f"{column} {value!r} is not one of {', '.join(sorted(allowed))}")
    good = [i for i in range(len(table["id"])) if i not in faults] if faults else []
    columns: dict[str, Sequence[object]] = {**table, **times}
    kept = {k: [columns[k][i] for i in good] if faults else columns[k] for k in RECORD}
    return pl.DataFrame(kept, schema=RECORD), dict(sorted(faults.items()))


def _interval(*given: str | None) -> tuple[float | None, float | None]:
    start, end = (None if v is None else float(v) for v in given)
    if any(x is not None and not math.isfinite(x) for x in (start, end)):
        raise ValueError(f"start_s {start} or end_s {end} is no number")
    if (start is not None and start < 0) or (start is not None and end is not None and end <= start):
        raise ValueError(f"start_s {start} and end_s {end} are no interval")
    return start, end
