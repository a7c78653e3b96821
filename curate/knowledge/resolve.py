"""Which of the entries behind a match are meant: stop words, vetoes, cues, and halves of ordinary words, for many texts at once.

Entries that need no second look go through as whole arrays. What a trap rule asks (is one of these words in the text?) is answered by one search
for all cue words together and a join of what was found with what is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from curate.codes import CODES, Codes, Flags, Ints, Joined, spread
from curate.knowledge.bulk import Found, Sets
from curate.knowledge.trie import CharTrie
from curate.tokenize import Tokenizer

if TYPE_CHECKING:
    from curate.knowledge.lexicon import Entry

_HAN = 0x3000


class Spans(NamedTuple):
    """Entries found in many texts, in order of place: number of the text, of the entry, and code-point offsets."""

    rows: Ints
    entries: Ints
    starts: Ints
    ends: Ints


class _Flags(NamedTuple):
    """What the rules say of every set, and of every member of every set."""

    stop: Flags
    vetoed: Flags
    asks: Flags
    needs: Flags


class _Said(NamedTuple):
    """Cue words found in the texts, in order of the text."""

    rows: Ints
    starts: Ints
    ends: Ints
    words: Ints
    edge: Flags


class Cues:
    """All words that speak for or against an entry.

    Args:
        words: the words, in order of their number; ASCII ones count from a word's beginning and in any case, others anywhere.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.number = {w: i for i, w in enumerate(dict.fromkeys(words))}
        plain = np.arange(CODES, dtype=np.uint32)
        low = plain.copy()
        low[ord("A") : ord("Z") + 1] += 32
        self._ascii = np.array([w.isascii() for w in self.number], np.bool_)
        self._tries: list[tuple[bool, CharTrie, Ints]] = []
        for ascii_, fold in ((True, low), (False, plain)):
            mine = [w for w in self.number if w.isascii() == ascii_]
            if mine:
                trie = CharTrie(mine, fold)
                # "Tang" and "tang" are one pattern; the number of one of them stands for both.
                first = np.zeros(trie.size, np.int64)
                first[trie.patterns] = [self.number[w] for w in mine]
                for word, pattern in zip(mine, trie.patterns.tolist(), strict=True):
                    self.number[word] = int(first[pattern])
                self._tries.append((ascii_, trie, first))

    def search(self, joined: Joined, also: Ints) -> _Said:
        """Find the words.

        Args:
            joined: the texts.
            also: places where an ASCII word may begin though a letter stands before it.
        """
        codes = joined.codes
        letter = ((codes >= ord("A")) & (codes <= ord("Z"))) | ((codes >= ord("a")) & (codes <= ord("z")))
        edge = np.ones(len(codes), np.bool_)
        edge[1:] = ~letter[:-1]
        places = edge.copy()
        places[also] = True
        none = np.zeros(0, np.int64)
        parts: list[tuple[Ints, Ints, Ints]] = [(none, none, none)]
        for ascii_, trie, number in self._tries:
            if not ascii_ and joined.text.isascii():
                continue
            start, length, pattern = trie.search(codes, places if ascii_ else None)
            # Words in other scripts have no edges: they count wherever they stand.
            parts.append((start, length, number[pattern]))
        start, length, words = (np.concatenate(c) for c in zip(*parts, strict=True))
        order = np.argsort(start, kind="stable")
        start, words = start[order], words[order]
        return _Said(joined.lines(start), start, start + length[order], words, edge[start] | ~self._ascii[words])


