"""Measures of the quality figures: plain functions over plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def micro_f1(gold: Rows, got: Mapping[str, Mapping[str, Any]], axis: str) -> tuple[float, float, float]:
    """Precision, recall and F1 over all labels; labels in ``<axis>_ok`` neither help nor hurt."""
    tp = fp = fn = 0
    for g in gold:
        want = set(g[axis])
        have = set(got[g["id"]][axis]) - (set(g.get(f"{axis}_ok") or ()) - want)
        tp, fp, fn = tp + len(want & have), fp + len(have - want), fn + len(want - have)
    p, r = tp / max(1, tp + fp), tp / max(1, tp + fn)
    return p, r, 2 * p * r / max(1e-9, p + r)


def false_alarms(gold: Rows, got: Mapping[str, Mapping[str, Any]], axes: Sequence[str] = ("themes", "eras")) -> float:
    """Share of everyday and trap captions that get any label they may not have."""
    items = [g for g in gold if g["kind"] in ("everyday", "trap")]
    bad = [g for g in items if any(set(got[g["id"]][a]) - set(g[a]) - set(g.get(f"{a}_ok") or ()) for a in axes)]
    return len(bad) / max(1, len(items))


def ndcg(relevant: set[str], ranked: Sequence[str], k: int = 10) -> float:
    """Normalized discounted cumulative gain at ``k`` with binary relevance."""
    gain = sum(1 / math.log2(i + 2) for i, x in enumerate(list(dict.fromkeys(ranked))[:k]) if x in relevant)
    return gain / sum(1 / math.log2(i + 2) for i in range(min(k, len(relevant))))


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Probability that a positive scores higher than a negative, ties half."""
    if not positive or not negative:
        return float("nan")
    return sum((a > b) + 0.5 * (a == b) for a in positive for b in negative) / (len(positive) * len(negative))


def per_class(gold: Mapping[str, str], got: Mapping[str, str], classes: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Precision, recall and F1 per class."""
    out = {}
    for c in classes:
        tp = sum(g == c and got.get(i) == c for i, g in gold.items())
        p = tp / max(1, sum(v == c for v in got.values()))
        r = tp / max(1, sum(v == c for v in gold.values()))
        out[c] = (p, r, 2 * p * r / max(1e-9, p + r))
    return out
