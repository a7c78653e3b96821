"""Buckets of vectors: k-means on the sphere, a home for every row, and visits to the next nearest buckets.

Rows and centres are rounded to binary fractions whose products add up without error in float32, so that a row's buckets depend neither on threads nor
on the order of adding.

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
from curate.use_fast import one_blas_thread

Ids = npt.NDArray[np.int64]
Fetch = Callable[[Ids], Vectors]
Made = TypeVar("Made")
# Buckets that a row visits besides its home: the nearest ones whose centre is at most this much farther.
VISITS, MARGIN = 12, 0.2
# Steps of the grid for rows and centres: the products of unit vectors then add up exactly in 24 bits.
GRID = 512
ROUNDS = 6
# Rows per centre that the clustering looks at.
SAMPLE = 32
BLOCK = 4096


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
    """Return how many buckets are cheapest for a number of rows: comparing with centres (in full) then costs as much as comparing inside buckets."""
    return int(max(2, min(n, round((2 * n) ** 0.5))))


def in_threads(work: Callable[[int], Made], todo: Iterable[int]) -> Iterator[Made]:
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
        home = np.concatenate(list(in_threads(partial(_nearest, sample, found), range(0, len(sample), BLOCK))))
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


def bucketed(fetch: Fetch, n: int, seed: int = 0) -> Buckets:
    """Cluster all rows.

    Args:
        fetch: gives rows by number.
        n: how many.
        seed: seed of the clustering.
    """
    middle = centres(fetch, n, count(n), seed)
    found = list(in_threads(lambda s: assign(fetch(np.arange(s, min(n, s + BLOCK))), middle), range(0, n, BLOCK)))
    row = np.concatenate([f[0] + i * BLOCK for i, f in enumerate(found)])
    return gather(row, np.concatenate([f[1] for f in found]), np.concatenate([f[2] for f in found]), len(middle))


def share(b: Buckets, i: int, of: int) -> Buckets:
    """Return every ``of``-th bucket from the ``i``-th on."""
    if of == 1:
        return b
    which = range(i, len(b.homes), of)
    members = [b.members[b.starts[k] : b.starts[k + 1]] for k in which]
    starts = np.cumsum([0, *map(len, members)]).astype(np.int64)
    return Buckets(np.concatenate([np.zeros(0, np.int64), *members]), starts, b.homes[i::of])
