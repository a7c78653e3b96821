"""Review as part of the pipeline: decisions become a frozen snapshot, agreement and progress are counted. Rows go out in `reviewpush`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import DataError, UsageError, did_you_mean
from curate.knowledge.lexicon import COLUMNS
from curate.recipe import load
from curate.review import agreement
from curate.review.items import COUNTED, outcome
from curate.review.store import ReviewStore
from curate.workspace import Workspace, write_atomic, write_parquet

STORE_VARIABLE = "LEISHU_STORE"
SNAPSHOT = pl.Schema(
    {"record_id": pl.String(), "item_id": pl.String(), "queue": pl.String(), "zh": pl.String(), "en": pl.String(), "reviewer": pl.String(),
     "kind": pl.String(), "verdict": pl.String(), "edits": pl.String(), "labels": pl.List(pl.String()), "note": pl.String(),
     "seconds": pl.Float64(), "created_at": pl.String(), "decision_id": pl.String()}
)  # fmt: skip


@dataclass(frozen=True)
class Pulled:
    """A frozen snapshot of decisions.

    Attributes:
        path: the parquet file.
        sha256: its digest, which is its name.
        decisions: how many are in it.
        queue: whose decisions they are.
        unread: why the recipe of the last run would not use them; empty if it does.
    """

    path: Path
    sha256: str
    decisions: int
    queue: str = ""
    unread: str = ""


def store_url(workspace: Path, store: str | None = None) -> str:
    """Return where the decisions of a workspace are kept.

    Args:
        workspace: the workspace.
        store: a path or a database URL; the variable ``LEISHU_STORE`` or ``review.sqlite`` in the workspace if ``None``.
    """
    return store or os.environ.get(STORE_VARIABLE) or str(workspace / "review.sqlite")


def open_store(workspace: Path | Workspace, store: str | None = None) -> ReviewStore:
    """Open the review store of a workspace.

    Raises:
        DataError: there is no such workspace, and nothing else says where the store is.
    """
    url = store_url(_root(workspace), store)
    if url == str(_root(workspace) / "review.sqlite") and not _root(workspace).is_dir():
        raise DataError(f"no workspace at {_root(workspace)}", hint="curate run RECIPE makes one beside the recipe")
    return ReviewStore(url)


def _root(workspace: Path | Workspace | str) -> Path:
    return workspace.root if isinstance(workspace, Workspace) else Path(workspace)


def snapshot(store: ReviewStore, queue: str) -> pl.DataFrame:
    """Return the decisions of a queue as the stage ``decide`` reads them: the newest per item, reviewer and kind, without undone ones."""
    decisions = store.decisions(queue).filter(pl.col("verdict") != "undo")
    texts = {i.item_id: i.shown for i in store.get(decisions.get_column("item_id").unique().to_list())}
    ids = decisions.get_column("item_id").to_list()
    shown = {lang: pl.Series(lang, [texts[i].get(lang) for i in ids], dtype=pl.String) for lang in ("zh", "en")}
    return decisions.with_columns(queue=pl.lit(queue), **shown).select(*SNAPSHOT).cast(SNAPSHOT).sort("record_id", "item_id", "reviewer", "kind")


def pull(workspace: Path | Workspace | str, queue: str = "", store: str | None = None) -> Pulled:
    """Freeze the decisions of a queue for the next run.

    Args:
        workspace: the workspace.
        queue: the queue; the only one, or the name of the recipe, if empty.
        store: see `store_url`.

    Returns:
        The snapshot; ``decisions/<queue>.latest`` names it, which is what a recipe's ``resources.decisions: <queue>`` reads.
    """
    root = _root(workspace)
    source = open_store(root, store)
    try:
        name = pick_queue(source, queue)
        frame = snapshot(source, name)
    finally:
        source.close()
    folder = root / "decisions"
    path = folder / f".{name}.new.parquet"
    digest = write_parquet(frame, path)
    final = folder / f"{digest}.parquet"
    os.replace(path, final)
    write_atomic(folder / f"{name}.latest", f"{digest}\n".encode())
    return Pulled(final, digest, len(frame), name, _unread(root, name))


def _unread(root: Path, queue: str) -> str:
    """Why the last run's recipe would not use a queue's decisions."""
    ws = Workspace(root)
    done = [r for r in ws.runs() if r["status"] == "done"]
    if not done:
        return ""
    recipe, _ = load(root / "runs" / done[-1]["run_id"] / "recipe.yaml")
    reads = recipe.resources.decisions
    if not any(s.use == "decide" for s in recipe.steps):
        return f"the recipe {recipe.name!r} has no step `decide`; add it, and resources: {{decisions: {queue}}}"
    return (
        ""
        if reads == queue or str(reads).endswith(".parquet")
        else f"the recipe {recipe.name!r} reads the queue {reads!r}; write decisions: {queue} there"
    )


def pick_queue(store: ReviewStore, queue: str = "") -> str:
    """Return a queue of the store by name, or the newest one.

    Raises:
        DataError: there is none, or not this one.
    """
    names = [q["queue"] for q in store.queues()]
    if not names:
        raise DataError("no queue has been pushed yet", hint="curate review push --workspace WS")
    if queue and queue not in names:
        raise DataError(f"no queue {queue!r}", hint=did_you_mean(queue, names))
    return queue or str(names[0])


def state(store: ReviewStore, queue: str) -> dict[str, Any]:
    """Count a queue: ``items``, ``open``, ``reviewed`` (somebody decided), ``share``, one count per outcome, ``reviewers``."""
    here = next((q for q in store.queues() if q["queue"] == queue), {"items": 0, "open": 0})
    items, free = int(here["items"]), int(here["open"])
    results = [outcome(rows) for rows in _per_item(store.decisions(queue, live=True)).values()]
    counts = {n: sum(r.review == n for r in results) for n in ("accepted", "edited", "rejected", "disputed")}
    reviewed = sum(counts.values())
    people = {p for r in results for p in r.reviewers}
    share = round(reviewed / items, 4) if items else 0.0
    return {"queue": queue, "items": items, "open": free, "reviewed": reviewed, "share": share, **counts, "reviewers": len(people)}


def _per_item(decisions: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    needed = decisions.select("item_id", "reviewer", "kind", "verdict", "edits", "created_at")
    for row in needed.iter_rows(named=True):
        row["edits"] = json.loads(row["edits"]) if row["edits"] != "{}" else {}
        out.setdefault(row["item_id"], []).append(row)
    return out


def disputes(store: ReviewStore, queue: str) -> list[str]:
    """Return the items on which people disagree and which no lead has settled."""
    return sorted(i for i, rows in _per_item(store.decisions(queue)).items() if outcome(rows).review == "disputed")


def agree(store: ReviewStore, queue: str, name: str = "verdict", by: str = "") -> dict[str, agreement.Agreement]:
    """Measure agreement on one field of a queue.

    Args:
        store: the store.
        queue: the queue.
        name: ``verdict``, ``zh``, ``en`` or ``themes``.
        by: ``theme``, ``era``, ``why`` or ``check`` to measure each value apart as well.

    Returns:
        The agreement on all items under ``""``, then per value.
    """
    if name not in agreement.FIELDS:
        raise UsageError(f"no agreement on {name!r}", hint=did_you_mean(name, agreement.FIELDS))
    said = agreement.units(store.decisions(queue).iter_rows(named=True), name)
    out = {"": agreement.measure(said.values())}
    groups: dict[str, list[dict[str, str]]] = {}
    if by:
        for item, values in store.tagged(queue, by).items():
            for value in values:
                if item in said:
                    groups.setdefault(value, []).append(said[item])
    return {**out, **{value: agreement.measure(rows) for value, rows in sorted(groups.items())}}


def unmeasured(found: agreement.Agreement, store: ReviewStore, queue: str, name: str, where: str) -> str:
    """Say why agreement on a queue cannot be measured and what to do; empty if it can.

    Args:
        found: agreement on all items, from `agree`.
        store: the store.
        queue: the queue.
        name: the field that was asked for.
        where: the workspace, for the command to type.
    """
    if found.items:
        return ""
    decided = store.decisions(queue, live=True).filter(pl.col("verdict").is_in(list(COUNTED)))
    people = sorted(decided.get_column("reviewer").unique())
    twice = f"curate review push --workspace {where} --overlap 2"
    if not people:
        return f"queue {queue}: nobody has decided anything yet; next: {twice}, then curate review serve --workspace {where}"
    said = f"queue {queue}: {decided.get_column('item_id').n_unique()} items decided by {', '.join(people)}"
    if len(people) == 1:
        return f"{said} alone; agreement needs two people on the same items; next: {twice}"
    if name != "verdict" and agree(store, queue)[""].items:
        return (
            f"{said}, but none that two of them accepted or edited, so there is nothing to compare on {name}; --field verdict compares the verdicts"
        )
    return f"{said}, but none by two of them; next: {twice}"


def facts(workspace: Path | Workspace | str, queue: str = "", store: str | None = None) -> dict[str, Any]:
    """Return what a card says of review: `state` and the agreement on the verdict."""
    source = open_store(_root(workspace), store)
    try:
        name = pick_queue(source, queue)
        return {**state(source, name), "agreement": agree(source, name)[""].to_json()}
    finally:
        source.close()


def read_export(path: Path) -> list[dict[str, Any]]:
    """Read a file written by ``curate review export``.

    Args:
        path: JSON Lines.

    Raises:
        DataError: a line is no JSON object; names it.
    """
    out = []
    with path.open(encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            try:
                row = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as e:
                raise DataError(f"{path}:{number}: {e}", hint="use a file written by curate review export") from e
            if not isinstance(row, dict):
                raise DataError(f"{path}:{number}: expected an object")
            out.append(row)
    return out


def cells(store: ReviewStore, queue: str) -> dict[str, tuple[int, int]]:
    """Return ``(open, all)`` items per cell ``theme|era`` of a queue."""
    free = store.tags(queue, open_only=True)
    return {t[5:]: (free.get(t, 0), n) for t, n in store.tags(queue).items() if t.startswith("cell:") and "|" in t}


def count(store: ReviewStore, queue: str) -> int:
    """Return how many decisions a queue has, undone and replaced ones too."""
    return store.count_decisions(queue)


def lexicon_patch(proposals: Iterable[Mapping[str, Any]]) -> str:
    """Return proposed terms as rows of a lexicon file, for a person to look at and put in.

    Args:
        proposals: from ``ReviewStore.proposals``.
    """
    lines = ["\t".join(COLUMNS)]
    for p in proposals:
        term = {k: " ".join(str(v).split()) for k, v in p["term"].items()}
        term["source"] = f"{term.get('source', '')} (proposed by {p['reviewer']})".strip()
        term["id"] = term.get("id") or f"{term.get('theme', 'new')}-{p['proposal_id'].lower()}"
        term["context"] = term.get("context") or "free"
        lines.append("\t".join(term.get(c, "") for c in COLUMNS))
    return "\n".join(lines) + "\n"
