"""Durability and speed of the review store: many writers, killed again and again; nothing may be lost, doubled or overwritten.

    python -m tests.benchmarks.review [--writers 8] [--decisions 1000] [--kills 50] [--store sqlite|postgres|both]

Every writer notes a decision in its own list only after the store has confirmed it; a writer that was killed goes on after its last
note, so the decision it was busy with is sent a second time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from curate.errors import CurateError
from curate.review.items import Decision, Item, item_id
from curate.review.store import ReviewStore
from tests.review import postgres


def items(n: int, overlap: int) -> list[Item]:
    """The questions; each is for every writer."""
    return [Item(item_id("bench", str(i), f"龙舟{i}", None), "bench", str(i), str(i), {"zh": f"龙舟{i}"}, overlap=overlap) for i in range(n)]


def writer(url: str, number: int, decisions: int, folder: Path) -> None:
    """Record decisions until all are confirmed (runs in a process of its own)."""
    acks = folder / f"acks-{number}"
    start = len(acks.read_text().splitlines()) if acks.exists() else 0
    out = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    store: ReviewStore | None = None
    for n, item in enumerate(items(decisions, 1)):
        if n < start:
            continue
        d = Decision(item.item_id, f"w{number}", "edit", f"W{number}N{n}", edits={"zh": f"{number}:{n}"})
        began = 0.0
        while True:
            try:
                store = store or ReviewStore(url)
                began = began or time.perf_counter()
                store.record(d)
                break
            except CurateError:
                # The server is being killed and started again: wait for it, as the app does.
                time.sleep(0.2)
        os.write(out, f"{(time.perf_counter() - began) * 1000:.3f}\n".encode())


def start(url: str, number: int, decisions: int, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.benchmarks.review", "--worker", str(number), url, str(decisions), str(folder)]
    return subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2])


def run(url: str, writers: int, decisions: int, kills: int, server: postgres.Server | None = None, seed: int = 1) -> dict[str, Any]:
    """Run the writers, kill them, count what is there.

    Args:
        url: of the store.
        writers: how many processes.
        decisions: per writer.
        kills: writers killed with SIGKILL while they work (half of them is on top the whole server once, if one is given).
        server: the PostgreSQL server.
        seed: of the choice of victims.
    """
    store = ReviewStore(url)
    store.add_items(items(decisions, writers))
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        running = {w: start(url, w, decisions, folder) for w in range(writers)}
        killed = crashes = 0
        while any(p.poll() is None for p in running.values()):
            done = _acks(folder)
            # Spread over the work, so that the last ones still find somebody at work.
            alive = [w for w, p in running.items() if p.poll() is None and (folder / f"acks-{w}").exists()]
            if killed < kills and alive and done >= killed * writers * decisions * 0.9 / kills:
                victim = draw.choice(alive)
                running[victim].send_signal(signal.SIGKILL)
                running[victim].wait()
                killed += 1
                running[victim] = start(url, victim, decisions, folder)
                if server is not None and killed == kills // 2:
                    server.kill()
                    server.start()
                    crashes += 1
            time.sleep(draw.uniform(0.01, 0.05))
        seconds = time.perf_counter() - began
        waits = sorted(float(x) for w in range(writers) for x in (folder / f"acks-{w}").read_text().splitlines())
    stored = store.decisions("bench", history=True)
    store.close()
    expected = {f"W{w}N{n}": json.dumps({"zh": f"{w}:{n}"}) for w in range(writers) for n in range(decisions)}
    got = dict(zip(stored["decision_id"], stored["edits"], strict=True))
    return {
        "store": "sqlite" if store.sqlite else "postgresql", "writers": writers, "decisions": len(stored), "acknowledged": len(waits), "kills": killed,
        "server_crashes": crashes, "lost": len(set(expected) - set(got)), "doubled": len(stored) - len(got), "changed": sum(got[k] != v for k, v in expected.items() if k in got),
        "seconds": round(seconds, 1), "per_second": round(len(waits) / seconds, 1), "p50_ms": waits[len(waits) // 2], "p99_ms": waits[int(len(waits) * 0.99)], "max_ms": waits[-1],
    }  # fmt: skip


def _acks(folder: Path) -> int:
    return sum(p.read_bytes().count(b"\n") for p in folder.glob("acks-*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--store", choices=("sqlite", "postgres", "both"), default="both")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        if args.store in ("sqlite", "both"):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            print(json.dumps(run(f"{folder}/review.sqlite", args.writers, args.decisions, args.kills)))
        if args.store in ("postgres", "both"):
            server = stack.enter_context(postgres.server())
            print(json.dumps(run(server.url(), args.writers, args.decisions, args.kills, server)))


if __name__ == "__main__":
    if "--worker" in sys.argv:
        _, number_, url_, decisions_, folder_ = sys.argv[1:]
        writer(url_, int(number_), int(decisions_), Path(folder_))
    else:
        main()
