"""All pairs of vectors over a cosine: exact for small sets, in buckets of k-means for large ones.

Every row has a home bucket and visits the next nearest ones; a bucket compares its residents with its residents and visitors by one matrix
product, so the cost of a row is a few thousand products instead of the size of the set. Buckets do not depend on each other: they may be done
in any order, on any machine, and the pairs put together afterwards.

What decides is exact: rows and centres are rounded to binary fractions whose products add up without error in float32, so that a row's buckets
depend neither on threads nor on the order of adding; every pair is verified by its cosine in float64, rounded to 5 digits.

Source: Abbas et al., "SemDeDup" (2023) for deduplication inside clusters; the visits are added here, since pairs across a border are lost otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from curate.embed import Vectors
from curate.minhash import distinct
from curate.use_fast import one_blas_thread

Ids = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Fetch = Callable[[Ids], Vectors]
Made = TypeVar("Made")
# Up to this many rows all are compared with all.
FLAT_LIMIT = 20_000
# Buckets that a row visits besides its home: the nearest ones whose centre is at most this much farther.
VISITS, MARGIN = 8, 0.2
# Steps of the grid for rows and centres: the products of unit vectors then add up exactly in 24 bits.
GRID = 512
ROUNDS = 6
# Rows per centre that the clustering looks at.
SAMPLE = 32
BLOCK = 4096


class Pairs(NamedTuple):
    """Pairs of row numbers ``left < right`` with their cosine, sorted by ``(left, right)``."""

    left: Ids
    right: Ids
    score: npt.NDArray[np.float32]


class Buckets(NamedTuple):
    """Where rows live and whom they visit: members sorted by bucket, residents before visitors.

    Attributes:
        members: row numbers.
        starts: first member of each bucket, and the end.
        homes: residents of each bucket.
    """

    members: Ids
    starts: Ids
    homes: Ids


def _grid(vectors: Vectors) -> Vectors:
    out = vectors * np.float32(GRID)
    np.rint(out, out=out)
    out *= np.float32(1 / GRID)
    return out


def count(n: int) -> int:
    """Return how many buckets are cheapest for a number of rows: comparing with centres then costs as much as comparing inside buckets."""
    return int(max(2, min(n, round((VISITS * n) ** 0.5))))


def _in_threads(work: Callable[[int], Made], todo: Iterable[int]) -> Iterator[Made]:
    """Do pieces of work at once, each with one thread: matrix products of this size lose more by sharing threads than they gain."""
    with one_blas_thread(), ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        yield from pool.map(work, todo)


def _nearest(rows: Vectors, middle: Vectors, start: int) -> Ids:
    out: Ids = (rows[start : start + BLOCK] @ middle.T).argmax(axis=1)
    return out


def centres(fetch: Fetch, n: int, buckets: int, seed: int = 0) -> Vectors:
    """Cluster a sample of the rows by k-means on the sphere.

    Args:
        fetch: gives rows by number, float32, unit length.
        n: how many rows there are.
        buckets: how many centres.
        seed: seed of the sample; the same rows in the same order give the same centres.

    Returns:
        Array of shape ``(buckets, dim)``, on the grid.
    """
    rng = np.random.default_rng(seed)
    at = np.sort(rng.choice(n, size=min(n, buckets * SAMPLE), replace=False)).astype(np.int64)
    sample = _grid(fetch(at))
    found = sample[np.sort(rng.choice(len(at), size=buckets, replace=False))]
    for _ in range(ROUNDS):
        home = np.concatenate(list(_in_threads(partial(_nearest, sample, found), range(0, len(sample), BLOCK))))
        order = np.argsort(home, kind="stable")
        full, first = np.unique(home[order], return_index=True)
        # Exact in float32, too: multiples of 1 / GRID, a few thousand of them.
        sums = np.add.reduceat(sample[order], first, axis=0).astype(np.float64)
        norms = np.sqrt(np.einsum("ij,ij->i", sums, sums))
        found = found.copy()
        found[full] = _grid((sums / np.maximum(norms, 1e-9)[:, None]).astype(np.float32))
    return found


def assign(rows: Vectors, middle: Vectors) -> tuple[Ids, Ids, Ids]:
    """Find the home and the visits of rows.

    Args:
        rows: array of shape ``(n, dim)``, unit length.
        middle: the centres.

    Returns:
        ``(row, bucket, rank)``: rank 0 is the home, higher ones are visits.
    """
    found: list[tuple[Ids, Ids, Ids]] = []
    for start in range(0, len(rows), BLOCK):
        scores = _grid(rows[start : start + BLOCK]) @ middle.T
        every = np.arange(len(scores))
        best = np.zeros(0, np.float32)
        for rank in range(min(1 + VISITS, len(middle))):
            bucket = scores.argmax(axis=1).astype(np.int64)
            value = scores[every, bucket]
            best = value if rank == 0 else best
            near = np.flatnonzero(value >= best - np.float32(MARGIN))
            found.append((near + start, bucket[near], np.full(len(near), rank, np.int64)))
            scores[every, bucket] = -2
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found]), np.concatenate([f[2] for f in found])


def gather(row: Ids, bucket: Ids, rank: Ids, buckets: int) -> Buckets:
    """Sort what ``assign`` found by bucket.

    Args:
        row: row numbers.
        bucket: a bucket of each.
        rank: 0 for homes.
        buckets: how many buckets there are.
    """
    order = np.lexsort((row, rank > 0, bucket))
    starts = np.searchsorted(bucket[order], np.arange(buckets + 1))
    return Buckets(row[order], starts.astype(np.int64), np.bincount(bucket[rank == 0], minlength=buckets).astype(np.int64))


def _over(a: Vectors, b: Vectors, least: float) -> tuple[Ids, Ids]:
    """Places of a product that reach a cosine."""
    at = np.flatnonzero(a @ b.T >= np.float32(least))
    return at // len(b), at % len(b)


def bucket_pairs(fetch: Fetch, rows: Ids, homes: int, least: float, wanted: Bools | None) -> Ids:
    """Compare the rows of one bucket.

    Args:
        fetch: gives rows by number.
        rows: residents first, then visitors.
        homes: how many residents.
        least: cosine.
        wanted: rows of which each pair must have one; ``None`` for all.

    Returns:
        Pairs as rows of two numbers, in any order.
    """
    own, guests = rows[:homes], rows[homes:]
    out = [np.zeros((0, 2), np.int64)]
    parts = (
        [(own, rows)]
        if wanted is None
        else [(own[wanted[own]], rows), (own[~wanted[own]], np.concatenate([own[wanted[own]], guests[wanted[guests]]]))]
    )
    for some, others in parts:
        if not len(some) or not len(others):
            continue
        base = fetch(others)
        for start in range(0, len(some), BLOCK):
            mine = some[start : start + BLOCK]
            # Residents of a bucket are its first rows, so they need not be fetched twice.
            block = base[start : start + len(mine)] if others is rows and some is own else fetch(mine)
            i, j = _over(block, base, least)
            out.append(np.stack([mine[i], others[j]], axis=1))
    found = np.concatenate(out)
    others_only: Ids = found[found[:, 0] != found[:, 1]]
    return others_only


def _flat(fetch: Fetch, n: int, least: float, wanted: Bools | None) -> Iterator[Ids]:
    every = fetch(np.arange(n))
    some = np.arange(n) if wanted is None else np.flatnonzero(wanted)
    for start in range(0, len(some), BLOCK):
        mine = some[start : start + BLOCK]
        first = start if wanted is None else 0
        i, j = _over(every[mine], every[first:], least)
        found = np.stack([mine[i], j + first], axis=1)
        yield found[found[:, 0] < found[:, 1]] if wanted is None else found[found[:, 0] != found[:, 1]]


def bucketed(fetch: Fetch, n: int, seed: int = 0) -> Buckets:
    """Cluster all rows.

    Args:
        fetch: gives rows by number.
        n: how many.
        seed: seed of the clustering.
    """
    middle = centres(fetch, n, count(n), seed)
    found = list(_in_threads(lambda s: assign(fetch(np.arange(s, min(n, s + BLOCK))), middle), range(0, n, BLOCK)))
    row = np.concatenate([f[0] + i * BLOCK for i, f in enumerate(found)])
    return gather(row, np.concatenate([f[1] for f in found]), np.concatenate([f[2] for f in found]), len(middle))


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
    keys: list[Ids] = [np.zeros(0, np.int64)]
    if n <= FLAT_LIMIT:
        made = _flat(fetch, n, least, wanted) if part[0] == 0 else iter(())
    else:
        b = bucketed(fetch, n, seed)

        def one(i: int) -> Ids:
            return bucket_pairs(fetch, b.members[b.starts[i] : b.starts[i + 1]], int(b.homes[i]), least, wanted)

        made = _in_threads(one, range(part[0], len(b.homes), part[1]))
    for found in made:
        keys.append(found.min(axis=1) * n + found.max(axis=1))
    out: Ids = distinct(np.concatenate(keys))
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
    keys = candidates(lambda at: np.ascontiguousarray(vectors[at], np.float32), n, threshold - 1e-4, seed)
    left, right = keys // max(1, n), keys % max(1, n)
    exact = np.empty(len(keys), np.float32)
    for start in range(0, len(keys), 65536):
        s = slice(start, start + 65536)
        exact[s] = np.round(np.einsum("ij,ij->i", vectors[left[s]].astype(np.float64), vectors[right[s]].astype(np.float64)), 5)
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
