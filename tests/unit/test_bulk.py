"""Many texts at once give what each alone gives: arrays and tries against the automaton and a plain reading of the rules."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import numpy as np
import pytest

from curate.codes import spread
from curate.knowledge.bulk import Forms, blocks
from curate.knowledge.lexicon import Entry, Lexicon
from curate.knowledge.matcher import Form, Hit, Matcher, zh_fold
from curate.knowledge.resolve import straddles
from curate.knowledge.trie import Table
from curate.stages.match import find_all_terms, find_terms


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon.load()


def _pool(lexicon: Lexicon, lang: str) -> list[str]:
    """Forms, cues, vetoes and plain words, thrown together into sentences that no one would write."""
    rng = random.Random(7)
    forms = [f for e in lexicon.entries for f in (e.zh_forms() if lang == "zh" else [*e.latin_forms(), *e.fr_alias, *e.pinyin_forms()])]
    cues = [c for e in lexicon.entries for c in (*e.cues, *e.vetoes, *e.not_in)]
    plain = ["一个", "人", "在", "A man", "the", "she", "Song", "song", "café", "İ", "-", "'s", ",", "\n", "K", "Ming-style", "盛满清水", "TANG"]
    texts = []
    for _ in range(1500):
        words = [rng.choice(rng.choice((forms, forms, cues, plain))) for _ in range(rng.randrange(9))]
        text = ("" if lang == "zh" and rng.random() < 0.7 else " ").join(words)
        texts.append(text.lower() if rng.random() < 0.2 else text)
    return texts


@pytest.mark.parametrize("group", ["zh", "latin"])
@pytest.mark.parametrize("fr", [False, True])
def test_the_same_matches_as_one_by_one(lexicon: Lexicon, group: str, fr: bool) -> None:
    matcher = lexicon.matcher_fr if fr else lexicon.matcher
    texts = _pool(lexicon, "zh" if group == "zh" else "en")
    assert matcher.find_many(texts, group) == [matcher.find(t, group) if t else [] for t in texts]  # type: ignore[arg-type]


def _holds(text: str, word: str) -> bool:
    return word in text if not word.isascii() else re.search(rf"(?<![A-Za-z]){re.escape(word)}", text, re.IGNORECASE | re.ASCII) is not None


def _told(lexicon: Lexicon, text: str, hits: Sequence[Hit]) -> list[tuple[str, int, int]]:
    """The rules, one match after the other."""
    sure: list[tuple[Hit, Entry]] = []
    unsure: list[tuple[Hit, Entry]] = []
    for hit in hits:
        entries = [lexicon.entries[i] for i in hit.entries]
        if hit.end - hit.start == 2 and text[hit.start] > "\u3000" and straddles(text, hit.start, hit.end):
            continue
        if any(e.context == "stop" for e in entries) or any(_holds(text, v) for e in entries for v in e.vetoes):
            continue
        bound = any(e.kind == "trap" and e.context == "needs" for e in entries)
        for e in entries:
            (unsure if e.context == "needs" or (bound and e.kind == "term") else sure).append((hit, e))
    found = list(sure)
    for hit, e in unsure:
        cues = e.cues or tuple(c for h, o in unsure if h == hit and e.kind == "term" for c in o.cues)
        rest = text[: hit.start] + "\x00" + text[hit.end :]
        others = [o for h, o in sure if h != hit]
        if any(_holds(rest, c) for c in cues) or (not cues and any(set(o.eras) & set(e.eras) or set(o.themes) & set(e.themes) for o in others)):
            found.append((hit, e))
    if unsure:
        found.sort(key=lambda x: (x[0].start, x[1].id))
    return [(e.id, h.start, h.end) for h, e in found]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_rules_are_kept(lexicon: Lexicon, lang: str) -> None:
    texts = _pool(lexicon, lang)
    hits = lexicon.matcher.find_many(texts, "zh" if lang == "zh" else "latin")
    want = [_told(lexicon, t, h) for t, h in zip(texts, hits, strict=True)]
    assert sum(map(len, want)) > 2000
    assert [[tuple(s) for s in spans] for spans in lexicon.find_many(texts, lang)] == want
    some = range(0, len(texts), 50)
    assert [[tuple(s) for s in lexicon.find(texts[i], lang)] for i in some] == [want[i] for i in some]


def test_neighbours_are_not_taken_for_each_other() -> None:
    matcher = Matcher([Form("she", "latin", 0), Form("The She", "latin", 1), Form("Tang", "latin", 2), Form("唐三", "zh", 3)])
    texts = ["the she tha uhe", "The She, the tang Tang", "唐三唐三彩"] * 400
    assert matcher.find_many(texts, "latin")[:3] == [matcher.find(t, "latin") for t in texts[:3]]
    assert [h[:2] for h in matcher.find_many(["she the tha", "THe she"] * 400, "latin")[0]] == [(0, 3)]


def test_nothing_to_look_for() -> None:
    matcher = Matcher.of(Forms([], []), Forms([], []), Forms([], []))
    assert matcher.find_many(["唐三彩 Tang"] * 1000, "zh") == [[]] * 1000
    assert [len(c) for c in Lexicon((), "").scan(["唐", ""], "zh")] == [0] * 4


def test_pairs_together_give_the_terms_of_each(lexicon: Lexicon) -> None:
    zh, en = _pool(lexicon, "zh")[:40], _pool(lexicon, "en")[:40]
    assert find_all_terms(lexicon, [*zh, ""], [*en, ""]) == [*(find_terms(lexicon, a, b) for a, b in zip(zh, en, strict=True)), []]


def test_table_knows_what_it_holds() -> None:
    rng = np.random.default_rng(1)
    keys = rng.integers(0, 1 << 40, 5000)
    table = Table(len(keys))
    slots = table.add(np.concatenate((keys, keys[:100])))
    assert (slots[5000:] == slots[:100]).all()
    assert len(np.unique(slots)) == len(np.unique(keys))
    assert (table.find(keys) == slots[:5000]).all()
    assert (table.find(np.setdiff1d(rng.integers(0, 1 << 40, 5000), keys)) == -1).all()
    assert spread(np.array([5, 9, 2]), np.array([2, 0, 3])).tolist() == [5, 6, 2, 3, 4]


def test_blocks_hold_every_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.knowledge.bulk.BLOCK", 10)
    texts = ["abc", "", "0123456789ab", "x", "y"]
    assert [(start, list(some)) for start, some in blocks(texts)] == [(0, texts[:3]), (3, texts[3:])]


def test_the_same_files_are_read_once(lexicon: Lexicon) -> None:
    assert Lexicon.load() is lexicon
    assert zh_fold("龍") == "龙"
