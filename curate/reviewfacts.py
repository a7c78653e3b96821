"""What a release may say of people's decisions: how many rows, how many people, how well they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from curate.workspace import Workspace

REVIEWED = ("accepted", "edited", "rejected")


def snapshot(ws: Workspace, manifest: dict[str, Any]) -> pl.DataFrame | None:
    """Return the frozen decisions that a run used, or ``None``.

    Args:
        ws: the workspace.
        manifest: the run's manifest.
    """
    digest = manifest.get("resources", {}).get("decisions")
    path = ws.root / "decisions" / f"{digest}.parquet"
    return pl.read_parquet(path) if digest and path.exists() else None


def nominal_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Return Krippendorff's alpha for unordered values.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011).

    Args:
        units: the values that each item got; items with fewer than two count for nothing.

    Returns:
        1 for full agreement, 0 for chance; ``None`` if no item has two values or all values are the same.

    Example:
        >>> nominal_alpha([["a", "a"], ["b", "b"]]), nominal_alpha([["a"]])
        (1.0, None)
    """
    pairs: Counter[tuple[str, str]] = Counter()
    weights: dict[tuple[str, str], float] = {}
    for values in units:
        n = len(values)
        if n < 2:
            continue
        got = Counter(values)
        for a, na in got.items():
            for b, nb in got.items():
                pairs[a, b] += 1
                weights[a, b] = weights.get((a, b), 0.0) + na * (nb - (a == b)) / (n - 1)
    total = sum(weights.values())
    marginal: dict[str, float] = {}
    for (a, _), w in weights.items():
        marginal[a] = marginal.get(a, 0.0) + w
    if not total or len(marginal) < 2:
        return None
    observed = sum(w for (a, b), w in weights.items() if a != b)
    expected = sum(marginal[a] * marginal[b] for a in marginal for b in marginal if a != b) / (total - 1)
    return round(1 - observed / expected, 4)


def summary(table: pl.DataFrame, decisions: pl.DataFrame | None) -> dict[str, Any]:
    """Return the review figures of a release.

    Args:
        table: the released rows, with ``review`` if the recipe has a ``decide`` step.
        decisions: the snapshot that the run used.
    """
    out: dict[str, Any] = {"rows": 0, "reviewed": 0, "by_verdict": {}, "reviewers": 0, "doubly": 0, "alpha": None, "released": len(table)}
    if "review" in table.columns:
        got = Counter(str(v) for v in table.get_column("review").to_list() if v is not None)
        out.update(rows=len(table), by_verdict=dict(sorted(got.items())), reviewed=sum(got[v] for v in REVIEWED))
    if decisions is not None and {"reviewer", "verdict"} <= set(decisions.columns):
        item = "item_id" if "item_id" in decisions.columns else "record_id"
        order = "created_at" if "created_at" in decisions.columns else "verdict"
        newest = decisions.filter(pl.col("verdict") != "skip").sort(order).unique([item, "reviewer"], keep="last", maintain_order=True)
        units = [list(v) for v in newest.group_by(item, maintain_order=True).agg(pl.col("verdict")).get_column("verdict").to_list()]
        out.update(reviewers=newest.get_column("reviewer").n_unique(), doubly=sum(len(u) > 1 for u in units), alpha=nominal_alpha(units))
    return out


def refusals(review: dict[str, Any], least_reviewed: float, least_agreement: float) -> list[str]:
    """Say whether people did what the recipe asks for.

    Args:
        review: from :func:`summary`.
        least_reviewed: least share of released rows that a person decided, 0 to 1.
        least_agreement: least Krippendorff alpha; 0 asks for none.
    """
    out = []
    share = review["reviewed"] / review["released"] if review["released"] else 0.0
    if share < least_reviewed:
        out.append(f"review: {review['reviewed']} of {review['released']} rows were reviewed ({share:.0%}), the recipe asks for {least_reviewed:.0%}")
    if review["by_verdict"].get("rejected") or review["by_verdict"].get("disputed"):
        bad = {k: v for k, v in review["by_verdict"].items() if k in ("rejected", "disputed")}
        out.append(f"review: rows that people did not accept are still in: {bad}; let the decide step drop them")
    if least_agreement > 0 and (review["alpha"] is None or review["alpha"] < least_agreement):
        got = "none (no item was decided by two people)" if review["alpha"] is None else f"{review['alpha']:.2f}"
        out.append(f"review: agreement is {got}, the recipe asks for {least_agreement:.2f}")
    return out
