"""Decisive words: what makes two captions that look alike different captions.

A dynasty, dish, opera, festival, person, place, number, colour or a negation in one caption and another one in the other: then they are not
duplicates, however alike the rest is. The words come from the lexicon and from ``lexicons/opposites.tsv``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from curate.data import data_path
from curate.duplicates.numbers import numbers
from curate.knowledge.bulk import blocks
from curate.knowledge.lexicon import Entry, Lexicon
from curate.knowledge.matcher import Form, Matcher
from curate.knowledge.tsv import cells, read_tsv

_Ints = npt.NDArray[np.int64]
# One-character dynasty names are never a label, but 唐 in one caption and 宋 in its twin is a difference.
DYNASTIES = "夏商周秦汉晋隋唐宋辽金元明清"
_DYNASTY = re.compile(f"[{DYNASTIES}]")


@dataclass(frozen=True)
class Opposites:
    """Meanings that exclude each other within a group (colours, numbers, seasons …)."""

    keys: tuple[tuple[str, str], ...]
    matcher: Matcher

    @cached_property
    def _meanings(self) -> dict[tuple[int, ...], tuple[tuple[str, frozenset[str]], ...]]:
        """What was worked out for the entries of a form."""
        return {}

    def meanings(self, entries: tuple[int, ...]) -> tuple[tuple[str, frozenset[str]], ...]:
        """Return ``(group, keys)`` of a form: it may mean one of several things of its group (青色), or things of several groups (少年).

        Args:
            entries: what the matcher says of the form.
        """
        got = self._meanings.get(entries)
        if got is None:
            by: dict[str, set[str]] = {}
            for e in entries:
                by.setdefault(self.keys[e][0], set()).add(self.keys[e][1])
            got = self._meanings[entries] = tuple((group, frozenset(keys)) for group, keys in sorted(by.items()))
        return got

    def find(self, text: str, lang: str) -> list[tuple[str, str, int, int]]:
        """Return ``(group, key, start, end)`` of every meaning named in a text."""
        return [(group, next(iter(keys)), start, end) for group, keys, start, end in self.find_sets(text, lang) if len(keys) == 1]

    def find_sets(self, text: str, lang: str) -> list[tuple[str, frozenset[str], int, int]]:
        """Return ``(group, keys, start, end)`` of every form found in a text."""
        hits = self.matcher.find(text, "zh" if lang == "zh" else "latin")
        return [(group, keys, h.start, h.end) for h in hits for group, keys in self.meanings(h.entries)]


@lru_cache(maxsize=2)
def load_opposites(path: Path | None = None) -> Opposites:
    """Read ``lexicons/opposites.tsv``.

    Args:
        path: the file; the shipped one if ``None``.
    """
    path = path or data_path("lexicons") / "opposites.tsv"
    keys: list[tuple[str, str]] = []
    forms: list[Form] = []
    for _, row in read_tsv(path):
        keys.append((row["group"], row["key"]))
        entry = len(keys) - 1
        forms += [Form(f, "zh", entry) for f in cells(row["zh"])]
        forms += [Form(f.lower(), "latin", entry) for f in cells(row["en"])]
    return Opposites(tuple(keys), Matcher(forms))


# Groups of opposites whose members exclude each other in one scene; the others (postures, gestures, sites …) may change in a paraphrase.
STRONG = frozenset(
    "colour number season time-of-day city place-province animal instrument-family gender age material weather flower food stage-art martial vehicle "
    "headwear compass people-count storeys side up-down front-back indoor-outdoor temperature speed kin kin-age clergy ethnic-group opera dough tree negation".split()
)


def _tags(entry: Entry) -> list[str]:
    if entry.kind in ("era", "trap"):
        return [f"era:{e}" for e in entry.eras]
    if entry.kind == "region":
        return [entry.id]
    theme = entry.themes[0] if entry.themes else "none"
    return [f"term.{theme}.{entry.sub}:{entry.id}"]


class Terms(NamedTuple):
    """Terms found in many captions: number of the caption pair, entry, language and place of each."""

    row: Sequence[int]
    term_id: Sequence[str]
    lang: Sequence[str]
    start: Sequence[int]
    end: Sequence[int]


def decisive_words(lexicon: Lexicon, zh: str, en: str, terms: Iterable[dict[str, object]]) -> list[str]:
    """Return the decisive meanings of one caption pair, per language, sorted.

    Args:
        lexicon: the lexicon.
        zh: normalized Chinese caption.
        en: normalized English caption.
        terms: what the ``match`` stage found.

    Returns:
        Strings such as ``zh:era:tang`` or ``en:color:red``.
    """
    named = list(terms)
    places = ([int(str(t[name])) for t in named] for name in ("start", "end"))
    return decisive_all(lexicon, [zh], [en], Terms([0] * len(named), [str(t["term_id"]) for t in named], [str(t["lang"]) for t in named], *places))[1]


def decisive_all(lexicon: Lexicon, zh: Sequence[str], en: Sequence[str], terms: Terms) -> tuple[_Ints, list[str]]:
    """Find ``decisive_words`` of many caption pairs.

    Args:
        lexicon: the lexicon.
        zh: normalized Chinese captions.
        en: normalized English captions.
        terms: what the ``match`` stage found in all of them.

    Returns:
        Numbers of pairs and a word each, sorted, without repeats.
    """
    rows, words = list[int](), list[str]()
    names = {t: _tags(lexicon.by_id[t]) if t in lexicon.by_id else [] for t in set(terms.term_id)}
    telling = np.fromiter((bool(names[t]) for t in terms.term_id), bool, len(terms.term_id))
    langs = np.fromiter(map("zh".__eq__, terms.lang), bool, len(terms.lang))
    for row, term, lang in zip(terms.row, terms.term_id, terms.lang, strict=True):
        for name in names[term]:
            rows.append(row)
            words.append(f"{lang}:{name}")
    places = [np.asarray(c, np.int64) for c in (terms.row, terms.start, terms.end)]
    for lang, texts in (("zh", zh), ("en", en)):
        taken = [c[telling & (langs == (lang == "zh"))] for c in places]
        # All texts on one line of numbers: how many characters up to each place belong to terms.
        offset = np.cumsum([0, *(len(t) + 1 for t in texts)])
        inside = np.zeros(int(offset[-1]) + 1, np.int64)
        np.add.at(inside, offset[taken[0]] + taken[1], 1)
        np.add.at(inside, offset[taken[0]] + taken[2], -1)
        covered = np.append(0, np.cumsum(np.cumsum(inside) > 0))
        _add_opposites(lang, texts, offset, covered, rows, words)
        _add_numbers(lang, texts, offset, covered, rows, words)
        if lang == "zh":
            _add_dynasties(texts, taken, rows, words)
    every = sorted(set(words))
    rank = {w: i for i, w in enumerate(every)}
    keys = np.unique(np.asarray(rows, np.int64) * len(every) + np.fromiter(map(rank.__getitem__, words), np.int64, len(words)))
    some = max(1, len(every))
    return keys // some, [every[i] for i in (keys % some).tolist()]


def _add_dynasties(texts: Sequence[str], taken: list[_Ints], rows: list[int], words: list[str]) -> None:
    """Add the dynasties named by one character outside of terms."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for row, start, end in zip(*(c.tolist() for c in taken), strict=True):
        spans.setdefault(row, []).append((start, end))
    for row, text in enumerate(texts):
        chars = _DYNASTY.findall(text)
        if chars:
            covered = "".join([text[s:e] for s, e in spans.get(row, ())])
            free = [c for c in chars if c not in covered]
            rows += [row] * len(free)
            words += [f"zh:dynasty:{c}" for c in free]


