"""Stage ``coverage``: the cells (theme × era) of each row, which the report counts and ``balance`` evens out."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from curate.stage import Params, Resources, Stage

LIVING = "living"
NONE = "none"


class CoverageParams(Params):
    """Which labels count.

    Attributes:
        min_score: least score of a theme or era.
    """

    min_score: float = Field(0.3, ge=0, le=1)


def _ids(name: str, least: float) -> pl.Expr:
    kept = pl.col(name).list.filter(pl.element().struct.field("score") >= least)
    return kept.list.eval(pl.element().struct.field("id"))


def coverage(df: pl.DataFrame, params: CoverageParams, res: Resources) -> pl.DataFrame:
    """List the cells of each row.

    Args:
        df: ``id``, ``themes``, ``eras``.
        params: which labels count.
        res: unused.

    Returns:
        ``cells``: ``theme|era``; ``theme|living`` for living culture without a period, ``none|era`` for a period without
        a theme; empty for everyday scenes.
    """
    out = df.select("id", themes=_ids("themes", params.min_score), eras=_ids("eras", params.min_score))
    rows = [
        [f"{t}|{e}" for t in (themes or [NONE]) for e in (eras or [LIVING])] if themes or eras else []
        for themes, eras in out.select("themes", "eras").iter_rows()
    ]
    return out.select("id").with_columns(pl.Series("cells", rows, dtype=pl.List(pl.String)))


STAGE = Stage(
    name="coverage",
    version=1,
    scope="rows",
    params=CoverageParams,
    needs=("themes", "eras"),
    adds=pl.Schema({"cells": pl.List(pl.String)}),
    fn=coverage,
    help="the theme × era cells of each row",
)
