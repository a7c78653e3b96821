"""Which clips show the same: candidates from a binary index, then each pair aligned in time, crop, turn and speed and judged as a whole.

One equal picture is never enough: the pictures of the common part must agree one after the other, in one crop, at one speed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate import index
from curate.media.fingerprint import BARS_CROP, CROPS, SAME_ONLY, TURNS, WHOLE_CROP, Hashes, cropped, turned
from curate.media.wire import Array

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# Columns that are searched in; the others are only asked with (a crop of one clip against the whole of another).
INDEXED = (0, 1, *SAME_ONLY)
# So many bits must be trusted in both of two pictures, and such a share of those of the richer one.
ENOUGH, SHARED = 6, 0.45
SPEEDS = (1.0, 0.8, 1.25, 0.9, 1 / 0.9, 0.75, 4 / 3, 2 / 3, 1.5, 0.5, 2.0)
# A match as good as this needs no second opinion.
SURE = 0.93
BLANK_SLACK = 6.0
# Pictures of other shapes than this factor apart are the same only if they also look it.
MOST_STRETCHED = 1.3
ALL_TURNS = tuple(range(TURNS))


@dataclass(frozen=True)
class Rules:
    """When two clips are the same.

    Attributes:
        radius: bits of 63 that may differ between two pictures of a candidate.
        distance: share of the trusted bits of a picture that may differ.
        coverage: share of the pictures in the common part that must agree.
        overlap: share of the shorter clip that must be in the common part.
        evidence: trusted bits over different pictures above which the bits alone decide.
        alike: with less, the small pictures must correlate as much.
        alike_plain: what they must correlate where most of the picture is of one brightness, whatever the bits say.
        asked: pictures per clip that are asked for candidates.
        turns: whether upside-down and turned copies are looked for, besides mirrored ones.
    """

    radius: int = 10
    distance: float = 0.16
    coverage: float = 0.7
    overlap: float = 0.5
    evidence: int = 80
    alike: float = 0.9
    alike_plain: float = 0.7
    asked: int = 16
    turns: bool = True


@dataclass(frozen=True, eq=False)
class Print:
    """A fingerprint.

    Attributes:
        times: seconds from the start of the clip.
        signs: samples × crops.
        sure: samples × crops.
        duration_s: of the clip.
        thumbs: a few small grey pictures.
        thumb_times: their times.
        bars: shares of black bars: left, top, right, bottom.
        aspect: width by height; 0 if unknown.
        views: the thumbs in the crops that were looked at, made when first needed.
    """

    times: Floats
    signs: Hashes
    sure: Hashes
    duration_s: float
    thumbs: Array
    thumb_times: Floats
    bars: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    aspect: float = 0.0
    views: dict[int, Array] = field(default_factory=dict, repr=False)

    @cached_property
    def plain(self) -> bool:
        """Whether most of the picture is of one brightness: text on a ground, a figure in the dark."""
        return float(np.median([np.mean(np.abs(t.astype(np.int64) - np.median(t)) <= 8) for t in self.thumbs])) > 0.55

    @cached_property
    def blank(self) -> float | None:
        """The brightness of a clip in which there is never anything to see; ``None`` for others."""
        return float(self.thumbs.mean()) if not self.sure[:, :2].any() else None

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Print:
        """Return the fingerprint that a child gave."""
        times, at = value["times"].astype(np.float64), value["thumb_times"].astype(np.float64)
        aspect = value["size"][0] / max(1, value["size"][1])
        return cls(times, value["signs"], value["sure"], float(value["duration_s"]), value["thumbs"], at, tuple(value["bars"]), aspect)


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
        best: Match | None = None
        for way, _ in sorted(ways.items(), key=lambda w: (-w[1], w[0]))[:4]:
            found = _judge(a, b, first, second, way, use)
            if found is not None and (best is None or found.score > best.score + 0.02):
                best = found
            if best is not None and best.score > SURE:
                break
        if best is not None:
            out.append(best)
    return sorted([*out, *_blank_pairs(prints)])


def _blank_pairs(prints: Sequence[Print | None]) -> list[Match]:
    """Clips of one even colour are the same if they are as bright as each other."""
    blank = [(p.blank, i) for i, p in enumerate(prints) if p is not None and p.blank is not None]
    pairs = [(i, j) for n, (x, i) in enumerate(blank) for y, j in blank[n + 1 :] if abs(x - y) <= BLANK_SLACK]
    return [Match(i, j, 1.0, 0.0, 1.0, 0) for i, j in pairs]


Way = tuple[int, int, int]


def _candidates(prints: Sequence[Print | None], rules: Rules) -> dict[tuple[int, int], Counter[Way]]:
    """Pairs of clips with a near picture, and how they were found: ``(turn of a, crop of a, crop of b)``."""
    base = _indexed(prints)
    out: dict[tuple[int, int], Counter[Way]] = {}
    for turn in ALL_TURNS if rules.turns else (0, 1):
        asked = _asked(prints, rules, turn)
        near = index.binary_near(base.signs, asked.signs, rules.radius)
        q, r = near.query, near.base
        a, b, ca, cb = asked.clip[q], base.clip[r], asked.crop[q], base.crop[r]
        fits = (a != b) & ((np.isin(ca, SAME_ONLY) == np.isin(cb, SAME_ONLY)) & (~np.isin(ca, SAME_ONLY) | (ca == cb)))
        # Pictures with few trusted bits are near to nearly everything: what counts is the share of what both trust.
        common = np.bitwise_count(asked.sure[q] & base.sure[r]).astype(np.float64)
        most = np.maximum(np.bitwise_count(asked.sure[q]), np.bitwise_count(base.sure[r]))
        differ = np.bitwise_count((asked.signs[q] ^ base.signs[r]) & asked.sure[q] & base.sure[r])
        fits &= (common >= ENOUGH) & (common >= SHARED * most) & (differ <= rules.distance * common)
        # A clip that is asked finds each other clip many times; how often tells the way.
        keys, counts = np.unique(((a[fits] * len(prints) + b[fits]) * 16 + ca[fits]) * 16 + cb[fits], return_counts=True)
        for key, n in zip(keys.tolist(), counts.tolist(), strict=True):
            both, cx, cy = key >> 8, key >> 4 & 15, key & 15
            x, y = divmod(both, len(prints))
            pair, way = ((x, y), (turn, cx, cy)) if x < y else ((y, x), (_inverse(turn), cy, cx))
            out.setdefault(pair, Counter())[way] += n
    return out


def _inverse(turn: int) -> int:
    # Quarter turns are each other's inverse; flips and half turns are their own.
    return {5: 6, 6: 5}.get(turn, turn)


class _Codes(NamedTuple):
    """Different pictures of all clips: their bits, and whose they are."""

    signs: Hashes
    sure: Hashes
    clip: npt.NDArray[np.int64]
    crop: npt.NDArray[np.int64]


def _indexed(prints: Sequence[Print | None]) -> _Codes:
    return _codes([(n, p.signs, p.sure, INDEXED) for n, p in enumerate(prints) if p is not None])


def _asked(prints: Sequence[Print | None], rules: Rules, turn: int) -> _Codes:
    # Copies that are upside down or on their side are rare: whole pictures only, and fewer of them.
    columns, most = (tuple(range(len(CROPS))), rules.asked) if turn <= 1 else ((0, 1), 8)
    parts = []
    for number, item in enumerate(prints):
        if item is not None:
            rows = np.unique(np.linspace(0, len(item.times) - 1, min(most, len(item.times))).round().astype(int))
            parts.append((number, *turned(item.signs[rows], item.sure[rows], turn), columns))
    return _codes(parts)


def _codes(parts: Sequence[tuple[int, Hashes, Hashes, tuple[int, ...]]]) -> _Codes:
    rows: list[Hashes] = []
    where: list[tuple[int, int, int]] = []
    for number, signs, sure, columns in parts:
        for column in columns:
            kept = np.bitwise_count(sure[:, column]) >= ENOUGH
            different = np.unique(np.stack([signs[kept, column], sure[kept, column]], axis=1), axis=0)
            rows.append(different)
            where.append((number, column, len(different)))
    if not rows:
        none = np.zeros(0, np.int64)
        return _Codes(none.astype(np.uint64), none.astype(np.uint64), none, none)
    table = np.concatenate(rows)
    clip, crop = (np.repeat([w[k] for w in where], [w[2] for w in where]).astype(np.int64) for k in (0, 1))
    return _Codes(np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1]), clip, crop)


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
    enough = (common >= ENOUGH) & (common >= SHARED * most)
    return np.where(enough, differ / np.maximum(common, 1), 1.0), common


def _judge(a: int, b: int, first: Print, second: Print, way: Way, rules: Rules) -> Match | None:
    turn, ca, cb = way
    signs, sure = turned(first.signs[:, ca], first.sure[:, ca], turn)
    far, common = distances(signs, sure, second.signs[:, cb], second.sure[:, cb])
    hit = far <= rules.distance
    # The shorter clip must find enough of its pictures anywhere, before the order of them is looked at.
    share = min(rules.overlap * rules.coverage, 0.35)
    if hit.any(axis=1).sum() < share * (sure != 0).sum() and hit.any(axis=0).sum() < share * (second.sure[:, cb] != 0).sum():
        return None
    best: Match | None = None
    for speeds in ((1.0,), SPEEDS[1:]):
        for speed, offset in _alignments(first, second, hit, speeds):
            got = _aligned(first, second, far, common, signs, sure, speed, offset, way, rules)
            if got is not None and (best is None or got[0] > best.score + 0.02):
                best = Match(a, b, got[0], round(got[1], 3), round(speed, 4), turn)
        if best is not None and best.score > SURE:
            break
    return best


def _alignments(first: Print, second: Print, hit: Mask, speeds: Sequence[float]) -> list[tuple[float, float]]:
    """Speeds and offsets on which most pictures agree, best first: unchanged speed and small offsets where several are as good."""
    i, j = np.nonzero(hit)
    width = max(0.25, _step(first), _step(second))
    found: list[tuple[int, float, int, int, float]] = []
    for speed in speeds:
        bins = np.floor((second.times[j] - speed * first.times[i]) / width + 0.5).astype(np.int64)
        low = int(bins.min())
        # Each picture of the first clip counts once per bin, however many of the second it is like.
        seen = np.zeros((int(bins.max()) - low + 1, len(hit)), bool)
        seen[bins - low, i] = True
        counts = seen.sum(axis=1)
        found += [
            (-int(counts[k]), abs(float(np.log(speed))), abs(int(k) + low), int(k) + low, speed)
            for k in np.argsort(-counts, kind="stable")[:3]
            if counts[k]
        ]
    out = []
    for _, _, _, place, speed in sorted(found)[:5]:
        offset = second.times[j] - speed * first.times[i]
        # The median of what fell into the bin is closer to the truth than the middle of the bin.
        out.append((speed, float(np.median(offset[np.floor(offset / width + 0.5).astype(np.int64) == place]))))
    return out


def _step(item: Print) -> float:
    return float(np.median(np.diff(item.times))) if len(item.times) > 1 else 0.0


def _aligned(
    first: Print, second: Print, far: Floats, common: npt.NDArray[np.int64], signs: Hashes, sure: Hashes, speed: float, offset: float, way: Way,
    rules: Rules,
) -> tuple[float, float] | None:  # fmt: skip
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
    weak = int(common[rows, best[rows]].sum()) < rules.evidence
    weak = weak or _stretched(first, second, way) > MOST_STRETCHED
    if (weak or first.plain or second.plain) and not _look_alike(first, second, speed, offset, way, rules.alike if weak else rules.alike_plain):
        return None
    score = coverage * (1.0 - float(least[agree].mean()))
    return score, float(np.median(second.times[best[agree]] - speed * first.times[agree]))


def _stretched(first: Print, second: Print, way: Way) -> float:
    """By which factor one picture is wider than the other, as it was compared."""
    if not first.aspect or not second.aspect:
        return 1.0
    turn, ca, cb = way
    one, two = (_shape(item, crop) for item, crop in ((first, ca), (second, cb)))
    ratio = (1 / one if turn >= TURNS // 2 else one) / two
    return max(ratio, 1 / ratio)


def _shape(item: Print, crop: int) -> float:
    left, top, right, bottom = item.bars if crop != WHOLE_CROP and crop not in SAME_ONLY else (0.0, 0.0, 0.0, 0.0)
    x0, y0, x1, y1 = CROPS[crop]
    return item.aspect * max(0.05, (1 - left - right) * (1 - x0 - x1)) / max(0.05, (1 - top - bottom) * (1 - y0 - y1))


def _look_alike(first: Print, second: Print, speed: float, offset: float, way: Way, least: float) -> bool:
    """Compare the small pictures of clips whose bits say little: plain shapes, a line of text, a mask."""
    turn, ca, cb = way
    expected = speed * first.thumb_times + offset
    gap = np.abs(second.thumb_times[None] - expected[:, None])
    rows = np.flatnonzero((expected >= -0.2) & (expected <= second.duration_s + 0.2))
    if not len(rows):
        rows = np.array([int(gap.min(axis=1).argmin())])
    one = _unit(np.stack([_turned_picture(p, turn) for p in _view(first, ca)[rows]]))
    alike = one @ _unit(_view(second, cb)).T
    # The two pictures nearest in time: between two of them something may have moved.
    nearest = np.argsort(gap[rows], axis=1)[:, :2]
    return float(np.median(np.take_along_axis(alike, nearest, axis=1).max(axis=1))) >= least


def _unit(pictures: Array) -> Array:
    """Pictures as vectors of mean 0 and length 1, so that products are correlations; even pictures become 0."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    size = np.sqrt((flat * flat).sum(axis=1, keepdims=True))
    return np.asarray(np.where(size > 1e-3, flat / np.maximum(size, 1e-3), 0.0))


