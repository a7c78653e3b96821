"""Bounds may only rule out what cannot be: no pair that reaches the similarity is lost, and bands find with a test what they find without."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from curate.duplicates import closeness, minhash
from curate.duplicates.unionfind import join_pairs

TEXTS = st.lists(st.text(alphabet="唐宋元明清人在长城abc 1", min_size=1, max_size=14), min_size=2, max_size=8)


@given(TEXTS, st.sampled_from([0.5, 0.7, 0.8, 0.9, 1.0]))
def test_no_near_pair_is_ruled_out(texts: list[str], least: float) -> None:
    left, right = np.triu_indices(len(texts), 1)
    sizes = np.array([len(t) for t in texts])
    exact = np.array([Levenshtein.normalized_similarity(texts[i], texts[j]) for i, j in zip(left, right, strict=True)], np.float32)
    test = closeness.may_be_near(closeness.odd_classes(texts, sizes), sizes, least - 1e-4)(np.arange(len(texts)))
    may = test(slice(None), np.bincount(left, minlength=len(texts)), right)
    assert may[exact >= least].all()
    got = closeness.agreement(texts, left, right, least - 1e-4)
    assert np.array_equal(got[exact >= least], exact[exact >= least])
    assert not got[exact < least - 1e-3].any()


def test_bands_ask_about_every_pair_that_they_find() -> None:
    signs = minhash.signatures([f"{'唐代仕女在御花园里荡秋千'[: 3 + i % 9]}{i % 40}" for i in range(600)] + [""], 24)
    left, right = minhash.band_pairs(signs, 6)
    wanted = (left + right) % 3 == 0

    def third(rows: minhash.Ints) -> minhash.Test:
        return lambda here, count, right: (np.repeat(rows[here], count) + rows[right]) % 3 == 0

    some = minhash.band_pairs(signs, 6, keep=third)
    assert len(left) > 1000
    assert np.array_equal(some[0], left[wanted])
    assert np.array_equal(some[1], right[wanted])


def test_a_signature_does_not_depend_on_its_neighbours() -> None:
    keys = ["", "唐", "唐代", "长" * 700, *("宋代文人在竹林里点茶"[: 1 + i % 10] + str(i) for i in range(5000))]
    whole = minhash.signatures(keys, 16)
    for i in (0, 1, 2, 3, 9, 4500):
        assert np.array_equal(whole[i], minhash.signatures([keys[i]], 16)[0])
    words = ["", "a", "a man", " ".join(f"w{i}" for i in range(300)), *(f"a man {i} walks" for i in range(4500))]
    whole = minhash.signatures(words, 16, words=True)
    for i in (0, 1, 2, 3, 4400):
        assert np.array_equal(whole[i], minhash.signatures([words[i]], 16, words=True)[0])


def test_rows_without_a_pair_keep_their_name() -> None:
    assert join_pairs(["d", "b", "c", "a", "e"], [3, 1, 0], [0, 2, 4]) == ["a", "b", "b", "a", "a"]
