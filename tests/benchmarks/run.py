"""Ours and the peers in one run: ``python -m tests.benchmarks.run [GROUP …] [--rows N] [--rounds N]``.

Groups: ``encoder``, ``short`` (the encoder on captions of ten words at most), ``near``, ``whole``, ``command`` (20,000 short captions from the shell)
and ``scale`` (the whole recipe at the sizes given by ``--sizes``). Without a group all but ``scale`` run. The peers' jobs run with the interpreters
named by ``LEISHU_PEERS`` and ``LEISHU_PEERS_DJ`` (``peers.py`` says what must be installed there); a peer that does not run is listed with its error.

Jobs of a group take turns, so that other work on the machine falls on all of them alike. Memory is the sum over a process and its children,
sampled. What was measured is kept in ``results.json`` and written as ``RESULTS.md``; a group that is run again replaces its figures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tests.benchmarks import corpus

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Ours first, then the peers.
GROUPS = {
    "encoder": ("ours encoder", "encoder"),
    "short": ("ours encoder", "encoder"),
    "near": ("ours near", "datasketch", "rensa", "datajuicer"),
    "whole": ("ours whole", "careful", "expert"),
    "command": ("ours command",),
}
TITLES = {
    "encoder": "Encoder: vectors of the distinct captions, both languages",
    "short": "Encoder on short captions",
    "near": "Exact and near duplicates",
    "whole": "The whole recipe against a careful and an expert's script",
    "command": "From the shell: `curate dedup --steps exact,near` on short Chinese captions, start included",
    "scale": "The whole recipe at growing sizes",
}
RESULTS = HERE / "results.json"


def _tree(pid: int) -> list[int]:
    out, todo = [], [pid]
    while todo:
        one = todo.pop()
        out.append(one)
        try:
            todo += [int(c) for t in Path(f"/proc/{one}/task").iterdir() for c in (t / "children").read_text().split()]
        except OSError:
            continue
    return out


def memory(pid: int) -> float:
    """Return the resident memory of a process and its descendants in MiB."""
    total = 0
    for one in _tree(pid):
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1])
        except OSError:
            continue
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def once(command: list[str], folder: Path) -> dict[str, Any]:
    """Run one process and measure it: seconds, processor seconds, peak memory, and what it printed."""
    started, peak = time.perf_counter(), 0.0
    # One thread per matrix product for the peers: with more the encoder's package is many times slower on two processors.
    single = {} if "-m" in command else {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err, env={**os.environ, **single})
        while True:
            peak = max(peak, memory(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.05)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        lines = (folder / "err").read_text(errors="replace").strip().splitlines()
        return {"fault": lines[-1][:120] if lines else f"exit code {process.returncode}"}
    found = json.loads((folder / "out").read_text().strip().splitlines()[-1])
    return {"wall": round(wall, 2), "cpu": round(usage.ru_utime + usage.ru_stime, 2), "mib": round(peak), **found}


def quality(frame: pl.DataFrame, dropped: list[int]) -> str:
    """Recall of planted copies and precision of the drops.

    A planted row counts as found when it or its original is gone; a drop is right when the row has a copy.
    """
    kinds, of, ids = frame["kind"].to_list(), frame["of"].to_list(), frame["id"].to_list()
    gone = {ids[i] for i in dropped}
    linked = {x for i, o, k in zip(ids, of, kinds, strict=True) if k != "base" for x in (i, o)}
    recall = {k: [i in gone or o in gone for i, o, kind in zip(ids, of, kinds, strict=True) if kind == k] for k in ("exact", "near")}
    texts = [f"{k} {sum(v) / max(1, len(v)):.4f}" for k, v in recall.items()]
    return f"recall {', '.join(texts)}; precision {len(gone & linked) / max(1, len(gone)):.4f}"


def commands(job: str, path: Path) -> list[str]:
    """Return the command line of a job."""
    peers = os.environ.get("LEISHU_PEERS", sys.executable)
    if job.startswith("ours "):
        return [sys.executable, "-m", "tests.benchmarks.ours", job.split()[1], str(path)]
    other = os.environ.get("LEISHU_PEERS_DJ", peers) if job == "datajuicer" else peers
    return [other, str(HERE / "peers.py"), job, str(path)]


def measure(group: str, rows: int, rounds: int, folder: Path, only: str = "") -> list[dict[str, Any]]:
    """Run the jobs of a group in turns and return one row per job."""
    path = corpus.write(rows, folder / f"{group}.parquet", short=group in ("short", "command"))
    runs: dict[str, list[dict[str, Any]]] = {j: [] for j in GROUPS[group] if only in j}
    for _ in range(rounds):
        for job, many in runs.items():
            if not any("fault" in m for m in many):
                many.append(once(commands(job, path), folder))
                sys.stderr.write(f"{group} {job}: { {k: v for k, v in many[-1].items() if k not in ('dropped',)} }\n")
    frame, out = pl.read_parquet(path), []
    for job, many in runs.items():
        last = many[-1]
        if "fault" not in last:
            last = {**last, **{k: statistics.median(m[k] for m in many) for k in ("wall", "cpu", "mib") if k in last}}
            last["inner"] = statistics.median(m.get("inner", m["wall"]) for m in many)
            if "dropped" in last:
                last["found"] = quality(frame, last.pop("dropped"))
        out.append({"job": job, "rows": rows, "rounds": len(many), **last, **_stamp()})
    return out


def _stamp() -> dict[str, Any]:
    return {"when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), "load": round(os.getloadavg()[0], 1)}


def scale(sizes: list[int], folder: Path) -> list[dict[str, Any]]:
    """Run the whole recipe at several sizes, once each."""
    out = []
    for rows in sizes:
        path = corpus.write(rows, folder / "scale.parquet")
        got = once(commands("ours whole", path), folder)
        sys.stderr.write(f"scale {rows}: {got}\n")
        out.append({"job": "ours whole", "rows": rows, "rounds": 1, **got, **_stamp()})
    return out


def _table(group: str, rows: list[dict[str, Any]]) -> list[str]:
    lines = [f"## {TITLES[group]}", ""]
    if group == "scale":
        steps = list(dict.fromkeys(s for r in rows for s in r.get("seconds", {})))
        lines += [f"| pairs | kept | seconds | pairs/s | peak MiB | {' | '.join(steps)} | measured |", "|---" * (6 + len(steps)) + "|"]
        for r in sorted(rows, key=lambda r: r["rows"]):
            if "fault" in r:
                lines.append(f"| {r['rows']:,} | did not run: {r['fault']} |")
                continue
            each = " | ".join(f"{r['seconds'].get(s, 0):.1f}" for s in steps)
            lines.append(
                f"| {r['rows']:,} | {r['kept']:,} | {r['wall']:.1f} | {r['rows'] / r['wall']:,.0f} | {r['mib']:,.0f} | {each} | {r['when']} |"
            )
        return [*lines, ""]
    lines += ["| job | version | pairs | rounds | seconds | without start | per second | times ours | MiB | found | measured |", "|---" * 11 + "|"]
    base = rows[0]
    first = base.get("texts", base["rows"])
    for r in rows:
        if "fault" in r:
            lines.append(f"| {r['job']} | | {r['rows']:,} | {r['rounds']} | did not run: {r['fault']} | | | | | | {r['when']} |")
            continue
        count = r.get("texts", r["rows"])
        found = r.get("found", f"kept {r['kept']:,}" if "kept" in r else "")
        if "cosine" in r:
            found = f"cosine to the package: mean {r['cosine'][0]:.5f}, least {r['cosine'][1]:.5f}"
        ratio = f"{(first / base['inner']) / (count / r['inner']):.1f}" if "inner" in base else ""
        lines.append(
            f"| {r['job']} | {r.get('version', '')} | {r['rows']:,} | {r['rounds']} | {r['wall']:.1f} | {r['inner']:.2f} | {count / r['inner']:,.0f} | "
            f"{ratio} | {r['mib']:,.0f} | {found} | {r['when']} |"
        )
    return [*lines, ""]


def render(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return all results as Markdown."""
    lines = [
        "# Speed, as measured", "",
        "Written by `python -m tests.benchmarks.run` from `results.json`; how to run the peers is said there. Medians over the rounds. Peak memory is the sum",
        f"over all processes. {os.cpu_count()} processors. *Times ours* compares the time without start (imports, reading the file).", "",
    ]  # fmt: skip
    for group in [*GROUPS, "scale"]:
        if results.get(group):
            lines += _table(group, results[group])
    notes = HERE / "NOTES.md"
    return "\n".join(lines) + ("\n" + notes.read_text(encoding="utf-8") if notes.exists() else "")


def main() -> int:
    """Run the groups and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, "scale", []])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 30_000, 100_000])
    parser.add_argument("--only", default="", help="only the jobs whose name holds this; the figures of the others stay")
    args = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        for group in args.groups or list(GROUPS):
            if group == "scale":
                new = scale(args.sizes, Path(name))
                results[group] = [r for r in results.get(group, []) if r["rows"] not in args.sizes] + new
            else:
                new = measure(group, args.rows, args.rounds, Path(name), args.only)
                have = {r["job"]: r for r in [*results.get(group, []), *new]}
                results[group] = [have[j] for j in GROUPS[group] if j in have]
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = render(results)
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
