"""All pairs over a cosine by several methods: ``python -m tests.benchmarks.neighbours VECTORS.npy … [--sizes N …] [--methods …]``.

Compares ``curate/duplicates/neighbours.py`` with range searches of FAISS and with comparing all rows with all (which is the truth of the recall). Files hold unit
vectors, one a row; captions become such a file by ``--encode CAPTIONS.parquet OUT.npy`` (distinct texts of ``zh`` and ``en``). Every method runs in a
process of its own. Seconds are wall time, processor seconds stand beside them; memory is what the process took at most besides the vectors. Without
the method ``all`` the recall is measured on a sample of the rows.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.duplicates import clusters, neighbours
from curate.duplicates.minhash import distinct

Keys = clusters.Ids
THRESHOLD = 0.92
BLOCK = 4096


def _verified(vectors: neighbours.Vectors, keys: Keys, n: int) -> Keys:
    """Keep the pairs that reach the threshold, by the rule of the package."""
    keep = np.zeros(len(keys), bool)
    for start in range(0, len(keys), 1 << 15):
        some = keys[start : start + (1 << 15)]
        left, right = (vectors[x].astype(np.float64) for x in (some // n, some % n))
        keep[start : start + len(some)] = np.round(np.einsum("ij,ij->i", left, right), 5) >= THRESHOLD
    return keys[keep]


def all_with_all(vectors: neighbours.Vectors) -> Keys:
    """Matrix products of all rows with all later ones."""
    n, out = len(vectors), [np.zeros(0, np.int64)]
    whole = vectors.astype(np.float32)
    for start in range(0, n, BLOCK):
        at = np.flatnonzero(whole[start : start + BLOCK] @ whole[start:].T >= np.float32(THRESHOLD - 1e-4))
        left, right = at // (n - start) + start, at % (n - start) + start
        out.append((left * n + right)[left < right])
    return np.concatenate(out)


def ours(vectors: neighbours.Vectors) -> Keys:
    """The search of the package."""
    return neighbours.candidates(lambda at: np.ascontiguousarray(vectors[at], np.float32), len(vectors), THRESHOLD - 1e-4)


def _ranges(index: Any, vectors: neighbours.Vectors) -> Keys:
    n, out = len(vectors), [np.zeros(0, np.int64)]
    for start in range(0, n, BLOCK):
        limits, _, right = index.range_search(vectors[start : start + BLOCK].astype(np.float32), THRESHOLD - 1e-4)
        left = np.repeat(np.arange(start, min(n, start + BLOCK)), np.diff(limits).astype(np.int64))
        out.append((left * n + right)[left < right])
    return distinct(np.concatenate(out))


def faiss_flat(vectors: neighbours.Vectors) -> Keys:
    """FAISS range search, every row with every row."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors.astype(np.float32))
    return _ranges(index, vectors)


def _ivf(probes: int) -> Callable[[neighbours.Vectors], Keys]:
    def search(vectors: neighbours.Vectors) -> Keys:
        from curate import index as indexes

        rng = np.random.default_rng(0)
        n = len(vectors)
        lists = int(max(16, min(4096, 4 * n**0.5)))
        sample = np.sort(rng.choice(n, size=min(n, lists * 64), replace=False))
        built = indexes.empty(vectors[sample].astype(np.float32), n, 0, "ivf")
        for start in range(0, n, 1 << 16):
            built.add(vectors[start : start + (1 << 16)].astype(np.float32))
        built.nprobe = probes
        return _ranges(built, vectors)

    search.__doc__ = f"FAISS inverted lists, range search in {probes} of them."
    return search


def faiss_same_lists(vectors: neighbours.Vectors) -> Keys:
    """FAISS range search in as many lists around the very centres of the package: what its scan costs beside our products."""
    import faiss

    n = len(vectors)
    middle = clusters.centres(lambda at: vectors[at].astype(np.float32), n, clusters.count(n))
    quantizer = faiss.IndexFlatIP(vectors.shape[1])
    quantizer.add(middle)
    index = faiss.IndexIVFFlat(quantizer, vectors.shape[1], len(middle), faiss.METRIC_INNER_PRODUCT)
    index.is_trained, index.nprobe = True, 1 + clusters.VISITS
    for start in range(0, n, 1 << 16):
        index.add(vectors[start : start + (1 << 16)].astype(np.float32))
    return _ranges(index, vectors)


