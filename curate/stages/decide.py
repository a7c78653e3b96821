"""Stage ``decide``: what people decided comes back into the pipeline, from a frozen snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from curate.review.items import Outcome, outcome
from curate.stage import Params, Resources, Stage

REVIEW = pl.Enum(["unseen", "accepted", "edited", "rejected", "disputed"])


class DecideParams(Params):
    """What happens to rows that people did not accept.

    Attributes:
        drop_rejected: drop rejected rows.
        drop_disputed: drop rows on which people disagree and which no lead has settled.
    """

    drop_rejected: bool = True
    drop_disputed: bool = True


def _outcomes(decisions: pl.DataFrame | None) -> dict[tuple[str, str, str], Outcome]:
    """Outcome per record and captions as shown: a caption that changed since is not decided."""
    if decisions is None:
        return {}
    grouped: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in decisions.iter_rows(named=True):
        key = (row["record_id"], row["zh"] or "", row["en"] or "")
        grouped.setdefault(key, []).append({**row, "edits": json.loads(row["edits"])})
    return {k: outcome(_newest(v)) for k, v in grouped.items()}


def _newest(rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One record may have been asked in several queues: the newest word of each person counts."""
    last: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda r: (r["created_at"], r["decision_id"])):
        last[row["reviewer"], row["kind"]] = row
    return list(last.values())


def decide(df: pl.DataFrame, params: DecideParams, res: Resources) -> pl.DataFrame:
    """Apply people's decisions.

    A lead's word settles a row; otherwise more than half of those who decided must say the same.

    Args:
        df: ``id``, ``zh``, ``en``, and ``themes`` if there.
        params: what is dropped.
        res: the frozen decisions; without them every row is ``unseen``.

    Returns:
        ``review``; ``zh_final`` and ``en_final``, the captions with people's edits; ``themes_final``, the theme ids.

    Drops:
        rejected: people rejected it.
        disputed: people disagree.
    """
    known = _outcomes(res.decisions)
    themes = df.get_column("themes").to_list() if "themes" in df.columns else [None] * len(df)
    rows = []
    for (ident, zh, en), labels in zip(df.select("id", "zh", "en").iter_rows(), themes, strict=True):
        got = known.get((ident, zh or "", en or ""), Outcome("unseen"))
        own = [x["id"] if isinstance(x, dict) else x for x in labels or ()]
        drop = got.review if (got.review == "rejected" and params.drop_rejected) or (got.review == "disputed" and params.drop_disputed) else None
        note = f"by {', '.join(got.reviewers)}" if drop else None
        final = list(got.themes) if got.themes is not None else own
        rows.append((ident, got.review, zh if got.zh is None else got.zh, en if got.en is None else got.en, final, drop, note))
    schema = pl.Schema({"id": pl.String(), **STAGE_ADDS, "drop": pl.String(), "drop_note": pl.String()})
    return pl.DataFrame(rows, schema=schema, orient="row")


STAGE_ADDS = pl.Schema({"review": REVIEW, "zh_final": pl.String(), "en_final": pl.String(), "themes_final": pl.List(pl.String())})
STAGE = Stage(
    name="decide",
    version=1,
    scope="table",
    params=DecideParams,
    needs=("zh", "en"),
    optional=("themes",),
    adds=STAGE_ADDS,
    reasons=("rejected", "disputed"),
    uses=frozenset({"decisions"}),
    fn=decide,
    help="people's decisions: review status and final captions",
)
