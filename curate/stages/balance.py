"""Stage ``balance``: keep rare cells whole and thin out common ones, by a coin that depends on the clip and the seed only."""

from __future__ import annotations

import math
from collections import Counter
from typing import Literal

import polars as pl
from pydantic import Field

from curate.schema import stable_key
from curate.stage import Params, Resources, Stage

EVERYDAY = "everyday"


class BalanceParams(Params):
    """How even the result shall be.

    Attributes:
        cap: clips that a cell keeps about; ``auto`` takes the count at which ``tail`` of all clips lie in smaller cells.
        tail: share of clips, 0 to 1, that ``auto`` leaves untouched (MetaCLIP's tail share).
        everyday: share of rows without a cell to keep, 0 to 1.
        on: ``cells`` (theme × era), ``themes`` or ``eras``.
    """

    cap: int | Literal["auto"] = "auto"
    tail: float = Field(0.6, gt=0, le=1)
    everyday: float = Field(1.0, ge=0, le=1)
    on: Literal["cells", "themes", "eras"] = "cells"


def auto_cap(counts: Counter[str], tail: float) -> int:
    """Return the count below which ``tail`` of all clips lie.

    Source: MetaCLIP, ``p_to_t`` (Xu et al., "Demystifying CLIP Data", 2023).

    Args:
        counts: clips per cell.
        tail: share, 0 to 1.

    Example:
        >>> auto_cap(Counter({"a": 100, "b": 10, "c": 10}), 0.15)
        10
    """
    total = sum(counts.values())
    reached = 0
    for value in sorted(counts.values()):
        reached += value
        if reached >= tail * total:
            return max(1, value)
    return max(counts.values(), default=1)


def keep_probability(cells: list[str], counts: Counter[str], cap: int) -> float:
    """Return the probability of keeping a row: 1 minus the product of its cells' probabilities to leave it out.

    Args:
        cells: the row's cells.
        counts: clips per cell.
        cap: clips a cell keeps about.

    Example:
        >>> keep_probability(["a"], Counter({"a": 20}), 5)
        0.25
    """
    return 1.0 - math.prod(1.0 - min(1.0, cap / counts[c]) for c in cells)


def _axis(cell: str, on: str) -> str:
    theme, era = cell.split("|")
    return {"cells": cell, "themes": theme, "eras": era}[on]


def balance(df: pl.DataFrame, params: BalanceParams, res: Resources) -> pl.DataFrame:
    """Thin out common cells.

    Args:
        df: ``id``, ``clip_id``, ``cells``.
        params: caps.
        res: the seed.

    Returns:
        ``keep_prob`` and ``cell`` (the rarest cell of the row).

    Drops:
        over_represented: all cells of the row have more than their share.
    """
    rows = list(df.select("id", "clip_id", "cells").iter_rows())
    named = [sorted({_axis(c, params.on) for c in cells}) for _, _, cells in rows]
    seen = {(clip, c) for (_, clip, _), cells in zip(rows, named, strict=True) for c in cells}
    counts = Counter(c for _, c in seen)
    cap = auto_cap(counts, params.tail) if params.cap == "auto" else params.cap
    out = []
    for (ident, clip, _), cells in zip(rows, named, strict=True):
        prob = keep_probability(cells, counts, cap) if cells else params.everyday
        cell = min(cells, key=lambda c: (counts[c], c)) if cells else EVERYDAY
        gone = stable_key(res.seed, "balance", clip) >= prob
        note = f"{cell}: {counts[cell]} clips, cap {cap}, kept with {prob:.3f}" if cells else f"everyday, kept with {prob:.3f}"
        out.append((ident, prob, cell, "over_represented" if gone else None, note if gone else None))
    schema = {"id": pl.String(), "keep_prob": pl.Float32(), "cell": pl.String(), "drop": pl.String(), "drop_note": pl.String()}
    return pl.DataFrame(out, schema=schema, orient="row")


STAGE = Stage(
    name="balance",
    version=1,
    scope="table",
    params=BalanceParams,
    needs=("clip_id", "cells"),
    adds=pl.Schema({"keep_prob": pl.Float32(), "cell": pl.String()}),
    reasons=("over_represented",),
    uses=frozenset({"seed"}),
    fn=balance,
    help="thin out over-represented cells",
)
