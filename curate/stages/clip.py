"""Stage ``clip``: what the media of each row really are, found by decoding, with scores, provenance and cut-offs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field, model_validator

from curate.media import presets, provenance, rights
from curate.media.isolate import Limits, Outcome, Pool
from curate.media.locate import opened_uri
from curate.media.ocr import READER_LIMITS, read_clip
from curate.media.refused import Refused
from curate.stage import Params, Resources, Stage


class Cutoff(Params):
    """Bounds for a score.

    Attributes:
        min: least value.
        max: greatest value.
        scorer: what the bounds were measured with; refused if it is not what fills the column.
    """

    min: float | None = None
    max: float | None = None
    scorer: str | None = None


class ClipParams(Params):
    """What is measured, and what is dropped.

    Attributes:
        root: folder that relative paths refer to; the recipe's folder if empty.
        preset: cut-offs of a published recipe, see ``curate clips presets``.
        cutoffs: column to bounds.
        missing: whether rows whose file is not there stay or go.
        unreadable: whether rows whose file cannot be decoded stay or go.
        ai_generated: whether clips with a label of AI-generated content stay or go.
        opt_out: whether clips whose owner keeps training for himself (a column, credentials or metadata say so) stay or go.
        motion: whether motion is measured.
        text: whether burned-in text is read (slow: about a second a picture).
        seconds: time allowed per file; large files get more.
        memory_mb: memory allowed per child.
        workers: child processes at once; 0 is one per core.
    """

    root: str = ""
    preset: str | None = None
    cutoffs: dict[str, Cutoff] = Field(default_factory=dict)
    missing: Literal["keep", "drop"] = "keep"
    unreadable: Literal["keep", "drop"] = "drop"
    ai_generated: Literal["keep", "drop"] = "keep"
    opt_out: Literal["keep", "drop"] = "drop"
    motion: bool = True
    text: bool = False
    seconds: float = Field(30.0, ge=1, le=3600)
    memory_mb: int = Field(1024, ge=256, le=65536)
    workers: int = Field(1, ge=0, le=256)

    @model_validator(mode="after")
    def _comparable(self) -> ClipParams:
        for column, cutoff in self.cutoffs.items():
            presets.check(column, cutoff.scorer)
        if self.preset is not None and self.preset not in presets.names():
            raise ValueError(f"unknown preset {self.preset!r}; choices: {', '.join(presets.names())}")
        return self


ADDS = pl.Schema(
    {
        "clip_ok": pl.Boolean(), "clip_reason": pl.String(), "clip_note": pl.String(), "container": pl.String(), "codec": pl.String(),
        "width": pl.UInt32(), "height": pl.UInt32(), "rotation": pl.Int32(), "frames": pl.UInt32(), "fps": pl.Float64(),
        "constant_fps": pl.Boolean(), "duration_s": pl.Float64(), "audio": pl.Boolean(), "short_decode": pl.Boolean(), "black": pl.Float32(),
        "frozen": pl.Float32(), "duplicate": pl.Float32(), "brightness": pl.Float32(), "contrast": pl.Float32(), "sharpness": pl.Float32(),
        "motion": pl.Float32(), "cuts": pl.List(pl.Float32()), "letterbox": pl.Float32(), "corner_static": pl.Float32(),
        "text_share": pl.Float32(), "text_zh": pl.String(), "text_en": pl.String(), "ai_generated": pl.Boolean(), "ai_label": pl.String(),
        "opt_out": pl.Boolean(), "opt_out_by": pl.String(), "origin": pl.String(),
        "aigc_raw": pl.String(), "c2pa": pl.String(), "c2pa_source_type": pl.String(), "c2pa_training": pl.String(),
    }
)  # fmt: skip
# These say that nothing was opened, not that something is broken.
_ABSENT = ("not_found", "remote")
REASONS = ("unreadable", "missing", "ai_generated", "opt_out", *sorted(set(presets.REASONS.values())))


def clip(df: pl.DataFrame, params: ClipParams, res: Resources) -> pl.DataFrame:
    """Decode the media of each row in child processes and measure them; rows without media get nulls.

    Args:
        df: ``id``, ``media``, ``uri``, ``start_s``, ``end_s``, ``extra``.
        params: what is measured and what is dropped.
        res: the recipe's folder.

    Returns:
        What the file is (``codec``, ``width`` and ``height`` as coded, ``frames`` by decoding …), scores (their scales: ``media.quality``),
        ``ai_label``, credentials, ``opt_out`` and ``origin`` (the row's own columns go before the file's metadata). ``clip_ok`` is false and ``clip_reason`` says why where a file could not be read.

    Drops:
        missing, unreadable, ai_generated, opt_out: if the parameters say so. By cut-offs, each with the score in the note: blurred, has_cuts,
        letterboxed, too_black, too_much_text, too_small, too_static, watermark, wrong_brightness, wrong_length, wrong_motion, wrong_rate,
        wrong_shape.
    """
    rules = presets.load(params.preset)[0] if params.preset else []
    rules += [presets.Rule(c, presets.check(c, x.scorer), x.min, x.max) for c, x in params.cutoffs.items()]
    root = Path(params.root) if params.root else res.base
    root = res.base / root if res.base and root and not root.is_absolute() else root
    keys = [tuple(r) for r in df.select("media", "uri", "start_s", "end_s").iter_rows()]
    wanted = [k for k in dict.fromkeys(keys) if k[0] != "none" and k[1]]
    limits = Limits(seconds=params.seconds, memory=params.memory_mb << 20)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    if wanted:
        with Pool(limits, params.workers) as pool, Pool(READER_LIMITS, 1) as reader:
            found = dict(zip(wanted, pool.each(lambda key: _measure(key, root, params, pool, reader), wanted), strict=True))
    rows = [_verdict(_rights(found.get(k, {}), extra), rules, params) for k, extra in zip(keys, df.get_column("extra"), strict=True)]
    data: dict[str, Any] = {"id": df.get_column("id")}
    for name, dtype in {**ADDS, "drop": pl.String(), "drop_note": pl.String()}.items():
        data[name] = pl.Series(name, [r.get(name) for r in rows], dtype=dtype)
    return pl.DataFrame(data)


def _measure(key: tuple[Any, ...], root: Path | None, params: ClipParams, pool: Pool, reader: Pool) -> dict[str, Any]:
    _, uri, start, end = key
    try:
        with opened_uri(str(uri), root) as path:
            outcome = pool.call("analyse", {"start": start, "end": end, "flow": params.motion}, path)
            if outcome.value is None:
                return _failed(outcome)
            row: dict[str, Any] = {**outcome.value, "clip_ok": True}
            if row["short_decode"]:
                row.update(clip_reason="short_decode", clip_note=f"{row['decode_errors']} packets could not be decoded")
            row.update(_origin(pool.call("provenance", {}, path)))
            if params.text:
                row.update(read_clip(str(path), float(row["duration_s"] or 1.0), pool, reader, start, end))
            return row
    except Refused as e:
        return {"clip_ok": False, "clip_reason": e.reason, "clip_note": e.note}


def _failed(outcome: Outcome) -> dict[str, Any]:
    return {"clip_ok": False, "clip_reason": outcome.reason, "clip_note": outcome.note}


def _origin(outcome: Outcome) -> dict[str, Any]:
    row = provenance.finish("", outcome)
    return {
        k: row[k] for k in ("ai_generated", "ai_label", "aigc_raw", "opt_out", "opt_out_by", "origin", "c2pa", "c2pa_source_type", "c2pa_training")
    }


def _rights(row: dict[str, Any], extra: str | None) -> dict[str, Any]:
    """Add what the row's own columns say; either side can forbid, and neither takes back what the other said."""
    said, origin = rights.of_row(extra)
    by = [x for x in ("input" if said else None, row.get("opt_out_by")) if x]
    return {**row, "opt_out": True if by else said, "opt_out_by": "+".join(by) or None, "origin": origin or row.get("origin")}


