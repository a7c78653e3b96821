"""Stage ``dedup``: exact, near and semantic duplicates, each with its evidence; survivors by a stated preference."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from curate.duplicates import pairs, semantic
from curate.schema import DUP_KIND
from curate.stage import Params, Resources, Stage

StepName = Literal["exact", "near", "semantic"]


class DedupParams(Params):
    """What counts as a duplicate.

    Attributes:
        steps: which steps run.
        near: least similarity of the characters (Levenshtein, 0 to 1) of a near duplicate.
        semantic: least cosine of a semantic duplicate; depends on the embedder, see ``curate dedup --pairs``.
        semantic_single: the same where two rows share one language only, which is weaker evidence; ``semantic`` if not given.
        within_clip: whether captions of one clip can be duplicates of each other: ``none``, ``exact`` or ``all``.
        across_clips: whether captions of different clips can be duplicates.
        bands: bands of the MinHash search; more finds more and costs more.
        veto: whether a decisive word (dynasty, dish, person, number …) that differs forbids a near or semantic match.
    """

    steps: tuple[StepName, ...] = ("exact", "near", "semantic")
    near: float = Field(0.8, ge=0.5, le=1)
    semantic: float = Field(0.92, ge=0.5, le=1)
    semantic_single: float | None = Field(None, ge=0.5, le=1)
    within_clip: Literal["none", "exact", "all"] = "exact"
    across_clips: bool = True
    bands: int = Field(24, ge=1, le=128)
    veto: bool = True

    @model_validator(mode="after")
    def _some(self) -> DedupParams:
        if not self.steps:
            raise ValueError("at least one step is needed")
        return self


NEEDS = ("clip_id", "zh_norm", "en_norm", "zh_origin", "en_origin", "zh_key", "en_key", "zh_sig", "decisive")


def dedup(df: pl.DataFrame, params: DedupParams, res: Resources) -> pl.DataFrame:
    """Find duplicates.

    A pair is a duplicate when both languages say so, or one is absent. Of a group the row that people wrote stays, then the one
    with both languages, then the longer, then the smaller id; a row is dropped only if it is itself a duplicate of a row that stays.

    Args:
        df: keys, signatures, decisive words and, for the semantic step, vectors.
        params: thresholds.
        res: the seed, for the clustering of large sets.

    Returns:
        ``dup_of``, ``dup_kind``, ``dup_score`` for dropped rows; ``dup_group``, the smallest id of the connected rows.

    Drops:
        exact, near, semantic: with ``dup_of`` and the score in ``drop_note``.
    """
    rows = pairs.Rows.from_frame(df)
    found = pairs.exact_pairs(rows, params.within_clip, params.across_clips) if "exact" in params.steps else pairs.Found.none()
    reps = np.setdiff1d(np.arange(len(rows)), found.right) if len(found.left) else np.arange(len(rows))
    if "near" in params.steps:
        found = found.joined(pairs.near_pairs(rows, reps, params, res.spread))
    if "semantic" in params.steps and ("zh_vector" in df.columns or (res.spread is not None and "zh_vector" in res.spread.table.columns())):
        found = found.joined(semantic.semantic_pairs(rows, reps, df, params, res.seed, res.spread))
    return pairs.verdicts(rows, found)


STAGE = Stage(
    name="dedup",
    version=6,
    scope="table",
    params=DedupParams,
    needs=NEEDS,
    optional=("zh_vector", "en_vector"),
    adds=pl.Schema({"dup_of": pl.String(), "dup_kind": DUP_KIND, "dup_score": pl.Float32(), "dup_group": pl.String()}),
    reasons=("exact", "near", "semantic"),
    uses=frozenset({"seed"}),
    libs=("rapidfuzz",),
    apart=("zh_sig", "zh_vector", "en_vector"),
    fn=dedup,
    help="exact, near and semantic duplicates with evidence",
)
