"""Compare what a run did with what was planted: the sample's truth file says what each row should become."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.run import RunResult

# Kinds of the truth file, and what "found" means for them.
DUPLICATES = ("exact", "twin", "near", "paraphrase")
VERDICTS = ("anachronism", "confusion", "mismatch")
DROPPED = ("mojibake", "boilerplate", "short", "foreign")
KEPT = ("clean", "everyday", "trap", "decoy", "legit", "zh_only", "en_only")


@dataclass(frozen=True)
class Score:
    """How many rows of one kind became what they should."""

    kind: str
    expected: str
    rows: int
    right: int

    @property
    def share(self) -> float:
        """Share of rows that became what they should, 0 to 1."""
        return self.right / self.rows if self.rows else 1.0


def read_truth(path: Path) -> dict[str, dict[str, Any]]:
    """Read a truth file: JSON Lines with ``id`` and ``kind``."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    return {str(r["id"]): r for r in rows}


def outcome(result: RunResult) -> dict[str, dict[str, Any]]:
    """Return per source id what the run did: ``drop``, ``dup_of`` (a source id), ``verdict``, ``swapped``.

    Args:
        result: a finished run with the stages language, check and dedup.
    """
    ws = result.workspace
    keys = {r.step_id: r.key for r in result.records}
    base = ws.table(keys["ingest"], ["source_id"])
    own = dict(base.iter_rows())
    out: dict[str, dict[str, Any]] = {s: {"drop": None, "dup_of": None, "verdict": None, "swapped": False, "group": None} for s in own.values()}
    for ident, drop, note, _ in ws.drops(result.key).select("id", "drop", "drop_note", "step").iter_rows():
        out[own[ident]]["drop"] = drop
        if note and note.startswith("dup_of="):
            out[own[ident]]["dup_of"] = own[note.split()[0].removeprefix("dup_of=")]
    for step, column in (("language", "swapped"), ("check", "verdict")):
        if step in keys:
            frame = pl.concat([pl.read_parquet(ws.step_dir(keys[step]) / p.file, columns=["id", column]) for p in _record(result, step).parts])
            for ident, value in frame.iter_rows():
                out[own[ident]][column] = value
    return out


def _record(result: RunResult, step: str) -> Any:
    return next(r for r in result.records if r.step_id == step)


def score(truth: Mapping[str, Mapping[str, Any]], got: Mapping[str, Mapping[str, Any]]) -> list[Score]:
    """Count per kind the rows that became what the truth file says.

    A duplicate is found when it or its partner left as a copy of the other's group; a decoy is right when it was not merged
    with what it resembles. Where a planted copy stayed and the row that it repeats left for it, that row is right too: one of the two was to stay.

    Args:
        truth: rows of the truth file by id.
        got: ``outcome`` of a run.
    """
    copies: dict[str, set[str]] = {}
    for ident, t in truth.items():
        if t.get("dup_of") is not None:
            copies.setdefault(str(t["dup_of"]), set()).add(ident)
    counts: dict[str, list[bool]] = {}
    for ident, t in truth.items():
        kind = str(t["kind"])
        g = got.get(ident)
        stayed = g is not None and str(g["drop"] or "").startswith("dedup.") and g["dup_of"] in copies.get(ident, ())
        counts.setdefault(kind, []).append((stayed and kind not in DUPLICATES) or _right(kind, t, g, got))
    names = {**dict.fromkeys(DUPLICATES, "merged"), **dict.fromkeys(VERDICTS, "flagged"), **dict.fromkeys(DROPPED, "left out or quarantined")}
    return [
        Score(k, names.get(k, "swapped columns seen" if k == "swapped" else "kept apart" if k == "decoy" else "kept"), len(v), sum(v))
        for k, v in counts.items()
    ]


def clip_copies(planted: Mapping[str, str], result: RunResult) -> Score:
    """Count the planted near duplicates among clips that the step ``clipdedup`` found.

    Args:
        planted: clip to the clip that it repeats; pairs of which one had left before are not counted, as nobody compared them.
        result: a finished run.
    """
    ws = result.workspace
    record = _record(result, "clipdedup")
    seen = ws.table(record.upstream, ["clip_id"]).join(
        pl.concat([pl.read_parquet(ws.step_dir(record.key) / p.file, columns=["id", "clip_dup_of"]) for p in record.parts]), on="id"
    )
    found = dict(seen.select("clip_id", "clip_dup_of").iter_rows())
    pairs = [(a, b) for a, b in planted.items() if a in found and b in found]
    return Score("clip copy", "merged", len(pairs), sum(found[a] == b or found[b] == a for a, b in pairs))


def _right(kind: str, t: Mapping[str, Any], g: Mapping[str, Any] | None, got: Mapping[str, Mapping[str, Any]]) -> bool:
    if g is None:
        return kind in DROPPED
    merged = str(g["drop"] or "").startswith("dedup.")
    if kind in DUPLICATES:
        partner = got.get(str(t.get("dup_of")), {})
        return merged or str(partner.get("drop") or "").startswith("dedup.")
    if kind in VERDICTS:
        return bool(g["verdict"] == kind)
    if kind in DROPPED:
        return (g["drop"] is not None and not merged) or g["verdict"] == "mismatch"
    if kind == "swapped":
        return bool(g["swapped"])
    if kind == "decoy":
        return not merged or g["dup_of"] != t.get("distinct_from")
    return not merged and (g["verdict"] in (None, "ok"))
