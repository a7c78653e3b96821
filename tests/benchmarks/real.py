"""A file of real captions through twelve steps: ``python -m tests.benchmarks.real CAPTIONS.jsonl``.

Two processes, then one thread, then other part sizes. Prints seconds, peak memory of the process tree, the ledger, and a digest of the
last table: the three must be equal (exit code 1 otherwise).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from curate.workspace import Workspace
from tests.benchmarks.determinism import digest
from tests.benchmarks.run import memory

RECIPE = """recipe: 1
name: real
seed: 7
part_rows: {part}
inputs: [{{name: real, path: {path}, license: LicenseRef-test}}]
resources: {{embedder: {{name: use}}}}
steps: [normalize, language, quality, tokens, match, embed, theme, sign, dedup, coverage, balance, split]
"""
ONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
WAYS = {"two processes": (20_000, "2", {}), "one thread": (20_000, "1", ONE), "other parts": (7_000, "2", {})}


def once(captions: Path, folder: Path, part: int, workers: str, env: dict[str, str]) -> tuple[str, float, float, str]:
    """Run the recipe; digest, seconds, MiB, ledger."""
    folder.mkdir()
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(part=part, path=json.dumps(str(captions.resolve()))), encoding="utf-8")
    command = [sys.executable, "-c", "from curate.cli import main; main()", "run", str(recipe), "-w", str(folder / "ws"), "--workers", workers]
    started, peak = time.perf_counter(), 0.0
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **env})
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit((folder / "log").read_text()[-2000:])
    seconds, ws = time.perf_counter() - started, Workspace(folder / "ws")
    ledger = ", ".join(f"{s['step_id']} {s['rows_live']}" for s in ws.last_run()["steps"])
    return digest(ws.table(ws.last_key()).sort("id")), seconds, peak, ledger


def main() -> int:
    """Run all ways."""
    digests = set()
    with tempfile.TemporaryDirectory() as folder:
        for name, (part, workers, env) in WAYS.items():
            found, seconds, peak, ledger = once(Path(sys.argv[1]), Path(folder) / name.replace(" ", "-"), part, workers, env)
            digests.add(found)
            sys.stdout.write(f"{name}: {seconds:.1f} s, {peak:.0f} MiB, {found}\n  live after each step: {ledger}\n")
            sys.stdout.flush()
    return int(len(digests) > 1)


if __name__ == "__main__":
    sys.exit(main())
