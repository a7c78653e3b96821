"""Mutated video files, seeded: the run of a thousand is ``python -m tests.media.hostile FOLDER [N]``."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from curate.media.isolate import Limits, Pool

KINDS = ("bytes", "cut", "zeros", "repeat", "swap", "sizes", "glue", "head")


def mutate(data: bytes, seed: int) -> tuple[str, bytes]:
    """Return the kind of damage and the damaged bytes."""
    rng = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    out = bytearray(data)
    at = rng.randrange(len(out))
    if kind == "bytes":
        for _ in range(rng.choice((1, 10, 100, 1000))):
            out[rng.randrange(len(out))] = rng.randrange(256)
    elif kind == "cut":
        del out[at:]
    elif kind == "zeros":
        n = min(len(out) - at, rng.choice((16, 1024, 65536)))
        out[at : at + n] = bytes(n)
    elif kind == "repeat":
        out[at:at] = out[at : at + 4096] * rng.choice((1, 50))
    elif kind == "swap":
        other = rng.randrange(len(out))
        out[at : at + 512], out[other : other + 512] = out[other : other + 512], out[at : at + 512]
    elif kind == "sizes":
        # Numbers in headers: lengths, counts, widths.
        for _ in range(8):
            place = rng.randrange(max(1, min(len(out), 4096) - 4))
            out[place : place + 4] = rng.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x00\x00\xff\xff"))
    elif kind == "glue":
        out += bytes(rng.randrange(256) for _ in range(2000)) + data[: rng.randrange(len(data))]
    else:
        out[:16] = bytes(rng.randrange(256) for _ in range(16))
    return kind, bytes(out)


def run(sources: list[Path], count: int, tasks: tuple[str, ...] = ("probe",), workers: int = 1, largest: int = 400_000) -> dict[str, object]:
    """Feed mutated files to children; returns counts of outcomes and the worst time and memory."""
    seeds = [p for p in sources if 0 < p.stat().st_size <= largest]
    outcomes: Counter[str] = Counter()
    slowest, most = 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder, Pool(Limits(), workers) as pool:
        for i in range(count):
            source = seeds[i % len(seeds)]
            _kind, data = mutate(source.read_bytes(), i)
            path = Path(folder) / f"m{i}{source.suffix}"
            path.write_bytes(data)
            for task in tasks:
                got = pool.call(task, {}, path)
                short = got.value is not None and bool(got.value.get("short_decode"))
                outcomes["short" if short else "ok" if got.value is not None else str(got.reason)] += 1
                slowest, most = max(slowest, got.seconds), max(most, got.peak_mb)
            path.unlink()
    return {"files": count, "outcomes": dict(outcomes.most_common()), "slowest_s": round(slowest, 2), "peak_mb": most}


if __name__ == "__main__":
    started = time.time()
    folder = Path(sys.argv[1])
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    sys.stdout.write(f"{run(sorted(folder.iterdir()), number, ('probe', 'provenance'))} {time.time() - started:.0f} s\n")
