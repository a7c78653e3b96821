"""What a file really is, found by decoding it: header claims are reported beside, never instead."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from curate.media.frames import Tally, decoded, opened, video_stream
from curate.media.isolate import Limits, Outcome, Pool, spread
from curate.media.piece import Piece
from curate.media.refused import Refused

# What every row has, in this order; null where it could not be known.
COLUMNS = (
    "path", "ok", "reason", "note", "container", "codec", "profile", "pix_fmt", "width", "height", "rotation", "sar", "frames", "fps",
    "constant_fps", "duration_s", "start_s", "container_duration_s", "declared_frames", "decode_errors", "short_decode", "audio", "audio_codecs",
    "audio_streams", "video_streams", "streams", "bit_rate", "bytes",
)  # fmt: skip
# The share of declared frames (or of the declared time) that must decode before a file counts as whole.
WHOLE = 0.98


def probe_file(piece: Piece) -> dict[str, Any]:
    """Decode a file from end to end and say what it is; runs in a child.

    Args:
        piece: the clip and its limits.

    Returns:
        The columns ``container`` … ``bit_rate``.

    Raises:
        Refused: it cannot be read; names the reason.
    """
    with opened(piece.path) as container:
        row = describe_container(container)
        stream = video_stream(container, piece.max_pixels)
        row.update(describe_stream(stream))
        tally = Tally()
        times: list[float] = []
        rotation, last = 0, 0.0
        count = 0
        for frame in decoded(container, stream, tally, piece):
            count += 1
            rotation = rotation or int(frame.rotation or 0)
            if frame.time is not None:
                times.append(frame.time)
                last = float((frame.duration or 0) * (frame.time_base or 0))
        if not count:
            raise Refused("no_frames", tally.first or "no frame could be decoded")
        row.update(timing(times, count, last, stream))
        row.update(rotation=rotation, decode_errors=tally.errors)
        row["short_decode"] = is_short(row, stream, tally, container)
        if row["short_decode"]:
            row["reason"] = "short_decode"
            row["note"] = f"{count} of {row['declared_frames'] or 'unknown'} frames decoded" + (f"; {tally.first}" if tally.first else "")
        return row


def describe_container(container: Any) -> dict[str, Any]:
    """Return what a container says of itself."""
    audio = [s.codec_context.codec.canonical_name for s in container.streams.audio if s.codec_context is not None]
    return {
        "container": container.format.name,
        "container_duration_s": round(container.duration / 1e6, 6) if container.duration and container.duration > 0 else None,
        "audio": bool(len(container.streams.audio)),
        "audio_codecs": audio,
        "audio_streams": len(container.streams.audio),
        "video_streams": len(container.streams.video),
        "streams": len(container.streams),
        "bit_rate": container.bit_rate or None,
    }


def describe_stream(stream: Any) -> dict[str, Any]:
    """Return what a video stream says of itself; sizes are as coded."""
    context = stream.codec_context
    sar = stream.sample_aspect_ratio
    return {
        "codec": context.codec.canonical_name,
        "profile": context.profile,
        "pix_fmt": context.pix_fmt,
        "width": context.width,
        "height": context.height,
        "sar": f"{sar.numerator}:{sar.denominator}" if sar else None,
        "declared_frames": stream.frames or None,
    }


def timing(times: list[float], count: int, last: float, stream: Any) -> dict[str, Any]:
    """Work out rate and duration from the times of decoded frames.

    Args:
        times: seconds, in decoding order of display.
        count: frames.
        last: duration of the last frame, seconds; 0 if unknown.
        stream: for the declared rate, where one frame tells nothing.

    Returns:
        ``frames``, ``fps``, ``constant_fps``, ``duration_s``, ``start_s``.
    """
    declared = float(stream.average_rate) if stream.average_rate else None
    steps = [b - a for a, b in zip(times, times[1:], strict=False)]
    if not steps or times[-1] <= times[0]:
        step = last or (1 / declared if declared else 0.0)
        fps = declared or (1 / step if step else None)
        return {
            "frames": count, "fps": round(fps, 6) if fps else None, "constant_fps": count == 1 or None,
            "duration_s": round(step * count, 6) if step else None, "start_s": round(times[0], 6) if times else None,
        }  # fmt: skip
    middle = statistics.median(steps)
    # Times are rounded to the ticks of the container, so a step may be off by one; where a tick is as long as a frame it may not.
    tick = float(stream.time_base or 0)
    slack = max(1.5 * tick if tick < 0.25 * middle else 0.0, 0.02 * middle, 1e-6)
    constant = all(abs(s - middle) <= slack for s in steps)
    mean = (times[-1] - times[0]) / len(steps)
    # The last frame lasts as long as the others unless the file says so itself (pictures in a GIF).
    span = times[-1] - times[0] + (mean if constant or not last else last)
    fps = 1 / mean if constant else count / span
    if declared and abs(1 / (mean if constant else middle) - declared) <= 0.005 * declared:
        fps = declared
        span = count / fps if constant else span
    return {"frames": count, "fps": round(fps, 6), "constant_fps": constant, "duration_s": round(span, 6), "start_s": round(times[0], 6)}


def is_short(row: dict[str, Any], stream: Any, tally: Tally, container: Any) -> bool:
    """Whether clearly fewer frames came out than the file promises."""
    if tally.capped:
        return True
    declared, got, span = row["declared_frames"], row["frames"], row["duration_s"] or 0.0
    promised = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    if not promised and row["video_streams"] and container.duration and not row["audio"]:
        promised = container.duration / 1e6
    missing_time = promised > 0 and span < WHOLE * promised - 1.5 * span / max(1, got)
    missing_frames = bool(declared) and got < min(WHOLE * declared, declared - 1)
    if tally.errors and (missing_frames or missing_time or not declared):
        return True
    # An edit list may leave frames out on purpose; then the promised time is there all the same.
    return missing_time or (missing_frames and not promised)


def finish(path: str, outcome: Outcome, size: int | None) -> dict[str, Any]:
    """Turn what a child gave into a row with every column.

    Args:
        path: as the user named it.
        outcome: of the task ``probe``.
        size: bytes of the file.
    """
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row.update(path=path, ok=outcome.value is not None, reason=outcome.reason, note=outcome.note or None, bytes=size)
    if outcome.value is not None:
        row.update({k: v for k, v in outcome.value.items() if k in row})
    return row


def probe(paths: Iterable[Path | str], limits: Limits | None = None, workers: int = 1, pool: Pool | None = None) -> Iterator[dict[str, Any]]:
    """Probe files, each in a child process.

    Args:
        paths: the files.
        limits: what one file may cost.
        workers: children at once.
        pool: children to use instead of new ones.

    Yields:
        One row per file with ``COLUMNS``; ``ok`` is false and ``reason`` says why if it cannot be read.
    """
    use, made = spread(pool, limits, workers)
    names = [str(p) for p in paths]
    try:
        for name, outcome in zip(names, use.map("probe", ((n, {}) for n in names)), strict=True):
            yield finish(name, outcome, _size(name))
    finally:
        for p in made:
            p.close()


def _size(name: str) -> int | None:
    try:
        return Path(name).stat().st_size
    except (OSError, ValueError):
        return None


def expand(paths: Iterable[Path | str], images: bool = False) -> list[str]:
    """Return files as they are and, for a folder, its media files, sorted.

    Args:
        paths: files and folders; a file that does not exist stays in the list, its row will say so.
        images: whether pictures in a folder count, too.
    """
    from curate.readers.columns import MEDIA_SUFFIXES

    endings = {f".{s}" for kind in (("video", "image") if images else ("video",)) for s in MEDIA_SUFFIXES[kind]}
    out: list[str] = []
    for item in map(Path, paths):
        if item.is_dir():
            out += [str(p) for p in sorted(item.rglob("*")) if p.suffix.lower() in endings and p.is_file() and not p.name.startswith(".")]
        else:
            out.append(str(item))
    return list(dict.fromkeys(out))
