"""The theme head: neighbours vote alike in every batch, and what is saved is what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curate import plain
from curate.embed import make_embedder, unit
from curate.knowledge.head import Head, Memory, Vocabulary, Words, load, sure_themes, word_marks
from curate.stages.match import find_all_terms
from curate.training.fit import train_words
from curate.training.short import named, ordinary


def _memory(n: int = 300, dim: int = 64) -> tuple[Memory, np.ndarray]:
    rng = np.random.default_rng(3)
    vectors = unit(rng.standard_normal((n, dim)).astype(np.float32))
    labels = np.zeros((n, 3), np.float32)
    labels[np.arange(n), rng.integers(0, 3, n)] = 1.0
    return Memory.of(vectors, labels, np.ones(n, np.float32), 32), vectors


def test_the_shipped_head_fits_the_built_in_encoder() -> None:
    """With another digest the stage would quietly go by prototypes: after a change of the encoder run ``python -m curate.training.fit``."""
    shipped = load()
    assert shipped is not None
    assert shipped.encoder == make_embedder("use").sha256


def test_a_known_sentence_votes_for_itself() -> None:
    memory, vectors = _memory()
    assert (memory.vote(vectors).argmax(axis=1) == memory.labels.argmax(axis=1)).mean() > 0.99


def test_the_vote_does_not_depend_on_the_batch() -> None:
    memory, vectors = _memory()
    together = memory.vote(vectors)
    alone = np.concatenate([memory.vote(vectors[i : i + 1]) for i in range(len(vectors))])
    assert np.array_equal(together, alone)


def test_no_caption_gives_an_empty_vote() -> None:
    memory, vectors = _memory()
    assert memory.vote(vectors[:0]).shape == (0, 3)


def test_saved_and_read_heads_decide_alike(tmp_path: Path) -> None:
    memory, vectors = _memory()
    rng = np.random.default_rng(4)
    weights = rng.standard_normal((64 + 5, 3)).astype(np.float16).astype(np.float32)
    head = Head(weights, np.zeros(3, np.float32), np.array([0.4, 0.4, 0.5], np.float32), 0.25, memory, "e" * 64)
    head.save(tmp_path / "head.npz")
    again = load(tmp_path / "head.npz")
    assert again is not None
    assert again.encoder == "e" * 64
    terms = np.zeros((len(vectors), 5), np.float32)
    for a, b in zip(head.decide(vectors, terms), again.decide(vectors, terms), strict=True):
        assert np.array_equal(a, b)


def test_a_found_term_lowers_the_cut_of_its_theme() -> None:
    memory, vectors = _memory()
    head = Head(np.zeros((64 + 5, 3), np.float32), np.array([0, 0, 9], np.float32), np.array([2.0, 2.0, 0.5], np.float32), 0.0, memory, "")
    terms = np.zeros((1, 5), np.float32)
    terms[0, 1] = 1.0
    assert head.decide(vectors[:1], terms)[1].tolist() == [[False, True]]


def test_a_second_theme_of_a_term_has_its_own_cut() -> None:
    memory, vectors = _memory()
    weights, bias, cuts = np.zeros((64 + 5, 3), np.float32), np.array([0, 0, 9], np.float32), np.array([2.0, 2.0, 0.5], np.float32)
    terms = np.zeros((1, 5), np.float32)
    terms[0, 3] = 1.0
    assert Head(weights, bias, cuts, 0.0, memory, "").decide(vectors[:1], terms)[1].tolist() == [[False, False]]
    assert Head(weights, bias, cuts, 0.0, memory, "", second_cut=0.0).decide(vectors[:1], terms)[1].tolist() == [[False, True]]


def test_a_theme_far_below_the_likeliest_is_not_given() -> None:
    memory, vectors = _memory()
    weights, bias, cuts = np.zeros((64 + 5, 3), np.float32), np.array([9, -1.5, 9], np.float32), np.array([0.1, 0.1, 0.5], np.float32)
    terms = np.zeros((1, 5), np.float32)
    row = vectors[memory.vote(vectors)[:, 0] > 0.9][:1]
    assert Head(weights, bias, cuts, 0.0, memory, "").decide(row, terms)[1].tolist() == [[True, True]]
    assert Head(weights, bias, cuts, 0.0, memory, "", relative=0.4).decide(row, terms)[1].tolist() == [[True, False]]


def test_a_theme_named_beyond_doubt_needs_less_sign_of_culture() -> None:
    memory, vectors = _memory()
    head = Head(
        np.zeros((64 + 5, 3), np.float32), np.array([9, 9, 0], np.float32), np.array([0.3, 0.3, 0.99], np.float32), 0.1, memory, "", None, 0.2
    )
    terms, sure = np.zeros((1, 5), np.float32), np.array([[False, True]])
    assert head.decide(vectors[:1], terms)[1].tolist() == [[False, False]]
    assert head.decide(vectors[:1], terms, None, sure)[1].tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("zh", "en", "themes"),
    [
        ("她弹古筝", "She plays the guzheng", ["performing-arts"]),
        ("她弹古筝", "", ["performing-arts"]),
        ("她弹古筝", "She plays at home", []),  # the other language is silent
        ("她弹吉他", "She plays the guitar", []),
        ("", "", []),
    ],
)
def test_what_is_named_in_every_language_is_sure(zh: str, en: str, themes: list[str]) -> None:
    lexicon, vocabulary = plain.shipped_lexicon(), Vocabulary.of(plain.shipped_taxonomy())
    sure = sure_themes(find_all_terms(lexicon, [zh], [en]), [(zh, en)], lexicon, vocabulary)
    assert [t for t, i in vocabulary.themes.items() if sure[0, i]] == themes


def test_made_captions_are_short_and_the_same_every_time() -> None:
    lexicon = plain.shipped_lexicon()
    made = named(lexicon, 400, 0)
    assert made == named(lexicon, 400, 0)
    assert len(made) == 400
    assert {len({s.zh == "", s.en == ""}) for s in made} == {1, 2}
    for s in made:
        assert lexicon.by_id[s.about].context == "free"
        assert lexicon.by_id[s.about].themes == s.themes
        assert s.zh or s.en
        assert "$x" not in s.zh + s.en
        assert len(s.zh) < 30
    assert not any(s.themes for s in ordinary())


def test_a_short_caption_gets_the_theme_of_what_it_names() -> None:
    rows = [
        ("阿炳的二胡", "Abing's erhu"),
        ("一屉烧卖", "A steamer of siu mai"),
        ("她买了吉他", "She bought a guitar"),
        ("一块面包", "A piece of bread"),
    ]
    got = plain.tag([{"id": str(i), "zh": zh, "en": en} for i, (zh, en) in enumerate(rows)])
    assert [[*r["themes"]][:1] for r in got] == [["performing-arts"], ["cuisine"], [], []]


TEXTS = [("老人泡茶", "an old man pours tea"), ("", "A man parks a car"), ("女孩倒茶", ""), ("", "")] * 3


def _words() -> Words:
    labels = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1], [0, 0, 0]] * 3, np.float32)
    return train_words(TEXTS, labels, np.ones(len(TEXTS), np.float32), steps=60)


def test_words_learn_what_was_shown_and_do_not_depend_on_the_batch() -> None:
    words = _words()
    together = words.logits(TEXTS)
    assert together[0, 0] > 0
    assert together[1, 0] < 0
    assert np.array_equal(together, np.concatenate([words.logits([t]) for t in TEXTS]))
    assert words.logits([]).shape == (0, 3)


def test_marks_are_characters_pairs_and_stems() -> None:
    assert word_marks("泡茶 壶", "Pouring") == {"泡", "茶", "泡茶", "壶", "_pour"}


def test_words_are_saved_with_the_head(tmp_path: Path) -> None:
    memory, vectors = _memory()
    words = _words()
    head = Head(np.zeros((64 + 5, 3), np.float32), np.zeros(3, np.float32), np.full(3, 0.4, np.float32), 0.25, memory, "e", words)
    head.save(tmp_path / "head.npz")
    again = load(tmp_path / "head.npz")
    assert again is not None
    assert again.words is not None
    assert list(again.words.places) == list(words.places)
    assert np.allclose(again.words.logits(TEXTS), words.logits(TEXTS), atol=0.02)
    terms = np.zeros((4, 5), np.float32)
    with_words, without = again.probabilities(vectors[:4], terms, TEXTS[:4]), again.probabilities(vectors[:4], terms)
    assert with_words[0, 0] > without[0, 0]
    assert with_words[1, 0] < without[1, 0]