class Resolver:
    """Decides which entries are meant.

    Args:
        entries: the entries of the lexicon.
        sets: the sets of entries that matches stand for.
    """

    def __init__(self, entries: Sequence[Entry], sets: Sets) -> None:
        self._entries, self._sets = entries, sets
        self._stop = np.array([e.context == "stop" for e in entries], np.bool_)
        self._needs = np.array([e.context == "needs" for e in entries], np.bool_)
        self._vetoes = np.array([bool(e.vetoes) for e in entries], np.bool_)
        self._term = np.array([e.kind == "term" for e in entries], np.bool_)
        self._binds = self._needs & np.array([e.kind == "trap" for e in entries], np.bool_)
        self._of_set: dict[int, Ints] = {}
        self._of_member: dict[int, Ints] = {}
        self._flags: _Flags | None = None

    @cached_property
    def _cues(self) -> Cues:
        return Cues(w for e in self._entries for w in (*e.cues, *e.vetoes))

    @cached_property
    def _rank(self) -> Ints:
        """The place of every entry's id in alphabetical order."""
        order = {name: i for i, name in enumerate(sorted({e.id for e in self._entries}))}
        return np.array([order[e.id] for e in self._entries], np.int64)

    @cached_property
    def _tags(self) -> Flags:
        """Eras and themes of every entry."""
        tags = [[*(("era", x) for x in e.eras), *(("theme", x) for x in e.themes)] if e.eras or e.themes else [] for e in self._entries]
        number = {tag: i for i, tag in enumerate(dict.fromkeys(chain.from_iterable(tags)))}
        out = np.zeros((len(tags), max(1, len(number))), np.bool_)
        at = np.array([number[t] for t in chain.from_iterable(tags)], np.int64)
        out[np.repeat(np.arange(len(tags)), [len(t) for t in tags]), at] = True
        return out

    def _known(self) -> _Flags:
        """Return the flags; made anew when sets came in."""
        flags = self._flags
        if flags is None or len(flags.stop) != len(self._sets):
            members, starts = self._sets.members, self._sets.starts[:-1]

            def any_of(of_entry: Flags) -> Flags:
                return np.logical_or.reduceat(of_entry[members], starts) if len(starts) else np.zeros(0, np.bool_)

            # A trap row that asks for a cue binds the terms of the same form; a place name needs none.
            bound = np.repeat(any_of(self._binds), np.diff(self._sets.starts))
            needs = self._needs[members] | (bound & self._term[members])
            asks = np.logical_or.reduceat(needs, starts) if len(starts) else np.zeros(0, np.bool_)
            flags = self._flags = _Flags(any_of(self._stop), any_of(self._vetoes), asks, needs)
        return flags

    def resolve(self, texts: Sequence[str], found: Found) -> Spans:
        """Return the entries that are meant.

        Args:
            texts: the texts that were searched.
            found: the matches.
        """
        flags = self._known()
        joined = Joined(texts, range(len(texts)))
        found = _picked(found, self._whole(texts, joined, found))
        # What is left of a stop word is nothing.
        found = _picked(found, ~flags.stop[found.sets])
        asking = flags.asks[found.sets]
        curious = np.flatnonzero(asking | flags.vetoed[found.sets])
        said: _Said | None = None
        if len(curious):
            said = self._said(texts, _picked(found, curious))
            vetoed = np.zeros(len(found.rows), np.bool_)
            vetoed[curious] = self._spoken_against(said, _picked(found, curious), flags)
            found, asking = _picked(found, ~vetoed), asking[~vetoed]
        first = self._sets.starts[found.sets]
        counts = self._sets.starts[found.sets + 1] - first
        member, match = spread(first, counts), np.repeat(np.arange(len(found.rows)), counts)
        ok = ~flags.needs[member]
        if said is not None and asking.any():
            ok |= self._cued(said, found, member, match, ok)
        rows, entries = found.rows[match], self._sets.members[member]
        if asking.any():
            # Where something was asked the order is that of the ids, elsewhere that of the files.
            open_ = np.zeros(len(texts), np.bool_)
            open_[found.rows[asking]] = True
            place = np.where(open_[rows], self._rank[entries], entries)
            order = np.lexsort((place, found.starts[match], rows))
            order = order[ok[order]]
            rows, entries, match = rows[order], entries[order], match[order]
        return Spans(rows, entries, found.starts[match], found.ends[match])

    def _whole(self, texts: Sequence[str], joined: Joined, found: Found) -> Flags:
        """Tell which matches are not two halves of ordinary words."""
        out = np.ones(len(found.rows), np.bool_)
        at = joined.starts[found.rows] + found.starts
        codes = joined.codes
        two = np.flatnonzero(((found.ends - found.starts) == 2) & (codes[at] > _HAN) & (found.starts > 0))
        two = two[codes[at[two] + 2] != ord("\n")]
        # Cheap test first: the halves must make words with their neighbours at all.
        for left in (-1, 1):
            two = two[self._words(codes, at[two] + left)]
        for i in two.tolist():
            start = int(found.starts[i])
            out[i] = not straddles(texts[found.rows[i]], start, start + 2)
        return out

    def _words(self, codes: Codes, at: Ints) -> Flags:
        """Say of each place whether an ordinary word of two characters starts there."""
        pairs, which = np.unique((codes[at].astype(np.int64) << 32) | codes[at + 1], return_inverse=True)
        known = [has_word(chr(p >> 32) + chr(p & 0xFFFFFFFF)) for p in pairs.tolist()]
        return np.array(known, np.bool_)[which]

    def _said(self, texts: Sequence[str], found: Found) -> _Said:
        """Find the cue words in the texts that ask for them."""
        rows = np.unique(found.rows)
        joined = Joined(texts, rows.tolist())
        ends = joined.starts[np.searchsorted(rows, found.rows)] + found.ends
        said = self._cues.search(joined, ends)
        base = joined.starts[said.rows]
        return said._replace(rows=rows[said.rows], starts=said.starts - base, ends=said.ends - base)

    def _spoken_against(self, said: _Said, found: Found, flags: _Flags) -> Flags:
        """A veto speaks for the form: 长城 beside 汽车 is a car, whatever the term says."""
        out = np.zeros(len(found.rows), np.bool_)
        asked = np.flatnonzero(flags.vetoed[found.sets])
        numbers, which = np.unique(found.sets[asked], return_inverse=True)
        ask, word = _joined(said.rows, found.rows[asked])
        held = self._table([self._against(n) for n in numbers.tolist()])[which[ask], said.words[word]] & said.edge[word]
        out[asked[ask[held]]] = True
        return out

    def _cued(self, said: _Said, found: Found, member: Ints, match: Ints, sure: Flags) -> Flags:
        """An ambiguous form counts only with a cue: one of its own words, or a sure term of the same theme or era."""
        out = np.zeros(len(member), np.bool_)
        asked = np.flatnonzero(~sure)
        numbers, which = np.unique(member[asked], return_inverse=True)
        cues = [self._speaking_for(n, found.sets[match[i]]) for n, i in zip(numbers.tolist(), asked[_firsts(which)].tolist(), strict=True)]
        own = np.array([len(c) > 0 for c in cues], np.bool_)[which]
        mine, hit = asked[own], match[asked[own]]
        ask, word = _joined(said.rows, found.rows[hit])
        held = self._table(cues)[which[own][ask], said.words[word]]
        start, end = found.starts[hit[ask]], found.ends[hit[ask]]
        # The form is no cue for itself, but a word may begin where it ends.
        held &= (said.ends[word] <= start) | (said.starts[word] >= end)
        held &= said.edge[word] | (said.starts[word] == end)
        out[mine[ask[held]]] = True
        others, rest = np.flatnonzero(sure), asked[~own]
        if not len(rest):
            return out
        ask, other = _joined(found.rows[match[others]], found.rows[match[rest]])
        entries = self._sets.members[member]
        like = (self._tags[entries[rest[ask]]] & self._tags[entries[others[other]]]).any(axis=1)
        like &= match[rest[ask]] != match[others[other]]
        out[rest[ask[like]]] = True
        return out

    def _table(self, words: list[Ints]) -> Flags:
        """Which of these questions is answered by which word."""
        out = np.zeros((len(words), max(1, len(self._cues.number))), np.bool_)
        if words:
            out[np.repeat(np.arange(len(words)), [len(w) for w in words]), np.concatenate(words)] = True
        return out

    def _numbers(self, words: Iterable[str]) -> Ints:
        return np.array([self._cues.number[w] for w in words], np.int64)

    def _against(self, number: int) -> Ints:
        got = self._of_set.get(number)
        if got is None:
            got = self._of_set[number] = self._numbers(v for e in self._sets.entries(number) for v in self._entries[e].vetoes)
        return got

    def _speaking_for(self, member: int, number: int) -> Ints:
        got = self._of_member.get(member)
        if got is None:
            entry = self._entries[self._sets.members[member]]
            flags, first = self._known(), self._sets.starts[number]
            # A term without words of its own takes those of the traps of its form.
            beside = [self._entries[e] for i, e in enumerate(self._sets.entries(number), first) if flags.needs[i]] if entry.kind == "term" else []
            got = self._of_member[member] = self._numbers(entry.cues or [c for e in beside for c in e.cues])
        return got


