"""All pairs of vectors over a cosine: exact for small sets, in buckets of k-means for large ones.

Rows are compared by a short form first: their coordinates along the main axes of the set and the length of what is left over. The product of two
short forms is never below the cosine (Cauchy and Schwarz), so what it rules out needs no look; an eighth of the numbers rule out all but about one
pair a row. What is left is compared in full.

In large sets every row has a home bucket and visits the next nearest ones; a bucket compares its residents with its residents and visitors by one
matrix product, so the cost of a row is a few thousand short products instead of the size of the set. Buckets do not depend on each other: they may
be done in any order, on any machine, and the pairs put together afterwards.

What decides is exact: buckets are the same on any machine (``clusters``), and every pair is verified by its cosine in float64, rounded to 5 digits.
The short form only spares work, whatever its axes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.duplicates.clusters import BLOCK, Buckets, Fetch, Ids, bucketed, in_threads, share
from curate.duplicates.minhash import distinct
from curate.embed import Vectors
from curate.use_fast import one_blas_thread

Bools = npt.NDArray[np.bool_]
# Up to this many rows all are compared with all.
FLAT_LIMIT = 40_000
# Rows against rows in one product: what comes out stays in the cache.
TILE = (1024, 2048)
# Short form: at most this part of a row's square is left over, in at most so many numbers, measured on so many rows.
REST, WIDEST, MEASURED = 0.3, 128, 8192


class Pairs(NamedTuple):
    """Pairs of row numbers ``left < right`` with their cosine, sorted by ``(left, right)``."""

    left: Ids
    right: Ids
    score: npt.NDArray[np.float32]


def main_axes(fetch: Fetch, n: int, seed: int = 0) -> Vectors:
    """Return the directions along which rows are described in short.

    Args:
        fetch: gives rows by number.
        n: how many.
        seed: seed of the rows that are looked at.

    Returns:
        Array of shape ``(dim, width)``, float32, orthonormal columns.
    """
    at = np.sort(np.random.default_rng(seed).choice(n, size=min(n, MEASURED), replace=False)).astype(np.int64)
    sample = fetch(at).astype(np.float64)
    with one_blas_thread():
        weights, axes = np.linalg.eigh(sample.T @ sample)
    left_over = 1 - np.cumsum(weights[::-1]) / max(float(weights.sum()), 1e-9)
    width = min(sample.shape[1], WIDEST, 16 * (1 + int((left_over > REST).sum()) // 16))
    return np.ascontiguousarray(axes[:, ::-1][:, :width], np.float32)


def shorten(fetch: Fetch, at: Ids, axes: Vectors) -> Vectors:
    """Return short forms of rows: the product of two is at least the product of the rows.

    Args:
        fetch: gives rows by number.
        at: row numbers.
        axes: from ``main_axes``.

    Returns:
        Array of shape ``(len(at), width + 1)``, float32.
    """
    width = axes.shape[1]
    out = np.empty((len(at), width + 1), np.float32)

    def one(start: int) -> None:
        rows = fetch(at[start : start + BLOCK])
        short = rows @ axes
        rest = np.einsum("ij,ij->i", rows, rows) - np.einsum("ij,ij->i", short, short)
        out[start : start + BLOCK, :width] = short
        # A little more than it is, against rounding.
        out[start : start + BLOCK, width] = np.sqrt(np.maximum(rest, 0) + np.float32(1e-6))

    list(in_threads(one, range(0, len(at), BLOCK)))
    return out


def _over(a: Vectors, b: Vectors, least: float) -> tuple[Ids, Ids]:
    """Places of a product that reach a value."""
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for i in range(0, len(a), TILE[0]):
        some = a[i : i + TILE[0]]
        for j in range(0, len(b), TILE[1]):
            others = b[j : j + TILE[1]]
            at = np.flatnonzero(some @ others.T >= np.float32(least))
            if len(at):
                found.append((at // len(others) + i, at % len(others) + j))
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def bucket_pairs(short: Vectors, rows: Ids, homes: int, least: float, wanted: Bools | None) -> Ids:
    """Compare the short forms of one bucket.

    Args:
        short: short forms of the rows of the bucket, residents first, then visitors.
        rows: their numbers.
        homes: how many residents.
        least: cosine.
        wanted: which of them may make a pair; each pair must have one such row; ``None`` for all.

    Returns:
        Pairs as rows of two numbers, in any order.
    """
    if wanted is None:
        # Residents with residents once, then with visitors.
        tiles = range(0, homes, TILE[0])
        parts = [(np.arange(s, min(homes, s + TILE[0])), np.arange(s, len(rows))) for s in tiles]
    else:
        own, some = np.arange(homes), np.flatnonzero(wanted)
        parts = [(own[wanted[:homes]], np.arange(len(rows))), (own[~wanted[:homes]], some)]
    found = [np.zeros((0, 2), np.int64)]
    for a, b in parts:
        i, j = _over(short[a], short[b], least)
        found.append(np.stack([rows[a[i]], rows[b[j]]], axis=1))
    pairs = np.concatenate(found)
    others_only: Ids = pairs[pairs[:, 0] != pairs[:, 1]]
    return others_only


def _flat(short: Vectors, least: float, wanted: Bools | None, part: tuple[int, int]) -> Iterator[Ids]:
    some = np.arange(len(short)) if wanted is None else np.flatnonzero(wanted)

    def one(start: int) -> Ids:
        mine = some[start : start + TILE[0]]
        first = start if wanted is None else 0
        i, j = _over(short[mine], short[first:], least)
        found = np.stack([mine[i], j + first], axis=1)
        kept: Ids = found[found[:, 0] < found[:, 1]] if wanted is None else found[found[:, 0] != found[:, 1]]
        return kept

    yield from in_threads(one, range(part[0] * TILE[0], len(some), part[1] * TILE[0]))


def _reaching(fetch: Fetch, keys: Ids, n: int, least: float) -> Ids:
    """Keep the pairs whose rows reach a cosine."""

    def one(start: int) -> Ids:
        some = keys[start : start + BLOCK]
        kept: Ids = some[np.einsum("ij,ij->i", fetch(some // n), fetch(some % n)) >= np.float32(least)]
        return kept

    return np.concatenate([np.zeros(0, np.int64), *in_threads(one, range(0, len(keys), BLOCK))])


def candidates(fetch: Fetch, n: int, least: float, seed: int = 0, wanted: Bools | None = None, part: tuple[int, int] = (0, 1)) -> Ids:
    """Return pairs that may reach a cosine, as numbers ``left * n + right``, distinct and sorted.

    Args:
        fetch: gives rows by number.
        n: how many rows.
        least: cosine, a little below the threshold.
        seed: seed of the clustering.
        wanted: rows of which each pair must have one.
        part: ``(i, of)``: only every ``of``-th bucket, so that several machines can share the work; the union over ``i`` is the whole.
    """
    if n < 2:
        return np.zeros(0, np.int64)
    axes = main_axes(fetch, n, seed)
    if n <= FLAT_LIMIT:
        made = _flat(shorten(fetch, np.arange(n), axes), least, wanted, part)
        keys = distinct(np.concatenate([np.zeros(0, np.int64), *(f.min(axis=1) * n + f.max(axis=1) for f in made)]))
        return _reaching(fetch, keys, n, least)
    return inside(fetch, n, share(bucketed(fetch, n, seed), *part), axes, least, wanted)


def inside(fetch: Fetch, n: int, b: Buckets, axes: Vectors, least: float, wanted: Bools | None = None) -> Ids:
    """Return the pairs inside some buckets that reach a cosine, as ``left * n + right``, distinct and sorted.

    Args:
        fetch: gives rows by number; only members are asked for.
        n: how many rows there are.
        b: the buckets.
        axes: from ``main_axes``.
        least: cosine.
        wanted: rows of which each pair must have one.
    """
    named = np.zeros(n, bool)
    named[b.members] = True
    place = np.cumsum(named) - 1
    short = shorten(fetch, np.flatnonzero(named), axes)

    def one(i: int) -> Ids:
        rows = b.members[b.starts[i] : b.starts[i + 1]]
        found = bucket_pairs(short[place[rows]], rows, int(b.homes[i]), least, None if wanted is None else wanted[rows])
        keys: Ids = found.min(axis=1) * n + found.max(axis=1)
        return keys

    keys = distinct(np.concatenate([np.zeros(0, np.int64), *in_threads(one, range(len(b.homes)))]))
    return _reaching(fetch, keys, n, least)


def cosines(fetch: Fetch, left: Ids, right: Ids) -> Vectors:
    """Return the cosine of pairs of rows, rounded to 5 digits so that no order of adding can be seen.

    Args:
        fetch: gives rows by number.
        left: one row of each pair.
        right: the other.
    """
    out = np.empty(len(left), np.float32)
    for start in range(0, len(left), 1 << 15):
        s = slice(start, start + (1 << 15))
        out[s] = np.round(np.einsum("ij,ij->i", fetch(left[s]).astype(np.float64), fetch(right[s]).astype(np.float64)), 5)
    return out


def pairs_above(vectors: Vectors, threshold: float, seed: int = 0) -> Pairs:
    """Return all pairs of rows whose cosine is at least ``threshold``.

    Exact up to ``FLAT_LIMIT`` rows; beyond, pairs that share no bucket are missed (``recall`` measures how many).

    Args:
        vectors: array of shape ``(n, dim)``, float32, unit rows; zero rows match nothing.
        threshold: cosine, above 0, at most 1.
        seed: seed of the clustering.

    Example:
        >>> pairs_above(np.eye(3, dtype=np.float32)[[0, 1, 0]], 0.9).right.tolist()
        [2]
    """
    n = len(vectors)

    def fetch(at: Ids) -> Vectors:
        return np.ascontiguousarray(vectors[at], np.float32)

    keys = candidates(fetch, n, threshold - 1e-4, seed)
    left, right = keys // max(1, n), keys % max(1, n)
    exact = cosines(fetch, left, right)
    keep = exact >= np.float32(round(threshold, 5))
    return Pairs(left[keep], right[keep], exact[keep])


def recall(fetch: Fetch, n: int, threshold: float, found: Ids, sample: int = 500, seed: int = 0) -> float:
    """Measure the search against comparing with all: the share of a sample's pairs that was found.

    Args:
        fetch: gives rows by number.
        n: how many rows.
        threshold: cosine.
        found: pairs as ``left * n + right``, sorted.
        sample: rows that are compared with all.
        seed: seed of the sample.

    Returns:
        Share, 0 to 1; 1 if there is no pair.
    """
    rows = np.sort(np.random.default_rng(seed).choice(n, size=min(sample, n), replace=False)).astype(np.int64)
    queries, hit, total = fetch(rows), 0, 0
    for start in range(0, n, 8 * BLOCK):
        base = np.arange(start, min(n, start + 8 * BLOCK))
        i, j = _over(queries, fetch(base), threshold)
        a, b = rows[i], base[j]
        keys = (np.minimum(a, b) * n + np.maximum(a, b))[a != b]
        at = np.searchsorted(found, keys)
        hit += int((found[np.minimum(at, max(0, len(found) - 1))] == keys).sum()) if len(found) else 0
        total += len(keys)
    return hit / total if total else 1.0
