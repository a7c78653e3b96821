"""What other cuts of the semantic step would do to a set, from one search: the way to choose the threshold for an encoder and a kind of caption.

Decisive words give the scale: a pair that they contradict is no duplicate, whatever its cosine, so the share of contradicted pairs at a cosine
says how far the cosine can be trusted there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from curate import plain, stages
from curate.duplicates import pairs, semantic
from curate.stage import Resources

LOWEST = 0.8
CUTS = (0.8, 0.82, 0.84, 0.86, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98)
SHOWN = 6


@dataclass(frozen=True)
class Cut:
    """One cut.

    Attributes:
        cosine: the cut.
        pairs: pairs from here to the next cut that no word contradicts.
        vetoed: pairs from here to the next cut that are contradicted.
        dropped: rows that the whole step would drop at this cut, besides exact and near duplicates.
    """

    cosine: float
    pairs: int
    vetoed: int
    dropped: int


@dataclass(frozen=True)
class Cuts:
    """All cuts, and the pairs nearest to the one in force."""

    now: float
    cuts: tuple[Cut, ...]
    near: tuple[tuple[float, str, str], ...]

    def lines(self) -> list[str]:
        """Return a table for people."""
        out = [f"cosine  pairs  contradicted  dropped (the cut is {self.now})"]
        out += [f"  {c.cosine:.2f}  {c.pairs:6d}  {c.vetoed:12d}  {c.dropped:7d}{'  <' if c.cosine == self.now else ''}" for c in self.cuts]
        return [*out, f"pairs nearest to {self.now}:", *(f"  {score:.3f} {a[:70]} | {b[:70]}" for score, a, b in self.near)]


def survey(frame: pl.DataFrame, res: Resources, params: Mapping[str, Any] | None = None) -> Cuts:
    """Search once for pairs down to a low cosine and say what each cut would do.

    Args:
        frame: records.
        res: lexicon and embedder.
        params: parameters of the ``dedup`` stage.
    """
    parse = stages.load()["dedup"].parse
    options = parse(dict(params or {}))
    wide: Any = parse({**dict(params or {}), "semantic": LOWEST, "veto": False})
    now: Any = options
    ready = plain.apply(frame, (*plain.DEDUP_STAGES, "embed", "sign"), res)
    rows = pairs.Rows.from_frame(ready)
    before = pairs.exact_pairs(rows, now.within_clip, now.across_clips)
    reps = np.setdiff1d(np.arange(len(rows)), before.right)
    before = before.joined(pairs.near_pairs(rows, reps, now))
    found = semantic.semantic_pairs(rows, reps, ready, wide, res.seed)
    known = set(zip(before.left.tolist(), before.right.tolist(), strict=True))
    fresh = np.array([p not in known for p in zip(found.left.tolist(), found.right.tolist(), strict=True)], dtype=bool)
    found = pairs.Found(*(x[fresh] for x in found))
    held = semantic.unvetoed(rows, found.left, found.right) if now.veto else np.ones(len(found.left), bool)
    cuts = sorted({*CUTS, now.semantic})
    out = []
    for low, high in zip(cuts, [*cuts[1:], 2.0], strict=True):
        inside = (found.score >= low) & (found.score < high)
        at = pairs.Found(*(x[held & (found.score >= low)] for x in found))
        dropped = int((pairs.verdicts(rows, before.joined(at)).get_column("dup_kind") == "semantic").sum())
        out.append(Cut(low, int((inside & held).sum()), int((inside & ~held).sum()), dropped))
    nearest = np.lexsort((found.right, found.left, np.round(np.abs(found.score - now.semantic), 4)))
    texts = [" / ".join(x for x in pair if x) for pair in rows.frame.select("zh_norm", "en_norm").iter_rows()]
    shown = [i for i in nearest.tolist() if held[i]][:SHOWN]
    return Cuts(now.semantic, tuple(out), tuple((float(found.score[i]), texts[found.left[i]], texts[found.right[i]]) for i in shown))
