"""Shots of a long video: where they begin and end, and cutting them out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curate.errors import DataError
from curate.media.cutting import Mode, cut
from curate.media.isolate import Limits, Pool


def shots(cuts: list[float], duration: float, least: float = 1.0, most: float | None = None) -> list[tuple[float, float]]:
    """Return the intervals between cuts.

    Args:
        cuts: seconds.
        duration: seconds.
        least: shorter shots are left out.
        most: longer shots are divided evenly.

    Example:
        >>> shots([4.0, 4.5], 10.0, 1.0, 3.0)
        [(0.0, 2.0), (2.0, 4.0), (4.5, 7.25), (7.25, 10.0)]
    """
    edges = [0.0, *sorted(c for c in cuts if 0 < c < duration), duration]
    out: list[tuple[float, float]] = []
    for a, b in zip(edges, edges[1:], strict=False):
        if b - a < least:
            continue
        parts = 1 if most is None else max(1, int(-(-(b - a) // most)))
        width = (b - a) / parts
        out += [(round(a + k * width, 3), round(a + (k + 1) * width, 3)) for k in range(parts)]
    return out


def find(path: Path | str, pool: Pool, least: float = 1.0, most: float | None = None) -> list[tuple[float, float]]:
    """Find the shots of a file.

    Args:
        path: the file.
        pool: children that decode.
        least: shorter shots are left out, seconds.
        most: longer shots are divided evenly, seconds.

    Raises:
        DataError: it cannot be read; names the reason.
    """
    outcome = pool.call("analyse", {"flow": False}, path)
    if outcome.value is None:
        raise DataError(f"{path}: {outcome.reason}: {outcome.note}")
    return shots(outcome.value["cuts"], float(outcome.value["duration_s"] or 0.0), least, most)


def cut_all(source: Path, folder: Path, mode: Mode = "encode", least: float = 1.0, fps: float | None = None) -> Iterator[dict[str, Any]]:
    """Write every shot of a file as a clip of its own.

    Args:
        source: the original.
        folder: for the clips, ``NAME-00001.mp4`` and so on.
        mode: ``encode`` or ``copy``.
        least: shorter shots are left out, seconds.
        fps: make the frame rate constant.

    Yields:
        ``path, begin_s, end_s, frames, start_s, notes`` per clip.
    """
    with Pool(Limits(), 1) as pool:
        for number, (start, end) in enumerate(find(source, pool, least), 1):
            target = folder / f"{source.stem}-{number:05d}.mp4"
            yield {"path": str(target), "begin_s": start, "end_s": end, **cut(source, target, start, end, mode, fps=fps, pool=pool)}
