"""The stages on plain files and lists, without a recipe: what ``curate tag``, ``dedup``, ``search`` and ``coverage`` do.

The very same stage functions run as in a recipe. Rows keep the user's own ids; nothing is dropped, verdicts are reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from curate import readers, stages
from curate.data import json_lines
from curate.embed import Embedder, UseEmbedder, make_embedder
from curate.errors import DataError, UsageError
from curate.knowledge.lexicon import Lexicon
from curate.knowledge.taxonomy import Taxonomy
from curate.readers.base import Bad
from curate.readers.columns import Spec, completed, describe, guess, to_records
from curate.recipe import Input
from curate.schema import RECORD, record_id
from curate.search import Pool
from curate.stage import Params, Resources, call
from curate.text import normalize_with_map, script_of, to_simplified

Row = Mapping[str, Any]


@dataclass
class Loaded:
    """Rows of a plain file.

    Attributes:
        frame: records; ``source_id`` is the user's own id or the row number.
        bad: rows that are no records.
        notes: encoding and columns found.
    """

    frame: pl.DataFrame
    bad: list[Bad] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@lru_cache(maxsize=1)
def shipped_lexicon() -> Lexicon:
    """Return the shipped lexicon, read once."""
    return Lexicon.load()


@lru_cache(maxsize=1)
def shipped_taxonomy() -> Taxonomy:
    """Return the shipped axes, read once."""
    return Taxonomy.load()


@lru_cache(maxsize=2)
def _embedder(name: str, model: str) -> Embedder:
    return make_embedder(name, model)


def default_resources(embedder: str = "use", model: str = "", seed: int = 0, vectors: bool = True) -> Resources:
    """Return the shipped lexicon and axes with an embedder.

    Args:
        embedder: ``use``, ``st`` or ``hash``.
        model: model folder or hub id for ``st``.
        seed: seed of what draws.
        vectors: whether texts will be encoded; if so the weights are read while the lexicon is.
    """
    encoder = _embedder(embedder, model)
    if vectors and isinstance(encoder, UseEmbedder):
        encoder.warm()
    lexicon, taxonomy = shipped_lexicon(), shipped_taxonomy()
    digests = {"lexicon": lexicon.sha256, "taxonomy": taxonomy.sha256, "embedder": encoder.sha256}
    return Resources(seed, lexicon, taxonomy, encoder, None, digests)


def load(path: Path, read: str = "auto", columns: Mapping[str, str] | None = None) -> Loaded:
    """Read a plain file of captions.

    Args:
        path: the file, or a glob of files of one kind.
        read: reader name, or ``auto``.
        columns: record column to source column.

    Raises:
        DataError: the file is missing or holds no record.
    """
    item = Input(name=path.stem or "input", path=str(path), read=read, map=dict(columns or {}))
    files = readers.find_files(str(path), Path.cwd(), read)
    name = readers.choose_one(read, files)
    params = readers.parse_options(name, {})
    spec = Spec(item.name)
    frames: list[pl.DataFrame] = []
    out = Loaded(pl.DataFrame(schema=RECORD))
    rows, seen = 0, dict[str, None]()
    for batch in (b for f in files for b in readers.load()[name].fn(f, params)):
        out.bad += batch.bad
        out.notes += batch.notes
        if not len(batch.frame):
            continue
        batch.frame = completed(batch.frame, seen)
        mapping = guess(batch.frame.columns, item.map)
        if not frames:
            out.notes.append(f"columns: {describe(mapping, batch.frame.columns)}")
        records = to_records(batch, mapping, spec, rows)
        rows += len(batch.frame)
        frames.append(records.frame)
        out.bad += records.bad
    if not frames or not sum(len(f) for f in frames):
        first = f": {out.bad[0].file}:{out.bad[0].line}: {out.bad[0].note}" if out.bad else ""
        hint = f"{len(out.bad)} rows were refused; that is why the first one was" if out.bad else "is the file empty?"
        raise DataError(f"no record could be read from {path}{first}", hint=hint)
    out.frame = pl.concat(frames)
    shared = out.frame.get_column("source_id").value_counts().filter(pl.col("count") > 1)
    if len(shared):
        first = out.frame.filter(pl.col("source_id").is_in(shared["source_id"].to_list()))["source_id"][0]
        out.notes.append(f"ids: {int(shared['count'].sum())} rows share {len(shared)} ids, the first is {first!r}; the answers name rows by id")
    return out


def from_rows(rows: Iterable[str | Row]) -> pl.DataFrame:
    """Turn captions or rows into records.

    Args:
        rows: strings (a caption in either language), or mappings with ``id``, ``zh``, ``en`` or the usual other names.
    """
    plain = [{"caption": r} if isinstance(r, str) else dict(r) for r in rows]
    if not plain:
        return pl.DataFrame(schema=RECORD)
    names = list(dict.fromkeys(k for r in plain for k in r))
    data = {n: [None if r.get(n) is None else str(r[n]) for r in plain] for n in names}
    frame = pl.DataFrame(data, schema=dict.fromkeys(names, pl.String)).with_columns(_line=pl.int_range(1, len(plain) + 1, dtype=pl.Int64))
    records, bad, _ = to_records(readers.Batch(frame, "rows"), guess(names, {}), Spec("rows"), 0)
    if bad:
        raise DataError(f"row {bad[0].line}: {bad[0].note}")
    return records


def apply(frame: pl.DataFrame, names: Sequence[str], res: Resources, params: Mapping[str, Mapping[str, Any]] | None = None) -> pl.DataFrame:
    """Run stages over records, keeping every row; verdicts are put aside.

    Args:
        frame: records.
        names: stages in order.
        res: resources.
        params: parameters per stage.

    Returns:
        The frame with the stages' columns.
    """
    known = stages.load()
    # Ids must be unique for the stage contract; rows of plain files may repeat each other in every respect.
    unique = [record_id("plain", str(i), "", None, None) for i in range(len(frame))]
    out = frame.with_columns(pl.Series("id", unique, dtype=pl.String))
    for name in names:
        stage = known[name]
        parsed: Params = stage.parse((params or {}).get(name, {}))
        got = call(stage, out, parsed, res, name)
        out = out.hstack(got.drop("id", "drop", "drop_note").get_columns())
    return out


TAG_STAGES = ("normalize", "language", "match", "embed", "theme")


def tag_frame(frame: pl.DataFrame, res: Resources) -> pl.DataFrame:
    """Add everything that tagging needs and gives to records."""
    return apply(frame, TAG_STAGES, res)


def tag(rows: Iterable[str | Row] | pl.DataFrame, res: Resources | None = None) -> list[dict[str, Any]]:
    """Tag captions with eras, themes, regions and terms.

    Args:
        rows: captions, rows, or a frame of records.
        res: resources; the shipped ones if ``None``.

    Returns:
        One ``{id, eras, themes, regions, terms}`` per row; a term is ``{id, lang, start, end, text}`` with code-point offsets into the
        caption as it was given.
    """
    res = res or default_resources()
    frame = rows if isinstance(rows, pl.DataFrame) else from_rows(rows)
    out = tag_frame(frame, res)
    keep = ("source_id", "zh", "en", "eras", "themes", "regions", "terms")
    result = []
    for ident, zh, en, eras, themes, regions, terms in out.select(keep).iter_rows():
        result.append(
            {
                "id": ident,
                "eras": [x["id"] for x in eras],
                "themes": [x["id"] for x in themes],
                "regions": [x["id"] for x in regions],
                "terms": _original_spans(zh or "", en or "", terms),
            }
        )
    return result


def original_offsets(original: str, lang: str) -> list[int] | None:
    """Map offsets of the normalized text to the original; ``None`` if conversion changed the length."""
    norm, starts = normalize_with_map(original)
    if lang == "zh" and script_of(norm) in ("hant", "mixed") and len(to_simplified(norm)) != len(norm):
        return None
    return starts


def _original_spans(zh: str, en: str, terms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    maps = {lang: original_offsets(text, lang) for lang, text in (("zh", zh), ("en", en))}
    texts = {"zh": zh, "en": en}
    out = []
    for t in terms:
        if str(t["term_id"]).startswith("trap:"):
            continue
        starts = maps[t["lang"]]
        if starts is None:
            continue
        start, end = place(starts, t["start"], t["end"], len(texts[t["lang"]]))
        piece = texts[t["lang"]][start:end].rstrip()
        out.append({"id": t["term_id"], "lang": t["lang"], "start": start, "end": start + len(piece), "text": piece})
    return out


def check(rows: Iterable[Row] | pl.DataFrame, res: Resources | None = None) -> list[dict[str, Any]]:
    """Check captions for anachronism, confusion and mismatch.

    Args:
        rows: rows, or a frame of records.
        res: resources; the shipped ones if ``None``.

    Returns:
        One ``{id, verdict, flags, pair_score}`` per row; a flag is ``{check, severity, lang, start, end, text, note, note_en, suggestion}`` with
        code-point offsets into the caption as it was given.
    """
    res = res or default_resources()
    frame = rows if isinstance(rows, pl.DataFrame) else from_rows(rows)
    out = apply(frame, ("normalize", "language", "match", "embed", "check"), res)
    result = []
    for ident, zh, en, flags, verdict, score in out.select("source_id", "zh", "en", "flags", "verdict", "pair_score").iter_rows():
        result.append({"id": ident, "verdict": verdict, "flags": _original_flags(zh or "", en or "", flags), "pair_score": round(score, 4)})
    return result


def _original_flags(zh: str, en: str, flags: list[dict[str, Any]]) -> list[dict[str, Any]]:
    texts = {"zh": zh, "en": en}
    maps = {lang: original_offsets(text, lang) for lang, text in texts.items()}
    out = []
    for f in flags:
        text, starts = texts[f["lang"]], maps[f["lang"]]
        start, end = (0, len(text)) if starts is None or not text else place(starts, f["start"], f["end"], len(text))
        out.append({**{k: f[k] for k in ("check", "severity", "lang")}, "start": start, "end": end, "text": text[start:end],
                    **{k: f[k] for k in ("note", "note_en", "suggestion")}})  # fmt: skip
    return out


def place(starts: Sequence[int], start: int, end: int, length: int) -> tuple[int, int]:
    """Map a place in the normalized text to the original.

    Args:
        starts: from ``normalize_with_map``.
        start, end: code points into the normalized text.
        length: length of the original.
    """
    if end <= start:
        return starts[min(start, len(starts) - 1)], starts[min(start, len(starts) - 1)]
    last = starts[min(end, len(starts)) - 1]
    return starts[start], next((s for s in starts[end:] if s > last), length)


DEDUP_STAGES = ("normalize", "match")


def dedup(rows: Iterable[Row] | pl.DataFrame, res: Resources | None = None, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Find duplicates among rows.

    Args:
        rows: rows, or a frame of records.
        res: resources; the shipped ones if ``None``.
        params: parameters of the ``dedup`` stage.

    Returns:
        One ``{id, dup_of, dup_kind, dup_score, dup_group}`` per row, in order; ids are the rows' own.
    """
    res = res or default_resources()
    frame = rows if isinstance(rows, pl.DataFrame) else from_rows(rows)
    options = dict(params or {})
    semantic = "semantic" in options.get("steps", ("semantic",))
    names = [*DEDUP_STAGES, *(["embed"] if semantic else []), "sign", "dedup"]
    out = apply(frame, names, res, {"dedup": options})
    own = dict(zip(out.get_column("id"), out.get_column("source_id"), strict=True))
    return [
        {
            "id": own[i],
            "dup_of": own.get(of) if of else None,
            "dup_kind": kind,
            "dup_score": None if score is None else round(score, 4),
            "dup_group": own[group],
        }
        for i, of, kind, score, group in out.select("id", "dup_of", "dup_kind", "dup_score", "dup_group").iter_rows()
    ]


