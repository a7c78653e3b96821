"""Stage ``split``: train, validation and test, with clips, duplicate groups and copies of clips kept together."""

from __future__ import annotations

import polars as pl
from pydantic import Field, model_validator

from curate.duplicates.unionfind import components
from curate.schema import SPLIT, stable_key
from curate.stage import Params, Resources, Stage


class SplitParams(Params):
    """Shares of the splits; the rest is ``train``.

    Attributes:
        validation: share of clips, 0 to 1.
        test: share of clips, 0 to 1.
    """

    validation: float = Field(0.05, ge=0, le=1)
    test: float = Field(0.05, ge=0, le=1)

    @model_validator(mode="after")
    def _sum(self) -> SplitParams:
        if self.validation + self.test > 1:
            raise ValueError(f"validation {self.validation} + test {self.test} is more than 1")
        return self


def split(df: pl.DataFrame, params: SplitParams, res: Resources) -> pl.DataFrame:
    """Assign each group of connected rows to one split, by a key that depends on the group and the seed only.

    Args:
        df: ``id``, ``clip_id``, and ``dup_group`` and ``clip_group`` if there were steps that found copies.
        params: shares.
        res: the seed.

    Returns:
        ``split``.
    """
    links = [df.get_column("clip_id").to_list()]
    if "dup_group" in df.columns:
        links.append([None if g is None else f"dup\x1f{g}" for g in df.get_column("dup_group").to_list()])
    if "clip_group" in df.columns:
        links.append([None if g is None else f"clip\x1f{g}" for g in df.get_column("clip_group").to_list()])
    groups = components(df.get_column("id").to_list(), links)
    cache: dict[str, str] = {}

    def name(group: str) -> str:
        if group not in cache:
            at = stable_key(res.seed, "split", group)
            cache[group] = "test" if at < params.test else "validation" if at < params.test + params.validation else "train"
        return cache[group]

    return pl.DataFrame({"id": df.get_column("id"), "split": pl.Series([name(g) for g in groups], dtype=SPLIT)})


STAGE = Stage(
    name="split",
    version=2,
    scope="table",
    params=SplitParams,
    needs=("clip_id",),
    optional=("dup_group", "clip_group"),
    adds=pl.Schema({"split": SPLIT}),
    uses=frozenset({"seed"}),
    fn=split,
    help="train, validation, test; clips and duplicate groups stay together",
)
