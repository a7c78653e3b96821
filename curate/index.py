"""Vector search. The only module that imports faiss.

Results that decide something (duplicates) are sets of pairs over a threshold with a canonical order, never a top-k
list: even exact FAISS returns equal scores in another order on another number of threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.embed import Vectors
from curate.errors import CurateError, DataError, did_you_mean

Ids = npt.NDArray[np.int64]
# Below this many vectors brute force is affordable and exact.
FLAT_LIMIT = 30_000
# Bytes that an index may take before its vectors are stored in fewer bits.
MEMORY = 3 << 30
KINDS = ("flat", "ivf", "ivf_fp16", "ivf_sq8", "ivf_pq", "hnsw")
# Range search of coded vectors looks this much lower; every pair is verified by its exact cosine.
SLACK = 0.005
# An index file comes from disk and may be broken or hostile: refuse to allocate more than this for one vector of it.
DESERIALIZE_LIMIT = 16 << 30


def _faiss() -> Any:
    import faiss

    if hasattr(faiss, "set_deserialization_vector_byte_limit"):
        faiss.set_deserialization_vector_byte_limit(DESERIALIZE_LIMIT)
    return faiss


def choose(n: int, dim: int, memory: int = MEMORY) -> str:
    """Choose the kind of an index from its size and the memory it may take.

    Args:
        n: vectors.
        dim: numbers per vector.
        memory: bytes.

    Returns:
        ``flat`` where exact search is affordable, else ``ivf`` (float32), ``ivf_fp16``, ``ivf_sq8`` or ``ivf_pq``: the first that fits.

    Example:
        >>> choose(1000, 512), choose(1_000_000, 512), choose(5_000_000, 512), choose(100_000_000, 512)
        ('flat', 'ivf', 'ivf_sq8', 'ivf_pq')
    """
    if n <= FLAT_LIMIT:
        return "flat"
    for kind, width in (("ivf", 4), ("ivf_fp16", 2), ("ivf_sq8", 1)):
        if n * (dim * width + 8) <= memory:
            return kind
    return "ivf_pq"


def build(vectors: Vectors, seed: int = 0, kind: str = "auto", memory: int = MEMORY) -> Any:
    """Build an inner-product index over unit vectors.

    Args:
        vectors: array of shape ``(n, dim)``, float32.
        seed: seed of the clustering.
        kind: one of ``KINDS``, or ``auto`` (see ``choose``).
        memory: bytes that ``auto`` may take.

    Returns:
        A FAISS index whose row numbers are those of ``vectors``.
    """
    n, dim = vectors.shape
    kind = choose(n, dim, memory) if kind == "auto" else kind
    rng = np.random.default_rng(seed)
    sample = np.sort(rng.choice(n, size=min(n, lists(n) * 64), replace=False))
    index = empty(vectors[sample], n, seed, kind)
    index.add(np.ascontiguousarray(vectors))
    return index


def lists(n: int) -> int:
    """Return how many inverted lists suit a number of vectors."""
    return int(max(16, min(4096, 4 * n**0.5)))


def empty(sample: Vectors, n: int, seed: int = 0, kind: str = "ivf") -> Any:
    """Train an index and add nothing: shards that are built from it can be merged.

    Args:
        sample: vectors to train on.
        n: vectors that the whole will hold.
        seed: seed of the clustering.
        kind: one of ``KINDS``.

    Raises:
        CurateError: the kind is unknown.
    """
    if kind not in KINDS:
        raise CurateError(f"unknown kind of index {kind!r}", hint=did_you_mean(kind, KINDS))
    faiss, dim = _faiss(), sample.shape[1]
    if kind == "flat":
        return faiss.IndexFlatIP(dim)
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = 80, 64
        return index
    cells = lists(n)
    quantizer, metric = faiss.IndexFlatIP(dim), faiss.METRIC_INNER_PRODUCT
    if kind == "ivf":
        index = faiss.IndexIVFFlat(quantizer, dim, cells, metric)
    elif kind == "ivf_pq":
        index = faiss.IndexIVFPQ(quantizer, dim, cells, max(1, dim // 8), 8, metric)
        index.pq.cp.seed = seed + 1234
    else:
        code = faiss.ScalarQuantizer.QT_fp16 if kind == "ivf_fp16" else faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(quantizer, dim, cells, code, metric)
    index.cp.seed = seed + 1234
    index.cp.min_points_per_centroid = 1
    # Ten rounds of clustering: training is most of the cost of an index.
    index.cp.niter = 10
    index.train(np.ascontiguousarray(sample))
    index.nprobe = 16
    return index


def build_shards(shards: Iterable[Vectors], trained: Any, folder: Path) -> list[Path]:
    """Build one index file per shard from one trained index; shards may be built on different machines.

    Args:
        shards: vectors in order.
        trained: from ``empty``.
        folder: where to.
    """
    out = []
    for i, vectors in enumerate(shards):
        shard = _faiss().clone_index(trained)
        shard.add(np.ascontiguousarray(vectors))
        out.append(folder / f"shard-{i:05d}.faiss")
        save(shard, out[-1])
    return out


def merge(paths: Sequence[Path]) -> Any:
    """Merge shards; the rows of a later shard follow those of an earlier one.

    Args:
        paths: files written by ``build_shards``, in order.
    """
    if not paths:
        raise DataError("no shards to merge")
    whole = load(paths[0])
    for path in paths[1:]:
        part = load(path)
        if hasattr(whole, "nprobe"):
            whole.merge_from(part, whole.ntotal)
        else:
            whole.merge_from(part)
    return whole


def recall(index: Any, vectors: Vectors, threshold: float, sample: int = 500, seed: int = 0) -> float:
    """Measure an index against exact search where it matters: the share of pairs over a threshold that it finds.

    Args:
        index: over ``vectors``, not ``hnsw`` or ``ivf_pq`` with a threshold close to 1 (their scores are not exact).
        vectors: array of shape ``(n, dim)``, float32.
        threshold: cosine.
        sample: rows that are searched for.
        seed: seed of the sample.

    Returns:
        Share, 0 to 1; 1 if there is no pair.
    """
    rows = np.sort(np.random.default_rng(seed).choice(len(vectors), size=min(sample, len(vectors)), replace=False))
    queries = np.ascontiguousarray(vectors[rows])
    limits, _, found = index.range_search(queries, threshold - SLACK)
    hit = total = 0
    for i, row in enumerate(rows.tolist()):
        true = np.flatnonzero(vectors @ queries[i] >= threshold)
        true = true[true != row]
        total += len(true)
        hit += len(np.intersect1d(true, found[limits[i] : limits[i + 1]]))
    return hit / total if total else 1.0


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
