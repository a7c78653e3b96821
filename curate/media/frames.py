"""Open and decode video safely, inside a child: local files only, known containers only, every fault counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.media.piece import Piece
from curate.media.refused import Refused
from curate.media.wire import Array

# Demuxers that may open a file: no playlists and no scripts, which would open other files or the network.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,gif,flv,asf,ogg,h264,hevc,mpegvideo,m4v,ivf,mxf,obu,av1,"
    "image2,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,apng,webp_anim,webp"
)
MAX_ERRORS = 1000
MAX_STREAMS = 200


@dataclass
class Tally:
    """What happened while decoding.

    Attributes:
        errors: packets that could not be decoded.
        first: the first error.
        capped: whether the limit on frames ended it.
    """

    errors: int = 0
    first: str = ""
    capped: bool = False


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """Open a local media file.

    Args:
        path: the file.

    Raises:
        Refused: it is no media file that is read here.
    """
    import av

    av.logging.set_level(None)
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except av.error.MemoryError as e:
        raise Refused("out_of_memory", str(e)) from e
    except (av.error.FFmpegError, ValueError, IndexError, UnicodeDecodeError) as e:
        raise Refused(*_sniff(path, e)) from e
    try:
        if len(container.streams) > MAX_STREAMS:
            raise Refused("too_many_streams", f"{len(container.streams)} streams")
        yield container
    finally:
        container.close()


def _sniff(path: str, error: Exception) -> tuple[str, str]:
    """Say what a file is that no demuxer takes."""
    with open(path, "rb") as f:
        head = f.read(512)
    if head.startswith(b"version https://git-lfs"):
        return "not_media", "a Git LFS pointer, not the video itself; run git lfs pull"
    if head.lstrip()[:1] in (b"<",) or b"<html" in head.lower():
        return "not_media", "a web page, not a video"
    if head.startswith((b"#EXTM3U", b"ffconcat")):
        return "not_media", "a playlist, not a video; playlists are never followed"
    if head and all(b in b"\t\n\r\x0c" or 32 <= b < 127 or b >= 128 for b in head) and not head.startswith(b"RIFF"):
        try:
            head[:400].decode("utf-8")
            return "not_media", "a text file, not a video"
        except UnicodeDecodeError:
            pass
    return "unreadable", str(error).split(":")[0][:200].replace(path, "")


def video_stream(container: Any, max_pixels: int) -> Any:
    """Return the first real video stream, set to one thread.

    Args:
        container: an open file.
        max_pixels: width times height allowed.

    Raises:
        Refused: there is none, or its frames are too large.
    """
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        raise Refused("no_video", "no video stream" if not len(container.streams.video) else "only a cover picture")
    stream = streams[0]
    context = stream.codec_context
    if context is None:
        raise Refused("no_decoder", "no decoder for the video stream")
    if context.width * context.height > max_pixels:
        raise Refused("too_many_pixels", f"{context.width}x{context.height}, the limit is {max_pixels} pixels")
    stream.thread_type = "NONE"
    context.thread_count = 1
    return stream


def _is_cover(stream: Any) -> bool:
    import av

    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def decoded(container: Any, stream: Any, tally: Tally, piece: Piece) -> Iterator[Any]:
    """Yield decoded frames; packets that cannot be decoded are counted and skipped.

    Args:
        container: an open file.
        stream: its video stream.
        tally: filled with what went wrong.
        piece: which frames are given, those before its start are decoded only; a frame larger than it allows ends it (the size may change
            inside a stream).

    Raises:
        Refused: a frame is too large.
    """
    start, end = piece.start, piece.end
    base = float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
    if start and start > 1.0 and stream.time_base:
        _seek(container, stream, base + start)
    count = 0
    for frame in _raw(container, stream, tally):
        if frame.width * frame.height > piece.max_pixels:
            raise Refused("too_many_pixels", f"{frame.width}x{frame.height}, the limit is {piece.max_pixels} pixels")
        at = None if frame.time is None else frame.time - base
        if start is not None and at is not None and at < start - 1e-3:
            continue
        if end is not None and at is not None and at >= end - 1e-3:
            return
        if count >= piece.max_frames:
            tally.capped = True
            return
        count += 1
        yield frame


def _seek(container: Any, stream: Any, seconds: float) -> None:
    import av

    try:
        container.seek(int(seconds / stream.time_base), stream=stream, backward=True)
    except av.error.FFmpegError:
        return


def _raw(container: Any, stream: Any, tally: Tally) -> Iterator[Any]:
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.MemoryError as e:
            raise Refused("out_of_memory", str(e)) from e
        except (av.error.FFmpegError, ValueError, IndexError) as e:
            # The container itself ends here; what was decoded so far stands.
            _count(tally, e)
            return
        try:
            frames = packet.decode()
        except av.error.MemoryError as e:
            raise Refused("out_of_memory", str(e)) from e
        except (av.error.FFmpegError, ValueError, IndexError) as e:
            _count(tally, e)
            if tally.errors > MAX_ERRORS:
                return
            continue
        yield from frames


def _count(tally: Tally, error: Exception) -> None:
    tally.errors += 1
    tally.first = tally.first or f"{type(error).__name__}: {str(error)[:120]}"


def gray(frame: Any, width: int, height: int) -> Array:
    """Return a frame as luma of a given size, resized by area.

    Args:
        frame: a decoded frame.
        width: pixels.
        height: pixels.

    Returns:
        Array of shape ``(height, width)``, uint8.
    """
    return _scaled(frame, width, height, "gray")


def colour(frame: Any, width: int, height: int, fmt: str = "rgb24") -> Array:
    """Return a frame as RGB (or ``bgr24``) of a given size, shape ``(height, width, 3)``, uint8."""
    return _scaled(frame, width, height, fmt)


def _scaled(frame: Any, width: int, height: int, fmt: str) -> Array:
    import av

    small = frame.reformat(width=width, height=height, format=fmt, interpolation=av.video.reformatter.Interpolation.AREA)
    return np.ascontiguousarray(small.to_ndarray())


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the size with the longer side at most ``side``, even and at least 2.

    Example:
        >>> fitted(1920, 1080, 256)
        (256, 144)
    """
    scale = min(1.0, side / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def upright(image: Array, rotation: int) -> Array:
    """Turn an image as a player would show it.

    Args:
        image: array of shape ``(height, width, …)``.
        rotation: degrees counter-clockwise, as containers say it.
    """
    return np.ascontiguousarray(np.rot90(image, k=round(rotation / 90) % 4)) if rotation else image


def count_frames(piece: Piece) -> int:
    """Decode everything and do nothing with it: the limit that other work is measured against.

    Args:
        piece: the clip and its limits.
    """
    with opened(piece.path) as container:
        stream = video_stream(container, piece.max_pixels)
        return sum(1 for _ in decoded(container, stream, Tally(), piece))


def pick_frames(piece: Piece, count: int = 8, side: int = 960) -> dict[str, Any]:
    """Return a few frames, evenly spread, upright, as RGB.

    Args:
        piece: the clip and its limits.
        count: how many frames.
        side: longer side of a returned frame, pixels.

    Returns:
        ``times`` (seconds from the start of the file) and ``images`` (uint8, height × width × 3).

    Raises:
        Refused: nothing could be decoded.
    """
    with opened(piece.path) as container:
        stream = video_stream(container, piece.max_pixels)
        tally = Tally()
        last = piece.end if piece.end is not None else _length(container, stream)
        first = piece.start or 0.0
        wanted = [first + (last - first) * (i + 0.5) / count for i in range(count)] if last and last > first else [first]
        base = float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
        times: list[float] = []
        images: list[Array] = []
        held: tuple[float, Any] | None = None
        for frame in decoded(container, stream, tally, piece):
            at = 0.0 if frame.time is None else frame.time - base
            while held is not None and len(times) < len(wanted) and at > wanted[len(times)]:
                _keep(held, side, times, images)
            held = (at, frame)
            if len(times) >= len(wanted):
                break
        if held is not None and len(times) < len(wanted):
            _keep(held, side, times, images)
        if not images:
            raise Refused("no_frames", tally.first or "no frame could be decoded")
        return {"times": times, "images": images}


def _length(container: Any, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else 0.0


def _keep(held: tuple[float, Any], side: int, times: list[float], images: list[Array]) -> None:
    at, frame = held
    width, height = fitted(frame.width, frame.height, side)
    times.append(round(at, 3))
    images.append(upright(colour(frame, width, height), int(frame.rotation or 0)))
