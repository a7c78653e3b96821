"""Vector search. The only module that imports faiss.

Results that decide something (duplicates) are sets of pairs over a threshold with a canonical order, never a top-k
list: even exact FAISS returns equal scores in another order on another number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.embed import Vectors
from curate.errors import CurateError, DataError
from curate.minhash import distinct

Ids = npt.NDArray[np.int64]
# Below this many vectors brute force is affordable and exact.
FLAT_LIMIT = 30_000
# An index file comes from disk and may be broken or hostile: refuse to allocate more than this for one vector of it.
DESERIALIZE_LIMIT = 16 << 30


class Pairs(NamedTuple):
    """Pairs of row numbers ``left < right`` with their cosine, sorted by ``(left, right)``."""

    left: Ids
    right: Ids
    score: npt.NDArray[np.float32]


def _faiss() -> Any:
    import faiss

    if hasattr(faiss, "set_deserialization_vector_byte_limit"):
        faiss.set_deserialization_vector_byte_limit(DESERIALIZE_LIMIT)
    return faiss


def build(vectors: Vectors, seed: int = 0, kind: str = "auto") -> Any:
    """Build an inner-product index over unit vectors.

    Args:
        vectors: array of shape ``(n, dim)``, float32.
        seed: seed of the clustering.
        kind: ``flat`` (exact), ``ivf``, or ``auto`` (flat up to 30,000 vectors).

    Returns:
        A FAISS index whose row numbers are those of ``vectors``.
    """
    faiss = _faiss()
    n, dim = vectors.shape
    if kind == "flat" or (kind == "auto" and n <= FLAT_LIMIT):
        index = faiss.IndexFlatIP(dim)
        index.add(np.ascontiguousarray(vectors))
        return index
    lists = int(max(16, min(4096, 4 * n**0.5)))
    quantizer = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFFlat(quantizer, dim, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = seed + 1234
    index.cp.min_points_per_centroid = 1
    rng = np.random.default_rng(seed)
    sample = np.sort(rng.choice(n, size=min(n, lists * 64), replace=False))
    index.train(np.ascontiguousarray(vectors[sample]))
    index.add(np.ascontiguousarray(vectors))
    index.nprobe = 16
    return index


def save(index: Any, path: Path) -> None:
    """Write an index atomically.

    Args:
        index: a FAISS index.
        path: where to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_suffix(path.suffix + ".tmp")
    _faiss().write_index(index, str(tmp))
    tmp.replace(path)


def load(path: Path, mmap: bool = False) -> Any:
    """Read an index.

    Args:
        path: written by ``save``.
        mmap: map the file into memory instead of reading it.

    Raises:
        DataError: the file is missing or not an index.
    """
    faiss = _faiss()
    if not path.exists():
        raise DataError(f"no index at {path}", hint="run the recipe first, or search with --reindex")
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP if mmap else 0)
    except RuntimeError as e:
        raise DataError(f"{path} is not a usable index: {str(e).splitlines()[0]}", hint="delete it; it will be built again") from e


def top(index: Any, queries: Vectors, k: int) -> tuple[npt.NDArray[np.float32], Ids]:
    """Return the k nearest rows of each query, equal scores in order of row number.

    Args:
        index: a FAISS index over unit vectors.
        queries: array of shape ``(m, dim)``, float32.
        k: how many, at least 1.

    Returns:
        ``(scores, rows)``, both of shape ``(m, min(k, n))``; missing rows are -1.
    """
    if index.d != queries.shape[1]:
        raise CurateError(f"the index holds vectors of {index.d} numbers, the query has {queries.shape[1]}", hint="use the same embedder")
    k = min(k, int(index.ntotal))
    if k <= 0:
        return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
    scores, rows = index.search(np.ascontiguousarray(queries), k)
    order = np.lexsort((rows, -np.round(scores, 5)), axis=1)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


