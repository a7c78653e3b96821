"""Which clips show the same: candidates from a binary index, then each pair aligned in time, crop, turn and speed and judged as a whole.

One equal picture is never enough: the pictures of the common part must agree one after the other, in one crop, at one speed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate import index
from curate.media.fingerprint import CROPS, TURNS, Hashes, turned

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# Columns that are searched in; the others are only asked with (a crop of one clip against the whole of another).
INDEXED = (0, 1, 8, 9)
SAME_ONLY = (8, 9)
SPEEDS = (1.0, 0.8, 1.25, 0.9, 1 / 0.9, 0.75, 4 / 3, 2 / 3, 1.5, 0.5, 2.0)
ALL_TURNS = tuple(range(TURNS))


@dataclass(frozen=True)
class Rules:
    """When two clips are the same.

    Attributes:
        radius: bits of 63 that may differ between two pictures of a candidate.
        distance: share of the trusted bits of a picture that may differ.
        coverage: share of the pictures in the common part that must agree.
        overlap: share of the shorter clip that must be in the common part.
        evidence: trusted bits that must agree in all, over different pictures.
        asked: pictures per clip that are asked for candidates.
        turns: whether upside-down and turned copies are looked for, besides mirrored ones.
    """

    radius: int = 10
    distance: float = 0.16
    coverage: float = 0.7
    overlap: float = 0.5
    evidence: int = 24
    asked: int = 24
    turns: bool = True


@dataclass(frozen=True)
class Print:
    """A fingerprint.

    Attributes:
        times: seconds from the start of the clip.
        signs: samples × crops.
        sure: samples × crops.
        duration_s: of the clip.
    """

    times: Floats
    signs: Hashes
    sure: Hashes
    duration_s: float


class Match(NamedTuple):
    """Two clips that show the same; times of ``b`` = ``speed`` × times of ``a`` + ``offset_s``."""

    a: int
    b: int
    score: float
    offset_s: float
    speed: float
    turn: int


def matches(prints: Sequence[Print | None], rules: Rules | None = None) -> list[Match]:
    """Find all pairs of clips that show the same.

    Args:
        prints: fingerprints; ``None`` and flat clips match nothing.
        rules: when two clips are the same.

    Returns:
        Pairs with ``a < b``, sorted.
    """
    use = rules or Rules()
    out = []
    for (a, b), ways in sorted(_candidates(prints, use).items()):
        first, second = prints[a], prints[b]
        assert first is not None
        assert second is not None
        found = [m for way, _ in ways.most_common(4) if (m := _judge(a, b, first, second, way, use))]
        if found:
            out.append(max(found, key=lambda m: (m.score, m.turn == 0, -abs(m.offset_s))))
    return out


Way = tuple[int, int, int]


def _candidates(prints: Sequence[Print | None], rules: Rules) -> dict[tuple[int, int], Counter[Way]]:
    """Pairs of clips with a near picture, and how they were found: ``(turn of a, crop of a, crop of b)``."""
    base = _indexed(prints)
    out: dict[tuple[int, int], Counter[Way]] = {}
    for turn in ALL_TURNS if rules.turns else (0, 1):
        codes, clip, crop = _asked(prints, rules, turn)
        near = index.binary_near(base[0], codes, rules.radius)
        a, b = clip[near.query], base[1][near.base]
        ca, cb = crop[near.query], base[2][near.base]
        fits = (a != b) & ((np.isin(ca, SAME_ONLY) == np.isin(cb, SAME_ONLY)) & (~np.isin(ca, SAME_ONLY) | (ca == cb)))
        # A clip that is asked finds each other clip many times; how often tells the way.
        keys, counts = np.unique(np.stack([a[fits], b[fits], ca[fits], cb[fits]]), axis=1, return_counts=True)
        for (x, y, cx, cy), n in zip(keys.T.tolist(), counts.tolist(), strict=True):
            pair, way = ((x, y), (turn, cx, cy)) if x < y else ((y, x), (_inverse(turn), cy, cx))
            out.setdefault(pair, Counter())[way] += n
    return out


def _inverse(turn: int) -> int:
    # Quarter turns are each other's inverse; flips and half turns are their own.
    return {5: 6, 6: 5}.get(turn, turn)


def _indexed(prints: Sequence[Print | None]) -> tuple[Hashes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    codes, clips, crops = [], [], []
    for number, item in enumerate(prints):
        for column in INDEXED if item is not None else ():
            assert item is not None
            values = np.unique(item.signs[item.sure[:, column] != 0, column])
            codes.append(values)
            clips.append(np.full(len(values), number))
            crops.append(np.full(len(values), column))
    return _joined(codes, np.uint64), _joined(clips, np.int64), _joined(crops, np.int64)


def _asked(prints: Sequence[Print | None], rules: Rules, turn: int) -> tuple[Hashes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    codes, clips, crops = [], [], []
    # Copies that are upside down or on their side are rare: whole pictures only, and fewer of them.
    columns, most = (range(len(CROPS)), rules.asked) if turn <= 1 else ((0, 1), 8)
    for number, item in enumerate(prints):
        if item is None:
            continue
        rows = np.unique(np.linspace(0, len(item.times) - 1, min(most, len(item.times))).round().astype(int))
        signs, sure = turned(item.signs[rows], item.sure[rows], turn)
        for column in columns:
            values = np.unique(signs[sure[:, column] != 0, column])
            codes.append(values)
            clips.append(np.full(len(values), number))
            crops.append(np.full(len(values), column))
    return _joined(codes, np.uint64), _joined(clips, np.int64), _joined(crops, np.int64)


def _joined(parts: list[npt.NDArray[np.generic]], kind: type[np.generic]) -> npt.NDArray[np.generic]:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, kind)


def distances(signs_a: Hashes, sure_a: Hashes, signs_b: Hashes, sure_b: Hashes) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Compare all pictures of two clips.

    Args:
        signs_a: array of shape ``(n,)``.
        sure_a: array of shape ``(n,)``.
        signs_b: array of shape ``(m,)``.
        sure_b: array of shape ``(m,)``.

    Returns:
        Share of the commonly trusted bits that differ (1 where too few are), and how many are trusted by both; both ``(n, m)``.
    """
    both = sure_a[:, None] & sure_b[None]
    common = np.bitwise_count(both).astype(np.int64)
    differ = np.bitwise_count((signs_a[:, None] ^ signs_b[None]) & both).astype(np.float64)
    most = np.maximum(np.bitwise_count(sure_a)[:, None], np.bitwise_count(sure_b)[None]).astype(np.float64)
    enough = (common >= 6) & (common >= 0.45 * most)
    return np.where(enough, differ / np.maximum(common, 1), 1.0), common


