"""Fingerprints of clips: signs of low DCT coefficients of small grey pictures, a few times a second, in several crops.

Each hash has 63 bits: the signs of the 8 × 8 lowest coefficients of a 32 × 32 picture without the mean, and which of them can be trusted. Flips and quarter turns only
change signs and places of coefficients, so they need no pictures. Crops are hashed with the clip, so that a cropped copy meets a crop
of the original. Flat pictures have no hash: there is nothing to compare.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.media.frames import Tally, decoded, gray, opened, video_stream
from curate.media.piece import Piece
from curate.media.refused import Refused
from curate.media.wire import Array

Hashes = npt.NDArray[np.uint64]
# Side of the picture that is kept per sample until the bars are known.
SMALL = 96
SIDE, LOW = 32, 8
# Crops as (left, top, right, bottom) shares that are cut off; the first is the whole picture, the second is without black bars.
# The last three leave out where logos and subtitles sit, bars or not; each is compared with its like only.
WHOLE_CROP, BARS_CROP = 0, 1
CROPS: tuple[tuple[float, float, float, float], ...] = (
    (0.0, 0.0, 0.0, 0.0),
    (0.0, 0.0, 0.0, 0.0),
    (0.05, 0.05, 0.05, 0.05),
    (0.1, 0.1, 0.1, 0.1),
    (0.0, 0.0, 0.1, 0.1),
    (0.1, 0.0, 0.0, 0.1),
    (0.0, 0.1, 0.1, 0.0),
    (0.1, 0.1, 0.0, 0.0),
    (0.0, 0.0, 0.0, 0.2),
    (0.0, 0.25, 0.0, 0.0),
    (0.0, 0.25, 0.0, 0.2),
)
SAME_ONLY = (8, 9, 10)
# Small pictures that are kept for a second look where the bits alone say too little.
THUMB, THUMBS = 32, 12
# A picture whose brightness differs less than this (standard deviation, of 255) shows nothing.
FLAT = 2.5
# A coefficient is trusted above this (grey levels, orthonormal DCT) and above this share of the largest one.
NOISE, RELATIVE_NOISE = 4.0, 0.012
# Bars are black in every sample.
BLACK = 20


@lru_cache(maxsize=1)
def _dct() -> npt.NDArray[np.float32]:
    """Return the first rows of the DCT-II matrix."""
    k, n = np.arange(LOW)[:, None], np.arange(SIDE)[None]
    matrix = np.cos(np.pi * (2 * n + 1) * k / (2 * SIDE)) * np.sqrt(2 / SIDE)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


def hash_pictures(pictures: Array) -> tuple[Hashes, Hashes]:
    """Hash grey pictures.

    Args:
        pictures: array of shape ``(n, 32, 32)``, any number type.

    Returns:
        ``(signs, sure)``, both of shape ``(n,)``, uint64: the signs of the coefficients, and which of them are large enough to be trusted;
        signs that are not are 0. Both are 0 for a flat picture.

    Source:
        perceptual hash by signs of the low DCT coefficients, as in pHash (Zauner 2010), against zero instead of the median.
    """
    values = pictures.astype(np.float32)
    low = np.einsum("ki,nij,lj->nkl", _dct(), values, _dct(), optimize=True).reshape(len(values), -1)
    low[:, 0] = 0
    size = np.abs(low)
    trusted = size > np.maximum(NOISE, RELATIVE_NOISE * size.max(axis=1, keepdims=True))
    trusted &= (values.reshape(len(values), -1).std(axis=1) >= FLAT)[:, None]
    weights = np.uint64(1) << np.arange(LOW * LOW, dtype=np.uint64)
    sure = (trusted * weights).sum(axis=1, dtype=np.uint64)
    return ((low > 0) & trusted).astype(np.uint64) @ weights, sure


@lru_cache(maxsize=1)
def _turns() -> tuple[tuple[npt.NDArray[np.int64], np.uint64], ...]:
    """For each of the 8 turns and flips of a picture: where each bit comes from, and which bits change."""
    out = []
    rows, columns = np.divmod(np.arange(LOW * LOW), LOW)
    for transpose in (False, True):
        for up in (0, 1):
            for left in (0, 1):
                source = columns * LOW + rows if transpose else rows * LOW + columns
                sign = (rows * up + columns * left) % 2
                mask = np.uint64(sum(1 << int(i) for i in np.flatnonzero(sign)))
                out.append((source.astype(np.int64), mask))
    return tuple(out)


TURNS = 8


def turned(signs: Hashes, sure: Hashes, turn: int) -> tuple[Hashes, Hashes]:
    """Return the hashes of the flipped or turned pictures.

    Args:
        signs: any shape.
        sure: of the same shape.
        turn: 0 as it is, 1 mirrored left to right, 2 upside down, 3 both (half a turn), 4 to 7 the same after swapping rows and columns.
    """
    source, mask = _turns()[turn]
    if turn >= TURNS // 2:
        signs, sure = (_moved(x, source) for x in (signs, sure))
    return (signs ^ mask) & sure, sure


def _moved(bits: Hashes, source: npt.NDArray[np.int64]) -> Hashes:
    places = np.arange(64, dtype=np.uint64)
    single = (bits[..., None] >> places) & np.uint64(1)
    out: Hashes = (single[..., source] << places).sum(axis=-1, dtype=np.uint64)
    return out


def sample_times(duration: float) -> float:
    """Return the seconds between samples: 8 a second, fewer in clips over 16 s, never less than one a second.

    Example:
        >>> sample_times(4.0), sample_times(64.0), sample_times(3600.0)
        (0.125, 0.5, 1.0)
    """
    return float(min(1.0, max(0.125, duration / 128)))


def fingerprint_file(piece: Piece, step: float | None = None) -> dict[str, Any]:
    """Fingerprint a clip; runs in a child.

    Args:
        piece: the clip and its limits.
        step: seconds between samples; by length if ``None``.

    Returns:
        ``times`` (float32, seconds from the clip's start), ``signs`` and ``sure`` (uint64, samples × crops), ``duration_s``,
        ``frames``, ``size``, and a few ``thumbs`` (uint8, 32 × 32) with their times and the share of black ``bars``.

    Raises:
        Refused: nothing could be decoded.
    """
    with opened(piece.path) as container:
        stream = video_stream(container, piece.max_pixels)
        tally = Tally()
        span = _span(container, stream, piece.start, piece.end)
        every = step or sample_times(span)
        base = float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
        times: list[float] = []
        small: list[Array] = []
        count, due, last, origin = 0, 0.0, 0.0, piece.start or 0.0
        shape = (1.0, 1.0)
        rotation = 0
        for frame in decoded(container, stream, tally, piece):
            count += 1
            at = (frame.time - base if frame.time is not None else last) - origin
            last = at
            if at + 1e-6 >= due:
                small.append(gray(frame, SMALL, SMALL))
                times.append(at)
                shape = (frame.width, frame.height)
                rotation = rotation or int(frame.rotation or 0)
                due = max(due + every, at + 0.5 * every)
        if not small:
            raise Refused("no_frames", tally.first or "no frame could be decoded")
        if rotation:
            shape = shape[::-1] if round(rotation / 90) % 2 else shape
            small = [np.ascontiguousarray(np.rot90(s, k=round(rotation / 90) % 4)) for s in small]
        pictures = np.stack(small)
        signs, sure = hash_clip(pictures)
        kept = np.unique(np.linspace(0, len(small) - 1, min(THUMBS, len(small))).round().astype(int))
        return {
            "times": np.array(times, np.float32), "signs": signs, "sure": sure, "thumbs": _resized(pictures[kept], THUMB),
            "thumb_times": np.array(times, np.float32)[kept], "bars": [b / SMALL for b in bars(pictures)],
            "duration_s": max(span, last), "frames": count, "size": list(shape),
        }  # fmt: skip


def _span(container: Any, stream: Any, start: float | None, end: float | None) -> float:
    whole = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else (container.duration or 0) / 1e6
    return max(0.0, (end if end is not None else whole) - (start or 0.0))


def bars(small: Array) -> tuple[int, int, int, int]:
    """Return how many rows and columns are black in every sample.

    Args:
        small: array of shape ``(n, height, width)``, uint8.

    Returns:
        ``(left, top, right, bottom)`` in pixels; zeros if everything is black.
    """
    bright = small.max(axis=0) > BLACK
    rows, columns = np.flatnonzero(bright.mean(axis=1) > 0.02), np.flatnonzero(bright.mean(axis=0) > 0.02)
    if not len(rows) or not len(columns):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(bright.shape[1] - 1 - columns[-1]), int(bright.shape[0] - 1 - rows[-1])


def hash_clip(small: Array) -> tuple[Hashes, Hashes]:
    """Hash the samples of a clip in all crops.

    Args:
        small: array of shape ``(n, 96, 96)``, uint8.

    Returns:
        ``(signs, sure)`` of shape ``(n, len(CROPS))``, uint64; the second column is 0 where there are no bars.
    """
    left, top, right, bottom = bars(small)
    has_bars = max(left, top, right, bottom) >= 2
    height, width = small.shape[1:]
    inner = small[:, top : height - bottom, left : width - right] if has_bars else small
    signs, sure = (np.zeros((len(small), len(CROPS)), np.uint64) for _ in range(2))
    for number, (x0, y0, x1, y1) in enumerate(CROPS):
        if number == BARS_CROP and not has_bars:
            continue
        source = small if number == WHOLE_CROP or number in SAME_ONLY else inner
        signs[:, number], sure[:, number] = hash_pictures(_resized(cropped(source, (x0, y0, x1, y1)), SIDE))
    return signs, sure


def _resized(pictures: Array, side: int) -> Array:
    import cv2

    return np.stack([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in np.ascontiguousarray(pictures)])


def cropped(pictures: Array, crop: tuple[float, float, float, float]) -> Array:
    """Return pictures without shares of their edges.

    Args:
        pictures: array of shape ``(n, height, width)``.
        crop: left, top, right, bottom, 0 to 0.5 each.
    """
    x0, y0, x1, y1 = crop
    h, w = pictures.shape[1:]
    return pictures[:, round(h * y0) : max(round(h * y0) + 2, h - round(h * y1)), round(w * x0) : max(round(w * x0) + 2, w - round(w * x1))]