def pairs_above(vectors: Vectors, threshold: float, seed: int = 0, block: int = 4096) -> Pairs:
    """Return all pairs of rows whose cosine is at least ``threshold``.

    Exact (blocked matrix products) up to ``FLAT_LIMIT`` rows; beyond, candidates come from an IVF index by range
    search, and every pair is verified by its exact cosine, rounded to 5 digits so that threads cannot change it.

    Args:
        vectors: array of shape ``(n, dim)``, float32, unit rows; zero rows match nothing.
        threshold: cosine, 0 to 1.
        seed: seed of the clustering.
        block: rows per matrix product.
    """
    n = len(vectors)
    lefts: list[Ids] = []
    rights: list[Ids] = []
    scores: list[npt.NDArray[np.float32]] = []
    if n <= FLAT_LIMIT:
        for start in range(0, n, block):
            part = vectors[start : start + block] @ vectors[start:].T
            i, j = np.nonzero(part >= threshold - 1e-4)
            keep = j > i
            lefts.append((i[keep] + start).astype(np.int64))
            rights.append((j[keep] + start).astype(np.int64))
            scores.append(part[i[keep], j[keep]])
    else:
        index = build(vectors, seed=seed, kind="ivf")
        for start in range(0, n, block):
            queries = np.ascontiguousarray(vectors[start : start + block])
            limits, _, found = index.range_search(queries, threshold - 1e-4)
            i = np.repeat(np.arange(start, start + len(queries)), np.diff(limits).astype(np.int64))
            a, b = np.minimum(i, found), np.maximum(i, found)
            keep = a < b
            lefts.append(a[keep].astype(np.int64))
            rights.append(b[keep].astype(np.int64))
    left = np.concatenate(lefts) if lefts else np.zeros(0, np.int64)
    right = np.concatenate(rights) if rights else np.zeros(0, np.int64)
    if not len(left):
        return Pairs(left, right, np.zeros(0, np.float32))
    key = distinct(left * n + right)
    left, right = key // n, key % n
    exact = np.empty(len(key), np.float32)
    for start in range(0, len(key), 65536):
        s = slice(start, start + 65536)
        exact[s] = np.einsum("ij,ij->i", vectors[left[s]].astype(np.float64), vectors[right[s]].astype(np.float64))
    exact = np.round(exact, 5)
    keep = exact >= np.float32(round(threshold, 5))
    return Pairs(left[keep], right[keep], exact[keep])


def concat_unit(parts: Sequence[Vectors]) -> Vectors:
    """Stack vectors of several texts side by side and rescale, so that the cosine is the mean of the parts' cosines.

    Args:
        parts: arrays of shape ``(n, dim)``, unit or zero rows.
    """
    from curate.embed import unit

    return unit(np.concatenate(parts, axis=1))


class Near(NamedTuple):
    """Rows of the base within a Hamming distance of rows of the queries, sorted by ``(query, base)``."""

    query: Ids
    base: Ids


# Up to this many codes brute force is quicker than hashing.
BINARY_FLAT_LIMIT = 200_000


def binary_near(base: npt.NDArray[np.uint64], queries: npt.NDArray[np.uint64], radius: int, block: int = 8192) -> Near:
    """Return all pairs of 64-bit codes that differ in at most ``radius`` bits. Exact at every size.

    Up to ``BINARY_FLAT_LIMIT`` codes by brute force, beyond by multi-index hashing: codes within the radius agree in one of four pieces
    of 16 bits but for ``radius // 4`` bits.

    Args:
        base: array of shape ``(n,)``.
        queries: array of shape ``(m,)``.
        radius: bits, 0 to 63.
        block: queries per search.

    Source:
        Norouzi, Punjani, Fleet: Fast search in Hamming space with multi-index hashing, CVPR 2012.

    Example:
        >>> binary_near(np.array([0, 7], np.uint64), np.array([1], np.uint64), 1).base.tolist()
        [0]
    """
    faiss = _faiss()
    none = np.zeros(0, np.int64)
    if not len(base) or not len(queries):
        return Near(none, none)
    if len(base) <= BINARY_FLAT_LIMIT:
        index = faiss.IndexBinaryFlat(64)
    else:
        index = faiss.IndexBinaryMultiHash(64, 4, 16)
        index.nflip = radius // 4
    index.add(np.ascontiguousarray(base).view(np.uint8).reshape(-1, 8))
    found: list[tuple[Ids, Ids]] = []
    for start in range(0, len(queries), block):
        part = np.ascontiguousarray(queries[start : start + block])
        # FAISS gives what is nearer than the radius, not what is as near.
        limits, _, rows = index.range_search(part.view(np.uint8).reshape(-1, 8), radius + 1)
        at = np.repeat(np.arange(start, start + len(part)), np.diff(limits).astype(np.int64))
        found.append((at.astype(np.int64), rows.astype(np.int64)))
    query, rows = (np.concatenate(x) for x in zip(*found, strict=True))
    exact = np.bitwise_count(queries[query] ^ base[rows]) <= radius
    query, rows = query[exact], rows[exact]
    order = np.lexsort((rows, query))
    return Near(query[order], rows[order])
