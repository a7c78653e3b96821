"""Print precision and recall of each step of dedup, with and without vetoes: ``python -m tests.eval.dedup [SHARED]``.

Sets: PAWS-X (labelled pairs of Chinese sentences that share their words), Tatoeba (Chinese sentences; two are duplicates if they translate the same
English one, so a pair of like meaning and other English counts as wrong: precision is a lower bound) and the shipped sample with its truth file. The first two are read where they lie, in ``LEISHU_SHARED`` or the folder given.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from curate import plain, stages
from curate.stage import Resources, call
from curate.text import match_key
from tests.conftest import ROOT

PREPARE = ("normalize", "language", "match", "embed", "sign")
STEPS: tuple[tuple[str, ...], ...] = (("exact",), ("exact", "near"), ("exact", "near", "semantic"))
Pair = frozenset[str]


class Figures(NamedTuple):
    """One setting on one set."""

    name: str
    steps: str
    veto: bool
    found: int
    right: int
    true: int

    def line(self) -> str:
        """Return a row of the table."""
        precision = f"{self.right / self.found:.3f}" if self.found else "–"
        return f"| {self.name} | {self.steps} | {'yes' if self.veto else 'no'} | {self.true} | {self.found} | {precision} | {self.right / self.true:.3f} |"


def read(path: Path) -> list[dict[str, Any]]:
    """Read JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def paws(folder: Path) -> tuple[list[dict[str, str]], set[Pair], set[Pair]]:
    """Rows, duplicates, and pairs that count."""
    rows, true, judged = [], set(), set()
    for r in read(folder / "pawsx_zh_dev.jsonl"):
        other = r["labels"]["pair_zh"]
        if not other or "NS" in (other, r["caption_zh"]):
            continue
        a, b = f"{r['id']}a", f"{r['id']}b"
        rows += [{"id": a, "zh": r["caption_zh"]}, {"id": b, "zh": other}]
        judged.add(frozenset((a, b)))
        if r["labels"]["score"] >= 0.5:
            true.add(frozenset((a, b)))
    return rows, true, judged


def tatoeba(folder: Path) -> tuple[list[dict[str, str]], set[Pair], set[Pair] | None]:
    """Chinese sentences alone; the English ones are the truth."""
    rows, by_english = [], {}
    for r in read(folder / "tatoeba_zh_en.jsonl"):
        rows.append({"id": r["id"], "zh": r["caption_zh"]})
        by_english.setdefault(match_key(r["caption_en"]), []).append(r["id"])
    return rows, {frozenset(p) for ids in by_english.values() for p in combinations(sorted(set(ids)), 2)}, None


def sample(_: Path) -> tuple[list[dict[str, str]], set[Pair], set[Pair] | None]:
    """The shipped sample; its truth file names the copies."""
    folder = ROOT / "curate/recipes/sample"
    truth = {r["id"]: r for r in read(folder / "truth.jsonl")}
    rows = [
        {"id": r["id"], "clip_id": r.get("clip_id") or r["id"], "zh": r.get("zh") or r.get("caption_zh"), "en": r.get("en") or r.get("caption_en")}
        for r in read(folder / "captions.jsonl")
        if r["id"] in truth
    ]
    true = {frozenset((i, t["dup_of"])) for i, t in truth.items() if t["kind"] in ("exact", "twin", "near", "paraphrase") and t["dup_of"]}
    return rows, true, None


def figures(name: str, rows: list[dict[str, str]], true: set[Pair], judged: set[Pair] | None, res: Resources) -> Iterator[Figures]:
    """Run dedup with each choice of steps, with and without vetoes."""
    # Broken text is quarantined before dedup sees it.
    rows = [r for r in rows if not any("\ufffd" in (v or "") for v in r.values())]
    frame = plain.apply(plain.from_rows(rows), PREPARE, res)
    frame = frame.with_columns(id=pl.col("source_id"))
    # With Chinese alone, equal Chinese is beyond dispute, whatever it was translated from.
    same: set[Pair] = set()
    if name == "tatoeba":
        by_key: dict[str, list[str]] = {}
        for ident, key in frame.select("id", "zh_key").iter_rows():
            by_key.setdefault(key, []).append(ident)
        same = {frozenset(p) for ids in by_key.values() for p in combinations(ids, 2)}
        true = true - same
    stage = stages.load()["dedup"]
    for steps in STEPS:
        for veto in (True, False):
            out = call(stage, frame, stage.parse({"steps": steps, "veto": veto, "within_clip": "all"}), res, "dedup")
            # A row belongs to the row that stays instead of it.
            groups: dict[str, list[str]] = {}
            for ident, keeper in out.select("id", "dup_of").iter_rows():
                groups.setdefault(keeper or ident, []).append(ident)
            linked = {frozenset(p) for ids in groups.values() for p in combinations(ids, 2)} - same
            found = linked & judged if judged is not None else linked
            yield Figures(name, " + ".join(steps), veto, len(found), len(found & true), len(true))


def main(folder: str | None = None) -> int:
    """Print the table."""
    shared = Path(folder or os.environ.get("LEISHU_SHARED", ROOT.parent / "shared")) / "data"
    res = plain.default_resources()
    print("| set | steps | vetoes | duplicates | called so | precision | recall |\n|---|---|---|---|---|---|---|")
    for make in (sample, paws, tatoeba):
        if make is not sample and not shared.is_dir():
            continue
        rows, true, judged = make(shared)
        for row in figures(make.__name__, rows, true, judged, res):
            print(row.line(), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
