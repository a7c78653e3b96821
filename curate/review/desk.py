"""The part of the review store around the decisions: people, drafts, proposed terms, export and import."""

from __future__ import annotations

# Values are always bound; only fixed names of columns and tables are put together.
# ruff: noqa: S608
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from curate.errors import DataError, UsageError, did_you_mean
from curate.review.database import Rows, stamp
from curate.review.items import COUNTED, READS, ROLES, clean, queue_name, reviewer_name, ulid
from curate.review.log import DECISION_COLUMNS, Log

_MINE = "('" + "', '".join(COUNTED) + "')"
ITEM_COLUMNS = "item_id, queue, record_id, clip_id, shown, suggestion, why, priority, overlap"
PROMPT_COLUMNS = "entry_id, set_name, prompt_id, reviewer, act, body, created_at"
PLACES = f"""UPDATE items SET places = overlap - (SELECT count(DISTINCT c.reviewer) FROM current_decisions c WHERE c.item_id = items.item_id
             AND c.kind = 'review' AND c.verdict IN {_MINE})"""


def json_text(value: Any) -> str:
    """Return JSON as it is stored."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


class Desk(Log):
    """What a store offers besides items and decisions."""

    # ---- people, drafts, proposals

    def set_reviewer(self, name: str, role: str | None = None, reads: str | None = None) -> dict[str, str]:
        """Add a reviewer or change one; what is ``None`` stays as it is.

        Args:
            name: the name.
            role: ``reviewer`` or ``lead``.
            reads: ``zh``, ``en`` or ``both``.
        """
        for value, allowed in ((role, ROLES), (reads, READS)):
            if value is not None and value not in allowed:
                raise UsageError(f"{value!r} is not known", hint=did_you_mean(value, allowed))
        values = {"n": reviewer_name(name), "role": role, "reads": reads}
        with self._write() as c:
            self._run(c, "INSERT INTO reviewers VALUES (:n, 'reviewer', 'both') ON CONFLICT DO NOTHING", values)
            for column in ("role", "reads"):
                if values[column] is not None:
                    self._run(c, f"UPDATE reviewers SET {column} = :{column} WHERE name = :n", values)
            return self._rows(c, "SELECT name, role, reads FROM reviewers WHERE name = :n", values)[0]

    def reviewers(self) -> Rows:
        """Return ``{name, role, reads}`` of everybody, by name."""
        with self._read() as c:
            return self._rows(c, "SELECT name, role, reads FROM reviewers ORDER BY name")

    def save_draft(self, item: str, reviewer: str, body: Mapping[str, Any] | None) -> None:
        """Keep unfinished work of a reviewer; ``None`` throws it away."""
        values = {"i": item, "r": reviewer_name(reviewer), "b": json_text(body), "t": self._stamp()}
        with self._write() as c:
            if body is None:
                self._run(c, "DELETE FROM drafts WHERE item_id = :i AND reviewer = :r", values)
            else:
                self._run(
                    c,
                    """INSERT INTO drafts VALUES (:i, :r, :b, :t)
                       ON CONFLICT (item_id, reviewer) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at""",
                    values,
                )

    def draft(self, item: str, reviewer: str) -> dict[str, Any] | None:
        """Return the unfinished work of a reviewer on an item, or ``None``."""
        with self._read() as c:
            rows = self._rows(c, "SELECT body FROM drafts WHERE item_id = :i AND reviewer = :r", {"i": item, "r": reviewer_name(reviewer)})
        return dict(json.loads(rows[0]["body"])) if rows else None

    def drafts(self, reviewer: str, prefix: str) -> dict[str, dict[str, Any]]:
        """Return the unfinished work of a reviewer whose ids begin so, by id."""
        sql = "SELECT item_id, body FROM drafts WHERE reviewer = :r AND substr(item_id, 1, :n) = :p ORDER BY item_id"
        with self._read() as c:
            rows = self._rows(c, sql, {"r": reviewer_name(reviewer), "p": prefix, "n": len(prefix)})
        return {r["item_id"]: dict(json.loads(r["body"])) for r in rows}

    def propose(self, reviewer: str, term: Mapping[str, str]) -> str:
        """Keep a proposed lexicon term.

        Args:
            reviewer: who proposes.
            term: cells by column of the lexicon.

        Returns:
            The proposal's id.
        """
        values = {"p": ulid(), "r": reviewer_name(reviewer), "t": json_text({k: clean(v) for k, v in term.items()}), "at": self._stamp()}
        with self._write() as c:
            self._run(c, "INSERT INTO proposals VALUES (:p, :r, :t, :at)", values)
        return values["p"]

    def proposals(self) -> Rows:
        """Return the proposed terms, oldest first: ``proposal_id``, ``reviewer``, ``term``, ``created_at``."""
        with self._read() as c:
            return [{**r, "term": json.loads(r["term"])} for r in self._rows(c, "SELECT * FROM proposals ORDER BY created_at, proposal_id")]

    # ---- prompts

    def accept_prompt(self, name: str, reviewer: str, prompt: Mapping[str, Any]) -> str:
        """Take a prompt into a set; one that is there already is replaced, and its old text stays in the log.

        Args:
            name: the set, written like the name of a queue.
            reviewer: who takes it.
            prompt: a row of ``curate prompts gaps``: ``id``, ``zh`` or ``en``, and whatever else belongs to it.

        Returns:
            The id of the entry.

        Raises:
            DataError: it has no id or no text.
        """
        texts = {lang: " ".join(clean(str(prompt.get(lang) or "")).split()) for lang in ("zh", "en")}
        if not prompt.get("id") or not any(texts.values()):
            raise DataError("a prompt needs an id and a text", hint="zh, en or both")
        return self._prompt(queue_name(name), reviewer, str(prompt["id"]), "accept", {**prompt, **texts})

    def withdraw_prompt(self, name: str, reviewer: str, prompt_id: str) -> str:
        """Take a prompt out of a set again; what it said stays in the log.

        Args:
            name: the set.
            reviewer: who takes it out.
            prompt_id: the prompt.

        Returns:
            The id of the entry.

        Raises:
            DataError: it is not in the set.
        """
        if prompt_id not in {str(r["id"]) for r in self.prompt_set(name)}:
            raise DataError(f"the set {name!r} has no prompt {prompt_id!r}")
        return self._prompt(queue_name(name), reviewer, prompt_id, "withdraw", {})

    def _prompt(self, name: str, reviewer: str, prompt_id: str, act: str, body: Mapping[str, Any]) -> str:
        values = {"e": ulid(), "s": name, "p": prompt_id, "r": reviewer_name(reviewer), "a": act, "b": json_text(body)}
        with self._write() as c:
            last = self._run(c, "SELECT max(created_at) FROM prompts WHERE set_name = :s AND prompt_id = :p", values).scalar_one()
            at = self._stamp()
            if last is not None and at <= last:
                # Two entries on one prompt never share a moment, whatever the clock does.
                at = stamp(datetime.fromisoformat(last) + timedelta(microseconds=1))
            self._run(c, f"INSERT INTO prompts ({PROMPT_COLUMNS}) VALUES (:e, :s, :p, :r, :a, :b, :t)", {**values, "t": at})
        return values["e"]

    def prompt_log(self, name: str) -> Rows:
        """Return all entries of a set, oldest first: ``entry_id``, ``prompt_id``, ``reviewer``, ``act``, ``body``, ``created_at``."""
        sql = f"SELECT {PROMPT_COLUMNS} FROM prompts WHERE set_name = :s ORDER BY created_at, entry_id"
        with self._read() as c:
            return [{**r, "body": json.loads(r["body"])} for r in self._rows(c, sql, {"s": queue_name(name)})]

    def prompt_set(self, name: str) -> Rows:
        """Return the prompts that are in a set, in the order they came in, as ``curate prompts pack`` reads them; with ``reviewer``."""
        now: dict[str, dict[str, Any]] = {}
        for r in self.prompt_log(name):
            if r["act"] == "withdraw":
                now.pop(r["prompt_id"], None)
            else:
                now[r["prompt_id"]] = {**r["body"], "reviewer": r["reviewer"]}
        return list(now.values())

    def prompt_sets(self) -> list[str]:
        """Return the names of all sets."""
        with self._read() as c:
            return [str(r["set_name"]) for r in self._rows(c, "SELECT DISTINCT set_name FROM prompts ORDER BY set_name")]

    # ---- out and in

    def dump(self) -> Iterator[dict[str, Any]]:
        """Yield everything that must not be lost, one JSON value per row: reviewers, items, decisions, proposals, prompts."""
        order = {
            "reviewers": "name",
            "items": "item_id",
            "item_tags": "tag, item_id",
            "decisions": "created_at, decision_id",
            "proposals": "proposal_id",
            "prompts": "created_at, entry_id",
        }
        with self._read() as c:
            for table, by in order.items():
                for row in self._rows(c, f"SELECT * FROM {table} ORDER BY {by}"):
                    yield {"table": table, **row}

    def load(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Take in what ``dump`` gave, of this store or another one; what is there already is left as it is.

        Args:
            rows: values of ``dump``.

        Returns:
            How many decisions were new.

        Raises:
            DataError: a row is of no known table or lacks a column; nothing is taken in.
        """
        given: dict[str, Rows] = {"reviewers": [], "items": [], "item_tags": [], "decisions": [], "proposals": [], "prompts": []}
        for number, row in enumerate(rows, 1):
            table = row.get("table")
            if table not in given:
                raise DataError(f"row {number}: unknown table {table!r}", hint=did_you_mean(str(table), given))
            given[table].append({k: v for k, v in row.items() if k != "table"})
        columns = {"reviewers": "name, role, reads", "items": ITEM_COLUMNS + ", created_at, places, retired_at",
                   "item_tags": "tag, item_id", "decisions": DECISION_COLUMNS, "proposals": "proposal_id, reviewer, term, created_at", "prompts": PROMPT_COLUMNS}  # fmt: skip
        with self._write() as c:
            before = int(self._run(c, "SELECT count(*) FROM decisions").scalar_one())
            for table, values in given.items():
                names = columns[table].split(", ")
                lacking = next((n for v in values for n in names if n not in v), None)
                if lacking:
                    raise DataError(f"a row of {table} has no {lacking!r}", hint="use a file written by curate review export")
                if values:
                    marks = ", ".join(f":{n}" for n in names)
                    self._run(c, f"INSERT INTO {table} ({columns[table]}) VALUES ({marks}) ON CONFLICT DO NOTHING", values)
            self._run(c, PLACES)
            return int(self._run(c, "SELECT count(*) FROM decisions").scalar_one()) - before
