"""Indexes of every kind: chosen by size, merged from shards, mapped into memory, measured against exact search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curate import index
from curate.errors import CurateError, DataError

N, DIM = 3000, 64


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(3)
    base = rng.standard_normal((N // 2, DIM)).astype(np.float32)
    both = np.concatenate([base, base + 0.1 * rng.standard_normal(base.shape).astype(np.float32)])
    return np.ascontiguousarray(both / np.linalg.norm(both, axis=1, keepdims=True))


@pytest.mark.parametrize("kind", [k for k in index.KINDS if k not in ("hnsw", "ivf_pq")])
def test_pairs_over_a_threshold_are_found(kind: str, vectors: np.ndarray) -> None:
    assert index.recall(index.build(vectors, kind=kind), vectors, 0.95, sample=300) >= 0.97


@pytest.mark.parametrize("kind", index.KINDS)
def test_a_row_finds_itself_first(kind: str, vectors: np.ndarray) -> None:
    _, rows = index.top(index.build(vectors, kind=kind), vectors[:200], 2)
    assert (rows == np.arange(200)[:, None]).any(axis=1).mean() >= 0.95


@pytest.mark.parametrize("kind", ["flat", "ivf", "ivf_sq8"])
def test_shards_merge_to_the_whole(kind: str, vectors: np.ndarray, tmp_path: Path) -> None:
    trained = index.empty(vectors[:2000], N, kind=kind)
    paths = index.build_shards([vectors[:1000], vectors[1000:1700], vectors[1700:]], trained, tmp_path)
    whole = index.merge(paths)
    trained.add(vectors)
    assert whole.ntotal == N
    for a, b in zip(index.top(whole, vectors[:50], 5), index.top(trained, vectors[:50], 5), strict=True):
        assert np.allclose(a, b)


def test_a_mapped_index_answers_like_the_loaded_one(vectors: np.ndarray, tmp_path: Path) -> None:
    index.save(index.build(vectors, kind="ivf"), tmp_path / "i.faiss")
    a, b = (index.top(index.load(tmp_path / "i.faiss", mmap=m), vectors[:20], 5) for m in (False, True))
    assert np.array_equal(a[1], b[1])


def test_unknown_kind_and_no_shards() -> None:
    with pytest.raises(CurateError, match="ivf_sq9"):
        index.empty(np.zeros((10, 8), np.float32), 10, kind="ivf_sq9")
    with pytest.raises(DataError):
        index.merge([])