def _view(item: Print, crop: int) -> Array:
    if crop not in item.views:
        item.views[crop] = _seen(item, crop)
    return item.views[crop]


def _seen(item: Print, crop: int) -> Array:
    """The thumbs as one crop shows them, 24 × 24."""
    side = 24
    left, top, right, bottom = item.bars if crop != WHOLE_CROP and crop not in SAME_ONLY else (0.0, 0.0, 0.0, 0.0)
    x0, y0, x1, y1 = CROPS[crop if crop != BARS_CROP else WHOLE_CROP]
    wide, high = 1 - left - right, 1 - top - bottom
    part = cropped(item.thumbs, (left + wide * x0, top + high * y0, right + wide * x1, bottom + high * y1)).astype(np.float32)
    rows, columns = (np.linspace(0, n - 1, side) for n in part.shape[1:])
    i, j = rows.astype(int), columns.astype(int)
    i1, j1 = np.minimum(i + 1, part.shape[1] - 1), np.minimum(j + 1, part.shape[2] - 1)
    v, h = (rows - i)[None, :, None], (columns - j)[None, None]
    upper = part[:, i][:, :, j] * (1 - h) + part[:, i][:, :, j1] * h
    lower = part[:, i1][:, :, j] * (1 - h) + part[:, i1][:, :, j1] * h
    return np.asarray(upper * (1 - v) + lower * v)


def _turned_picture(picture: Array, turn: int) -> Array:
    out = picture.T if turn >= TURNS // 2 else picture
    out = out[::-1] if turn & 2 else out
    return out[:, ::-1] if turn & 1 else out
