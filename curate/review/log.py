"""What people decided, as it is read back: the newest decision, all of them, counts per reviewer."""

from __future__ import annotations

# Values are always bound; only fixed names of columns and tables are put together.
# ruff: noqa: S608
import json
from typing import Any

import polars as pl

from curate.review.database import Database, Rows
from curate.review.items import reviewer_name

DECISION_COLUMNS = "decision_id, item_id, reviewer, kind, verdict, edits, labels, note, seconds, base, conflict, app_version, created_at"
DECISIONS = pl.Schema(
    {"decision_id": pl.String(), "item_id": pl.String(), "record_id": pl.String(), "clip_id": pl.String(), "reviewer": pl.String(),
     "kind": pl.String(), "verdict": pl.String(), "edits": pl.String(), "labels": pl.List(pl.String()), "note": pl.String(),
     "seconds": pl.Float64(), "conflict": pl.String(), "created_at": pl.String()}
)  # fmt: skip


class Log(Database):
    """The decisions of a store, for reading."""

    def _newest(self, c: Any, item: str, reviewer: str, kind: str) -> dict[str, Any] | None:
        whose = "" if kind == "adjudicate" else " AND reviewer = :r"
        rows = self._rows(
            c,
            f"SELECT {DECISION_COLUMNS} FROM decisions WHERE item_id = :i AND kind = :k{whose} ORDER BY created_at DESC, decision_id DESC LIMIT 1",
            {"i": item, "k": kind, "r": reviewer},
        )
        return self._plain(rows)[0] if rows else None

    @staticmethod
    def _plain(rows: Rows) -> Rows:
        return [{**r, "edits": json.loads(r["edits"]), "labels": json.loads(r["labels"])} for r in rows]

    def newest(self, item: str, reviewer: str, kind: str = "review") -> dict[str, Any] | None:
        """Return a reviewer's newest decision on an item (any lead's, for ``adjudicate``), or ``None``."""
        with self._read() as c:
            return self._newest(c, item, reviewer_name(reviewer), kind)

    def log(self, item: str | None = None, reviewer: str | None = None, limit: int = 50, queue: str | None = None) -> Rows:
        """Return decisions, newest first, undone and replaced ones too.

        Args:
            item: only on this item.
            reviewer: only by this reviewer.
            limit: at most so many.
            queue: only on items of this queue.
        """
        within = "item_id IN (SELECT item_id FROM items WHERE queue = :q)" if queue else ""
        where = " AND ".join(x for x in ("item_id = :i" if item else "", "reviewer = :r" if reviewer else "", within) if x) or "1 = 1"
        sql = f"SELECT {DECISION_COLUMNS} FROM decisions WHERE {where} ORDER BY created_at DESC, decision_id DESC LIMIT :n"
        with self._read() as c:
            return self._plain(self._rows(c, sql, {"i": item, "r": reviewer and reviewer_name(reviewer), "n": limit, "q": queue}))

    def decisions(self, queue: str, history: bool = False, live: bool = False) -> pl.DataFrame:
        """Return the decisions of a queue.

        Args:
            queue: the queue; decisions on retired items are there too.
            history: all decisions, instead of the newest per item, reviewer and kind.
            live: only on items that are still in the queue.
        """
        names = ", ".join(f"i.{n}" if n in ("record_id", "clip_id") else f"d.{n}" for n in DECISIONS)
        source = "decisions" if history else "current_decisions"
        sql = f"SELECT {names} FROM {source} d JOIN items i ON i.item_id = d.item_id WHERE i.queue = :q"
        if live:
            sql += " AND i.retired_at IS NULL"
        with self._read() as c:
            rows = self._rows(c, f"{sql} ORDER BY d.created_at, d.decision_id", {"q": queue})
        return pl.DataFrame([{**r, "labels": json.loads(r["labels"])} for r in rows], schema=DECISIONS)

    def count_decisions(self, queue: str) -> int:
        """Return how many decisions a queue has, undone and replaced ones too."""
        sql = "SELECT count(*) FROM decisions d JOIN items i ON i.item_id = d.item_id WHERE i.queue = :q"
        with self._read() as c:
            return int(self._run(c, sql, {"q": queue}).scalar_one())

    def progress(self, queue: str) -> pl.DataFrame:
        """Count the newest decisions per reviewer: one column per verdict, ``seconds`` (median) and ``last`` (time of the last one)."""
        now_ = self.decisions(queue).filter((pl.col("kind") == "review") & (pl.col("verdict") != "undo"))
        counts = [(pl.col("verdict") == v).sum().alias(v) for v in ("accept", "edit", "reject", "flag", "skip")]
        extra = [pl.len().alias("decisions"), pl.col("seconds").median().round(1), pl.col("created_at").max().alias("last")]
        return now_.group_by("reviewer").agg(*counts, *extra).sort("reviewer")
