"""Many phrases found in a long text at once: a trie walked from all places together, with numpy arrays instead of a loop over places.

A phrase is a row of tokens, a token a whole number (a character or a word). Every step takes all places that are still on the way one token
further, and most places fall out at the first or second. That is several times quicker than an automaton whose matches become Python objects.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.codes import CODES, LINE_END, Codes, Flags, Ints, Joined, codes_of, distinct

# A Latin letter is below this.
_LATIN_END = 0x250
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Table:
    """A hash table of whole numbers that is filled and asked by the array; a number is known by the slot it has.

    Args:
        size: how many numbers at most.
    """

    def __init__(self, size: int) -> None:
        self._bits = max(4, (2 * size).bit_length())
        self.capacity = 1 << self._bits
        self._keys = np.full(self.capacity, -1, np.int64)

    def _slots(self, keys: Ints) -> Ints:
        # Multiplicative hashing (Knuth, TAOCP 3, 6.4): the upper bits of the product are the well-mixed ones.
        return ((keys.view(np.uint64) * _MIX) >> np.uint64(64 - self._bits)).view(np.int64)

    def _steps(self, keys: Ints) -> Ints:
        """How far on a number is looked for when its slot is another's: a step of its own for each, so that they do not queue up."""
        return (((keys.view(np.uint64) * _MIX) >> np.uint64(64 - 2 * self._bits)).view(np.int64) & (self.capacity - 1)) | 1

    def add(self, keys: Ints) -> Ints:
        """Put numbers in and return their slots; equal numbers share one.

        Args:
            keys: numbers from 0 on.
        """
        slots, steps = self._slots(keys), self._steps(keys)
        left = np.arange(len(keys))
        while len(left):
            at, key = slots[left], keys[left]
            free = self._keys[at] < 0
            # Of several that want one slot the last gets it; the others see another number there and go on.
            self._keys[at[free]] = key[free]
            left = left[self._keys[at] != key]
            slots[left] = (slots[left] + steps[left]) & (self.capacity - 1)
        return slots

    def find(self, keys: Ints) -> Ints:
        """Return the slot of every number, -1 for one that is not there."""
        slots = self._slots(keys)
        there = self._keys[slots]
        out = np.where(there == keys, slots, -1)
        left = np.flatnonzero((there != keys) & (there >= 0))
        at, keys = slots[left], keys[left]
        steps = self._steps(keys)
        while len(left):
            at = (at + steps) & (self.capacity - 1)
            there = self._keys[at]
            hit = np.flatnonzero(there == keys)
            out[left[hit]] = at[hit]
            rest = np.flatnonzero((there != keys) & (there >= 0))
            left, at, keys, steps = left[rest], at[rest], keys[rest], steps[rest]
        return out


