"""MinHash signatures of many short texts at once, and the candidate pairs of their bands.

Source: Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and Ullman,
Mining of Massive Datasets, ch. 3. Shingles of Chinese are characters and character pairs, of English words and word pairs, because captions
are too short for the five-word shingles of other tools.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from curate.codes import spread

Signatures = npt.NDArray[np.uint32]
_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
# Texts whose characters are looked at together, and numbers hashed together: both stay in the cache.
_TEXTS = 4096
_NUMBERS = 1 << 16
# Pairs looked at together, and rows whose bands are.
_PAIRS, _ROWS = 1 << 17, 1 << 12
Ints = npt.NDArray[np.int64]


class Test(Protocol):
    """Says of pairs of some rows which of them are worth keeping."""

    def __call__(self, here: slice, count: Ints, right: Ints) -> npt.NDArray[np.bool_]:
        """Return an answer for each pair.

        Args:
            here: places of the left rows.
            count: pairs of each of them, which stand together.
            right: place of the right row of each pair.
        """
        ...


# Takes row numbers and makes the test of pairs of them: what it knows of a row is fetched once, not once a pair.
Keep = Callable[[Ints], Test]


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64-bit numbers (splitmix64)."""
    with np.errstate(over="ignore"):
        z = values + _MULTIPLY
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def signatures(keys: Sequence[str], hashes: int, words: bool = False) -> Signatures:
    """Compute MinHash signatures of many texts at once.

    Args:
        keys: comparison keys (``text.match_key``); an empty one has no shingles.
        hashes: length of a signature, at least 1.
        words: shingles are words and word pairs (English) instead of characters and character pairs (Chinese).

    Returns:
        Array of shape ``(len(keys), hashes)``, uint32; all ones for an empty key.
    """
    out = np.full((len(keys), hashes), 0xFFFFFFFF, np.uint32)
    blocks = range(0, len(keys), _TEXTS)
    # The loops below run in numpy, which lets other threads run meanwhile.
    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(lambda at: _sign(keys[at : at + _TEXTS], out[at : at + _TEXTS], words), blocks))
    return out