def _add_opposites(lang: str, texts: Sequence[str], offset: _Ints, covered: _Ints, rows: list[int], words: list[str]) -> None:
    """Add the meanings that exclude each other, but where a term already says more."""
    opposites = load_opposites()
    bulk = opposites.matcher.bulk
    said: dict[int, list[tuple[str, bool]]] = {}
    for first, some in blocks(texts):
        found = bulk.search(some, "zh" if lang == "zh" else "latin")
        for number in np.unique(found.sets).tolist():
            if number not in said:
                meanings = [(g, next(iter(keys))) for g, keys in opposites.meanings(bulk.sets.entries(number)) if g in STRONG and len(keys) == 1]
                # 苏州 inside 苏州园林 and 杭州 as a region are cities all the same.
                said[number] = [
                    (f"{lang}:{_COUNTED.get(k, '') if g == 'number' else f'{g}:{k}'}", g == "city")
                    for g, k in meanings
                    if g != "number" or k in _COUNTED
                ]
        at = offset[found.rows + first]
        free = covered[at + found.ends] == covered[at + found.starts]
        for row, number, alone in zip((found.rows + first).tolist(), found.sets.tolist(), free.tolist(), strict=True):
            for word, always in said[number]:
                if alone or always:
                    rows.append(row)
                    words.append(word)


# Of the table's numbers, those that are no numerals; numerals are read as a whole.
_COUNTED = {"one": "number:1", "zero": "number:0", "dozens": "number-about:10", "hundreds": "number-about:100", "thousands": "number-about:1000"}


def _add_numbers(lang: str, texts: Sequence[str], offset: _Ints, covered: _Ints, rows: list[int], words: list[str]) -> None:
    """Add the numbers of all texts, in words only where no term says more (三国)."""
    for row, text in enumerate(texts):
        for found in numbers(text, lang):
            at = offset[row]
            if not found.words or covered[at + found.end] == covered[at + found.start]:
                rows.append(row)
                words.append(f"{lang}:{found.kind}:{found.value}")


