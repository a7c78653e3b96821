"""Ours and the peers in one run: ``python -m tests.benchmarks.run [ROWS] [ROUNDS]``.

The peers' jobs run with the interpreter named by ``LEISHU_PEERS`` (a virtual environment with datasketch, rensa, semhash, jieba, rjieba,
pyahocorasick, pycld2, langdetect, faiss-cpu and the encoder package); without it, with this one. Jobs take turns, so that other work on the
machine falls on all of them alike; ratios of processor seconds are the figures to trust. Results are written to ``RESULTS.md``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from tests.benchmarks import corpus

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OURS = {"encoder": ("encoder",), "near": ("datasketch", "rensa"), "whole": ("careful", "expert", "semhash"), "text": ()}
TIMEOUT = 3600


class Measured(NamedTuple):
    """One job: medians of seconds, processor seconds and peak memory, and what it returned."""

    wall: float
    cpu: float
    mib: float
    out: dict[str, Any]
    fault: str = ""


def once(command: list[str], folder: Path) -> Measured:
    """Run one process and measure it."""
    started = time.perf_counter()
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        # One thread per matrix product for the peers: with more the encoder's package is several times slower on a busy machine.
        single = {} if "-m" in command else {"OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err, env={**os.environ, **single})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        lines = (folder / "err").read_text(errors="replace").strip().splitlines()
        return Measured(0, 0, 0, {}, lines[-1][:120] if lines else f"exit code {process.returncode}")
    found = json.loads((folder / "out").read_text().strip().splitlines()[-1])
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, found)


def quality(frame: pl.DataFrame, dropped: list[int]) -> str:
    """Recall of planted copies and precision of the drops.

    A planted row counts as found when it or its original is gone; a drop is right when the row has a copy.
    """
    kinds, of, ids = frame["kind"].to_list(), frame["of"].to_list(), frame["id"].to_list()
    gone = {ids[i] for i in dropped}
    linked = {x for i, o, k in zip(ids, of, kinds, strict=True) if k != "base" for x in (i, o)}
    recall = {k: [i in gone or o in gone for i, o, kind in zip(ids, of, kinds, strict=True) if kind == k] for k in ("exact", "near")}
    texts = [f"{k} {sum(v) / max(1, len(v)):.4f}" for k, v in recall.items()]
    return f"{', '.join(texts)}, precision {len(gone & linked) / max(1, len(gone)):.4f}"


def report(rows: int, rounds: int, found: dict[str, Measured], frame: pl.DataFrame) -> str:
    """Return the table as Markdown."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    lines = [
        f"## {rows:,} generated pairs, median of {rounds}, {stamp} UTC", "",
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end. Ratios are against ours in the same group.", "",
        "| group | job | wall s | processor s | pairs per processor s | ratio wall | ratio processor | MiB | found |", "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for ours, others in OURS.items():
        base = found[f"ours {ours}"]
        for name in (f"ours {ours}", *others):
            m = found[name]
            if m.fault:
                lines.append(f"| {ours} | {name} | did not run: {m.fault} | | | | | | |")
                continue
            note = (
                quality(frame, m.out["dropped"])
                if "dropped" in m.out
                else f"kept {m.out['kept']:,}"
                if "kept" in m.out
                else f"{m.out['texts']:,} texts"
            )
            ratio = f"{m.wall / base.wall:.2f} | {m.cpu / base.cpu:.2f}" if base.wall else "|"
            lines.append(f"| {ours} | {name} | {m.wall:.1f} | {m.cpu:.1f} | {rows / m.cpu:,.0f} | {ratio} | {m.mib:,.0f} | {note} |")
    return "\n".join(lines) + "\n"


def main(rows: int = 20_000, rounds: int = 3) -> int:
    """Run all jobs in turn and write the table."""
    peers = os.environ.get("LEISHU_PEERS", sys.executable)
    jobs = {f"ours {n}": [sys.executable, "-m", "tests.benchmarks.ours", n] for n in OURS}
    jobs |= {n: [peers, str(HERE / "peers.py"), n] for others in OURS.values() for n in others}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = corpus.write(rows, folder / "corpus.parquet")
        runs: dict[str, list[Measured]] = {n: [] for n in jobs}
        for _ in range(rounds):
            for job, command in jobs.items():
                if not any(m.fault for m in runs[job]):
                    runs[job].append(once([*command, str(path)], folder))
                    sys.stderr.write(f"{job}: {runs[job][-1][:3]} {runs[job][-1].fault}\n")
        found = {}
        for job, many in runs.items():
            last = many[-1]
            found[job] = last if last.fault else Measured(*(statistics.median(m[i] for m in many) for i in range(3)), last.out)
        text = report(rows, rounds, found, pl.read_parquet(path))
    target = HERE / "RESULTS.md"
    head = "# Speed against the peers, as measured\n\nWritten by `python -m tests.benchmarks.run`; newest run first.\n"
    old = target.read_text(encoding="utf-8").removeprefix(head) if target.exists() else ""
    target.write_text(f"{head}\n{text}{old}", encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*(int(a) for a in sys.argv[1:])))