def _judge(a: int, b: int, first: Print, second: Print, way: Way, rules: Rules) -> Match | None:
    turn, ca, cb = way
    signs, sure = turned(first.signs[:, ca], first.sure[:, ca], turn)
    far, common = distances(signs, sure, second.signs[:, cb], second.sure[:, cb])
    if not (far <= rules.distance).any():
        return None
    best: Match | None = None
    for speed, offset in _alignments(first, second, far <= rules.distance):
        got = _aligned(first, second, far, common, signs, sure, speed, offset, rules)
        if got is not None and (best is None or got[0] > best.score + 0.02):
            best = Match(a, b, got[0], round(got[1], 3), round(speed, 4), turn)
    return best


def _alignments(first: Print, second: Print, hit: Mask) -> list[tuple[float, float]]:
    """Speeds and offsets on which most pictures agree, best first: unchanged speed and small offsets where several are as good."""
    i, j = np.nonzero(hit)
    width = max(0.25, _step(first), _step(second))
    found: list[tuple[int, float, float, float, float]] = []
    for speed in SPEEDS:
        offset = second.times[j] - speed * first.times[i]
        bins = np.floor(offset / width + 0.5).astype(np.int64)
        values, counts = np.unique(np.unique(np.stack([bins, i]), axis=1)[0], return_counts=True)
        for k in np.argsort(-counts, kind="stable")[:3]:
            # The median of what fell into the bin is closer to the truth than the middle of the bin.
            middle = float(np.median(offset[bins == values[k]]))
            found.append((-int(counts[k]), abs(float(np.log(speed))), abs(middle), speed, middle))
    ordered = sorted(found)
    plain = [f for f in ordered if f[3] == 1.0][:2]
    return list(dict.fromkeys((f[3], f[4]) for f in [*plain, *ordered[:6]]))


def _step(item: Print) -> float:
    return float(np.median(np.diff(item.times))) if len(item.times) > 1 else 0.0


def _aligned(
    first: Print, second: Print, far: Floats, common: npt.NDArray[np.int64], signs: Hashes, sure: Hashes, speed: float, offset: float, rules: Rules
) -> tuple[float, float] | None:
    """Judge two clips in one alignment; returns score and offset, or ``None`` if they are not the same there."""
    expected = speed * first.times + offset
    step = _step(second)
    inside = (sure != 0) & (expected >= -0.6 * step - 1e-6) & (expected <= second.duration_s + 1e-6)
    if not inside.any():
        return None
    lasting = min(first.duration_s, (second.duration_s - offset) / speed) - max(0.0, -offset / speed)
    if lasting < rules.overlap * min(first.duration_s, second.duration_s / speed) - 1e-6:
        return None
    gap = np.abs(second.times[None] - expected[:, None])
    shown = np.where(gap <= max(0.13, 0.75 * step), far, 1.0)
    best = shown.argmin(axis=1)
    least = shown[np.arange(len(best)), best]
    agree = inside & (least <= rules.distance)
    coverage = float(agree.sum() / inside.sum())
    if coverage < rules.coverage:
        return None
    # Equal pictures are evidence once: a still clip does not become surer by lasting longer.
    _, once = np.unique(signs[agree], return_index=True)
    rows = np.flatnonzero(agree)[once]
    if int(common[rows, best[rows]].sum()) < rules.evidence:
        return None
    score = coverage * (1.0 - float(least[agree].mean()))
    return score, float(np.median(second.times[best[agree]] - speed * first.times[agree]))
