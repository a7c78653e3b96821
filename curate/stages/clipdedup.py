"""Stage ``clipdedup``: copies among clips, whole or in part, with the offset; captions of one clip stay together."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import Field

from curate.duplicates.unionfind import join_pairs
from curate.media.clipmatch import Print, Rules, matches
from curate.media.dedupe import judge
from curate.media.fingerprint import CROPS, THUMB
from curate.stage import Params, Resources, Stage


class ClipDedupParams(Params):
    """When two clips are the same.

    Attributes:
        distance: share of the trusted bits of a picture that may differ.
        coverage: share of the pictures in the common part that must agree.
        overlap: share of the shorter clip that must be in the common part.
        turns: whether upside-down and turned copies are looked for, besides mirrored ones.
        copies: whether rows of copies are dropped or only marked.
    """

    distance: float = Field(0.16, gt=0, le=0.4)
    coverage: float = Field(0.7, ge=0.3, le=1)
    overlap: float = Field(0.5, ge=0.1, le=1)
    turns: bool = True
    copies: Literal["drop", "mark"] = "drop"


ADDS = pl.Schema({"clip_dup_of": pl.String(), "clip_dup_score": pl.Float32(), "clip_offset_s": pl.Float64(), "clip_group": pl.String()})


def clipdedup(df: pl.DataFrame, params: ClipDedupParams, res: Resources) -> pl.DataFrame:
    """Find clips that show the same. The longest stays, then the one with more pixels, then the smaller clip id.

    Args:
        df: ``id``, ``clip_id``, ``fingerprint``.
        params: when two clips are the same.
        res: not used.

    Returns:
        ``clip_dup_of`` (the ``clip_id`` that stays instead), its score, ``clip_offset_s`` (where this clip begins in that one), and
        ``clip_group``, the smallest clip id of the connected clips.

    Drops:
        clip: every caption of a clip that is a copy, with the evidence.
    """
    first: dict[str, dict[str, Any]] = {}
    for clip_id, value in df.select("clip_id", "fingerprint").sort("clip_id").iter_rows():
        if value is not None:
            first.setdefault(clip_id, value)
    names = sorted(first)
    prints = [_print(first[n]) for n in names]
    found = matches(prints, Rules(distance=params.distance, coverage=params.coverage, overlap=params.overlap, turns=params.turns))
    order = sorted(range(len(names)), key=lambda i: (-round(prints[i].duration_s, 1), -(first[names[i]]["pixels"] or 0), names[i]))
    said = dict(zip(names, judge(order, found), strict=True))
    groups = dict(zip(names, join_pairs(names, [m.a for m in found], [m.b for m in found]), strict=True))
    rows = []
    for clip_id in df.get_column("clip_id").to_list():
        v = said.get(clip_id)
        keeper = None if v is None or v.dup_of is None else names[v.dup_of]
        gone = keeper is not None and params.copies == "drop"
        note = f"clip_dup_of={keeper} score={v.score} offset_s={v.offset_s}" + (f" {v.turned}" if v.turned else "") if v and gone else None
        rows.append((keeper, v.score if v else None, v.offset_s if v else None, groups.get(clip_id), "clip" if gone else None, note))
    schema = pl.Schema({**ADDS, "drop": pl.String(), "drop_note": pl.String()})
    return df.select("id").hstack(pl.DataFrame(rows, schema=schema, orient="row"))


def _print(value: dict[str, Any]) -> Print:
    shape = (-1, len(CROPS))
    signs, sure = (np.array(value[k], np.uint64).reshape(shape) for k in ("signs", "sure"))
    thumbs = np.frombuffer(value["thumbs"], np.uint8).reshape(-1, THUMB, THUMB)
    times, at = (np.array(value[k], np.float64) for k in ("times", "thumb_times"))
    return Print(times, signs, sure, float(value["duration_s"]), thumbs, at, tuple(value["bars"]), float(value["aspect"] or 0.0))


STAGE = Stage(
    name="clipdedup",
    version=1,
    scope="table",
    params=ClipDedupParams,
    needs=("clip_id", "fingerprint"),
    adds=ADDS,
    reasons=("clip",),
    libs=("faiss-cpu",),
    fn=clipdedup,
    help="copies of clips, whole or in part",
)
