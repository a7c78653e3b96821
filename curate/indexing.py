"""An index of the vectors of a run on disk: built from shards that may come from several machines, mapped into memory, measured against exact search."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curate import index
from curate.embed import Vectors
from curate.errors import DataError, did_you_mean
from curate.shares import Stored
from curate.workspace import Workspace, write_json, write_parquet

INDEX, IDS, NOTE = "vectors.faiss", "ids.parquet", "index.json"
COLUMNS = {"zh": "zh_vector", "en": "en_vector"}


class Built(NamedTuple):
    """What was built and how good it is."""

    kind: str
    vectors: int
    dim: int
    bytes: int
    seconds: float
    shards: int
    recall: float
    top10: float


def stored(ws: Workspace) -> Stored:
    """Return the live rows of the last run."""
    key = ws.last_key()
    chain = ws.chain(key)
    return Stored(str(ws.root), key, tuple(len(ws.part(chain, i, [])) for i in range(len(chain[0].parts))))


def build(table: Stored, lang: str, folder: Path, kind: str = "auto", memory: int = index.MEMORY, threshold: float = 0.92, seed: int = 0) -> Built:
    """Build an index over the vectors of one language, part by part: no more than one part and the index are in memory.

    Args:
        table: rows with vectors.
        lang: ``zh`` or ``en``.
        folder: where to; holds the index, the ids and a note of its figures.
        kind: one of ``index.KINDS``, or ``auto`` (from size and memory).
        memory: bytes that ``auto`` may take.
        threshold: cosine of the pairs that the recall counts.
        seed: seed of the clustering and of the sample.

    Raises:
        DataError: the run has no vectors.
    """
    column, n = COLUMNS[lang], int(table.starts[-1])
    if not n or column not in table.columns():
        raise DataError(f"the last run has no column {column}", hint="add the step embed to the recipe and run it")
    started = time.perf_counter()
    dim = table.rows(column, np.zeros(1, np.int64)).shape[1]
    kind = index.choose(n, dim, memory) if kind == "auto" else kind
    size = min(n, index.lists(n) * 64)
    at = np.sort(np.random.default_rng(seed).choice(n, size=size, replace=False)) if kind not in ("flat", "hnsw") else np.zeros(1, np.int64)
    trained = index.empty(table.rows(column, at).astype(np.float32), n, seed, kind)
    shards = (_part(table, column, i) for i in range(len(table.sizes)) if table.sizes[i])
    if kind == "hnsw":  # graphs do not merge
        for vectors in shards:
            trained.add(vectors)
        index.save(trained, folder / INDEX)
        paths = []
    else:
        paths = index.build_shards(shards, trained, folder)
        index.save(index.merge(paths), folder / INDEX)
    for path in paths:
        path.unlink()
    write_parquet(pl.concat([table.part(i) for i in range(len(table.sizes))]).select("id"), folder / IDS)
    seconds = time.perf_counter() - started
    share, top = measure(index.load(folder / INDEX, mmap=True), table, column, threshold, seed=seed)
    built = Built(kind, n, dim, (folder / INDEX).stat().st_size, round(seconds, 2), max(1, len(paths)), round(share, 4), round(top, 4))
    write_json(folder / NOTE, {"language": lang, "threshold": threshold, **built._asdict()})
    return built


def _part(table: Stored, column: str, i: int) -> Vectors:
    found: Vectors = table.part(i, column).get_column(column).to_numpy().astype(np.float32)
    return found


def measure(built: Any, table: Stored, column: str, threshold: float, sample: int = 200, seed: int = 0) -> tuple[float, float]:
    """Measure an index against exact search: the share of a sample's pairs over a cosine that are among its first 100 answers, and recall@10.

    Args:
        built: the index.
        table: rows with vectors.
        column: the column of the vectors.
        threshold: cosine.
        sample: rows that are searched for.
        seed: seed of the sample.
    """
    n = int(table.starts[-1])
    rows = np.sort(np.random.default_rng(seed).choice(n, size=min(sample, n), replace=False))
    queries = table.rows(column, rows).astype(np.float32)
    exact = np.concatenate([queries @ _part(table, column, i).T for i in range(len(table.sizes)) if table.sizes[i]], axis=1)
    found = index.top(built, queries, 100)[1]
    hit = total = near = of = 0
    for i, row in enumerate(rows.tolist()):
        true = np.flatnonzero(exact[i] >= threshold)
        true = true[true != row]
        # A row has itself and 99 others among its answers.
        total += min(99, len(true))
        hit += min(99, len(np.intersect1d(true, found[i])))
        # Equal captions are equally right.
        least = np.sort(exact[i])[-min(10, n)] - 1e-5
        some = found[i][:10]
        near += int((exact[i][some[some >= 0]] >= least).sum())
        of += min(10, n)
    return hit / total if total else 1.0, near / of


def search(folder: Path, queries: Vectors, k: int) -> list[list[tuple[str, float]]]:
    """Search an index that is mapped into memory.

    Args:
        folder: written by ``build``.
        queries: array of shape ``(m, dim)``, float32.
        k: how many answers, at least 1.

    Returns:
        Ids with their scores for each query, best first.
    """
    scores, rows = index.top(index.load(folder / INDEX, mmap=True), queries, k)
    ids = pl.read_parquet(folder / IDS).get_column("id")
    return [
        [(ids[r], round(float(s), 4)) for s, r in zip(some, at, strict=True) if r >= 0]
        for some, at in zip(scores.tolist(), rows.tolist(), strict=True)
    ]


def language(name: str) -> str:
    """Return a language that has vectors.

    Raises:
        DataError: it has none.
    """
    if name not in COLUMNS:
        raise DataError(f"no vectors of language {name!r}", hint=did_you_mean(name, COLUMNS))
    return name
