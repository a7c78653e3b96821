"""What a release may say of people's decisions: how many rows, how many people, how well they agree."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl

from curate.review import agreement
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


def told(ws: Workspace, manifest: dict[str, Any]) -> str:
    """Say what the step ``decide`` of a run did with people's decisions; nothing if there is no such step.

    Args:
        ws: the workspace.
        manifest: the run's manifest.
    """
    rec = next((r for s in manifest["steps"] if (r := ws.record(s["key"])) and r.stage == "decide"), None)
    if rec is None:
        return ""
    used = snapshot(ws, manifest)
    if used is None:
        return f"decide: no decisions yet ({rec.rows_in} rows unseen); after a review: curate review pull"
    got = pl.concat([pl.read_parquet(ws.step_dir(rec.key) / p.file, columns=["review"]) for p in rec.parts])
    counts = Counter(str(v) for v in got.get_column("review").to_list() if v != "unseen")
    words = ", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "none fits a row as it is now"
    return f"decide: {len(used)} decisions on {sum(counts.values())} of {len(got)} rows: {words}"


def summary(table: pl.DataFrame, decisions: pl.DataFrame | None) -> dict[str, Any]:
    """Return the review figures of a release.

    Args:
        table: the released rows, with ``review`` if the recipe has a ``decide`` step.
        decisions: the snapshot that the run used.
    """
    out: dict[str, Any] = {"rows": 0, "reviewed": 0, "by_verdict": {}, "reviewers": 0, "doubly": 0, "alpha": None, "released": len(table)}
    # A lead's settlement is no second opinion: it counts neither as a reviewer nor towards agreement.
    if "review" in table.columns:
        got = Counter(str(v) for v in table.get_column("review").to_list() if v is not None)
        out.update(rows=len(table), by_verdict=dict(sorted(got.items())), reviewed=sum(got[v] for v in REVIEWED))
    if decisions is not None and {"item_id", "reviewer", "kind", "verdict", "edits"} <= set(decisions.columns):
        measured = agreement.measure(agreement.units(decisions.filter(pl.col("kind") == "review").iter_rows(named=True)).values())
        value = measured.alpha.value
        out.update(reviewers=measured.people, doubly=measured.items, alpha=None if value is None else round(float(value), 4))
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