def threads() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _sign(keys: Sequence[str], out: Signatures, words: bool) -> None:
    pieces, sizes = _words(keys) if words else _letters(keys)
    starts = np.cumsum(sizes) - sizes
    single = _mix(pieces)
    with np.errstate(over="ignore"):
        pairs = _mix(single * np.uint64(31) + np.append(single[1:], np.uint64(0)))
    high, high_pairs = ((x >> np.uint64(32)).astype(np.uint32) for x in (single, pairs))
    order = np.argsort(sizes, kind="stable")
    at = int(np.searchsorted(sizes[order], 1))
    while at < len(order):
        # Texts of about the same length side by side: the least number of all is found for all of them at once.
        few = min(len(order) - at, max(1, _NUMBERS // int(sizes[order[min(len(order) - 1, at + _NUMBERS // int(sizes[order[at]]))]])))
        some = order[at : at + few]
        # A short text repeats its last piece, and a pair that would reach into the next text is replaced by that piece.
        place = np.arange(int(sizes[some[-1]]))[:, None]
        last = sizes[some] - 1
        ones = high[starts[some] + np.minimum(place, last)]
        twos = np.where(place < last, high_pairs[np.minimum(starts[some] + place, len(high) - 1)], ones)
        out[some] = _least(np.concatenate([ones, twos]), out.shape[1]).T
        at += few


def _least(numbers: Signatures, hashes: int) -> Signatures:
    """Return the least hash of every column, for each of several hash functions."""
    out = np.empty((hashes, numbers.shape[1]), np.uint32)
    hashed = np.empty_like(numbers)
    for h, odd in enumerate(_odd(hashes)):
        np.multiply(numbers, odd, out=hashed)
        np.minimum.reduce(hashed, axis=0, out=out[h])
    return out


def _odd(hashes: int) -> npt.NDArray[np.uint32]:
    """Odd factors: multiplying by one is a permutation of the 32-bit numbers."""
    with np.errstate(over="ignore"):
        mixed = _mix(np.arange(1, hashes + 1, dtype=np.uint64) * np.uint64(2654435761))
    return (mixed >> np.uint64(32)).astype(np.uint32) | np.uint32(1)


def _codes(text: str) -> npt.NDArray[np.uint64]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)


def _letters(keys: Sequence[str]) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Characters of all texts, and how many each has."""
    return _codes("".join(keys)), np.fromiter(map(len, keys), np.int64, len(keys))


def _words(keys: Sequence[str]) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Words of all texts as 64-bit numbers that depend on the word only, and how many each text has."""
    sizes = np.fromiter((k.count(" ") + 1 if k else 0 for k in keys), np.int64, len(keys))
    text = " ".join([k for k in keys if k])
    if not text:
        return np.zeros(0, np.uint64), sizes
    codes = _codes(text)
    gaps = np.flatnonzero(codes == 32)
    starts = np.append(0, gaps + 1)
    lengths = np.diff(np.append(starts, len(codes) + 1))
    # A letter counts by its place in the word.
    place = np.arange(len(codes), dtype=np.uint64) - np.repeat(starts, lengths)[: len(codes)].astype(np.uint64)
    with np.errstate(over="ignore"):
        letters = _mix(codes + (place << np.uint64(32)))
        letters[gaps] = 0
        return np.add.reduceat(letters, starts), sizes


def band_pairs(signs: Signatures, bands: int, max_bucket: int = 200, part: tuple[int, int] = (0, 1), keep: Keep | None = None) -> tuple[Ints, Ints]:
    """Return candidate pairs: rows that agree in all hashes of at least one band.

    A bucket of more than ``max_bucket`` rows (template texts) is compared along its sorted order with a window
    instead of all with all, so that cost stays linear; the caller verifies every pair.

    Args:
        signs: array of shape ``(n, hashes)``; rows of all ones take no part.
        bands: number of bands; ``hashes // bands`` rows each.
        max_bucket: largest bucket compared in full.
        part: ``(i, of)``: only the buckets whose key leaves ``i`` when divided by ``of``, so that several machines can share the work; the union
            over ``i`` is the whole.
        keep: asked about pairs as soon as they are found, so that what cannot be is never gathered; all are kept if ``None``.

    Returns:
        ``(left, right)`` with ``left < right``, unique, sorted.
    """
    n, rows = len(signs), signs.shape[1] // bands
    live = _live(signs)

    def search(band: int) -> Ints:
        columns = slice(band * rows, (band + 1) * rows)
        key = _band(signs[:, columns] if len(live) == n else signs[live, columns])
        here = np.flatnonzero(key % np.uint64(part[1]) == np.uint64(part[0])) if part[1] > 1 else np.arange(len(live))
        return _bucket_pairs(key[here], live[here], max_bucket, n, keep)

    with ThreadPoolExecutor(threads()) as pool:
        found = list(pool.map(search, range(bands)))
    keys = distinct(np.concatenate(found)) if found else np.zeros(0, np.int64)
    return keys // n, keys % n


def _live(signs: Signatures) -> Ints:
    """Rows that have shingles."""
    out = signs[:, 0] != 0xFFFFFFFF
    rare = np.flatnonzero(~out)
    out[rare] = ~(signs[rare] == 0xFFFFFFFF).all(axis=1)
    return np.flatnonzero(out)


def _band(part: Signatures) -> npt.NDArray[np.uint64]:
    """One number per row for all hashes of a band."""
    key = np.zeros(len(part), np.uint64)
    factors = _mix(np.arange(1, part.shape[1] + 1, dtype=np.uint64))
    with np.errstate(over="ignore"):
        for start in range(0, len(part), _ROWS):
            # All columns of some rows: the numbers of a row lie beside each other in memory.
            for factor, column in zip(factors, part[start : start + _ROWS].T, strict=True):
                key[start : start + _ROWS] += factor * column
    return _mix(key)


def _bucket_pairs(key: npt.NDArray[np.uint64], rows: Ints, window: int, n: int, keep: Keep | None) -> Ints:
    """Pairs of rows with equal keys, as ``left * n + right``; of a large bucket each row with the next ones up to the window.

    Args:
        key: a number per row.
        rows: row numbers, ascending, below ``n``.
        window: how many followers of a row are looked at.
        n: number of all rows.
        keep: which pairs are wanted.
    """
    # The row takes the low bits of the key: sorting plain numbers is several times quicker than sorting places, and its order is the rows'.
    bits = np.uint64(max(1, n).bit_length())
    low = (np.uint64(1) << bits) - np.uint64(1)
    packed = np.sort((key & ~low) | rows.astype(np.uint64))
    bucket = packed >> bits
    ends = np.append(np.flatnonzero(bucket[1:] != bucket[:-1]) + 1, len(packed))
    sizes = np.diff(ends, prepend=0)
    many = sizes > 1
    mine = (packed[np.repeat(many, sizes)] & low).astype(np.int64)
    after = np.minimum(np.repeat(np.cumsum(sizes[many]), sizes[many]) - np.arange(len(mine)) - 1, window)
    total = np.cumsum(after)
    found = [np.zeros(0, np.int64)]
    test = keep(mine) if keep is not None else None
    cuts = np.searchsorted(total, np.arange(_PAIRS, int(total[-1]), _PAIRS)) if len(total) else np.zeros(0, np.int64)
    for start, stop in pairwise(sorted({0, *cuts.tolist(), len(mine)})):
        count = after[start:stop]
        # The followers of the row at place p stand at p + 1, p + 2 …
        right = np.repeat(np.arange(start + 1, stop + 1) - (np.cumsum(count) - count), count)
        right += np.arange(len(right))
        if test is None:
            found.append(np.repeat(mine[start:stop], count) * n + mine[right])
            continue
        good = np.flatnonzero(test(slice(start, stop), count, right))
        left = start + np.searchsorted(np.cumsum(count), good, side="right")
        found.append(mine[left] * n + mine[right[good]])
    return np.concatenate(found)


def cross_pairs(left: Signatures, right: Signatures, bands: int) -> tuple[Ints, Ints]:
    """Return candidate pairs between two sets of rows.

    Args:
        left: array of shape ``(n, hashes)``; rows of all ones take no part.
        right: array of shape ``(m, hashes)``, the smaller set.
        bands: number of bands.

    Returns:
        Row numbers ``(in left, in right)``, unique, sorted.
    """
    rows = left.shape[1] // bands
    mine, theirs = _live(left), _live(right)
    found = [np.zeros(0, np.int64)]
    for band in range(bands):
        here = slice(band * rows, (band + 1) * rows)
        key, other = _band(left[mine, here]), _band(right[theirs, here])
        order = np.argsort(other, kind="stable")
        low, high = np.searchsorted(other[order], key, "left"), np.searchsorted(other[order], key, "right")
        count = high - low
        found.append(np.repeat(mine, count) * len(right) + theirs[order[spread(low, count)]])
    keys = distinct(np.concatenate(found))
    return keys // max(1, len(right)), keys % max(1, len(right))


def distinct(keys: Ints) -> Ints:
    """Return the distinct numbers, sorted: by sorting, which for tens of millions is many times faster than numpy's table of hashes.

    Args:
        keys: any numbers; sorted in place.
    """
    keys.sort()
    return keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys
