"""Search: soft matching of words, subjects, and how the voices are weighed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from curate import plain
from curate.embed import HashEmbedder, UseEmbedder
from curate.knowledge.taxonomy import Taxonomy
from curate.search import WEIGHTS, Pool
from curate.softwords import SoftWords
from curate.stage import Resources
from curate.subjects import Subjects

CAPTIONS = [
    ("a", "渔民在江面上撒网，船头站着两只鸬鹚。", ""),
    ("b", "士兵手持长戟和盾牌列阵。", ""),
    ("c", "", "A cat sleeps on a sunny windowsill."),
    ("d", "山谷里积雪很厚，屋檐挂着冰凌。", ""),
    ("e", "", "Office workers queue for coffee before a meeting."),
    ("f", "苗族姑娘戴着银冠，裙摆绣满花纹。", "Miao girls wear silver crowns and embroidered skirts."),
    ("g", "", "A man repairs a bicycle at the roadside."),
    ("h", "", "Rain falls on parked cars."),
]


@cache
def resources() -> Resources:
    return plain.default_resources()


@cache
def pool() -> Pool:
    return plain.pool(plain.from_rows([{"id": i, "zh": zh, "en": en} for i, zh, en in CAPTIONS]), resources())


@cache
def use() -> UseEmbedder:
    return UseEmbedder()


def soft(*captions: str) -> SoftWords:
    return SoftWords.build([c.split() for c in captions], use())


def test_a_word_meets_its_counterpart_in_the_other_language() -> None:
    scores = soft("渔民 江面 撒网", "office coffee meeting").scores(["fishermen"], use())
    assert scores[0] > 0.1 > scores[1]


def test_the_word_itself_and_its_stem_count_fully() -> None:
    got = soft("carving", "carve", "office").scores(["carved"], use())
    assert got[0] == got[1] == 1.0 > got[2]
    assert soft("龙舟", "office").scores(["龙舟"], use())[0] == 1.0


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    got = soft("boy river", "boy street", "boy door", "boy garden", "kiln wall").scores(["boy", "kiln"], use())
    assert got.argmax() == 4


def test_captions_without_words_and_questions_without_words() -> None:
    got = soft("", "river", "").scores(["river"], use())
    assert got.tolist() == [0.0, 1.0, 0.0]
    assert soft("river").scores([], use()).tolist() == [0.0]
    assert soft("", "").scores(["river"], use()).tolist() == [0.0, 0.0]
    assert SoftWords.build([], use()).scores(["river"], use()).tolist() == []


@pytest.mark.parametrize(
    ("question", "sub"),
    [
        ("weapons of war", "sub:military/blades-polearms"),
        ("冷兵器", "sub:military/blades-polearms"),
        ("imperial palaces", "sub:architecture/palace"),
    ],
)
def test_a_question_lies_near_its_sub_theme(question: str, sub: str) -> None:
    subjects = Subjects.of(Taxonomy.load(), use())
    shares = subjects.shares(use().encode([question])[0])
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert sub in [subjects.ids[i] for i in np.argsort(-shares)[:3]]
    assert shares.max() > 3 / len(shares)


def test_captions_are_scored_by_the_sub_themes_of_their_terms() -> None:
    subjects = Subjects.of(Taxonomy.load(), HashEmbedder(16))
    shares = np.zeros(len(subjects.ids), np.float32)
    shares[3] = 0.75
    assert subjects.tagged(shares, {subjects.ids[3]: np.array([1])}, 3).tolist() == [0.0, 0.75, 0.0]


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("weapons of old armies", "b"),
        ("pet animals", "c"),
        ("家里养的小动物", "c"),
        ("snow", "d"),
        ("fishing", "a"),
        pytest.param("people fishing", "a", marks=pytest.mark.xfail(strict=True, reason="an everyday theme of the question outweighs its word")),
        ("costume of a minority people", "f"),
        ("des pêcheurs sur leur bateau", "a"),
        ("骑自行车的人", "g"),
    ],
)
def test_a_wide_question_finds_a_thing_that_it_does_not_name(question: str, wanted: str) -> None:
    assert pool().search(question, 1)[0] == [wanted]


def test_every_voice_has_a_weight_and_stays_between_0_and_1() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    for question in ("weapons of war", "唐代的舞者", "the", "x"):
        voices = pool().voices(question)
        assert set(voices) == set(WEIGHTS)
        for values in voices.values():
            assert values.shape == (len(CAPTIONS),)
            assert np.isfinite(values).all()
            assert values.min() >= 0
            assert values.max() <= 1 + 1e-5


def test_a_sure_vector_outweighs_faint_themes() -> None:
    """A question on nothing Chinese is decided by its words and its vector, whatever the themes make of it."""
    ids, _ = pool().search("a cat is sleeping", 8)
    assert ids[0] == "c"
    assert len(ids) == 8


def test_equal_scores_come_in_order_of_id() -> None:
    rows = [{"id": i, "zh": "", "en": "A boy flies a kite."} for i in ("b", "c", "a")]
    ids, scores = plain.pool(plain.from_rows(rows), resources()).search("kite", 3)
    assert ids == ["a", "b", "c"]
    assert len(set(scores)) == 1
