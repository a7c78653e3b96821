"""Review as part of the pipeline: rows become items, decisions become a frozen snapshot, agreement and progress are counted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate import agreement, index
from curate.display import on_original, place_map, rewritten
from curate.errors import DataError, UsageError, did_you_mean
from curate.items import Item, item_id, outcome, queue_name
from curate.lexicon import COLUMNS, Lexicon
from curate.reviewmedia import MediaFolder
from curate.stage import Resources, call
from curate.stages.sample import STAGE as SAMPLE
from curate.stages.sample import WHY
from curate.store import ReviewStore
from curate.workspace import Workspace, write_atomic, write_parquet

STORE_VARIABLE = "LEISHU_STORE"
_COLUMNS = ("clip_id", "media", "uri", "start_s", "end_s", "zh", "en", "zh_origin", "en_origin", "source", "source_id", "license", "attribution")
_OPTIONAL = ("zh_script", "terms", "themes", "eras", "regions", "cells", "flags", "dup_group", "queue_why")
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
    """

    path: Path
    sha256: str
    decisions: int


def store_url(workspace: Path, store: str | None = None) -> str:
    """Return where the decisions of a workspace are kept.

    Args:
        workspace: the workspace.
        store: a path or a database URL; the variable ``LEISHU_STORE`` or ``review.sqlite`` in the workspace if ``None``.
    """
    return store or os.environ.get(STORE_VARIABLE) or str(workspace / "review.sqlite")


def open_store(workspace: Path | Workspace, store: str | None = None) -> ReviewStore:
    """Open the review store of a workspace."""
    return ReviewStore(store_url(_root(workspace), store))


def _root(workspace: Path | Workspace | str) -> Path:
    return workspace.root if isinstance(workspace, Workspace) else Path(workspace)


def push(
    workspace: Path | Workspace | str,
    queue: str = "",
    store: str | None = None,
    overlap: int = 1,
    most: int | None = None,
    lexicon: Lexicon | None = None,
) -> int:
    """Put the rows that the stage ``sample`` marked into a queue. Without such a step the rows are marked now, by its defaults.

    Rows whose captions did not change keep their decisions; items that are no longer among the rows leave the queue.

    Args:
        workspace: a workspace with a finished run.
        queue: name of the queue; the name of the recipe if empty.
        store: see `store_url`.
        overlap: how many people are asked per item, at least 1.
        most: at most so many items, the most urgent ones.
        lexicon: for glosses; the shipped one if ``None``.

    Returns:
        How many items were new.
    """
    if overlap < 1:
        raise UsageError(f"overlap is {overlap}", hint="at least one person must be asked")
    ws = Workspace(_root(workspace))
    run = ws.last_run()
    name = queue_name(queue or run["recipe_name"])
    key = ws.last_key()
    lexicon = lexicon or _lexicon()
    table = _marked(ws, key, int(run["seed"]), lexicon)
    if most is not None:
        table = table.head(most)
    twins = _twins(ws, key, set(table.get_column("id")))
    near = _neighbours(ws, key, table.get_column("id").to_list())
    with MediaFolder(ws.root, Path(run["base"])) as media:
        items = [
            _item(row, name, overlap, lexicon, media, [*twins.get(row["id"], ()), *near.get(row["id"], ())]) for row in table.iter_rows(named=True)
        ]
    target = open_store(ws, store)
    try:
        return target.add_items(items, retire=True)
    finally:
        target.close()


def _lexicon() -> Lexicon:
    from curate.plain import shipped_lexicon

    return shipped_lexicon()


