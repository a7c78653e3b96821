"""The store of review: what was asked and what people decided. SQLite by default, PostgreSQL for teams, one behaviour.

Decisions are appended, never changed or deleted; the newest one per item, reviewer and kind counts. Every write is one transaction
that is on disk before the call returns (SQLite: WAL with ``synchronous=FULL``).
"""

from __future__ import annotations

# Values are always bound; only fixed names of columns and tables are put together.
# ruff: noqa: S608
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import DataError, UsageError, did_you_mean
from curate.review.database import Rows, now, stamp
from curate.review.desk import ITEM_COLUMNS as _ITEM
from curate.review.desk import PLACES as _PLACES
from curate.review.desk import Desk, json_text
from curate.review.items import Added, Decision, Item, Receipt, clean, reviewer_name
from curate.review.log import DECISION_COLUMNS as _DECISION

_LEASE = 900.0
_LEASES = "SELECT item_id FROM claims WHERE reviewer = :r AND expires_at > :now LIMIT 500"
_START = timedelta(seconds=60)


class ReviewStore(Desk):
    """Items, leases, decisions, drafts and proposals of one project; opened as ``database.Database`` says."""

    def __init__(self, url: str | Path, clock: Callable[[], datetime] = now) -> None:
        super().__init__(url, clock)
        # Where a reviewer's search for free items began last, and when: what lies before it need not be looked at each time.
        self._starts: dict[tuple[str, str, str | None], tuple[datetime, float, str]] = {}

    # ---- items

    def add_items(self, items: Iterable[Item], retire: bool = False) -> Added:
        """Put items into their queues; what is there already stays, with its decisions, and takes on the overlap given.

        Args:
            items: the items.
            retire: take items of the same queues that are not among these out of the queue (they keep their decisions).

        Returns:
            What changed.
        """
        given = list({i.item_id: i for i in items}.values())
        at = stamp(self._clock())
        rows: Rows = [
            {"item_id": i.item_id, "queue": i.queue, "record_id": i.record_id, "clip_id": i.clip_id, "shown": json_text(i.shown), "at": at,
             "suggestion": json_text(i.suggestion), "why": clean(i.why), "priority": float(i.priority), "overlap": i.overlap}
            for i in given
        ]  # fmt: skip
        tags = [{"tag": clean(t), "item_id": i.item_id} for i in given for t in i.tags]
        queues = sorted({i.queue for i in given})
        with self._write() as c:
            before = self._known(c, queues)
            usual = {q: max((o for k, o, gone in before.values() if k == q and not gone), default=1) for q in queues}
            for r in rows:
                known = before.get(r["item_id"])
                r["overlap"] = r["overlap"] if r["overlap"] > 0 else known[1] if known else usual[r["queue"]]
            if retire:
                for queue in queues:
                    self._run(c, "UPDATE items SET retired_at = :at WHERE queue = :q AND retired_at IS NULL", {"at": at, "q": queue})
            if rows:
                # What a reviewer has seen and decided on stays as it was shown.
                self._run(
                    c,
                    """INSERT INTO items (item_id, queue, record_id, clip_id, shown, suggestion, why, priority, created_at, overlap, places)
                       VALUES (:item_id, :queue, :record_id, :clip_id, :shown, :suggestion, :why, :priority, :at, :overlap, :overlap)
                       ON CONFLICT (item_id) DO UPDATE SET retired_at = NULL, why = excluded.why, priority = excluded.priority,
                       overlap = excluded.overlap, shown = CASE WHEN EXISTS (SELECT 1 FROM decisions d WHERE d.item_id = items.item_id)
                       THEN items.shown ELSE excluded.shown END""",
                    rows,
                )
            if tags:
                self._run(c, "INSERT INTO item_tags (tag, item_id) VALUES (:tag, :item_id) ON CONFLICT DO NOTHING", tags)
            for queue in queues:
                self._run(c, f"{_PLACES} WHERE queue = :q", {"q": queue})
        self._starts.clear()
        return self._added(before, {r["item_id"]: r["overlap"] for r in rows}, retire)

    def _known(self, c: Any, queues: Sequence[str]) -> dict[str, tuple[str, int, bool]]:
        """Queue, overlap and whether it is retired, per item that is there."""
        sql = "SELECT item_id, queue, overlap, retired_at FROM items WHERE queue = :q"
        rows = [r for q in queues for r in self._rows(c, sql, {"q": q})]
        return {r["item_id"]: (r["queue"], r["overlap"], r["retired_at"] is not None) for r in rows}

    @staticmethod
    def _added(before: Mapping[str, tuple[str, int, bool]], after: Mapping[str, int], retire: bool) -> Added:
        there = {i: before[i] for i in after if i in before}
        return Added(
            new=len(after) - len(there), there=len(there), raised=sum(after[i] > o for i, (_, o, _) in there.items()),
            lowered=sum(after[i] < o for i, (_, o, _) in there.items()), returned=sum(gone for *_, gone in there.values()),
            retired=sum(not gone for i, (*_, gone) in before.items() if i not in after) if retire else 0,
        )  # fmt: skip

    def _items(self, c: Any, ids: Sequence[str], lease: str = "") -> list[Item]:
        if not ids:
            return []
        found: dict[str, Item] = {}
        tags: dict[str, list[str]] = {}
        for k in range(0, len(ids), 500):
            names = {f"i{n}": v for n, v in enumerate(ids[k : k + 500])}
            marks = ", ".join(f":{n}" for n in names)
            for r in self._rows(c, f"SELECT item_id, tag FROM item_tags WHERE item_id IN ({marks}) ORDER BY tag", names):
                tags.setdefault(r["item_id"], []).append(r["tag"])
            for r in self._rows(c, f"SELECT {_ITEM} FROM items WHERE item_id IN ({marks})", names):
                found[r["item_id"]] = self._item(r, tags.get(r["item_id"], ()), lease)
        return [found[i] for i in ids if i in found]

    @staticmethod
    def _item(r: Mapping[str, Any], tags: Iterable[str], lease: str = "") -> Item:
        values = {k: r[k] for k in ("item_id", "queue", "record_id", "clip_id", "why", "priority", "overlap")}
        return Item(**values, shown=json.loads(r["shown"]), suggestion=json.loads(r["suggestion"]), tags=tuple(tags), lease=lease)

    def get(self, ids: Sequence[str]) -> list[Item]:
        """Return items by id, in the order asked; unknown ids are left out."""
        with self._read() as c:
            return self._items(c, list(dict.fromkeys(ids)))

    def queues(self) -> Rows:
        """Return ``{queue, items, open, created_at}`` per queue, the newest first; retired items do not count."""
        sql = """SELECT queue, count(*) AS items, sum(CASE WHEN places > 0 THEN 1 ELSE 0 END) AS open, max(created_at) AS created_at
                 FROM items WHERE retired_at IS NULL GROUP BY queue ORDER BY max(created_at) DESC, queue"""
        with self._read() as c:
            return self._rows(c, sql)

    def tags(self, queue: str, open_only: bool = False) -> dict[str, int]:
        """Return how many items of a queue carry each tag.

        Args:
            queue: the queue.
            open_only: count only items with a free place.
        """
        sql = f"""SELECT t.tag, count(*) AS n FROM items i JOIN item_tags t ON t.item_id = i.item_id
                  WHERE i.queue = :q AND i.retired_at IS NULL {"AND i.places > 0" if open_only else ""} GROUP BY t.tag ORDER BY t.tag"""
        with self._read() as c:
            return {r["tag"]: int(r["n"]) for r in self._rows(c, sql, {"q": queue})}

    def tagged(self, queue: str, axis: str) -> dict[str, list[str]]:
        """Return the values of one axis of tags, such as ``theme``, per item of a queue that somebody has decided on."""
        sql = """SELECT t.item_id, t.tag FROM items i JOIN item_tags t ON t.item_id = i.item_id WHERE i.queue = :q AND substr(t.tag, 1, :n) = :a
                 AND EXISTS (SELECT 1 FROM decisions d WHERE d.item_id = i.item_id) ORDER BY t.tag"""
        out: dict[str, list[str]] = {}
        with self._read() as c:
            for r in self._rows(c, sql, {"q": queue, "a": f"{axis}:", "n": len(axis) + 1}):
                out.setdefault(r["item_id"], []).append(r["tag"][len(axis) + 1 :])
        return out

    def page(self, queue: str, tags: Sequence[str] = (), state: str = "all", limit: int = 50, offset: int = 0) -> tuple[int, list[Item]]:
        """Return one page of a queue.

        Args:
            queue: the queue.
            tags: all of these must be on the item.
            state: ``all``, ``open`` (a place is free), ``done`` (no place is free) or ``flagged`` (somebody's newest verdict is flag).
            limit: rows per page.
            offset: rows before it.

        Returns:
            How many there are in all, and the items of the page.
        """
        states = {"all": "", "open": " AND i.places > 0", "done": " AND i.places <= 0",
                  "flagged": " AND EXISTS (SELECT 1 FROM current_decisions d WHERE d.item_id = i.item_id AND d.verdict = 'flag')"}  # fmt: skip
        if state not in states:
            raise UsageError(f"unknown state {state!r}", hint=did_you_mean(state, states))
        where = "i.queue = :q AND i.retired_at IS NULL" + states[state]
        values: dict[str, Any] = {"q": queue}
        for n, tag in enumerate(tags):
            where += f" AND EXISTS (SELECT 1 FROM item_tags t WHERE t.item_id = i.item_id AND t.tag = :t{n})"
            values[f"t{n}"] = tag
        with self._read() as c:
            total = int(self._run(c, f"SELECT count(*) FROM items i WHERE {where}", values).scalar_one())
            sql = f"SELECT i.item_id FROM items i WHERE {where} ORDER BY i.priority DESC, i.item_id LIMIT :n OFFSET :o"
            ids = [r["item_id"] for r in self._rows(c, sql, {**values, "n": limit, "o": offset})]
            return total, self._items(c, ids)

    def items(self, queue: str) -> pl.DataFrame:
        """Return all items of a queue that are not retired: ids, ``why``, ``priority``, ``overlap``, ``places`` (still free), captions."""
        sql = "SELECT item_id, record_id, clip_id, why, priority, overlap, places, shown FROM items WHERE queue = :q AND retired_at IS NULL"
        with self._read() as c:
            rows = self._rows(c, f"{sql} ORDER BY item_id", {"q": queue})
        for r in rows:
            shown = json.loads(r.pop("shown"))
            r.update(zh=shown.get("zh"), en=shown.get("en"))
        schema = {"item_id": pl.String, "record_id": pl.String, "clip_id": pl.String, "why": pl.String, "priority": pl.Float64,
                  "overlap": pl.Int64, "places": pl.Int64, "zh": pl.String, "en": pl.String}  # fmt: skip
        return pl.DataFrame(rows, schema=schema)

    # ---- leases

    def claim(self, queue: str, reviewer: str, n: int = 1, ttl_s: float = _LEASE, tag: str | None = None) -> list[Item]:
        """Lease the next items to a reviewer: those still held by them first, then the most urgent free ones.

        An item is free while decisions and other people's live leases together are fewer than its overlap, and the reviewer has not
        decided on it.

        Args:
            queue: the queue.
            reviewer: who asks.
            n: how many, at least 1.
            ttl_s: seconds until an unused lease ends.
            tag: only items with this tag.
        """
        name, at = reviewer_name(reviewer), self._clock()
        values: dict[str, Any] = {"q": queue, "r": name, "now": stamp(at), "until": stamp(at + timedelta(seconds=ttl_s)), "n": n, "tag": tag}
        tagged = "" if tag is None else " AND EXISTS (SELECT 1 FROM item_tags t WHERE t.item_id = i.item_id AND t.tag = :tag)"
        ready = f"""i.queue = :q AND i.retired_at IS NULL AND i.places > 0 {tagged} AND NOT EXISTS (SELECT 1 FROM current_decisions d
                    WHERE d.item_id = i.item_id AND d.reviewer = :r AND d.kind = 'review' AND d.verdict <> 'undo')"""
        free = "i.places > (SELECT count(*) FROM claims c WHERE c.item_id = i.item_id AND c.reviewer <> :r AND c.expires_at > :now)"
        with self._write() as c:
            ids = self._held(c, values)
            start = self._starts.get((queue, name, tag))
            after = ""
            if start and timedelta(0) <= at - start[0] < _START:
                after = " AND i.priority <= :sp AND (i.priority < :sp OR i.item_id >= :si)"
                values |= {"sp": start[1], "si": start[2]}
            while len(ids) < n:
                got = self._candidates(c, ready + after, free, {**values, "n": n - len(ids)}, ids)
                if not got and not after:
                    break
                after = after if got else ""
                ids += got
            for ident in ids:
                self._run(
                    c,
                    """INSERT INTO claims (item_id, reviewer, expires_at) VALUES (:i, :r, :until)
                       ON CONFLICT (item_id, reviewer) DO UPDATE SET expires_at = excluded.expires_at""",
                    {**values, "i": ident},
                )
            items = self._items(c, ids, str(values["until"]))
        if items:
            first = min(items, key=lambda i: (-i.priority, i.item_id))
            began = start[0] if after and start else at
            self._starts[queue, name, tag] = (began, first.priority, first.item_id)
        return items

    def _held(self, c: Any, values: Mapping[str, Any]) -> list[str]:
        # In small steps by key: as one question SQLite would walk through the whole queue in its order to find these few.
        names = {f"h{n}": r["item_id"] for n, r in enumerate(self._rows(c, _LEASES, values))}
        if not names:
            return []
        given, which = {**values, **names}, f"item_id IN ({', '.join(':' + n for n in names)})"
        rows = self._rows(c, f"SELECT item_id, queue, priority, places, retired_at FROM items WHERE {which}", given)
        decided = f"SELECT item_id FROM current_decisions WHERE {which} AND reviewer = :r AND kind = 'review' AND verdict <> 'undo'"
        gone = {r["item_id"] for r in self._rows(c, decided, given)}
        if values["tag"] is not None:
            tagged = {r["item_id"] for r in self._rows(c, f"SELECT item_id FROM item_tags WHERE tag = :tag AND {which}", given)}
            gone |= {r["item_id"] for r in rows} - tagged
        live = [r for r in rows if r["queue"] == values["q"] and r["places"] > 0 and r["retired_at"] is None and r["item_id"] not in gone]
        return [r["item_id"] for r in sorted(live, key=lambda r: (-r["priority"], r["item_id"]))[: values["n"]]]

    def _candidates(self, c: Any, ready: str, free: str, values: Mapping[str, Any], skip: Sequence[str]) -> list[str]:
        taken = {f"s{n}": v for n, v in enumerate(skip)}
        without = f" AND i.item_id NOT IN ({', '.join(':' + n for n in taken)})" if taken else ""
        lock = "" if self.sqlite else " FOR UPDATE OF i SKIP LOCKED"
        sql = f"SELECT i.item_id FROM items i WHERE {ready} AND {free}{without} ORDER BY i.priority DESC, i.item_id LIMIT :n{lock}"
        got = [r["item_id"] for r in self._rows(c, sql, {**values, **taken})]
        if self.sqlite or not got:
            return got
        # PostgreSQL judged the rows by what was committed before it locked them: look again, now that nobody else can lease them.
        names = {f"g{n}": v for n, v in enumerate(got)}
        marks = ", ".join(":" + n for n in names)
        sure = self._rows(c, f"SELECT i.item_id FROM items i WHERE i.item_id IN ({marks}) AND {ready} AND {free}", {**values, **names})
        kept = {r["item_id"] for r in sure}
        return [i for i in got if i in kept] or self._candidates(c, ready, free, values, [*skip, *got])

    def release(self, reviewer: str, ids: Sequence[str] | None = None) -> int:
        """Give leases back.

        Args:
            reviewer: whose.
            ids: which items; all if ``None``.

        Returns:
            How many leases ended.
        """
        name = reviewer_name(reviewer)
        with self._write() as c:
            if ids is None:
                return int(self._run(c, "DELETE FROM claims WHERE reviewer = :r", {"r": name}).rowcount)
            return sum(int(self._run(c, "DELETE FROM claims WHERE reviewer = :r AND item_id = :i", {"r": name, "i": i}).rowcount) for i in ids)

    # ---- decisions

    def record(self, decision: Decision) -> Receipt:
        """Store a decision for good. The same decision sent again changes nothing.

        Args:
            decision: what was decided; ``base`` is the decision the reviewer saw as the current one.

        Returns:
            The receipt; ``conflict`` names a decision that came in between.

        Raises:
            DataError: the item is unknown, the id belongs to another decision, or there is nothing to undo.
            UsageError: somebody who is not a lead adjudicates.
        """
        d = decision.checked()
        with self._write() as c:
            return self._record(c, d, lease=True)

    def record_many(self, decisions: Sequence[Decision]) -> list[Receipt]:
        """Store several decisions, all or none."""
        checked = [d.checked() for d in decisions]
        with self._write() as c:
            return [self._record(c, d) for d in checked]

    def _record(self, c: Any, d: Decision, lease: bool = False) -> Receipt:
        item = self._rows(c, "SELECT item_id FROM items WHERE item_id = :i" + ("" if self.sqlite else " FOR UPDATE"), {"i": d.item_id})
        if not item:
            raise DataError(f"the review store has no item {d.item_id!r}", hint="push the queue again: curate review push")
        known = self._rows(c, f"SELECT {_DECISION} FROM decisions WHERE decision_id = :d", {"d": d.decision_id})
        if known:
            return self._replay(known[0], d)
        if d.kind == "adjudicate" and self._role(c, d.reviewer) != "lead":
            raise UsageError(f"{d.reviewer} is no lead and cannot settle a dispute", hint="curate review serve --lead NAME")
        last = self._newest(c, d.item_id, d.reviewer, d.kind)
        if d.verdict == "undo" and (last is None or last["verdict"] == "undo"):
            raise DataError("there is nothing to undo on this item")
        at = stamp(self._clock())
        if last is not None and at <= last["created_at"]:
            # Two decisions of one person never share a moment, whatever the clock does.
            at = stamp(datetime.fromisoformat(last["created_at"]) + timedelta(microseconds=1))
        conflict = last["decision_id"] if last is not None and last["decision_id"] != d.base else None
        self._insert(c, d, at, conflict)
        self._run(c, "DELETE FROM claims WHERE item_id = :i AND reviewer = :r", {"i": d.item_id, "r": d.reviewer})
        if lease and d.verdict == "undo" and d.kind == "review":
            # Whoever takes a decision back is about to make another one: the item is theirs for a while.
            until = stamp(self._clock() + timedelta(seconds=_LEASE))
            self._run(c, "INSERT INTO claims VALUES (:i, :r, :u)", {"i": d.item_id, "r": d.reviewer, "u": until})
        self._run(c, "DELETE FROM drafts WHERE item_id = :i AND reviewer = :r", {"i": d.item_id, "r": d.reviewer})
        self._run(c, f"{_PLACES} WHERE item_id = :i", {"i": d.item_id})
        return Receipt(d.decision_id, at, False, conflict)

    def _role(self, c: Any, name: str) -> str:
        rows = self._rows(c, "SELECT role FROM reviewers WHERE name = :r", {"r": name})
        return str(rows[0]["role"]) if rows else "reviewer"

    def _insert(self, c: Any, d: Decision, at: str, conflict: str | None) -> None:
        marks = ", ".join(f":{n.strip()}" for n in _DECISION.split(","))
        row = {"decision_id": d.decision_id, "item_id": d.item_id, "reviewer": d.reviewer, "kind": d.kind, "verdict": d.verdict,
               "edits": json_text(d.edits), "labels": json_text(list(d.labels)), "note": d.note, "seconds": d.seconds, "base": d.base,
               "conflict": conflict, "app_version": d.app_version, "created_at": at}  # fmt: skip
        self._run(c, f"INSERT INTO decisions ({_DECISION}) VALUES ({marks})", row)
        self._run(c, "INSERT INTO reviewers VALUES (:r, 'reviewer', 'both') ON CONFLICT DO NOTHING", {"r": d.reviewer})

    @staticmethod
    def _replay(known: Mapping[str, Any], d: Decision) -> Receipt:
        same = (known["item_id"], known["reviewer"], known["verdict"], known["edits"]) == (d.item_id, d.reviewer, d.verdict, json_text(d.edits))
        if not same:
            raise DataError(f"the decision id {d.decision_id} belongs to another decision", hint="every decision needs its own id")
        return Receipt(known["decision_id"], known["created_at"], True, known["conflict"])