def _picked(found: Found, which: Flags | Ints) -> Found:
    return Found(*(c[which] for c in found))


def _firsts(which: Ints) -> Ints:
    """Return where each number of ``0 .. n`` first stands."""
    return np.unique(which, return_index=True)[1]


def _joined(rows: Ints, asked: Ints) -> tuple[Ints, Ints]:
    """Join questions with the things of the same text.

    Args:
        rows: text of every thing, in order.
        asked: text of every question.

    Returns:
        Question and thing, for every two of the same text.
    """
    first, last = np.searchsorted(rows, asked), np.searchsorted(rows, asked, side="right")
    return np.repeat(np.arange(len(asked)), last - first), spread(first, last - first)


@lru_cache(maxsize=1)
def _plain_words() -> Tokenizer:
    """A segmenter without the lexicon's words, as a second opinion on where words end."""
    return Tokenizer()


@lru_cache(maxsize=4096)
def _edges(text: str) -> frozenset[int]:
    out = {0}
    at = 0
    for word in _plain_words().cut(text):
        at += len(word)
        out.add(at)
    return frozenset(out)


def has_word(word: str) -> bool:
    """Say whether a word is an ordinary one, of the segmenter's own dictionary."""
    return _plain_words().has(word)


def straddles(text: str, start: int, end: int) -> bool:
    """Say whether a two-character match takes half of each of two ordinary words, as 满清 in 盛满清水.

    Args:
        text: normalized Chinese text.
        start, end: the match.
    """
    if start == 0 or end == len(text):
        return False
    # Cheap test first: the halves must make words with their neighbours at all.
    if not (has_word(text[start - 1 : start + 1]) and has_word(text[end - 1 : end + 1])):
        return False
    edges = _edges(text)
    return start not in edges and end not in edges and any(start < e < end for e in edges)
