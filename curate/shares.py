"""Table steps in shares: what several machines find in their shares of a table is, put together, what one machine finds.

The table stays in the workspace. A task is a plain function with plain values; it reads the columns and the rows that it needs and gives back pairs
or counts. What comes together in one place are texts, pairs and counts, never vectors or signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.duplicates import clusters, minhash, neighbours
from curate.duplicates.clusters import Buckets, Ids
from curate.duplicates.neighbours import Bools
from curate.embed import Vectors
from curate.stage import Spread
from curate.workspace import Workspace


@dataclass(frozen=True)
class Stored:
    """The live rows after a step, as they lie in a workspace; numbered through the parts.

    Attributes:
        workspace: its folder, which every machine sees under this name.
        key: the step.
        sizes: live rows of each part.
    """

    workspace: str
    key: str
    sizes: tuple[int, ...]

    @cached_property
    def starts(self) -> Ids:
        """Number of the first row of each part, and the end."""
        return np.cumsum([0, *self.sizes]).astype(np.int64)

    def columns(self) -> set[str]:
        """Return the names of the columns."""
        return {c for r in Workspace(Path(self.workspace)).chain(self.key) for c in r.schema}

    def part(self, index: int, *columns: str) -> pl.DataFrame:
        """Return some columns of a part."""
        ws = Workspace(Path(self.workspace))
        return ws.part(ws.chain(self.key), index, columns)

    def rows(self, column: str, at: Ids) -> Any:
        """Return the values of a column of arrays in some rows.

        Args:
            column: the column.
            at: row numbers, in any order.

        Returns:
            Array of shape ``(len(at), width)`` as stored.
        """
        part = np.searchsorted(self.starts, at, side="right") - 1
        out: Any = None
        for i in np.unique(part).tolist():
            mine = np.flatnonzero(part == i)
            values = self.part(i, column).get_column(column).to_numpy()[at[mine] - self.starts[i]]
            out = np.empty((len(at), values.shape[1]), values.dtype) if out is None else out
            out[mine] = values
        return np.zeros((0, 0), np.float32) if out is None else out


@dataclass(frozen=True)
class Fetch:
    """Rows of a stored column by the numbers that a search gives them.

    Attributes:
        table: the table.
        column: a column of vectors.
        places: number in the table of each row that is searched.
    """

    table: Stored
    column: str
    places: Ids

    def __call__(self, at: Ids) -> Vectors:
        """Return some rows as float32."""
        found: Vectors = self.table.rows(self.column, self.places[at]).astype(np.float32)
        return found

    def held(self, at: Ids) -> Callable[[Ids], Vectors]:
        """Read some rows once, as they are stored, and return what gives them (in blocks) as float32.

        Args:
            at: row numbers, ascending.
        """
        values = self.table.rows(self.column, self.places[at])

        def rows(asked: Ids) -> Vectors:
            found: Vectors = values[np.searchsorted(at, asked)].astype(np.float32)
            return found

        return rows


def _homes(fetch: Fetch, middle: Vectors, parts: Sequence[int]) -> tuple[Ids, Ids, Ids]:
    """Task: the buckets of the rows of some parts."""
    out = [(np.zeros(0, np.int64),) * 3]
    for i in parts:
        low, high = fetch.table.starts[i], fetch.table.starts[i + 1]
        at = np.flatnonzero((fetch.places >= low) & (fetch.places < high))
        row, bucket, rank = clusters.assign(fetch(at), middle) if len(at) else out[0]
        out.append((at[row], bucket, rank))
    row, bucket, rank = (np.concatenate(x) for x in zip(*out, strict=True))
    return row, bucket, rank


def _inside(fetch: Fetch, buckets: Buckets, axes: Vectors, least: float, wanted: Bools | None) -> Ids:
    """Task: the pairs inside some buckets."""
    held = fetch.held(np.unique(buckets.members))
    return neighbours.inside(held, len(fetch.places), buckets, axes, least, wanted)


def _flat(fetch: Fetch, least: float, seed: int, wanted: Bools | None) -> Ids:
    """Task: a set that is small enough for one machine."""
    n = len(fetch.places)
    return neighbours.candidates(fetch.held(np.arange(n)), n, least, seed, wanted)


def near_vectors(spread: Spread, column: str, places: Ids, least: float, seed: int, wanted: Bools | None) -> Ids:
    """Do what ``neighbours.candidates`` does, in shares.

    Args:
        spread: who does them.
        column: a column of vectors.
        places: number in the table of each row that is searched, in the order of the search.
        least: cosine.
        seed: seed of the clustering.
        wanted: rows of which each pair must have one.
    """
    fetch, n = Fetch(spread.table, column, places), len(places)
    if n <= neighbours.FLAT_LIMIT:
        return spread.map(_flat, [(fetch, least, seed, wanted)])[0]
    middle = clusters.centres(fetch, n, clusters.count(n), seed)
    axes = neighbours.main_axes(fetch, n, seed)
    parts = len(spread.table.sizes)
    found = spread.map(_homes, [(fetch, middle, list(range(i, parts, spread.count))) for i in range(min(parts, spread.count))])
    row, bucket, rank = (np.concatenate(x) for x in zip(*found, strict=True))
    buckets = clusters.gather(row, bucket, rank, len(middle))
    tasks = [(fetch, clusters.share(buckets, i, spread.count), axes, least, wanted) for i in range(spread.count)]
    return minhash.distinct(np.concatenate(spread.map(_inside, tasks)))


def _cosines(table: Stored, column: str, left: Ids, right: Ids) -> Vectors:
    """Task: cosines of pairs of rows."""
    at = np.unique(np.concatenate([left, right]))
    return neighbours.cosines(Fetch(table, column, np.arange(table.starts[-1])).held(at), left, right)


def cosines(spread: Spread, column: str, left: Ids, right: Ids) -> Vectors:
    """Return the cosines of pairs of rows, rounded to 5 digits.

    Args:
        spread: who computes them.
        column: a column of vectors.
        left: one row of each pair, by its number in the table.
        right: the other.
    """
    cuts = np.linspace(0, len(left), spread.count + 1).astype(int)
    tasks = [(spread.table, column, left[a:b], right[a:b]) for a, b in zip(cuts, cuts[1:], strict=False) if b > a]
    return np.concatenate([np.zeros(0, np.float32), *spread.map(_cosines, tasks)])


def _bands(table: Stored, lang: str, places: Ids, hashes: int, bands: int, mine: Sequence[int]) -> Ids:
    """Task: pairs of rows that share one of some bands. Chinese signatures are stored; English ones are needed for few rows and made here."""
    n, rows = len(places), hashes // bands
    chosen = np.concatenate([np.arange(b * rows, (b + 1) * rows) for b in mine])
    signs = np.empty((n, len(chosen)), np.uint32)
    where = np.full(int(table.starts[-1]), -1, np.int64)
    where[places] = np.arange(n)
    for i in range(len(table.sizes)):
        at = where[table.starts[i] : table.starts[i + 1]]
        here = np.flatnonzero(at >= 0)
        if lang == "zh":
            values = table.part(i, "zh_sig").get_column("zh_sig").gather(here).to_numpy()
        else:
            values = minhash.signatures(table.part(i, "en_key").get_column("en_key").gather(here).to_list(), hashes, words=True)
        signs[at[here]] = values[:, chosen]
    left, right = minhash.band_pairs(signs, len(mine))
    keys: Ids = left * n + right
    return keys


def near_signatures(spread: Spread, lang: str, places: Ids, bands: int) -> tuple[Ids, Ids]:
    """Do what ``minhash.band_pairs`` does, in shares: each takes some of the bands.

    Args:
        spread: who does them.
        lang: language of the captions.
        places: number in the table of each row that is searched, in the order of the search.
        bands: number of bands.
    """
    shares = min(bands, spread.count)
    hashes = spread.table.part(0, "zh_sig").get_column("zh_sig").dtype.size
    found = spread.map(_bands, [(spread.table, lang, places, hashes, bands, list(range(i, bands, shares))) for i in range(shares)])
    keys = minhash.distinct(np.concatenate([np.zeros(0, np.int64), *found]))
    return keys // max(1, len(places)), keys % max(1, len(places))
