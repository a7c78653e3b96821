"""Duplicate pairs of like meaning: rows whose vectors are close in every language that both have, unless a word speaks against it."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import shares
from curate.duplicates import closeness, minhash, neighbours, pairs
from curate.duplicates.neighbours import Bools
from curate.duplicates.pairs import Floats, Found, Ints, Rows, Thresholds
from curate.stage import Spread

# Characters in common from which a replaced word counts as the only difference.
MINIMAL = 0.6


def _one_word_replaced(rows: Rows, left: Ints, right: Ints) -> npt.NDArray[np.bool_]:
    """Pairs of like meaning that are the same but for a word, in both languages: 川剧 for 京剧 is another caption, not a paraphrase."""
    alike = np.zeros(len(left), bool)
    for lang in ("zh", "en"):
        has = rows.has(lang)
        score = closeness.similarity(rows.keys(lang, left), rows.keys(lang, right), MINIMAL)
        alike |= (score >= MINIMAL) & has[left] & has[right]
    out = np.zeros(len(left), bool)
    at = np.flatnonzero(alike)
    out[at] = pairs.differing(rows, left[at], right[at])
    return out


class _Vectors:
    """The vectors of one language as they are stored; only the rows asked for are copied and widened."""

    def __init__(self, df: pl.DataFrame, name: str, order: Ints) -> None:
        # Part by part: at a million rows one more copy of all vectors would not fit.
        self.stored = [chunk.to_numpy() for chunk in df.get_column(name).get_chunks()]
        self.starts = np.cumsum([0, *map(len, self.stored)])
        self.order = order

    def rows(self, at: Ints) -> Floats:
        """Return some rows, by their canonical number, as float32."""
        places = self.order[at]
        if len(self.stored) == 1:
            return np.ascontiguousarray(self.stored[0][places], dtype=np.float32)
        out = np.empty((len(places), self.stored[0].shape[1]), np.float32)
        chunk = np.searchsorted(self.starts, places, side="right") - 1
        for i in np.unique(chunk).tolist():
            mine = np.flatnonzero(chunk == i)
            out[mine] = self.stored[i][places[mine] - self.starts[i]]
        return out

    def rows_of(self, some: Ints, at: Ints) -> Floats:
        """Return ``rows`` of places in a choice of rows."""
        return self.rows(some[at])

    def candidates(self, at: Ints, least: float, seed: int, wanted: Bools | None) -> Ints:
        """Search for pairs among some rows, as ``neighbours.candidates`` does."""
        return neighbours.candidates(partial(self.rows_of, at), len(at), least, seed, wanted)

    def cosine(self, left: Ints, right: Ints) -> Floats:
        """Return the cosine of pairs of rows."""
        return neighbours.cosines(self.rows, left, right)


class _Stored:
    """The same for vectors that stay in the workspace: others search and compare."""

    def __init__(self, spread: Spread, name: str, order: Ints) -> None:
        self.spread, self.name, self.order = spread, name, order

    def candidates(self, at: Ints, least: float, seed: int, wanted: Bools | None) -> Ints:
        """Search for pairs among some rows."""
        return shares.near_vectors(self.spread, self.name, self.order[at], least, seed, wanted)

    def cosine(self, left: Ints, right: Ints) -> Floats:
        """Return the cosine of pairs of rows."""
        return shares.cosines(self.spread, self.name, self.order[left], self.order[right])


def _vectors(rows: Rows, df: pl.DataFrame, name: str, spread: Spread | None) -> _Vectors | _Stored:
    return _Vectors(df, name, rows.order) if spread is None else _Stored(spread, name, rows.order)


def semantic_pairs(rows: Rows, reps: Ints, df: pl.DataFrame, params: Thresholds, seed: int, spread: Spread | None = None) -> Found:
    """Find pairs that mean the same in every language that both have.

    Args:
        rows: canonical rows.
        reps: rows left after the exact step.
        df: the frame with vectors.
        params: thresholds.
        seed: seed of the clustering of large sets.
        spread: who has the vectors and does the search, if not this process.
    """
    n = len(rows)
    zh, en = (_vectors(rows, df, name, spread) for name in ("zh_vector", "en_vector"))
    has_zh, has_en = rows.has("zh"), rows.has("en")
    found: list[Ints] = []
    # Two rows that both have Chinese must agree in Chinese, so English is searched only for pairs of which one row has none.
    for vectors, has, needed in ((zh, has_zh, None), (en, has_en, ~has_zh)):
        at = reps[has[reps]]
        wanted = None if needed is None else needed[at]
        if len(at) > 1 and (wanted is None or wanted.any()):
            keys = vectors.candidates(at, params.semantic - 1e-4, seed, wanted)
            found.append(at[keys // len(at)] * n + at[keys % len(at)])
    keys = minhash.distinct(np.concatenate(found)) if found else np.zeros(0, np.int64)
    left, right = keys // n, keys % n
    if not len(left):
        return Found.none()
    score = np.ones(len(left), np.float32)
    for vectors, has in ((zh, has_zh), (en, has_en)):
        at = np.flatnonzero(has[left] & has[right])
        score[at] = np.minimum(score[at], vectors.cosine(left[at], right[at]))
    both = has_zh[left] & has_zh[right] & has_en[left] & has_en[right]
    least = np.where(both, params.semantic, max(params.semantic, params.semantic_single or 0.0))
    keep = (score >= least) & pairs.allowed(rows.clip_numbers, left, right, params)
    left, right, score = left[keep], right[keep], score[keep]
    keep = unvetoed(rows, left, right) if params.veto else np.ones(len(left), bool)
    return Found(left[keep], right[keep], np.full(int(keep.sum()), 2, np.int8), np.round(score[keep], 4).astype(np.float32))


def unvetoed(rows: Rows, left: Ints, right: Ints) -> npt.NDArray[np.bool_]:
    """Say which pairs of like meaning no decisive word contradicts.

    Args:
        rows: canonical rows.
        left: one row of each pair.
        right: the other.
    """
    if not len(left):
        return np.ones(0, bool)
    keep: npt.NDArray[np.bool_] = ~_one_word_replaced(rows, left, right)
    at = np.flatnonzero(keep)
    keep[at] = ~pairs.contradicting(rows, left[at], right[at])
    return keep