def pool(frame: pl.DataFrame, res: Resources | None = None) -> Pool:
    """Make records ready for search.

    Args:
        frame: records.
        res: resources; the shipped ones if ``None``.
    """
    res = res or default_resources()
    ready = apply(frame, ("normalize", "match"), res).with_columns(id=pl.col("source_id"))
    return Pool.build(ready, res.need_lexicon(), res.need_embedder(), res.need_taxonomy())


def search(rows: Iterable[str | Row] | pl.DataFrame, query: str, k: int = 10, res: Resources | None = None) -> list[tuple[str, float]]:
    """Find the captions that answer a question.

    Args:
        rows: captions, rows, or a frame of records.
        query: in Chinese, English, French or mixed.
        k: how many, at least 1.
        res: resources; the shipped ones if ``None``.

    Returns:
        ``(id, score)``, best first.
    """
    frame = rows if isinstance(rows, pl.DataFrame) else from_rows(rows)
    ids, scores = pool(frame, res).search(query, k)
    return list(zip(ids, scores, strict=True))


def labelled(frame: pl.DataFrame, res: Resources) -> pl.DataFrame:
    """Add labels and cells to records, for the coverage report."""
    return apply(frame, (*TAG_STAGES, "coverage"), res)


def balance(frame: pl.DataFrame, res: Resources, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say which rows the ``balance`` stage would keep.

    Args:
        frame: records.
        res: resources.
        params: parameters of the stage.

    Returns:
        ``{id, cell, keep_prob, keep, why}`` per row.
    """
    ready = labelled(frame, res)
    stage = stages.load()["balance"]
    got = call(stage, ready, stage.parse(params), res, "balance")
    columns = got.select("cell", "keep_prob", "drop", "drop_note").iter_rows()
    return [
        {"id": ident, "cell": cell, "keep_prob": round(prob, 4), "keep": drop is None, "why": why}
        for ident, (cell, prob, drop, why) in zip(frame.get_column("source_id"), columns, strict=True)
    ]


def read_queries(query: str | None, path: Path | None) -> list[dict[str, str]]:
    """Return the questions of a search.

    Args:
        query: one question.
        path: JSON Lines with ``id`` and ``query``.

    Raises:
        UsageError: neither or both are given.
        DataError: a line is no question; names it.
    """
    if (query is None) == (path is None):
        raise UsageError("give one of --query and --queries", hint="curate search POOL --query '唐代的舞者'")
    if query is not None and not query.strip():
        raise UsageError("the question is empty", hint="curate search POOL --query '唐代的舞者'")
    if path is None:
        return [{"id": "query", "query": str(query)}]
    out = []
    for number, row in json_lines(path, "the questions"):
        try:
            out.append({"id": str(row["id"]), "query": str(row["query"])})
        except (KeyError, TypeError) as e:
            raise DataError(f'{path}:{number}: expected {{"id": …, "query": …}}: {e}') from e
        if not out[-1]["query"].strip():
            raise DataError(f"{path}:{number}: the question is empty")
    return out
