"""Stage ``balance``: keep rare cells whole and thin out common ones, by a coin that depends on the clip and the seed only.

With ``targets`` the coin gives way to a choice: so many clips per theme, era and region, varied inside each.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field, field_validator

from curate.balance import quota
from curate.knowledge.taxonomy import Taxonomy
from curate.schema import stable_key
from curate.shares import Stored
from curate.stage import Params, Resources, Spread, Stage

EVERYDAY = "everyday"


class BalanceParams(Params):
    """How even the result shall be.

    Attributes:
        cap: clips that a cell keeps about; ``auto`` takes the count at which ``tail`` of all clips lie in smaller cells.
        tail: share of clips, 0 to 1, that ``auto`` leaves untouched (MetaCLIP's tail share).
        everyday: share of rows without a cell to keep, 0 to 1.
        on: ``cells`` (theme × era), ``themes`` or ``eras``.
        by_language: caps of their own for captions in zh, en and both, so that each language keeps the same share of its tail.
        targets: clips wanted per ``theme|era|region`` (``*`` for any); replaces the coin of the caps by a choice.
        rest: with targets, keep what fits none of them.
        diverse: with targets, choose captions far from one another, if there are vectors.
        per_clip: most captions of one clip.
        per_source: most clips of one input.
        dry_run: drop nothing, only write what would leave and why into ``would_drop``.
    """

    cap: int | Literal["auto"] = "auto"
    tail: float = Field(0.6, gt=0, le=1)
    everyday: float = Field(1.0, ge=0, le=1)
    on: Literal["cells", "themes", "eras"] = "cells"
    by_language: bool = False
    targets: dict[str, int] | None = None
    rest: bool = False
    diverse: bool = True
    per_clip: int | None = Field(None, ge=1)
    per_source: int | None = Field(None, ge=1)
    dry_run: bool = False

    @field_validator("targets")
    @classmethod
    def _targets(cls, value: dict[str, int] | None) -> dict[str, int] | None:
        for name, count in (value or {}).items():
            if count < 0 or not 1 <= len(name.split("|")) <= quota.AXES:
                raise ValueError(f"{name!r}: {count}: a target is theme|era|region and at least 0 clips")
        # A recipe has the shipped axes or none; a name that they lack would drop the rows it was written for.
        taxonomy = Taxonomy.load() if value else None
        wrong = [": ".join(found) for name in value or () if taxonomy and (found := quota.unknown(name, taxonomy))]
        if wrong:
            raise ValueError("\n".join(wrong))
        return value


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


def count_clips(clips: Sequence[str], cells: Sequence[Sequence[str]], groups: Sequence[str]) -> dict[str, Counter[str]]:
    """Count the clips of each cell, for each group of rows.

    Rows may be counted in several places, if all rows of a clip are in one of them, and the counters added.

    Args:
        clips: the clip of each row.
        cells: the cells of each row.
        groups: the group of each row.

    Example:
        >>> count_clips(["c", "c", "d"], [["a"], ["a"], ["a", "b"]], ["", "", ""])[""]["a"]
        2
    """
    seen = {(group, clip, cell) for clip, mine, group in zip(clips, cells, groups, strict=True) for cell in mine}
    out: dict[str, Counter[str]] = {g: Counter() for g in sorted(set(groups))}
    for group, _, cell in sorted(seen):
        out[group][cell] += 1
    return out


def _counted(spread: Spread, params: BalanceParams) -> dict[str, Counter[str]]:
    """The same in shares: each counts some of the clips."""
    out: dict[str, Counter[str]] = {}
    for counts in spread.map(_count_share, [(spread.table, params.on, params.by_language, i, spread.count) for i in range(spread.count)]):
        for group, counted in counts.items():
            out.setdefault(group, Counter()).update(counted)
    return dict(sorted(out.items()))


def _count_share(table: Stored, on: str, by_language: bool, share: int, of: int) -> dict[str, Counter[str]]:
    """Task: count the clips whose name falls to a share."""
    clips: list[str] = []
    cells: list[list[str]] = []
    groups: list[str] = []
    texts = [c for c in ("zh", "en") if by_language and c in table.columns()]
    for part in range(len(table.sizes)):
        frame = table.part(part, "clip_id", "cells", *texts)
        mine = [int(stable_key(0, clip) * of) == share for clip in frame.get_column("clip_id")]
        frame = frame.filter(pl.Series(mine, dtype=pl.Boolean))
        clips += frame.get_column("clip_id").to_list()
        cells += [sorted({_axis(c, on) for c in some}) for some in frame.get_column("cells").to_list()]
        groups += _languages(frame) if by_language else [""] * len(frame)
    return count_clips(clips, cells, groups)


def _axis(cell: str, on: str) -> str:
    theme, era = cell.split("|")
    return {"cells": cell, "themes": theme, "eras": era}[on]


def balance(df: pl.DataFrame, params: BalanceParams, res: Resources) -> pl.DataFrame:
    """Thin out common cells.

    Args:
        df: ``id``, ``clip_id``, ``cells``; for targets also ``regions`` and vectors, for caps ``source``, for languages the captions.
        params: caps or targets.
        res: the seed.

    Returns:
        ``keep_prob`` and ``cell`` (the rarest cell of the row).

    Drops:
        over_represented: all cells of the row have more than their share, or no target wants the row.
        capped: the clip or the source has more than its share.
    """
    rows = list(df.select("id", "clip_id", "cells").iter_rows())
    named = [sorted({_axis(c, params.on) for c in cells}) for _, _, cells in rows]
    groups = _languages(df) if params.by_language else [""] * len(rows)
    counts = count_clips([clip for _, clip, _ in rows], named, groups) if res.spread is None else _counted(res.spread, params)
    caps = {g: auto_cap(c, params.tail) if params.cap == "auto" else params.cap for g, c in counts.items()}
    pool = items(df)
    leaving = quota.choose(pool, params.targets, res.seed, _spread_over(df, params), params.rest) if params.targets is not None else {}
    out = []
    for (ident, clip, _), cells, group in zip(rows, named, groups, strict=True):
        here, cap = counts[group], caps[group]
        cell = min(cells, key=lambda c: (here[c], c)) if cells else EVERYDAY
        if params.targets is not None:
            out.append((ident, 0.0 if ident in leaving else 1.0, cell, leaving.get(ident)))
            continue
        prob = keep_probability(cells, here, cap) if cells else params.everyday
        gone = stable_key(res.seed, "balance", clip) >= prob
        note = f"{cell}: {here[cell]} clips, cap {cap}, kept with {prob:.3f}" if cells else f"everyday, kept with {prob:.3f}"
        out.append((ident, prob, cell, note if gone else None))
    frame = pl.DataFrame(out, schema={"id": pl.String(), "keep_prob": pl.Float32(), "cell": pl.String(), "drop_note": pl.String()}, orient="row")
    return _capped(frame, pool, params, res.seed)


def _capped(frame: pl.DataFrame, pool: list[quota.Item], params: BalanceParams, seed: int) -> pl.DataFrame:
    """Apply the caps per clip and source to what would stay, and turn notes into verdicts."""
    drop = pl.when(pl.col("drop_note").is_not_null()).then(pl.lit("over_represented"))
    frame = frame.with_columns(drop=drop)
    if params.per_clip is not None or params.per_source is not None:
        gone = set(frame.filter(pl.col("drop").is_not_null()).get_column("id"))
        more = quota.over_cap([i for i in pool if i.id not in gone], params.per_clip, params.per_source, seed)
        extra = pl.DataFrame({"id": list(more), "extra": list(more.values())}, schema={"id": pl.String(), "extra": pl.String()})
        frame = frame.join(extra, on="id", how="left", maintain_order="left").with_columns(
            drop=pl.when(pl.col("extra").is_not_null()).then(pl.lit("capped")).otherwise("drop"), drop_note=pl.coalesce("extra", "drop_note")
        )
        frame = frame.drop("extra")
    if params.dry_run:
        would = pl.when(pl.col("drop").is_not_null()).then(pl.format("{}: {}", "drop", "drop_note"))
        return frame.with_columns(would_drop=would).drop("drop", "drop_note")
    return frame


def _languages(df: pl.DataFrame) -> list[str]:
    zh, en = (df.get_column(c).to_list() if c in df.columns else [None] * len(df) for c in ("zh", "en"))
    return ["both" if a and b else "zh" if a else "en" for a, b in zip(zh, en, strict=True)]


def items(df: pl.DataFrame) -> list[quota.Item]:
    """Return the rows as quotas see them.

    Args:
        df: ``id``, ``clip_id``, ``cells``; ``source`` and ``regions`` if there are any.
    """
    none: list[None] = [None] * len(df)
    source = df.get_column("source").to_list() if "source" in df.columns else none
    regions = df.get_column("regions").to_list() if "regions" in df.columns else none
    out = []
    for ident, clip, cells, name, where in zip(*df.select("id", "clip_id", "cells").get_columns(), source, regions, strict=True):
        places = sorted({r["id"] for r in where or ()}) or ["none"]
        out.append(quota.Item(ident, clip, name or "", tuple(f"{c}|{p}" for c in cells for p in places)))
    return out


def _spread_over(df: pl.DataFrame, params: BalanceParams) -> npt.NDArray[np.float32] | None:
    """One unit vector per row: the mean of both captions."""
    if not params.diverse or "zh_vector" not in df.columns:
        return None
    both = df.get_column("zh_vector").to_numpy().astype(np.float32) + df.get_column("en_vector").to_numpy().astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", both, both))[:, None]
    out: npt.NDArray[np.float32] = np.divide(both, norms, out=np.zeros_like(both), where=norms > 0)
    return out


def _schema(params: BalanceParams, res: Resources) -> pl.Schema:
    more = {"would_drop": pl.String()} if params.dry_run else {}
    return pl.Schema({"keep_prob": pl.Float32(), "cell": pl.String(), **more})


STAGE = Stage(
    name="balance",
    version=1,
    scope="table",
    params=BalanceParams,
    needs=("clip_id", "cells"),
    optional=("zh", "en", "source", "regions", "zh_vector", "en_vector"),
    adds=_schema,
    reasons=("over_represented", "capped"),
    uses=frozenset({"seed"}),
    apart=(),
    fn=balance,
    help="thin out over-represented cells",
)
