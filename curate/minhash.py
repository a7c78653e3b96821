"""MinHash signatures of many short texts at once, and the candidate pairs of their bands.

Source: Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and Ullman,
Mining of Massive Datasets, ch. 3. Shingles of Chinese are characters and character pairs, of English words and word pairs, because captions
are too short for the five-word shingles of other tools.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

Signatures = npt.NDArray[np.uint32]
_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
# Texts signed at once: their numbers stay in the cache.
_TEXTS = 2048


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
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda at: _sign(keys[at : at + _TEXTS], out[at : at + _TEXTS], words), blocks))
    return out


def _sign(keys: Sequence[str], out: Signatures, words: bool) -> None:
    pieces, sizes = _words(keys) if words else _letters(keys)
    full = np.flatnonzero(sizes)
    if not len(full):
        return
    ends = np.cumsum(sizes[full])
    starts = ends - sizes[full]
    single = _mix(pieces)
    with np.errstate(over="ignore"):
        pairs = _mix(single * np.uint64(31) + np.append(single[1:], np.uint64(0)))
    # A pair that would reach into the next text is replaced by the text's last piece, which is there already.
    pairs[ends - 1] = single[ends - 1]
    high, high_pairs = ((x >> np.uint64(32)).astype(np.uint32) for x in (single, pairs))
    low, step = np.empty_like(high), np.empty_like(high)
    for h, odd in enumerate(_odd(out.shape[1])):
        np.multiply(high, odd, out=low)
        np.multiply(high_pairs, odd, out=step)
        np.minimum(low, step, out=low)
        out[full, h] = np.minimum.reduceat(low, starts)


def _odd(hashes: int) -> npt.NDArray[np.uint32]:
    """Odd factors: multiplying by one is a permutation of the 32-bit numbers."""
    with np.errstate(over="ignore"):
        mixed = _mix(np.arange(1, hashes + 1, dtype=np.uint64) * np.uint64(2654435761))
    return (mixed >> np.uint64(32)).astype(np.uint32) | np.uint32(1)


def _codes(text: str) -> npt.NDArray[np.uint64]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)


def _letters(keys: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Characters of all texts, and how many each has."""
    return _codes("".join(keys)), np.fromiter(map(len, keys), np.int64, len(keys))


def _words(keys: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Words of all texts as 64-bit numbers that depend on the word only, and how many each text has."""
    sizes = np.fromiter((k.count(" ") + 1 if k else 0 for k in keys), np.int64, len(keys))
    text = " ".join(k for k in keys if k)
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


def band_pairs(
    signs: Signatures, bands: int, max_bucket: int = 200, part: tuple[int, int] = (0, 1)
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return candidate pairs: rows that agree in all hashes of at least one band.

    A bucket of more than ``max_bucket`` rows (template texts) is compared along its sorted order with a window
    instead of all with all, so that cost stays linear; the caller verifies every pair.

    Args:
        signs: array of shape ``(n, hashes)``; rows of all ones take no part.
        bands: number of bands; ``hashes // bands`` rows each.
        max_bucket: largest bucket compared in full.
        part: ``(i, of)``: only the buckets whose key leaves ``i`` when divided by ``of``, so that several machines can share the work; the union
            over ``i`` is the whole.

    Returns:
        ``(left, right)`` with ``left < right``, unique, sorted.
    """
    n, width = signs.shape
    rows = width // bands
    live = np.flatnonzero(~(signs == 0xFFFFFFFF).all(axis=1))
    found: list[npt.NDArray[np.int64]] = []
    for band in range(bands):
        key, mine = _band(signs[live, band * rows : (band + 1) * rows]), live
        if part[1] > 1:
            here = key % np.uint64(part[1]) == np.uint64(part[0])
            key, mine = key[here], live[here]
        order = np.argsort(key, kind="stable")
        found.append(_bucket_pairs(key[order], mine[order], max_bucket, n))
    keys = distinct(np.concatenate(found)) if found else np.zeros(0, np.int64)
    return keys // n, keys % n


def _band(part: Signatures) -> npt.NDArray[np.uint64]:
    """One number per row for all hashes of a band."""
    key = np.zeros(len(part), np.uint64)
    with np.errstate(over="ignore"):
        for column in part.T.astype(np.uint64):
            key = _mix(key ^ column)
    return key


def cross_pairs(left: Signatures, right: Signatures, bands: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return candidate pairs between two sets of rows.

    Args:
        left: array of shape ``(n, hashes)``; rows of all ones take no part.
        right: array of shape ``(m, hashes)``, the smaller set.
        bands: number of bands.

    Returns:
        Row numbers ``(in left, in right)``, unique, sorted.
    """
    rows = left.shape[1] // bands
    mine, theirs = (np.flatnonzero(~(s == 0xFFFFFFFF).all(axis=1)) for s in (left, right))
    found = [np.zeros(0, np.int64)]
    for band in range(bands):
        here = slice(band * rows, (band + 1) * rows)
        key, other = _band(left[mine, here]), _band(right[theirs, here])
        order = np.argsort(other, kind="stable")
        low, high = np.searchsorted(other[order], key, "left"), np.searchsorted(other[order], key, "right")
        count = high - low
        at = np.repeat(low - np.cumsum(count) + count, count) + np.arange(int(count.sum()))
        found.append(np.repeat(mine, count) * len(right) + theirs[order[at]])
    keys = distinct(np.concatenate(found))
    return keys // max(1, len(right)), keys % max(1, len(right))


def distinct(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the distinct numbers, sorted: by sorting, which for tens of millions is many times faster than numpy's table of hashes.

    Args:
        keys: any numbers; sorted in place.
    """
    keys.sort()
    return keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys


def _bucket_pairs(keys: npt.NDArray[np.uint64], rows: npt.NDArray[np.int64], window: int, n: int) -> npt.NDArray[np.int64]:
    """Pairs of equal neighbours at distance 1, 2, … up to the largest bucket or the window."""
    out = []
    for gap in range(1, window + 1):
        same = keys[gap:] == keys[:-gap]
        if not same.any():
            break
        a, b = rows[:-gap][same], rows[gap:][same]
        out.append(np.minimum(a, b) * n + np.maximum(a, b))
    return np.concatenate(out) if out else np.zeros(0, np.int64)
