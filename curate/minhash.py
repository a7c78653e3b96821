"""MinHash signatures of many short texts at once, and the candidate pairs of their bands.

Source: Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and Ullman,
Mining of Massive Datasets, ch. 3. Shingles are single characters and character pairs of the comparison key, because Chinese captions
are too short for the five-word shingles of English tools.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Signatures = npt.NDArray[np.uint32]
_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64-bit numbers (splitmix64)."""
    z = values + _MULTIPLY
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def signatures(keys: Sequence[str], hashes: int) -> Signatures:
    """Compute MinHash signatures over characters and character pairs.

    Args:
        keys: comparison keys (``text.match_key``); an empty one has no shingles.
        hashes: length of a signature, at least 1.

    Returns:
        Array of shape ``(len(keys), hashes)``, uint32; all ones for an empty key.
    """
    n = len(keys)
    out = np.full((n, hashes), 0xFFFFFFFF, np.uint32)
    sizes = np.fromiter((len(k) for k in keys), np.int64, n)
    full = np.flatnonzero(sizes)
    if not len(full):
        return out
    codes = np.frombuffer("".join(keys).encode("utf-32-le"), np.uint32).astype(np.uint64)
    lengths = sizes[full]
    ends = np.cumsum(lengths)
    starts = ends - lengths
    pairs = codes[:-1] << np.uint64(21) | codes[1:] if len(codes) > 1 else np.zeros(0, np.uint64)
    pairs = np.append(pairs, np.uint64(0))
    # A pair that would reach into the next text is replaced by the text's last character, which is there already.
    pairs[ends - 1] = codes[ends - 1]
    with np.errstate(over="ignore"):
        base = np.stack([_mix(codes), _mix(pairs)])
        odd = _mix(np.arange(1, hashes + 1, dtype=np.uint64) * np.uint64(2654435761)) | np.uint64(1)
        for h in range(hashes):
            low = np.minimum(base[0] * odd[h], base[1] * odd[h])
            out[full, h] = (np.minimum.reduceat(low, starts) >> np.uint64(32)).astype(np.uint32)
    return out


def band_pairs(signs: Signatures, bands: int, max_bucket: int = 200) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return candidate pairs: rows that agree in all hashes of at least one band.

    A bucket of more than ``max_bucket`` rows (template texts) is compared along its sorted order with a window
    instead of all with all, so that cost stays linear; the caller verifies every pair.

    Args:
        signs: array of shape ``(n, hashes)``; rows of all ones take no part.
        bands: number of bands; ``hashes // bands`` rows each.
        max_bucket: largest bucket compared in full.

    Returns:
        ``(left, right)`` with ``left < right``, unique, sorted.
    """
    n, width = signs.shape
    rows = width // bands
    live = np.flatnonzero(~(signs == 0xFFFFFFFF).all(axis=1))
    found: list[npt.NDArray[np.int64]] = []
    for band in range(bands):
        part = signs[live, band * rows : (band + 1) * rows].astype(np.uint64)
        key = np.zeros(len(live), np.uint64)
        with np.errstate(over="ignore"):
            for column in range(rows):
                key = _mix(key ^ part[:, column])
        order = np.argsort(key, kind="stable")
        found.append(_bucket_pairs(key[order], live[order], max_bucket, n))
    keys = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
    return keys // n, keys % n


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
