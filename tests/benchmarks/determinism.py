"""The same rows in 90 ways: row orders x part sizes x threads must give the same bytes.

Run: ``python -m tests.benchmarks.determinism [ROWS]``. Prints one line per digest; more than one digest is a failure (exit code 1).
"""

from __future__ import annotations

import hashlib
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl

from curate import stages
from curate.duplicates import neighbours
from curate.embed import UseEmbedder
from curate.knowledge.lexicon import Lexicon
from curate.readers.base import Batch
from curate.readers.columns import Spec, guess, to_records
from curate.stage import Resources, call
from curate.use_fast import FastUse
from tests.benchmarks.corpus import pairs

STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("normalize", {}), ("language", {}), ("quality", {}), ("match", {}), ("embed", {}), ("sign", {}), ("dedup", {"within_clip": "all"}), ("split", {}),
)  # fmt: skip
ORDERS, PART_SIZES, THREADS = range(5), (1, 7, 64, 100, 257, 100_000), (1, 2, 4)


def records(rows: int, seed: int = 7) -> pl.DataFrame:
    """Return generated records."""
    frame = pl.DataFrame(pairs(rows, seed)).select("id", "zh", "en").with_columns(_line=pl.int_range(pl.len()))
    return to_records(Batch(frame=frame, file="generated"), guess(frame.columns, {}), Spec("generated"), 0).frame


def outcome(frame: pl.DataFrame, part_rows: int, res: Resources) -> pl.DataFrame:
    """Run the steps over parts and return what they wrote, in order of id."""
    table = stages.load()
    written: list[pl.DataFrame] = []
    live = frame
    for name, params in STEPS:
        stage = table[name]
        size = part_rows if stage.scope == "rows" else max(1, len(live))
        out = pl.concat([call(stage, live[at : at + size], stage.parse(params), res, name) for at in range(0, max(1, len(live)), size)])
        written.append(out.rename({"drop": f"{name}.drop", "drop_note": f"{name}.note"}))
        live = live.hstack(out.drop("id", "drop", "drop_note").get_columns()).filter(out.get_column("drop").is_null())
    whole = frame.select("id")
    for out in written:
        whole = whole.join(out, on="id", how="left")
    return whole.sort("id")


def digest(frame: pl.DataFrame) -> str:
    """Return a hash of every value."""
    arrays = [c for c, t in frame.schema.items() if isinstance(t, pl.Array)]
    out = hashlib.sha256(frame.drop(arrays).write_ndjson().encode())
    for name in arrays:
        out.update(frame.get_column(name).drop_nulls().to_numpy().tobytes())
    return out.hexdigest()[:16]


def combinations(rows: int) -> Iterator[tuple[tuple[int, int, int], str]]:
    """Yield ``((order, part size, threads), digest)`` for each combination."""
    import faiss

    frame, lexicon = records(rows), Lexicon.load()
    for threads in THREADS:
        embedder = UseEmbedder()
        embedder._model = FastUse(threads)
        faiss.omp_set_num_threads(threads)
        res = Resources(seed=7, lexicon=lexicon, embedder=embedder)
        for order, part_rows in itertools.product(ORDERS, PART_SIZES):
            shuffled = frame[random.Random(order).sample(range(len(frame)), len(frame))] if order else frame
            yield (order, part_rows, threads), digest(outcome(shuffled, part_rows, res))


def main(rows: int = 200) -> int:
    """Run all combinations; the search index of large sets is used too."""
    started, seen = time.perf_counter(), Counter[str]()
    neighbours.FLAT_LIMIT = 100
    for combination, found in combinations(rows):
        seen[found] += 1
        if len(seen) > 1:
            sys.stdout.write(f"order, part size, threads {combination}: {found}\n")
    for found, times in seen.most_common():
        sys.stdout.write(f"{found} {times} combinations\n")
    sys.stdout.write(f"{sum(seen.values())} combinations, {len(seen)} digests, {time.perf_counter() - started:.0f} s\n")
    return int(len(seen) != 1)


if __name__ == "__main__":
    raise SystemExit(main(*(int(a) for a in sys.argv[1:])))
