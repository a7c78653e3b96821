"""Measure how well copies of clips are found, and how fast each kind of work is beside decoding alone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.media.clipmatch import Match, Print, Rules, matches
from curate.media.isolate import Limits, Pool
from curate.media.transforms import TRANSFORMS

Tell = Callable[[str, int, int], None]


@dataclass
class Found:
    """Result of a bench of transformations.

    Attributes:
        clips: originals that could be read.
        per: transformation to ``[found, made]``.
        missed: ``(transformation, clip)`` that was not found.
        pairs: pairs that were called the same.
        wrong: those of them that show different things, as pairs of names.
        open: those among clips of one test pattern, which no list calls the same; they count as neither.
        offsets: share of copies whose offset is right to 0.3 s.
        seconds: per step.
    """

    clips: int = 0
    per: dict[str, list[int]] = field(default_factory=dict)
    missed: list[tuple[str, str]] = field(default_factory=list)
    pairs: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)
    open: int = 0
    offsets: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def recall(self) -> float:
        """Share of the copies that were found."""
        made = sum(n for _, n in self.per.values())
        return sum(k for k, _ in self.per.values()) / made if made else 0.0

    @property
    def precision(self) -> float:
        """Share of the pairs that do show the same."""
        counted = self.pairs - self.open
        return 1 - len(self.wrong) / counted if counted else 1.0


@dataclass(frozen=True)
class Copy:
    """One file of the bench: the original it comes from, the transformation (empty for the original) and its offset in it."""

    path: str
    source: str
    name: str = ""
    offset_s: float = 0.0


def run(
    paths: Sequence[str], folder: Path, groups: dict[str, str] | None = None, patterns: dict[str, str] | None = None, workers: int = 1,
    names: Sequence[str] = (), rules: Rules | None = None, tell: Tell | None = None,
) -> Found:  # fmt: skip
    """Make copies of clips, fingerprint everything and compare all with all.

    Args:
        paths: originals.
        folder: for the copies.
        groups: original to the name of what it shows, where several show the same.
        patterns: original to the test pattern it was generated from; pairs within one are neither right nor wrong.
        workers: children at once.
        names: transformations; all if empty.
        rules: when two clips are the same.
        tell: called with what is done, how far, of how many.
    """
    out = Found()
    say = tell or (lambda _what, _done, _of: None)
    started = time.perf_counter()
    with Pool(Limits(), workers) as pool:
        copies = _copies(paths, folder, names or list(TRANSFORMS), pool, say)
        out.seconds["transform"] = time.perf_counter() - started
        started = time.perf_counter()
        prints: list[Print | None] = []
        for i, got in enumerate(pool.map("fingerprint", ((c.path, {}) for c in copies)), 1):
            prints.append(None if got.value is None else Print.of(got.value))
            say("fingerprint", i, len(copies))
    out.seconds["fingerprint"] = time.perf_counter() - started
    started = time.perf_counter()
    found = matches(prints, rules)
    out.seconds["compare"] = time.perf_counter() - started
    _score(out, copies, prints, found, groups or {}, patterns or {})
    return out


def _copies(paths: Sequence[str], folder: Path, names: Sequence[str], pool: Pool, say: Tell) -> list[Copy]:
    """The originals that can be read and their copies. A small master of each original is made first, so that it is decoded once."""
    masters: dict[str, str] = {}
    jobs = [(p, str(folder / f"{i:04d}-master")) for i, p in enumerate(paths)]
    for i, ((path, _), got) in enumerate(
        zip(jobs, pool.map("transform", ((p, {"name": "master", "out": o}) for p, o in jobs)), strict=True), 1
    ):  # fmt: skip
        say("master", i, len(jobs))
        if got.value is not None:
            masters[path] = got.value["path"]
    out = [Copy(p, p) for p in masters]
    todo = [(p, n, f"{folder}/{i:04d}-{k:02d}") for i, p in enumerate(masters) for k, n in enumerate(names)]
    for i, ((path, name, _), got) in enumerate(
        zip(todo, pool.map("transform", ((masters[p], {"name": n, "out": o}) for p, n, o in todo)), strict=True), 1
    ):  # fmt: skip
        say("transform", i, len(todo))
        if got.value is not None:
            out.append(Copy(got.value["path"], path, name, got.value["offset_s"] - TRANSFORMS[name].lead))
    return out


def _score(
    out: Found, copies: Sequence[Copy], prints: Sequence[Print | None], found: Sequence[Match], groups: dict[str, str], patterns: dict[str, str]
) -> None:
    place = {c.path: i for i, c in enumerate(copies)}
    known = {(m.a, m.b): m for m in found}
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    right, timed = 0, 0
    for i, copy in enumerate(copies):
        if not copy.name:
            out.clips += 1
            continue
        counts[copy.name][1] += 1
        match = known.get((place[copy.source], i))
        if match is None:
            out.missed.append((copy.name, Path(copy.source).name))
            continue
        counts[copy.name][0] += 1
        item = prints[i]
        if item is not None and item.duration_s > 0.5:
            timed += 1
            right += abs(-match.offset_s / match.speed - copy.offset_s) <= 0.3
    out.per, out.pairs = dict(counts), len(found)
    out.offsets = right / timed if timed else 1.0
    for m in found:
        a, b = copies[m.a].source, copies[m.b].source
        if groups.get(a, a) == groups.get(b, b):
            continue
        if patterns.get(a) is not None and patterns.get(a) == patterns.get(b):
            out.open += 1
        else:
            out.wrong.append((Path(a).name, Path(b).name))


def speed(paths: Sequence[str], text: bool = True) -> list[dict[str, Any]]:
    """Measure one core: seconds of video and frames per second of work, for decoding alone and for each kind of work.

    Args:
        paths: clips.
        text: whether reading text is measured, which is slow.
    """
    from curate.media.ocr import READER_LIMITS, read_clip

    with Pool(Limits(), 1) as pool, Pool(READER_LIMITS, 1) as reader:
        rows = [(p, r.value) for p in paths if (r := pool.call("probe", {}, p)).value is not None]
        frames, span = sum(r["frames"] for _, r in rows), sum(float(r["duration_s"] or 0) for _, r in rows)
        kinds: list[tuple[str, str, dict[str, Any]]] = [
            ("decode alone", "decode", {}), ("probe", "probe", {}), ("fingerprint", "fingerprint", {}),
            ("scores without motion", "analyse", {"flow": False}), ("scores with motion", "analyse", {}),
        ]  # fmt: skip
        out = []
        for title, task, args in kinds:
            pool.call(task, args, rows[0][0])
            started = time.perf_counter()
            for path, _ in rows:
                pool.call(task, args, path)
            out.append(_rate(title, time.perf_counter() - started, frames, span))
        if text:
            read_clip(rows[0][0], 1.0, pool, reader)
            started = time.perf_counter()
            for path, row in rows:
                read_clip(path, float(row["duration_s"] or 1.0), pool, reader)
            out.append(_rate("text, 1 picture a second", time.perf_counter() - started, frames, span))
    for row in out:
        row["of_decoding"] = round(row["frames_per_s"] / out[0]["frames_per_s"], 3)
    return out


def _rate(title: str, seconds: float, frames: int, span: float) -> dict[str, Any]:
    return {"work": title, "seconds": round(seconds, 2), "frames_per_s": round(frames / seconds, 1), "times_real_time": round(span / seconds, 1)}
