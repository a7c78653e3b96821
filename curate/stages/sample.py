"""Stage ``sample``: which rows people should look at, and why. It only marks; ``curate review push`` asks the people."""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field

from curate.schema import stable_key
from curate.stage import Params, Resources, Stage

# What is asked first comes first; the names are also what reviewers filter by.
WHY = ("flag_error", "sensitive", "flag_warning", "flag_review", "near_duplicate", "translated", "random")


class SampleParams(Params):
    """What is worth a person's time.

    Attributes:
        flags: severities of flags (written by the stage ``check``) that ask for a look.
        sensitive: whether terms that the lexicon marks as sensitive do.
        near_duplicate: whether rows that were kept although their group of duplicates has other live rows do.
        translated: share of the rows with a translated caption, 0 to 1.
        random: share of all rows, 0 to 1; an unbiased sample for measuring quality.
        most: at most so many rows, the most urgent ones; ``null`` is no limit.
    """

    flags: tuple[Literal["error", "warning", "review"], ...] = ("error", "warning", "review")
    sensitive: bool = True
    near_duplicate: bool = True
    translated: float = Field(1.0, ge=0, le=1)
    random: float = Field(0.02, ge=0, le=1)
    most: int | None = Field(None, ge=0)


def _by_flags(df: pl.DataFrame, params: SampleParams) -> list[set[str]]:
    if "flags" not in df.columns:
        return [set() for _ in range(len(df))]
    out = []
    for flags in df.get_column("flags").to_list():
        why = {f"flag_{f['severity']}" for f in flags or () if f["severity"] in params.flags}
        if params.sensitive and any(f["check"] == "sensitive" for f in flags or ()):
            why.add("sensitive")
        out.append(why)
    return out


def _by_terms(df: pl.DataFrame, params: SampleParams, res: Resources, out: list[set[str]]) -> None:
    if "terms" not in df.columns or not params.sensitive or res.lexicon is None:
        return
    delicate = {e.id for e in res.lexicon.entries if e.sensitive}
    for why, terms in zip(out, df.get_column("terms").to_list(), strict=True):
        if any(t["term_id"] in delicate for t in terms or ()):
            why.add("sensitive")


def _by_groups(df: pl.DataFrame, params: SampleParams, out: list[set[str]]) -> None:
    if "dup_group" not in df.columns or not params.near_duplicate:
        return
    sizes = df.select(pl.col("dup_group").count().over("dup_group")).to_series().to_list()
    for why, size in zip(out, sizes, strict=True):
        if size and size > 1:
            why.add("near_duplicate")


def sample(df: pl.DataFrame, params: SampleParams, res: Resources) -> pl.DataFrame:
    """Mark rows for review.

    Shares are drawn by a key that depends on the seed and the id only, so the choice is the same on every machine.

    Args:
        df: origins of the captions; flags, terms and duplicate groups if there.
        params: what is worth a look.
        res: the seed and the lexicon.

    Returns:
        ``queue_why``: reasons joined by ``|``, the most urgent first; null for rows that nobody needs to see.
    """
    ids = df.get_column("id").to_list()
    out = _by_flags(df, params)
    _by_terms(df, params, res, out)
    _by_groups(df, params, out)
    origins = df.select((pl.col("zh_origin") == "translated") | (pl.col("en_origin") == "translated")).to_series().to_list()
    for ident, why, translated in zip(ids, out, origins, strict=True):
        if translated and stable_key(res.seed, "translated", ident) < params.translated:
            why.add("translated")
        if stable_key(res.seed, "random", ident) < params.random:
            why.add("random")
    ordered = [[w for w in WHY if w in why] for why in out]
    if params.most is not None:
        marked = [i for i, why in enumerate(ordered) if why]
        marked.sort(key=lambda i: (WHY.index(ordered[i][0]), -len(ordered[i]), stable_key(res.seed, "most", ids[i]), ids[i]))
        for i in marked[params.most :]:
            ordered[i] = []
    return pl.DataFrame({"id": ids, "queue_why": ["|".join(why) or None for why in ordered]}, schema={"id": pl.String, "queue_why": pl.String})


STAGE = Stage(
    name="sample",
    version=1,
    scope="table",
    params=SampleParams,
    needs=("zh_origin", "en_origin"),
    optional=("flags", "terms", "dup_group"),
    adds=pl.Schema({"queue_why": pl.String()}),
    uses=frozenset({"seed", "lexicon"}),
    fn=sample,
    help="which rows people should look at, and why",
)