def _verdict(row: dict[str, Any], rules: list[presets.Rule], params: ClipParams) -> dict[str, Any]:
    if params.opt_out == "drop" and row.get("opt_out"):
        return {**row, "drop": "opt_out", "drop_note": f"said by {row['opt_out_by']}"}
    if "clip_ok" not in row:
        return row
    if not row["clip_ok"]:
        absent = row["clip_reason"] in _ABSENT
        if (params.missing if absent else params.unreadable) == "drop":
            return {**row, "drop": "missing" if absent else "unreadable", "drop_note": f"{row['clip_reason']}: {row['clip_note']}"}
        return row
    if params.ai_generated == "drop" and row.get("ai_generated"):
        return {**row, "drop": "ai_generated", "drop_note": f"AIGC {row.get('ai_label')}, C2PA {row.get('c2pa_source_type')}"}
    failed = presets.verdict(row, rules)
    return {**row, "drop": failed[0], "drop_note": failed[1]} if failed else row


STAGE = Stage(
    name="clip",
    version=2,
    scope="rows",
    params=ClipParams,
    needs=("media", "uri", "start_s", "end_s", "extra"),
    adds=ADDS,
    reasons=REASONS,
    libs=("av", "opencv-python-headless", "rapidocr", "c2pa-python"),
    fn=clip,
    media=True,
    help="what clips really are by decoding, scores, provenance",
)