def _marked(ws: Workspace, key: str, seed: int, lexicon: Lexicon) -> pl.DataFrame:
    have = {c for r in ws.chain(key) for c in r.schema}
    table = ws.table(key, [*_COLUMNS, *(c for c in _OPTIONAL if c in have)])
    if "queue_why" not in have:
        got = call(SAMPLE, table, SAMPLE.parse({}), Resources(seed, lexicon), "sample")
        table = table.with_columns(got.get_column("queue_why"))
    table = table.filter(pl.col("queue_why").is_not_null()).with_columns(_first=pl.col("queue_why").str.split("|").list.first())
    rank = pl.col("_first").replace_strict({w: i for i, w in enumerate(WHY)}, default=len(WHY), return_dtype=pl.Int32)
    return table.sort(rank, "id")


def _item(row: Mapping[str, Any], queue: str, overlap: int, lexicon: Lexicon, media: MediaFolder, near: list[dict[str, Any]]) -> Item:
    zh, en = row["zh"], row["en"]
    why = str(row["queue_why"]).split("|")
    marks, flags, suggestion = _marks(row, lexicon)
    themes, eras = _ids(row.get("themes")), _ids(row.get("eras"))
    shown = {
        "zh": zh, "en": en, "zh_origin": row["zh_origin"],
        "en_origin": row["en_origin"], "zh_script": row.get("zh_script"), "marks": marks, "flags": flags, "near": near, "themes": themes, "eras": eras,
        "media": media.add(row), "from": {n: row[n] for n in ("source", "source_id", "license", "attribution", "clip_id")},
    }  # fmt: skip
    cells = row.get("cells") or [f"{t}|{e}" for t in themes for e in eras]
    tags = [f"why:{w}" for w in why] + [f"theme:{t}" for t in themes] + [f"era:{e}" for e in eras] + [f"cell:{c}" for c in cells]
    tags += [f"check:{c}" for c in sorted({f["check"] for f in flags})]
    priority = 10.0 * (len(WHY) - WHY.index(why[0])) + len(why) if why[0] in WHY else 0.0
    return Item(
        item_id(queue, row["id"], zh, en), queue, row["id"], row["clip_id"], shown, suggestion, "|".join(why), priority, overlap,
        tuple(dict.fromkeys(tags)),
    )  # fmt: skip


def _ids(labels: Iterable[Any] | None) -> list[str]:
    return [x["id"] if isinstance(x, Mapping) else str(x) for x in labels or ()]


def _marks(row: Mapping[str, Any], lexicon: Lexicon) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """Terms and flags on the captions as read, and the captions rewritten as the flags suggest."""
    texts = {"zh": row["zh"] or "", "en": row["en"] or ""}
    places = {lang: place_map(text, lang) for lang, text in texts.items()}
    marks: list[dict[str, Any]] = []
    for t in row.get("terms") or ():
        entry = lexicon.by_id.get(t["term_id"])
        at = on_original(places[t["lang"]], t["start"], t["end"])
        if entry is None or entry.kind == "trap" or at is None:
            continue
        label = " ".join(x for x in (entry.zh_hans, entry.pinyin, entry.en) if x) or t["term_id"]
        marks.append({"lang": t["lang"], "start": at[0], "end": at[1], "kind": "term", "id": entry.id, "label": label, "gloss": entry.gloss_en})
    flags: list[dict[str, Any]] = []
    spans: dict[str, list[tuple[int, int, str]]] = {"zh": [], "en": []}
    for f in row.get("flags") or ():
        lang = f["lang"] if f["lang"] in texts else "zh"
        at = on_original(places[lang], f["start"], f["end"])
        flags.append({**f, "text": texts[lang][at[0] : at[1]] if at else ""})
        if at:
            marks.append({"lang": lang, "start": at[0], "end": at[1], "kind": "flag", "id": f["check"], "label": f["note"] or "", "gloss": f["note_en"] or "",
                          "severity": f["severity"]})  # fmt: skip
            if f["suggestion"]:
                spans[lang].append((*at, str(f["suggestion"]).split(" / ")[0]))
    new = {lang: rewritten(texts[lang], s) for lang, s in spans.items() if s}
    return marks, flags, {**new, "agent": "check"} if new else {}