class Trie:
    """Phrases of tokens.

    Args:
        tokens: the tokens of all phrases, one after the other; from 1 on, 0 is in no phrase.
        starts: where each phrase starts, and the end of the last; no phrase is empty.
        width: one more than the greatest token.

    Attributes:
        patterns: number of each given phrase; equal phrases share one.
        size: how many different phrases there are.
    """

    def __init__(self, tokens: Ints, starts: Ints, width: int) -> None:
        self._table = Table(len(tokens) // 2 + 1)
        self._width = width
        lengths = np.diff(starts)
        self._first = np.zeros(width, np.bool_)
        left = np.arange(len(lengths))
        # The node of a first token needs no place in the table: the numbers after the table's are theirs.
        node = self._table.capacity + tokens[starts[:-1]]
        self._first[tokens[starts[:-1]]] = True
        ends = np.zeros(len(lengths), np.int64)
        depth = 1
        while len(left):
            done = lengths[left] == depth
            ends[left[done]] = node[done]
            left, node = left[~done], node[~done]
            node = self._table.add(node * width + tokens[starts[left] + depth])
            depth += 1
        self._end = np.full(self._table.capacity + width, -1, np.int32)
        nodes, self.patterns = np.unique(ends, return_inverse=True)
        self._end[nodes] = np.arange(len(nodes))
        self.size = len(nodes)

    def walk(self, tokens: NDArray[Any], places: Flags | None = None) -> tuple[Ints, Ints, Ints]:
        """Find the phrases of a text, overlapping ones too.

        Args:
            tokens: the tokens of the text; the last one is 0, which no phrase goes over.
            places: where a phrase may start; everywhere if ``None``.

        Returns:
            First token, number of tokens, pattern.
        """
        first = self._first[tokens]
        at = np.flatnonzero(first if places is None else first & places)
        node = self._table.capacity + tokens[at].astype(np.int64)
        found: list[tuple[Ints, Ints, Ints]] = []
        depth = 1
        while len(at):
            pattern = self._end[node]
            hit = np.flatnonzero(pattern >= 0)
            found.append((at[hit], np.full(len(hit), depth, np.int64), pattern[hit].astype(np.int64)))
            node = self._table.find(node * self._width + tokens[at + depth])
            alive = np.flatnonzero(node >= 0)
            at, node = at[alive], node[alive]
            depth += 1
        none = np.zeros(0, np.int64)
        start, length, which = (np.concatenate([none, *parts]) for parts in zip(*found, strict=True)) if found else (none, none, none)
        return start, length, which


class CharTrie(Trie):
    """Phrases by their characters.

    Args:
        phrases: the phrases; none is empty or holds a line end.
        fold: for every code point the one it counts as.
    """

    def __init__(self, phrases: list[str], fold: Codes) -> None:
        codes = fold[codes_of("\n".join(phrases))]
        used = distinct(codes[codes != LINE_END])
        number = np.zeros(CODES, np.uint32)
        number[used] = np.arange(1, len(used) + 1)
        self._number = number[fold]
        inner = codes != LINE_END
        starts = np.concatenate(([0], np.cumsum([len(p) for p in phrases], dtype=np.int64)))
        super().__init__(number[codes[inner]].astype(np.int64), starts, len(used) + 1)

    def search(self, codes: Codes, places: Flags | None = None) -> tuple[Ints, Ints, Ints]:
        """Find the phrases in code points; a line end must be the last of them.

        Returns:
            Start, length, pattern.
        """
        return self.walk(self._number[codes], places)


# Powers of an odd number stand for the places in a word; from the last on they are the same.
_PLACES = 64


@lru_cache(maxsize=1)
def powers() -> NDArray[np.uint64]:
    """Return the number that stands for each place of a word or phrase."""
    return np.cumprod(np.full(_PLACES, 0x5851F42D4C957F2D, np.uint64), dtype=np.uint64)


class WordTrie:
    """Latin phrases by words: runs of letters and digits, and every other character by itself.

    Args:
        phrases: the phrases.
        fold: for every code point the one it counts as.
    """

    def __init__(self, phrases: list[str], fold: Codes) -> None:
        self.fold = fold
        self._word = np.zeros(CODES, np.bool_)
        self._word[:_LATIN_END] = [chr(c).isalnum() for c in range(_LATIN_END)]
        codes = Joined(phrases, range(len(phrases))).codes
        starts, keys, _ = self._split(codes)
        ends = fold[codes][starts] == LINE_END
        self._words = Table(len(np.unique(keys)))
        tokens = 1 + self._words.add(keys[~ends])
        self._trie = Trie(tokens, np.concatenate(([0], np.cumsum(np.diff(np.flatnonzero(ends), prepend=-1) - 1))), self._words.capacity + 1)
        self.patterns, self.size = self._trie.patterns, self._trie.size

    def _split(self, codes: Codes) -> tuple[Ints, Ints, Flags]:
        """Where words start, a number that stands for each, and which characters are of a word."""
        low = self.fold[codes]
        word = self._word[low]
        inner = word.copy()
        inner[1:] &= word[:-1]
        inner[0] = False
        starts: Ints = np.flatnonzero(~inner)
        # A polynomial modulo 2^64 over the characters of the word.
        place = np.arange(len(low)) - np.repeat(starts, np.diff(starts, append=len(low)))
        keys = np.add.reduceat(powers()[np.minimum(place, _PLACES - 1)] * low, starts)
        values: Ints = keys.view(np.int64) & np.iinfo(np.int64).max
        return starts, values, word

    def search(self, codes: Codes) -> tuple[Ints, Ints, Ints]:
        """Find phrases that stand between word edges.

        Returns:
            Start, end, pattern.
        """
        starts, keys, word = self._split(codes)
        tokens = 1 + self._words.find(keys)
        tokens[-1] = 0
        first, count, pattern = self._trie.walk(tokens)
        start, end = starts[first], starts[first + count]
        free = ~(word[end] | (word[start - 1] & (start > 0)))
        return start[free], end[free], pattern[free]
