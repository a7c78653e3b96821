"""The matcher for many texts: the same matches as one text after the other would give, worked out for whole arrays at once.

What ``matcher.Matcher.find`` says of one text with an automaton and a loop is said here of thousands with a trie and numpy.
``tests/unit/test_bulk.py`` holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from curate.codes import LINE_END, Codes, Flags, Ints, Joined, alnum, fold_array, spread, upper
from curate.knowledge.trie import CharTrie, WordTrie, powers

# Characters searched together: few enough for the processor's caches, enough for numpy's fixed costs.
BLOCK = 1 << 19
_SPACE = 32
LATIN = re.compile("[A-Za-z]")
# Letters with marks; pinyin forms without any are never asked for with accents.
TONED = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")


class Forms(NamedTuple):
    """Surface forms and the number of each one's entry."""

    texts: list[str]
    entries: list[int]


class Found(NamedTuple):
    """Matches in many texts, in order of place: number of the text, code-point offsets, and the set of entries that is meant."""

    rows: Ints
    starts: Ints
    ends: Ints
    sets: Ints


def blocks(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Cut texts into runs that are worked on together, each with the number of its first text."""
    start = size = 0
    for i, text in enumerate(texts):
        size += len(text) + 1
        if size >= BLOCK:
            yield start, texts[start : i + 1]
            start, size = i + 1, 0
    if start < len(texts):
        yield start, texts[start:]


class Sets:
    """Sets of entries, known by number; a form means one of them, and forms found at the same place mean their union."""

    def __init__(self) -> None:
        self.starts: Ints = np.zeros(1, np.int64)
        self.members: Ints = np.zeros(0, np.int64)
        self._unions: dict[tuple[int, ...], int] = {}
        self._tuples: dict[int, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self.starts) - 1

    def append(self, counts: Ints, members: Ints) -> int:
        """Put sets in, given their sizes and members, and return the number of the first."""
        first = len(self)
        self.starts = np.concatenate((self.starts, self.starts[-1] + np.cumsum(counts)))
        self.members = np.concatenate((self.members, members))
        return first

    def entries(self, number: int) -> tuple[int, ...]:
        """Return the entries of a set, in order."""
        got = self._tuples.get(number)
        if got is None:
            got = self._tuples[number] = tuple(self.members[self.starts[number] : self.starts[number + 1]].tolist())
        return got

    def union(self, numbers: tuple[int, ...]) -> int:
        """Return the number of the union of some sets."""
        got = self._unions.get(numbers)
        if got is None:
            both = np.unique(np.concatenate([self.members[self.starts[n] : self.starts[n + 1]] for n in numbers]))
            got = self._unions[numbers] = self.append(np.array([len(both)]), both)
        return got


class _Shapes:
    """What stands behind the patterns of Latin forms: which capitals and accents each asks for, and which set it then means.

    Args:
        forms: the forms.
        patterns: the pattern of each.
        sets: where the sets go.
        accented: whether the accents of the form are demanded.
    """

    def __init__(self, forms: Forms, patterns: Ints, sets: Sets, accented: bool = False, capitals: bool = True) -> None:
        keys = {t: i for i, t in enumerate(dict.fromkeys(t.lower() for t in forms.texts))} if accented else {}
        accents = np.array([keys[t.lower()] for t in forms.texts] if accented else [0] * len(forms.texts), np.int64)
        place, starts = _capitals(forms.texts) if capitals else (np.zeros(0, np.int64), np.zeros(len(forms.texts) + 1, np.int64))
        # Equal places of capitals give equal sums; that different ones do is as good as impossible.
        marks = np.concatenate((np.zeros(1, np.uint64), np.cumsum(powers()[np.minimum(place, len(powers()) - 1)] * (place + 1).astype(np.uint64))))
        wanted = marks[starts[1:]] - marks[starts[:-1]]
        entries = np.array(forms.entries, np.int64)
        order = np.lexsort((entries, accents, wanted, patterns))
        columns = [c[order] for c in (patterns, wanted, accents)]
        new = np.ones(len(order), np.bool_)
        new[1:] = np.any([c[1:] != c[:-1] for c in columns], axis=0)
        kept = new.copy()
        kept[1:] |= entries[order][1:] != entries[order][:-1]
        heads = order[new]
        unit = np.cumsum(new) - 1
        self.first_set = sets.append(np.bincount(unit[kept], minlength=len(heads)), entries[order][kept])
        self.of_pattern = np.searchsorted(patterns[heads], np.arange(int(patterns.max(initial=-1)) + 2))
        self.capital_counts = np.diff(starts)[heads]
        self._capital_starts, self._capitals = starts[heads], place
        self.accents = [forms.texts[i].lower() for i in heads.tolist()] if accented else []

    def capitals(self, units: Ints) -> Ints:
        """Return the offsets of the capitals of some units, one after the other."""
        return self._capitals[spread(self._capital_starts[units], self.capital_counts[units])]


def _capitals(texts: list[str]) -> tuple[Ints, Ints]:
    """Offsets of the capitals that begin a word, and where those of each text start."""
    joined = Joined(texts, range(len(texts)))
    at = upper().of(joined.codes)
    at[1:] &= ~alnum().of(joined.codes[:-1])
    place = np.flatnonzero(at)
    return place - joined.starts[joined.lines(place)], np.searchsorted(place, joined.starts)


class Bulk:
    """A compiled set of surface forms for many texts.

    Args:
        zh: Chinese forms.
        latin: Latin forms.
        accented: Latin forms whose accents are demanded.
        zh_fold, latin_fold: tables of one-to-one folds.
    """

    def __init__(self, zh: Forms, latin: Forms, accented: Forms, zh_fold: Mapping[int, str], latin_fold: Mapping[int, str]) -> None:
        self.sets = Sets()
        self._forms, self._accented_forms = latin, accented
        self._latin_table = latin_fold
        self._zh = CharTrie(zh.texts, fold_array(zh_fold)) if zh.texts else None
        if self._zh is not None:
            self._zh_sets = _Shapes(zh, self._zh.patterns, self.sets, capitals=False).first_set

    @cached_property
    def _fold(self) -> Codes:
        return fold_array(self._latin_table)

    @cached_property
    def _latin(self) -> tuple[WordTrie, _Shapes]:
        trie = WordTrie(self._forms.texts, self._fold)
        return trie, _Shapes(self._forms, trie.patterns, self.sets)

    @cached_property
    def _accented(self) -> tuple[WordTrie, _Shapes]:
        """Toned pinyin, needed only for a text that has tone marks."""
        trie = WordTrie(self._accented_forms.texts, self._fold)
        return trie, _Shapes(self._accented_forms, trie.patterns, self.sets, accented=True)

    def search(self, texts: Sequence[str], group: Literal["zh", "latin"]) -> Found:
        """Return the longest matches of every text; see ``matcher.Matcher.find``.

        Args:
            texts: normalized texts, a block of them.
            group: ``zh`` or ``latin``.
        """
        every = range(len(texts))
        zh = every if group == "zh" else [i for i in every if not texts[i].isascii()]
        latin: Sequence[int] = every
        parts: list[tuple[Ints, Ints, Ints, Ints]] = []
        if len(zh):
            joined = Joined(texts, zh)
            if group == "zh":
                # Letters with the case bit set; few captions in Chinese have any.
                low = joined.codes | 0x20
                latin = np.unique(joined.lines(np.flatnonzero((low >= ord("a")) & (low <= ord("z"))))).tolist()
            if self._zh is not None:
                start, length, pattern = self._zh.search(joined.codes)
                parts.append(_located(joined, start, start + length, pattern + self._zh_sets))
        if len(latin):
            joined = Joined(texts, latin)
            if self._forms.texts:
                parts.append(_located(joined, *_fitting(joined, *self._latin)))
            if self._accented_forms.texts and TONED.search(joined.text):
                parts.append(_located(joined, *_fitting(joined, *self._accented)))
        none = np.zeros(0, np.int64)
        found = Found(*(np.concatenate([none, *columns]) for columns in zip(*parts, strict=True))) if parts else Found(none, none, none, none)
        return _longest(self._merged(found))

    def _merged(self, found: Found) -> Found:
        """Bring matches into order, the longer first where several start, and make one of those that stand at the same place."""
        order = np.lexsort((-found.ends, found.starts, found.rows))
        rows, starts, ends, sets = (c[order] for c in found)
        same = np.zeros(len(rows), np.bool_)
        same[1:] = (rows[1:] == rows[:-1]) & (starts[1:] == starts[:-1]) & (ends[1:] == ends[:-1])
        if not same.any():
            return Found(rows, starts, ends, sets)
        heads = np.flatnonzero(~same)
        sizes = np.diff(heads, append=len(rows))
        numbers = sets[heads]
        for i in np.flatnonzero(sizes > 1).tolist():
            numbers[i] = self.sets.union(tuple(sorted(sets[heads[i] : heads[i] + sizes[i]].tolist())))
        return Found(rows[heads], starts[heads], ends[heads], numbers)


def _located(joined: Joined, start: Ints, end: Ints, sets: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    line = joined.lines(start)
    return joined.rows[line], start - joined.starts[line], end - joined.starts[line], sets


def _fitting(joined: Joined, trie: WordTrie, shapes: _Shapes) -> tuple[Ints, Ints, Ints]:
    """Latin matches whose capitals and accents are those that a form asks for: start, end, set."""
    start, end, pattern = trie.search(joined.codes)
    first = shapes.of_pattern[pattern]
    counts = shapes.of_pattern[pattern + 1] - first
    unit = spread(first, counts)
    if len(unit) > len(start):
        start, end = np.repeat(start, counts), np.repeat(end, counts)
    if shapes.accents:
        text = joined.text
        right = [text[a:b].lower() == shapes.accents[u] for a, b, u in zip(start.tolist(), end.tolist(), unit.tolist(), strict=True)]
        start, end, unit = (c[np.array(right, np.bool_)] for c in (start, end, unit))
    fits = np.ones(len(unit), np.bool_)
    asking = np.flatnonzero(shapes.capital_counts[unit])
    if len(asking):
        high = upper().of(joined.codes)
        counts = shapes.capital_counts[unit[asking]]
        there = high[np.repeat(start[asking], counts) + shapes.capitals(unit[asking])]
        fits[asking] = np.logical_and.reduceat(there, np.cumsum(counts) - counts)
        failing = np.flatnonzero(~fits)
        fits[failing] = _without_capitals(joined, high, start[failing], end[failing])
    return start[fits], end[fits], unit[fits] + shapes.first_set


def _without_capitals(joined: Joined, high: Flags, start: Ints, end: Ints) -> Flags:
    """A caption without any capital cannot show which word is a name: believe long or many-word names only."""
    spaces = np.flatnonzero(joined.codes == _SPACE)
    many = (end - start >= 8) | (np.searchsorted(spaces, end) > np.searchsorted(spaces, start))
    breaks = np.flatnonzero(joined.codes == LINE_END)
    line = np.searchsorted(breaks, start)
    capitals = np.flatnonzero(high)
    to = breaks[line]
    since = np.where(line > 0, breaks[line - 1] + 1, 0)
    low: Flags = np.searchsorted(capitals, to) == np.searchsorted(capitals, since)
    out: Flags = many & low
    return out


def _longest(found: Found) -> Found:
    """Resolve overlaps as ``matcher.longest`` does, all runs of overlapping matches at the same time."""
    rows, starts, ends, _ = found
    if not len(rows):
        return found
    # Places over all texts, so that texts do not overlap.
    shift = rows * (int(ends.max()) + 1)
    start, end = starts + shift, ends + shift
    reach = np.maximum.accumulate(end)
    heads = np.flatnonzero(np.concatenate(([True], start[1:] >= reach[:-1])))
    sizes = np.diff(heads, append=len(rows))
    keep = np.zeros(len(rows), np.bool_)
    # Most runs lie wholly within their first match.
    lasts = heads + sizes - 1
    covered = reach[lasts] == end[heads]
    keep[heads[covered]] = True
    best, lasts = heads[~covered].copy(), lasts[~covered]
    now = best + 1
    while len(best):
        apart = start[now] >= end[best]
        keep[best[apart]] = True
        better = (start[now] > start[best]) & (end[now] - start[now] > end[best] - start[best] + 1)
        best = np.where(apart | better, now, best)
        over = now == lasts
        keep[best[over]] = True
        best, lasts, now = best[~over], lasts[~over], now[~over] + 1
    return Found(*(c[keep] for c in found))
