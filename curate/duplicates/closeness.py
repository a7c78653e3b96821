"""How far two texts agree letter by letter, and bounds of it that are quick to compute for millions of pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from curate.duplicates.minhash import Ints, Keep, Test

Floats = npt.NDArray[np.float32]
# Letters of a text are counted in this many classes: enough to tell most pairs apart without looking at the order.
_CLASSES = 64
# Texts and pairs worked on together.
_TEXTS, _PAIRS = 1 << 12, 1 << 13


def _classes(texts: list[str]) -> npt.NDArray[np.uint32]:
    """Return the class of every letter of all texts."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    # Neighbours in the alphabet go to classes of their own; Han characters are spread by a multiplier.
    out: npt.NDArray[np.uint32] = np.where(codes < 128, codes, codes * np.uint32(40503) >> np.uint32(4)) % np.uint32(_CLASSES)
    return out


def odd_classes(texts: list[str], sizes: Ints) -> npt.NDArray[np.uint64]:
    """Return for each text a bit per class: whether it has an odd number of its letters.

    Args:
        texts: any texts.
        sizes: their lengths.
    """
    out = np.zeros(len(texts), np.uint64)
    for here in _runs(len(texts)):
        bits = np.append(np.uint64(0), np.uint64(1) << _classes(texts[here]).astype(np.uint64))
        until = np.bitwise_xor.accumulate(bits)
        ends = np.cumsum(sizes[here])
        out[here] = until[ends] ^ until[ends - sizes[here]]
    return out


def _runs(count: int) -> Iterator[slice]:
    """Cut texts into runs, whose arrays are small enough to use the same memory again: fresh memory costs more than what is done in it."""
    return (slice(at, min(at + _TEXTS, count)) for at in range(0, count, _TEXTS))


def may_be_near(odd: npt.NDArray[np.uint64], sizes: Ints, least: float) -> Keep:
    """Return a quick test of pairs that lets through every pair which reaches a similarity, and few others.

    An edit adds or drops a letter, which turns one bit, or replaces one, which turns two and leaves the length.

    Args:
        odd: a bit per class of letters.
        sizes: lengths of the texts.
        least: similarity, 0 to 1.
    """
    short = sizes.astype(np.int32)
    twice = np.floor(2 * (1 - least) * np.arange(int(sizes.max(initial=0)) + 1)).astype(np.int32)

    def keep(rows: Ints) -> Test:
        bits, size = odd[rows], short[rows]

        def test(here: slice, count: Ints, right: Ints) -> npt.NDArray[np.bool_]:
            mine, other = np.repeat(size[here], count), size[right]
            longer = np.abs(mine - other)
            turned = np.bitwise_count(np.repeat(bits[here], count) ^ bits[right])
            may: npt.NDArray[np.bool_] = np.maximum(turned, longer) + longer <= twice[np.maximum(mine, other)]
            return may

        return test

    return keep


def _bags(texts: list[str], sizes: Ints) -> npt.NDArray[np.uint8]:
    """Count the letters of each text by class, up to 255 each."""
    out = np.zeros((len(texts), _CLASSES), np.uint8)
    for here in _runs(len(texts)):
        row = np.repeat(np.arange(here.stop - here.start), sizes[here])
        counts = np.bincount(row * _CLASSES + _classes(texts[here]), minlength=(here.stop - here.start) * _CLASSES)
        out[here] = np.minimum(counts, 255).reshape(-1, _CLASSES)
    return out


def _may_agree(bags: npt.NDArray[np.uint8], sizes: Ints, left: Ints, right: Ints, least: float) -> npt.NDArray[np.bool_]:
    """Say which pairs can reach a similarity: each letter that one text has more often than the other costs one edit.

    Args:
        bags: letters by class.
        sizes: lengths of the texts.
        left: one text of each pair.
        right: the other.
        least: similarity, 0 to 1.
    """
    out = np.zeros(len(left), bool)
    for start in range(0, len(left), _PAIRS):
        i, j = left[start : start + _PAIRS], right[start : start + _PAIRS]
        x, y = bags[i], bags[j]
        # The larger of the two surpluses is a lower bound of the edit distance (it stays one if a count was cut off at 255).
        most = np.maximum((np.maximum(x, y) - y).sum(axis=1, dtype=np.int64), (np.maximum(x, y) - x).sum(axis=1, dtype=np.int64))
        out[start : start + _PAIRS] = most <= (1 - least) * np.maximum(sizes[i], sizes[j])
    return out


def similarity(a: list[str], b: list[str], least: float) -> Floats:
    """Return how far the characters of two lists of texts agree, 0 to 1.

    Args:
        a: texts.
        b: as many texts.
        least: what lies below comes back as 0.
    """
    found = process.cpdist(a, b, scorer=Levenshtein.normalized_similarity, score_cutoff=least, dtype=np.float32)
    return np.asarray(found, dtype=np.float32)


def agreement(texts: list[str], left: Ints, right: Ints, least: float) -> Floats:
    """Return the similarity of pairs of texts, 0 where it lies below ``least``.

    Args:
        texts: texts that occur in pairs.
        left: number of one text of each pair.
        right: of the other.
        least: similarity, 0 to 1.
    """
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    at = np.flatnonzero(_may_agree(_bags(texts, sizes), sizes, left, right, least))
    out = np.zeros(len(left), np.float32)
    for start in range(0, len(at), 1 << 18):
        some = at[start : start + (1 << 18)]
        out[some] = similarity([texts[i] for i in left[some].tolist()], [texts[i] for i in right[some].tolist()], least)
    return out
