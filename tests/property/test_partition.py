"""What several machines find in their shares of the work is, put together, what one machine finds: 100,000 rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from curate.duplicates import clusters, minhash, neighbours
from curate.duplicates.keys import match_keys
from curate.schema import stable_key
from curate.stages.balance import count_clips
from tests.benchmarks.corpus import pairs

ROWS = 100_000


@pytest.fixture(scope="module")
def keys() -> list[str]:
    return match_keys(pl.Series([row["zh"] for row in pairs(ROWS)])).to_list()


def test_bands_of_near_duplicates(keys: list[str]) -> None:
    signs = minhash.signatures(keys, 24)
    whole = minhash.band_pairs(signs, 6)
    assert len(whole[0]) > 5000
    parts = [minhash.band_pairs(signs, 6, part=(i, 3)) for i in range(3)]
    assert all(len(p[0]) for p in parts)
    together = minhash.distinct(np.concatenate([a * ROWS + b for a, b in parts]))
    assert np.array_equal(together, whole[0] * ROWS + whole[1])


def test_buckets_of_semantic_duplicates() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((ROWS, 24)).astype(np.float32)
    vectors[1::2] = vectors[::2] + 0.1 * rng.standard_normal((ROWS // 2, 24)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def fetch(at: clusters.Ids) -> neighbours.Vectors:
        return vectors[at]

    whole = neighbours.candidates(fetch, ROWS, 0.95)
    parts = [neighbours.candidates(fetch, ROWS, 0.95, part=(i, 3)) for i in range(3)]
    assert all(len(p) for p in parts)
    assert np.array_equal(neighbours.distinct(np.concatenate(parts)), whole)
    assert neighbours.recall(fetch, ROWS, 0.95, whole) > 0.99


@pytest.mark.parametrize("wanted", [0, 7])
def test_buckets_find_what_all_with_all_finds(monkeypatch: pytest.MonkeyPatch, wanted: int) -> None:
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((600, 16)).astype(np.float32)
    vectors[1::2] = vectors[::2] + 0.1 * rng.standard_normal((300, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    some = np.arange(600) % wanted == 0 if wanted else None
    exact = neighbours.candidates(lambda at: vectors[at], 600, 0.9, wanted=some)
    monkeypatch.setattr(neighbours, "FLAT_LIMIT", 10)
    found = neighbours.candidates(lambda at: vectors[at], 600, 0.9, wanted=some)
    assert np.isin(found, exact).all()
    assert len(found) >= 0.98 * len(exact) > 40
    if some is not None:
        assert (some[found // 600] | some[found % 600]).all()


def test_counts_for_balance() -> None:
    clips = [f"c{i // 3}" for i in range(ROWS)]
    cells = [[f"t{i % 17}", f"t{i % 5}"] for i in range(ROWS)]
    groups = ["zh" if i % 2 else "both" for i in range(ROWS)]
    whole = count_clips(clips, cells, groups)
    share = [int(stable_key(0, c) * 4) for c in clips]
    together: dict[str, Counter[str]] = {g: Counter() for g in whole}
    for part in range(4):
        at = [i for i in range(ROWS) if share[i] == part]
        assert at
        for group, counted in count_clips([clips[i] for i in at], [cells[i] for i in at], [groups[i] for i in at]).items():
            together[group] += counted
    assert together == whole