def _twins(ws: Workspace, key: str, wanted: set[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows that were dropped as duplicates of these."""
    chain = ws.chain(key)
    step = next((r for r in chain if "dup_of" in r.schema), None)
    if step is None or not wanted:
        return {}
    parts = [pl.read_parquet(ws.step_dir(step.key) / p.file, columns=["id", "dup_of", "dup_kind", "dup_score"]) for p in step.parts]
    found = pl.concat(parts).filter(pl.col("dup_of").is_in(sorted(wanted)))
    if not len(found):
        return {}
    texts = ws.table(chain[0].key, ["zh", "en"]).filter(pl.col("id").is_in(found.get_column("id").implode()))
    out: dict[str, list[dict[str, Any]]] = {}
    for r in found.join(texts, on="id").sort("dup_of", "dup_score", "id", descending=[False, True, False]).iter_rows(named=True):
        mine = out.setdefault(r["dup_of"], [])
        if len(mine) < 5:
            mine.append({"id": r["id"], "why": r["dup_kind"], "score": round(float(r["dup_score"] or 0), 3), "zh": r["zh"], "en": r["en"]})
    return out


def _neighbours(ws: Workspace, key: str, ids: list[str], k: int = 3) -> dict[str, list[dict[str, Any]]]:
    """The nearest other captions, if the run made vectors."""
    have = {c for r in ws.chain(key) for c in r.schema}
    if not {"zh_vector", "en_vector"} <= have or not ids:
        return {}
    table = ws.table(key, ["zh", "en", "zh_vector", "en_vector"])
    both = table.get_column("zh_vector").to_numpy().astype(np.float32) + table.get_column("en_vector").to_numpy().astype(np.float32)
    length = np.linalg.norm(both, axis=1, keepdims=True)
    vectors = np.ascontiguousarray(np.divide(both, length, out=np.zeros_like(both), where=length > 0))
    all_ids = table.get_column("id").to_list()
    row_of = {i: n for n, i in enumerate(all_ids)}
    rows = np.array([row_of[i] for i in ids])
    scores, found = index.top(index.build(vectors), vectors[rows], k + 1)
    zh, en = table.get_column("zh").to_list(), table.get_column("en").to_list()
    out: dict[str, list[dict[str, Any]]] = {}
    for ident, score, near in zip(ids, scores.tolist(), found.tolist(), strict=True):
        pairs = [(s, n) for s, n in zip(score, near, strict=True) if n >= 0 and all_ids[n] != ident][:k]
        out[ident] = [{"id": all_ids[n], "why": "near", "score": round(s, 3), "zh": zh[n], "en": en[n]} for s, n in pairs if s > 0.3]
    return out


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
    return Pulled(final, digest, len(frame))


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
    items = store.items(queue)
    live = set(items.get_column("item_id"))
    decisions = store.decisions(queue).filter(pl.col("item_id").is_in(sorted(live)))
    results = [outcome(rows) for rows in _per_item(decisions).values()]
    counts = {n: sum(r.review == n for r in results) for n in ("accepted", "edited", "rejected", "disputed")}
    reviewed = sum(counts.values())
    people = {p for r in results for p in r.reviewers}
    free = int((items.get_column("places") > 0).sum())
    share = round(reviewed / len(items), 4) if len(items) else 0.0
    return {"queue": queue, "items": len(items), "open": free, "reviewed": reviewed, "share": share, **counts, "reviewers": len(people)}


def _per_item(decisions: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    for row in decisions.iter_rows(named=True):
        out.setdefault(row["item_id"], []).append({**row, "edits": json.loads(row["edits"])})
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
        for item in store.get(sorted(said)):
            for tag in item.tags:
                axis, _, value = tag.partition(":")
                if axis == by:
                    groups.setdefault(value, []).append(said[item.item_id])
    return {**out, **{value: agreement.measure(rows) for value, rows in sorted(groups.items())}}


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
