"""How well people agree: percent, Cohen, Fleiss and Krippendorff, with bootstrap intervals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.review.items import COUNTED

Floats = npt.NDArray[np.float64]
Unit = Mapping[str, str]
FIELDS = ("verdict", "zh", "en", "themes")
_DRAWS = 1000


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval; ``value`` is ``None`` where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Agreement:
    """How well people agree on one question.

    Attributes:
        items: items that at least two people decided.
        people: how many decided at all.
        percent: share of pairs of decisions that are equal, 0 to 1.
        fleiss: Fleiss' kappa, for any number of people per item.
        alpha: Krippendorff's alpha for unordered values.
        cohen: Cohen's kappa and the number of common items per pair of people.
    """

    items: int
    people: int
    percent: Figure
    fleiss: Figure
    alpha: Figure
    cohen: dict[tuple[str, str], tuple[float | None, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        figures = {n: getattr(self, n).__dict__ for n in ("percent", "fleiss", "alpha")}
        pairs = [{"a": a, "b": b, "kappa": k, "items": n} for (a, b), (k, n) in sorted(self.cohen.items())]
        return {"items": self.items, "people": self.people, **figures, "cohen": pairs}


def cohen(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of two people.

    Source: Cohen, "A coefficient of agreement for nominal scales" (1960).

    Args:
        pairs: what the two said of each common item.

    Returns:
        1 for full agreement, 0 for chance; ``None`` where chance alone would agree always.

    Example:
        >>> cohen([("a", "a"), ("b", "b"), ("a", "b"), ("b", "b")])
        0.5
    """
    n = len(pairs)
    if not n:
        return None
    seen = sum(a == b for a, b in pairs) / n
    names = {x for p in pairs for x in p}
    chance = sum((sum(a == x for a, _ in pairs) / n) * (sum(b == x for _, b in pairs) / n) for x in names)
    return None if chance >= 1 else round((seen - chance) / (1 - chance), 4)


def _counts(units: Sequence[Unit]) -> Floats:
    names = {v: i for i, v in enumerate(sorted({v for u in units for v in u.values()}))}
    out = np.zeros((len(units), max(1, len(names))))
    for row, unit in zip(out, units, strict=True):
        for value in unit.values():
            row[names[value]] += 1
    return out


def _figures(counts: Floats, weights: Floats) -> Floats:
    """Percent, Fleiss and alpha for each row of weights (how often each item was drawn); NaN where not defined."""
    size = counts.sum(axis=1)
    equal = (counts * (counts - 1)).sum(axis=1)
    percent = weights @ (equal / (size * (size - 1))) / weights.sum(axis=1)
    totals = weights @ counts
    n = totals.sum(axis=1)
    share = ((totals / n[:, None]) ** 2).sum(axis=1)
    differ = weights @ (size - equal / (size - 1))
    expected = (n**2 - (totals**2).sum(axis=1)) / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        fleiss = np.where(share < 1 - 1e-12, (percent - share) / (1 - share), np.nan)
        alpha = np.where(expected > 1e-12, 1 - differ / expected, np.nan)
    return np.stack([percent, fleiss, alpha])


def measure(units: Iterable[Unit], seed: int = 0) -> Agreement:
    """Measure agreement.

    Source: Fleiss (1971); Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011); percentile bootstrap over items.

    Args:
        units: per item, what each person said.
        seed: of the bootstrap.

    Example:
        >>> measure([{"a": "x", "b": "x"}, {"a": "y", "b": "y"}]).alpha.value
        1.0
    """
    every = list(units)
    people = len({name for u in every for name in u})
    several = [u for u in every if len(u) > 1]
    if not several:
        none = Figure(None)
        return Agreement(0, people, none, none, none)
    counts = _counts(several)
    values = _figures(counts, np.ones((1, len(several))))[:, 0]
    rng = np.random.default_rng(seed)
    draws = int(min(_DRAWS, max(100, 20_000_000 // len(several))))
    chunk = max(1, 4_000_000 // len(several))
    parts = []
    for at in range(0, draws, chunk):
        weights = rng.multinomial(len(several), np.full(len(several), 1 / len(several)), size=min(chunk, draws - at)).astype(np.float64)
        parts.append(_figures(counts, weights))
    spread = np.concatenate(parts, axis=1)
    figures = [_figure(v, s) for v, s in zip(values, spread, strict=True)]
    return Agreement(len(several), people, figures[0], figures[1], figures[2], _pairs(several))


def _figure(value: float, spread: Floats) -> Figure:
    if np.isnan(value):
        return Figure(None)
    good = spread[~np.isnan(spread)]
    low, high = np.percentile(good, [2.5, 97.5]) if len(good) else (value, value)
    return Figure(round(float(value), 4), round(float(low), 4), round(float(high), 4))


def _pairs(units: Sequence[Unit]) -> dict[tuple[str, str], tuple[float | None, int]]:
    common: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for unit in units:
        for a, b in combinations(sorted(unit), 2):
            common.setdefault((a, b), []).append((unit[a], unit[b]))
    return {names: (cohen(pairs), len(pairs)) for names, pairs in common.items()}


def units(decisions: Iterable[Mapping[str, Any]], name: str = "verdict") -> dict[str, dict[str, str]]:
    """Return what each person said of each item, for one field.

    Args:
        decisions: newest decisions: ``item_id``, ``reviewer``, ``kind``, ``verdict``, ``edits`` (JSON or a mapping).
        name: one of `FIELDS`; for a caption the value is the new text, or ``=`` where it was left as it is.

    Returns:
        Values per item and person; skips, undone decisions and a lead's settlements do not count.
    """
    out: dict[str, dict[str, str]] = {}
    for row in decisions:
        if row["kind"] != "review" or row["verdict"] not in COUNTED:
            continue
        edits = json.loads(row["edits"]) if isinstance(row["edits"], str) else row["edits"]
        if name == "verdict":
            value = str(row["verdict"])
        elif row["verdict"] in ("accept", "edit"):
            value = json.dumps(edits[name], ensure_ascii=False) if name in edits else "="
        else:
            continue
        out.setdefault(row["item_id"], {})[row["reviewer"]] = value
    return out
