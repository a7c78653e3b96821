"""Choosing from a pool by quotas: so many clips per theme, era and region, varied inside each, with caps per source and clip."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.errors import did_you_mean
from curate.knowledge.taxonomy import Taxonomy
from curate.schema import stable_key

AXES = 3
# Candidates of one cell among which variety is looked for; more are thinned by the seed first.
POOL = 4000


@dataclass(frozen=True)
class Item:
    """One row of the pool.

    Attributes:
        id: the row.
        clip: its clip.
        source: its input.
        cells: ``theme|era|region``.
    """

    id: str
    clip: str
    source: str
    cells: tuple[str, ...]


def fits(pattern: str, cell: str) -> bool:
    """Say whether a cell belongs to a target; ``*`` or a missing axis stands for any label.

    Args:
        pattern: ``theme``, ``theme|era`` or ``theme|era|region``.
        cell: ``theme|era|region``.

    Example:
        >>> fits("cuisine|*|bashu", "cuisine|living|bashu"), fits("cuisine", "costume|tang|none")
        (True, False)
    """
    return all(want in ("*", have) for want, have in zip(pattern.split("|"), cell.split("|"), strict=False))


def unknown(pattern: str, taxonomy: Taxonomy, wild: Sequence[str] = ("*",)) -> tuple[str, str] | None:
    """Find a label of a target that no caption can have; ``none`` stands for no theme or region, ``living`` for no period.

    Args:
        pattern: ``theme``, ``theme|era`` or ``theme|era|region``.
        taxonomy: the labels that there are.
        wild: labels that stand for any.

    Returns:
        What is wrong and what may have been meant, or ``None``.
    """
    axes = (("theme", [*taxonomy.theme_ids, "none"]), ("era", [*taxonomy.era_ids, "living"]), ("region", [*taxonomy.region_ids, "none"]))
    for (axis, names), label in zip(axes, pattern.split("|"), strict=False):
        if label not in names and label not in wild:
            return f"unknown {axis} {label!r} in {pattern!r}", did_you_mean(label, names)
    return None


def spread(order: Sequence[int], vectors: npt.NDArray[np.float32] | None, taken: Sequence[int], count: int) -> list[int]:
    """Choose rows that are far from one another and from those taken: each time the one whose nearest neighbour is farthest.

    Source: Gonzalez, "Clustering to minimize the maximum intercluster distance" (1985).

    Args:
        order: candidates, the preferred first; that decides ties.
        vectors: unit rows for every item, or ``None`` to take the first ones.
        taken: rows that are in already.
        count: how many.
    """
    if vectors is None or count >= len(order):
        return list(order[:count])
    pool = list(order[: max(POOL, count)])
    v = vectors[pool].astype(np.float64)
    # Rounded, so that the order of adding cannot decide between two.
    near = np.round((v @ vectors[list(taken)].T.astype(np.float64)).max(axis=1), 5) if len(taken) else np.full(len(pool), -1.0)
    out: list[int] = []
    for _ in range(count):
        at = int(near.argmin())
        out.append(pool[at])
        near = np.maximum(near, np.round(v @ v[at], 5))
        near[at] = np.inf
    return out


def choose(
    items: Sequence[Item], targets: Mapping[str, int], seed: int, vectors: npt.NDArray[np.float32] | None = None, rest: bool = False
) -> dict[str, str]:
    """Choose clips by quotas; the scarcest target is served first, and a clip counts for every target that it fits.

    Args:
        items: the pool, in any order.
        targets: pattern to clips wanted.
        seed: the recipe's seed.
        vectors: one unit row per item, for variety.
        rest: keep what fits no target.

    Returns:
        Row id to the reason why it leaves, as text; rows that stay are not in it.
    """
    rank = sorted(range(len(items)), key=lambda i: (stable_key(seed, "quota", items[i].clip), items[i].id))
    first: dict[str, int] = {}
    for i in rank:
        first.setdefault(items[i].clip, i)
    labels: dict[str, set[str]] = defaultdict(set)
    for item in items:
        labels[item.clip].update(item.cells)
    fitting = {t: [first[c] for c in sorted(first, key=lambda c: rank_of(c, seed)) if any(fits(t, x) for x in labels[c])] for t in targets}
    chosen: dict[str, str] = {}
    for target in sorted(targets, key=lambda t: (len(fitting[t]) / max(1, targets[t]), t)):
        have = [i for i in fitting[target] if items[i].clip in chosen]
        free = [i for i in fitting[target] if items[i].clip not in chosen]
        for i in spread(free, vectors, have, max(0, min(len(free), targets[target] - len(have)))):
            chosen[items[i].clip] = target
    served = {items[i].clip: t for t in sorted(targets, reverse=True) for i in fitting[t]}
    out = {}
    for item in items:
        if item.clip not in chosen and not (rest and item.clip not in served):
            wanted = served.get(item.clip)
            out[item.id] = f"{wanted}: {len(fitting[wanted])} clips for a target of {targets[wanted]}" if wanted else "fits no target"
    return out


def rank_of(clip: str, seed: int) -> tuple[float, str]:
    """Return the place of a clip in the draw."""
    return stable_key(seed, "quota", clip), clip


def over_cap(items: Sequence[Item], per_clip: int | None, per_source: int | None, seed: int) -> dict[str, str]:
    """Return the rows beyond the caps with the reason as text.

    Args:
        items: the rows that would stay.
        per_clip: captions per clip, or ``None``.
        per_source: clips per input, or ``None``.
        seed: the recipe's seed.
    """
    out: dict[str, str] = {}
    rows: Counter[str] = Counter()
    clips: dict[str, set[str]] = defaultdict(set)
    for item in sorted(items, key=lambda x: (*rank_of(x.clip, seed), stable_key(seed, "caption", x.id), x.id)):
        if per_source is not None and item.clip not in clips[item.source] and len(clips[item.source]) >= per_source:
            out[item.id] = f"source {item.source}: more than {per_source} clips"
            continue
        clips[item.source].add(item.clip)
        rows[item.clip] += 1
        if per_clip is not None and rows[item.clip] > per_clip:
            out[item.id] = f"clip {item.clip}: more than {per_clip} captions"
    return out


def lacking(items: Sequence[Item], targets: Mapping[str, int]) -> dict[str, int]:
    """Return for each target how many clips are missing.

    Args:
        items: the rows that stay.
        targets: pattern to clips wanted.
    """
    return {t: max(0, n - len({i.clip for i in items if any(fits(t, c) for c in i.cells)})) for t, n in targets.items()}