METHODS: dict[str, Callable[[neighbours.Vectors], Keys]] = {
    "all": all_with_all,
    "ours": ours,
    "faiss-flat": faiss_flat,
    "faiss-same-lists": faiss_same_lists,
    **{f"faiss-ivf-{p}": _ivf(p) for p in (1, 4, 16)},
}


def load(paths: list[str], size: int) -> neighbours.Vectors:
    """Return the first rows of some files, stacked."""
    found: neighbours.Vectors = np.concatenate([np.load(p, mmap_mode="r") for p in paths])[:size]
    return found


def _peak(reset: bool = False) -> float:
    """Most resident memory so far in MiB."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def sampled(vectors: neighbours.Vectors, found: Keys) -> float:
    """Recall on a sample of rows."""
    return neighbours.recall(lambda at: vectors[at].astype(np.float32), len(vectors), THRESHOLD, found, 2000)


def one(method: str, size: int, out: str, paths: list[str]) -> dict[str, Any]:
    """Run one method in this process and write the pairs that it found."""
    vectors = load(paths, size)
    # What is imported and compiled at first use is paid before.
    METHODS[method](vectors[:256])
    before = _peak(reset=True)
    started, spent = time.perf_counter(), time.process_time()
    keys = METHODS[method](vectors)
    seconds, cpu = time.perf_counter() - started, time.process_time() - spent
    peak = _peak() - before
    found = _verified(vectors, keys, len(vectors))
    np.save(out, found)
    return {"seconds": seconds, "cpu": cpu, "candidates": len(keys), "pairs": len(found), "mib": peak}


def encode(captions: str, out: str) -> None:
    """Encode the distinct texts of a file of captions."""
    from curate.embed import encode_unique, make_embedder
    from curate.text import normalize

    frame = pl.read_parquet(captions) if captions.endswith(".parquet") else pl.read_ndjson(captions)
    texts = pl.concat([frame[c].cast(pl.String) for c in ("zh", "en", "caption_zh", "caption_en") if c in frame.columns]).drop_nulls()
    every = [normalize(t) for t in texts.unique(maintain_order=True).to_list()]
    np.save(out, encode_unique(make_embedder("use"), [t for t in every if t]).astype(np.float16))


def compare(paths: list[str], sizes: list[int], methods: list[str], threads: list[int]) -> None:
    """Print the table."""
    sys.stdout.write("| vectors | method | threads | seconds | processor s | candidates | pairs | recall | MiB | digest |\n" + "|---" * 10 + "|\n")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            truth: Keys | None = None
            for method in methods:
                for count in threads:
                    out = Path(folder) / f"{method}.npy"
                    line = [sys.executable, "-m", "tests.benchmarks.neighbours", "--one", method, "--sizes", str(size), "--out", str(out), *paths]
                    env = {**os.environ, **({name: str(count) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")} if count else {})}
                    if count:
                        line = ["taskset", "-c", f"0-{count - 1}", *line]
                    got = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, env=env).stdout)
                    found = np.load(out)
                    truth = found if method == "all" else truth
                    share = np.isin(truth, found).mean() if truth is not None else sampled(load(paths, size), found)
                    digest = hashlib.sha256(found.tobytes()).hexdigest()[:8]
                    sys.stdout.write(
                        f"| {size:,} | {method} | {count or 'all'} | {got['seconds']:.1f} | {got['cpu']:.1f} | {got['candidates']:,} | {got['pairs']:,} | "
                        f"{share:.4f} | {got['mib']:.0f} | {digest} |\n"
                    )
                    sys.stdout.flush()


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--sizes", type=int, nargs="*", default=[20_000, 100_000])
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--threads", type=int, nargs="*", default=[0], help="0 is all")
    parser.add_argument("--encode", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.encode:
        encode(*args.paths)
    elif args.one:
        sys.stdout.write(json.dumps(one(args.one, args.sizes[0], args.out, args.paths)))
    else:
        compare(args.paths, args.sizes, args.methods, args.threads)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