def differ(a: Iterable[str], b: Iterable[str]) -> str:
    """Say which decisive words differ between two captions.

    A word counts only when the other caption has another one of its kind instead (红 for 蓝, 川剧 for 京剧); a word merely left out, or a
    further detail of another kind, is no contradiction.

    Args:
        a: decisive words of one caption.
        b: decisive words of the other.

    Returns:
        Evidence such as ``zh:era:tang / zh:era:song``, or ``""`` if nothing decisive differs.

    Example:
        >>> differ(["zh:era:tang"], ["zh:era:song"])
        'zh:era:tang / zh:era:song'
        >>> differ(["zh:era:tang"], [])
        ''
    """
    left, right = _by_kind(a), _by_kind(b)
    for kind in sorted(set(left) & set(right)):
        mine, yours = sorted(left[kind] - right[kind]), sorted(right[kind] - left[kind])
        # The whole and its part (妈祖, 妈祖巡游) are no rivals.
        mine, yours = [x for x in mine if not _part_of(x, yours)], [y for y in yours if not _part_of(y, mine)]
        if not mine or not yours:
            continue
        if ":term." in kind:
            alone = len(left[kind]) == 1 and len(right[kind]) == 1
            same = {x.rsplit(":", 1)[0] for x in mine} & {y.rsplit(":", 1)[0] for y in yours}
            if not alone and not same:
                continue
        return f"{mine[0]} / {yours[0]}"
    return ""


def _part_of(word: str, others: Iterable[str]) -> bool:
    name = word.rsplit(":", 1)[-1].split("-", 1)[-1]
    return any(name in o or o.rsplit(":", 1)[-1].split("-", 1)[-1] in word for o in others) if ":term." in word else False


def contradict(a: Mapping[str, Sequence[str]], b: Mapping[str, Sequence[str]], langs: Sequence[str]) -> str:
    """Say which decisive words contradict each other in every one of some languages.

    What truly differs between two bilingual captions differs in both languages; a contradiction in one of them only is a matter of wording.

    Args:
        a: decisive words of one caption pair by language.
        b: those of the other.
        langs: the languages that both have and in which they are not the same.

    Returns:
        Evidence, or ``""``.
    """
    found = ""
    for lang in langs:
        evidence = differ(a[lang], b[lang])
        if not evidence:
            return ""
        found = found or evidence
    return found


def _by_kind(words: Iterable[str]) -> dict[str, set[str]]:
    """Sort decisive words by kind; terms of one theme are of one kind."""
    out: dict[str, set[str]] = {}
    for word in words:
        head = word.rsplit(":", 1)[0]
        kind = head.rsplit(".", 1)[0] if ":term." in head else head
        out.setdefault(kind, set()).add(word)
    return out


# Single characters that are another thing when replaced by one of their own kind, though too short to be terms.
KINDS = (
    "红白黑蓝绿黄紫青灰粉橙", "东南西北", "男女", "春夏秋冬", "雨雪", "马牛羊鸡狗猫鱼鸟龙虎兔猪猴鼠蛇鹤鹅鸭狮象鹿狼熊鹰", "茶莲桃梅竹菊荷兰松柳", DYNASTIES, "一二三四五六七八九十1234567890",
    "左右", "上下", "刀枪剑棍斧戟", "父母兄弟姐妹",
)  # fmt: skip


STOP = frozenset(
    "a an the of in on at to for with and or is are was were be been being it its his her their this that these those there as by from into "
    "onto over up down out off some one very".split()
)


def content_differs(a: str, b: str, lang: str) -> bool:
    """Say whether two keys differ by whole words of their own on both sides, not by typing errors or endings.

    Args:
        a: comparison key of one caption.
        b: comparison key of the other.
        lang: ``zh`` or ``en``.

    Example:
        >>> content_differs("a man plays the guitar", "a man plays the flute", "en")
        True
        >>> content_differs("a man cooking his kichen", "a man cooks in his kitchen", "en")
        False
        >>> content_differs("一个男人在公园里弹吉他", "一个男人在公园里弹钢琴", "zh")
        True
    """
    if lang == "en":
        return words_differ(content_words(a), content_words(b))
    for op in Levenshtein.opcodes(a, b):
        if op.tag == "replace":
            x, y = a[op.src_start : op.src_end], b[op.dest_start : op.dest_end]
            if len(x) == len(y) == 1 and any(x in kind and y in kind for kind in KINDS):
                return True
            if min(len(x), len(y)) >= 2 and not set(x) & set(y):
                return True
    return False


def content_words(key: str) -> frozenset[str]:
    """Return the words of an English key that carry its content."""
    return frozenset(key.split()) - STOP


def words_differ(a: frozenset[str], b: frozenset[str]) -> bool:
    """Say whether each of two sets of words has one of its own that is no spelling or ending of a word of the other.

    Args:
        a: words of one caption.
        b: words of the other.
    """
    mine, yours = a - b, b - a
    if not mine or not yours or all(any(alike(w, v) for v in yours) for w in mine):
        return False
    return not all(any(alike(w, v) for w in mine) for v in yours)


@lru_cache(maxsize=1 << 17)
def alike(a: str, b: str) -> bool:
    """Typing errors and endings: kichen and kitchen, plays and playing."""
    return bool(Levenshtein.normalized_similarity(a, b) >= 0.7) or (
        len(a) > 3 and len(b) > 3 and a[: max(3, min(len(a), len(b)) - 2)] == b[: max(3, min(len(a), len(b)) - 2)]
    )
