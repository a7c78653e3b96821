"""Probe and quality in one pass over the frames."""

from __future__ import annotations

from typing import Any

from curate.media.frames import Tally, decoded, opened, video_stream
from curate.media.piece import Piece
from curate.media.probe import describe_container, describe_stream, is_short, timing
from curate.media.quality import Meter
from curate.media.refused import Refused


def analyse_file(piece: Piece, flow: bool = True) -> dict[str, Any]:
    """Decode a clip once and measure everything that needs no other model; runs in a child.

    Args:
        piece: the clip and its limits.
        flow: whether motion is measured.

    Returns:
        The columns of ``probe`` and those of ``quality``, of the clip where bounds are given.

    Raises:
        Refused: it cannot be read; names the reason.
    """
    with opened(piece.path) as container:
        row = describe_container(container)
        stream = video_stream(container, piece.max_pixels)
        row.update(describe_stream(stream))
        tally, meter = Tally(), Meter(flow)
        times: list[float] = []
        count, rotation, last, origin = 0, 0, 0.0, None
        for frame in decoded(container, stream, tally, piece):
            count += 1
            rotation = rotation or int(frame.rotation or 0)
            if frame.time is not None:
                times.append(frame.time)
                last = float((frame.duration or 0) * (frame.time_base or 0))
                origin = frame.time if origin is None else origin
            meter.add(frame, (frame.time - origin) if frame.time is not None and origin is not None else count / 25)
        if not count:
            raise Refused("no_frames", tally.first or "no frame could be decoded")
        row.update(timing(times, count, last, stream))
        row.update(rotation=rotation, decode_errors=tally.errors, **meter.result())
        row["short_decode"] = (piece.whole and is_short(row, stream, tally, container)) or tally.errors > 0
        return row
