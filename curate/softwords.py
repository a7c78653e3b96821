"""Soft matching of words: how well each word of a question is met by some word of a caption, in whichever language.

A vector of a whole caption blurs a thing that it only mentions, and equal words do not cross languages. So every content word of the question looks
for its best counterpart among the words of a caption: the word itself, a word of the same stem, or a word whose vector lies near, as those of
translations do. Each distinct word of the pool is encoded once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.embed import Embedder, Vectors, encode_unique

Floats = npt.NDArray[np.float32]
# Vectors of single words are all somewhat alike: below this cosine two words are no match; chosen on the first and second question sets.
NEAR = 0.4


def stem(word: str) -> str:
    """Cut the ending off an English word, and what spelling did to it.

    Args:
        word: in lower case.

    Example:
        >>> stem("carving") == stem("carves") == stem("carved"), stem("running") == stem("runs")
        (True, True)
    """
    for end in ("ing", "ied", "ies", "es", "ed", "s"):
        if word.endswith(end) and len(word) - len(end) >= 3 and not word.endswith("ss"):
            word = word[: -len(end)] + ("y" if end in ("ied", "ies") else "")
            break
    if word.endswith("e") and len(word) > 3:
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl" else word


@dataclass(frozen=True)
class SoftWords:
    """The words of a pool's captions.

    Attributes:
        places: each distinct word and its number.
        stems: numbers of the English words by stem.
        vectors: unit vector per distinct word.
        starts: where each caption's words begin in ``members``; one more than captions.
        members: numbers of the distinct words of each caption, one caption after the other.
    """

    places: Mapping[str, int]
    stems: Mapping[str, Sequence[int]]
    vectors: Vectors
    starts: npt.NDArray[np.int64]
    members: npt.NDArray[np.int32]

    @classmethod
    def build(cls, captions: Sequence[Iterable[str]], embedder: Embedder) -> SoftWords:
        """Number and encode the words of captions.

        Args:
            captions: content words of each caption, in lower case.
            embedder: the encoder.
        """
        places: dict[str, int] = {}
        numbers = [list(dict.fromkeys(places.setdefault(w, len(places)) for w in caption)) for caption in captions]
        starts = np.concatenate([[0], np.cumsum([len(n) for n in numbers], dtype=np.int64)]).astype(np.int64)
        members = np.fromiter((n for row in numbers for n in row), np.int32, int(starts[-1]))
        stems: dict[str, list[int]] = {}
        for word, place in places.items():
            if word.isascii():
                stems.setdefault(stem(word), []).append(place)
        return cls(places, stems, encode_unique(embedder, list(places)), starts, members)

    def support(self, word: str, vector: Vectors) -> Floats:
        """Return how well each distinct word of the pool stands for a word of the question.

        Args:
            word: in lower case.
            vector: its unit vector, shape ``(dim,)``.

        Returns:
            Array of shape ``(words,)``, 0 to 1: 1 for the word itself and its stem, 0 for words that are not near.
        """
        out = (self.vectors @ vector).astype(np.float32)
        if word.isascii():
            out[list(self.stems.get(stem(word), ()))] = 1.0
        if word in self.places:
            out[self.places[word]] = 1.0
        support: Floats = np.clip((out - NEAR) / (1 - NEAR), 0.0, 1.0)
        return support

    def scores(self, question: Sequence[str], embedder: Embedder) -> Floats:
        """Return the share of the question's words that each caption meets, rare words counting more.

        Args:
            question: content words, in lower case.
            embedder: the encoder of the pool.

        Returns:
            Array of shape ``(captions,)``, 0 to 1.

        Source:
            Late interaction: Khattab and Zaharia, ColBERT, 2020; the weights follow inverse document frequency, counted softly.
        """
        count = len(self.starts) - 1
        out, total = np.zeros(count, np.float32), 0.0
        filled = np.flatnonzero(np.diff(self.starts))
        if not len(filled) or not question:
            return out
        for word, vector in zip(question, encode_unique(embedder, question), strict=True):
            best = np.zeros(count, np.float32)
            best[filled] = np.maximum.reduceat(self.support(word, vector)[self.members], self.starts[filled])
            rarity = math.log(1 + count / (1 + float(best.sum(dtype=np.float64))))
            out += np.float32(rarity) * best
            total += rarity
        return out / np.float32(total)
