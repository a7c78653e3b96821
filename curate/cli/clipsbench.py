"""What ``curate clips bench`` prints."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

from curate.cli.show import emit, note, say, table

# Clips of the shared set that show one generated test pattern; its list does not call them the same.
PATTERNS = {
    "testsrc2": ("discard_first_keyframe", "h265_10bits", "testsrc2_mpeg4.avi", "testsrc2_odd", "testsrc2_vp8", "testsrc2_vp9"),
    "testsrc": ("hfjs_sample_video", "av1_video", "sine_stereo_mp2"),
}
QUICK = ("low quality", "crop 5 % a side", "letterbox", "logo", "flip", "middle half")


def copies(paths: list[Path], truth: Path | None, quick: bool, workers: int, as_json: bool) -> None:
    """Run the bench of transformations and print recall per transformation, precision and offsets."""
    from curate.media import bench
    from curate.media.probe import expand

    names = expand(paths)
    groups = _groups(truth, names) if truth else {}
    patterns = {n: p for n in names for p, parts in PATTERNS.items() if any(part in n for part in parts)}
    with tempfile.TemporaryDirectory(prefix="leishu-bench-") as folder:
        got = bench.run(names, Path(folder), groups, patterns, workers, QUICK if quick else (), tell=_tell)
    if as_json:
        summary = {"clips": got.clips, "transformations": len(got.per), "recall": got.recall, "precision": got.precision, "offsets": got.offsets}
        emit({**summary, "per": got.per, "missed": got.missed, "wrong": got.wrong, "open": got.open, "seconds": got.seconds})
        return
    rows = [(name, f"{k}/{n}", f"{k / n:.3f}", ", ".join(c for t, c in got.missed if t == name)) for name, (k, n) in got.per.items()]
    table(f"{got.clips} clips x {len(got.per)} transformations", ["transformation", "found", "recall", "missed"], rows, right=(1, 2))
    say(f"recall {got.recall:.4f}   precision {got.precision:.4f} over {got.pairs - got.open} pairs   offsets right to 0.3 s {got.offsets:.3f}")
    say(f"wrong pairs: {', '.join(f'{a} = {b} ({n})' for (a, b), n in Counter(got.wrong).most_common(8)) or 'none'}")
    say(f"{got.open} pairs within one generated test pattern are counted as neither right nor wrong")
    say("seconds: " + ", ".join(f"{k} {v:.0f}" for k, v in got.seconds.items()))


def _tell(what: str, done: int, of: int) -> None:
    if done == of or done % 100 == 0:
        note(f"{what} {done}/{of}")


def _groups(truth: Path, names: list[str]) -> dict[str, str]:
    by_name = {}
    for line in truth.read_text(encoding="utf-8").split("\n"):
        row = json.loads(line) if line.strip() else {}
        group = (row.get("labels") or row).get("dup_group")
        if group:
            by_name[Path(str(row.get("media") or row.get("path"))).name] = str(group)
    return {n: by_name[Path(n).name] for n in names if Path(n).name in by_name}


def speed(paths: list[Path], as_json: bool) -> None:
    """Print the rate of each kind of work on one core, beside decoding alone."""
    from curate.media import bench
    from curate.media.probe import expand

    rows = bench.speed(expand(paths))
    if as_json:
        emit(rows)
        return
    cells = [(r["work"], r["frames_per_s"], r["times_real_time"], r["of_decoding"]) for r in rows]
    table("one core", ["work", "frames/s", "x real time", "of decoding"], cells, right=(1, 2, 3))
