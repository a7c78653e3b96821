"""Duplicates among clips: which one stays, and where in it a copy begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from curate.duplicates.unionfind import join_pairs
from curate.media.clipmatch import Match, Print, Rules, matches
from curate.media.isolate import Limits, Outcome, Pool, spread


class Verdict(NamedTuple):
    """What is said of one clip.

    Attributes:
        dup_of: number of the clip that stays instead, or ``None``.
        score: 0 to 1, or ``None``.
        offset_s: where this clip begins in the other, seconds of the other; negative if it has more before.
        speed: seconds of the other per second of this one.
        turned: ``flip``, ``turn``, or empty.
    """

    dup_of: int | None = None
    score: float | None = None
    offset_s: float | None = None
    speed: float | None = None
    turned: str = ""


def judge(order: Sequence[int], found: Iterable[Match]) -> list[Verdict]:
    """Decide which clips stay: going through them by preference, a clip stays unless it is the same as one that stays.

    Args:
        order: numbers of all clips, the best first.
        found: pairs that show the same.
    """
    rank = {clip: place for place, clip in enumerate(order)}
    best: dict[int, tuple[float, int, Match]] = {}
    for m in sorted(found, key=lambda m: (max(rank[m.a], rank[m.b]), -m.score, min(rank[m.a], rank[m.b]))):
        keeper, other = (m.a, m.b) if rank[m.a] < rank[m.b] else (m.b, m.a)
        if keeper not in best and other not in best:
            best[other] = (m.score, keeper, m)
    out = []
    for clip in range(len(order)):
        if clip not in best:
            out.append(Verdict())
            continue
        score, keeper, m = best[clip]
        # Times of b = speed × times of a + offset.
        offset, speed = (m.offset_s, m.speed) if clip == m.a else (-m.offset_s / m.speed, 1 / m.speed)
        out.append(Verdict(keeper, round(score, 4), round(offset, 3) + 0.0, round(speed, 4), "flip" if m.turn == 1 else "turn" if m.turn else ""))
    return out


def fingerprints(
    paths: Sequence[str], bounds: Sequence[tuple[float | None, float | None]] | None = None, limits: Limits | None = None, workers: int = 1,
    pool: Pool | None = None,
) -> Iterator[Outcome]:  # fmt: skip
    """Fingerprint clips, each in a child process.

    Args:
        paths: the files.
        bounds: start and end of each, seconds.
        limits: what one file may cost.
        workers: children at once.
        pool: children to use instead of new ones.
    """
    use, made = spread(pool, limits, workers)
    spans = bounds or [(None, None)] * len(paths)
    try:
        yield from use.map("fingerprint", ((p, {"start": s, "end": e}) for p, (s, e) in zip(paths, spans, strict=True)))
    finally:
        for p in made:
            p.close()


def dedup(paths: Sequence[Path | str], outcomes: Iterable[Outcome], rules: Rules | None = None) -> list[dict[str, Any]]:
    """Find duplicates among files.

    Args:
        paths: the files.
        outcomes: their fingerprints, see ``fingerprints``.
        rules: when two clips are the same.

    Returns:
        One row per file: ``path, ok, reason, dup_of, dup_group, dup_score, offset_s, speed, turned``. Of a group the longest clip
        stays, then the one with more pixels, then the first by name. ``dup_group`` is the smallest path of the connected files.
    """
    names = [str(p) for p in paths]
    got = list(outcomes)
    prints = [None if o.value is None else Print.of(o.value) for o in got]
    found = matches(prints, rules)

    def preference(i: int) -> tuple[float, float, str]:
        value, item = got[i].value, prints[i]
        return (-round(item.duration_s, 1), -float(value["size"][0] * value["size"][1]), names[i]) if item is not None else (0.0, 0.0, names[i])

    verdicts = judge(sorted(range(len(names)), key=preference), found)
    groups = join_pairs(names, [m.a for m in found], [m.b for m in found])
    return [
        {
            "path": name, "ok": o.value is not None, "reason": o.reason, "dup_of": None if v.dup_of is None else names[v.dup_of],
            "dup_group": group if o.value is not None else None, "dup_score": v.score, "offset_s": v.offset_s, "speed": v.speed,
            "turned": v.turned or None,
        }
        for name, o, v, group in zip(names, got, verdicts, groups, strict=True)
    ]  # fmt: skip
