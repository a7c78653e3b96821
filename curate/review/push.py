"""Put rows of a finished run into a review queue: captions, flags, clips, neighbours, and why each is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate import index
from curate.checks import knowledge
from curate.display import on_original, place_map, rewritten
from curate.errors import UsageError
from curate.knowledge.lexicon import Lexicon
from curate.review.decisions import open_store
from curate.review.items import Added, Item, item_id, queue_name
from curate.review.media import MediaFolder
from curate.stage import Resources, call
from curate.stages.sample import STAGE as SAMPLE
from curate.stages.sample import WHY
from curate.workspace import Workspace

_COLUMNS = ("clip_id", "media", "uri", "start_s", "end_s", "zh", "en", "zh_origin", "en_origin", "source", "source_id", "license", "attribution")
_OPTIONAL = ("zh_script", "terms", "themes", "eras", "regions", "cells", "flags", "dup_group", "queue_why")


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        queue: the queue.
        items: how many items it holds now.
        open: how many of them wait for somebody.
        changes: what is different from before.
    """

    queue: str
    items: int
    open: int
    changes: Added

    @property
    def new(self) -> int:
        """How many items were not there before."""
        return self.changes.new

    def words(self) -> str:
        """Return it as one line for people."""
        c = self.changes
        parts = [f"{c.new} new items", f"{c.there} there already" if c.there else ""]
        parts += [f"{c.raised} now wanted from more people" if c.raised else "", f"{c.lowered} now wanted from fewer people" if c.lowered else ""]
        parts += [f"{c.retired} left the queue" if c.retired else "", f"{c.returned} came back" if c.returned else ""]
        return f"queue {self.queue}: {', '.join(p for p in parts if p)}; {self.open} of {self.items} wait for somebody"


def push(
    workspace: Path | Workspace | str,
    queue: str = "",
    store: str | None = None,
    overlap: int | None = None,
    most: int | None = None,
    lexicon: Lexicon | None = None,
) -> Pushed:
    """Put the rows that the stage ``sample`` marked into a queue. Without such a step the rows are marked now, by its defaults.

    Rows whose captions did not change keep their decisions, also when ``decide`` has dropped them since; items that are no longer among
    the rows leave the queue.

    Args:
        workspace: a workspace with a finished run.
        queue: name of the queue; the name of the recipe if empty.
        store: see `store_url`.
        overlap: how many people are asked per item, at least 1; also for items that are there already. ``None`` leaves these as they
            are, and asks as many people for new ones (one in a new queue).
        most: at most so many items, the most urgent ones.
        lexicon: for glosses; the shipped one if ``None``.

    Returns:
        What it did.
    """
    if overlap is not None and overlap < 1:
        raise UsageError(f"overlap is {overlap}", hint="at least one person must be asked")
    ws = workspace if isinstance(workspace, Workspace) else Workspace(Path(workspace))
    run = ws.last_run()
    name = queue_name(queue or run["recipe_name"])
    key = _undecided(ws, ws.last_key())
    lexicon = lexicon or _lexicon()
    table = _marked(ws, key, int(run["seed"]), lexicon)
    if most is not None:
        table = table.head(most)
    twins = _twins(ws, key, set(table.get_column("id")))
    near = _neighbours(ws, key, table.get_column("id").to_list())
    with MediaFolder(ws.root, ws.media_root(run)) as media:
        items = [
            _item(row, name, overlap or 0, lexicon, media, [*twins.get(row["id"], ()), *near.get(row["id"], ())])
            for row in table.iter_rows(named=True)
        ]
    target = open_store(ws, store)
    try:
        changes = target.add_items(items, retire=True)
        now = next((q for q in target.queues() if q["queue"] == name), {"items": 0, "open": 0})
    finally:
        target.close()
    return Pushed(name, int(now["items"]), int(now["open"]), changes)


def _undecided(ws: Workspace, key: str) -> str:
    """The step before ``decide``, so that a rejected row stays in the queue where its decision can be changed."""
    chain = ws.chain(key)
    at = next((n for n, r in enumerate(chain) if r.stage == "decide"), None)
    if at is None or at == 0 or not any("queue_why" in r.schema for r in chain[:at]):
        return key
    return chain[at - 1].key


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


@lru_cache(maxsize=1)
def _sources() -> Mapping[tuple[str, str], str]:
    """Where the facts behind the flags stand, by check and note."""
    known = knowledge.load()
    tables = {"anachronism": (known.not_before, known.not_after), "confusion": (known.confusables,)}
    return {(check, row.note_en): row.source for check, some in tables.items() for table in some for row in table.rows}  # type: ignore[attr-defined]


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
    sources = _sources()
    spans: dict[str, list[tuple[int, int, str]]] = {"zh": [], "en": []}
    for f in row.get("flags") or ():
        lang = f["lang"] if f["lang"] in texts else "zh"
        at = on_original(places[lang], f["start"], f["end"])
        flags.append({**f, "text": texts[lang][at[0] : at[1]] if at else "", "source": sources.get((f["check"], f["note_en"]), "")})
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
