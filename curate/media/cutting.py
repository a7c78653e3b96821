"""Cut clips out of files, re-encoded or copied. Every path out of here writes the labels again and reads them back to prove it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from curate.errors import CurateError, DataError, UsageError, did_you_mean
from curate.media.encode import DEFAULTS, container_options
from curate.media.frames import Tally, colour, decoded, opened, upright, video_stream
from curate.media.isolate import Limits, Pool
from curate.media.piece import Piece
from curate.media.provenance import carried, check_carried
from curate.media.refused import Refused

Mode = Literal["encode", "copy"]
# Endings that can carry the AIGC label and that trainers read.
ENDINGS = (".mp4", ".mov", ".mkv", ".webm")
_AUDIO = {
    ".mp4": ("aac", "mp3", "ac3", "opus", "alac", "flac"),
    ".mov": ("aac", "mp3", "ac3", "alac", "pcm_s16le"),
    ".webm": ("opus", "vorbis"),
}
# Time base of written video: exact for every usual frame rate.
_TICKS = 90_000


def cut_file(piece: Piece, out: str, mode: str = "encode", crf: int = 18, fps: float | None = None) -> dict[str, Any]:
    """Write a clip as a file of its own; runs in a child.

    Args:
        piece: the clip in the original.
        out: the file to write.
        mode: ``encode`` is exact to the frame and upright; ``copy`` keeps the bits and starts at the key frame before.
        crf: quality of H.264, 0 to 51, less is better.
        fps: make the frame rate constant; as it is if ``None``.

    Returns:
        ``frames``, ``start_s`` (where the clip really starts in the original), ``notes``.

    Raises:
        Refused: nothing was in that interval, or a label was lost.
    """
    if mode == "copy":
        result = remux(piece.path, out, {}, piece.start, piece.end)
    else:
        result = _encode(piece, out, crf, fps)
    if not result["frames"]:
        Path(out).unlink(missing_ok=True)
        raise Refused("no_frames", f"no frame from {piece.start} to {piece.end} s")
    check_carried(piece.path, out)
    return result


def _encode(piece: Piece, out: str, crf: int, fps: float | None) -> dict[str, Any]:
    import av

    ending = Path(out).suffix.lower()
    codec, usual = DEFAULTS.get(ending, DEFAULTS[".mp4"])
    options = {**usual, "crf": str(crf)} if codec == "libx264" else dict(usual)
    notes: list[str] = []
    with opened(piece.path) as source, av.open(out, "w", options=container_options(Path(out))) as target:
        target.metadata.update(carried(piece.path, dict(source.metadata)))
        stream = video_stream(source, piece.max_pixels)
        tally = Tally()
        video: Any = None
        audio: Any = None
        count, first = 0, 0.0
        for at, frame in _spaced(decoded(source, stream, tally, piece), stream, piece.start, fps):
            turned = upright(colour(frame, frame.width, frame.height), int(frame.rotation or 0))
            height, width = turned.shape[0] // 2 * 2, turned.shape[1] // 2 * 2
            if video is None:
                video = target.add_stream(codec, rate=Fraction(fps or stream.average_rate or 25).limit_denominator(1001), options=options)
                video.width, video.height, video.pix_fmt = width, height, "yuv420p"
                video.codec_context.time_base = Fraction(1, _TICKS)
                video.codec_context.flags |= av.codec.context.Flags.bitexact
                first = at
                sound = _audio_out(source, ending, notes)
                audio = target.add_stream_from_template(sound) if sound is not None else None
            if (height, width) != (video.height, video.width):
                notes.append(f"the picture changes its size at {at:.2f} s; the rest is left out")
                break
            image = av.VideoFrame.from_ndarray(turned[:height, :width], format="rgb24")
            image.pts, image.time_base = round((at - first) * _TICKS), Fraction(1, _TICKS)
            target.mux(video.encode(image))
            count += 1
        if video is not None:
            target.mux(video.encode(None))
            if audio is not None:
                _copy_sound(piece.path, audio, first, piece.end)
    if tally.errors:
        notes.append(f"{tally.errors} packets could not be decoded; {tally.first}")
    return {"frames": count, "start_s": round(first, 3), "notes": notes}


def _spaced(frames: Iterator[Any], stream: Any, start: float | None, fps: float | None) -> Iterator[tuple[float, Any]]:
    """Frames with their times; at a constant rate each tick shows the newest frame."""
    base = float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
    last = None
    tick = 0
    begin = 0.0
    at = start or 0.0
    for frame in frames:
        at = frame.time - base if frame.time is not None else at
        if fps is None:
            yield at, frame
            continue
        begin = at if last is None else begin
        while last is not None and begin + tick / fps < at - 1e-4:
            yield begin + tick / fps, last
            tick += 1
        last = frame
    if fps is not None and last is not None and begin + tick / fps <= at + 1e-4:
        yield begin + tick / fps, last


def _audio_out(source: Any, ending: str, notes: list[str]) -> Any:
    """The sound track that can be carried over, if there is one."""
    if not len(source.streams.audio):
        return None
    stream = source.streams.audio[0]
    name = stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown"
    allowed = _AUDIO.get(ending)
    if allowed is not None and name not in allowed:
        notes.append(f"the sound ({name}) does not fit into {ending} and was left out")
        return None
    return stream


def _copy_sound(path: str, target: Any, start: float, end: float | None) -> None:
    """Copy the packets of sound that belong to an interval of the picture."""
    with opened(path) as source:
        video, sound = source.streams.video[0], source.streams.audio[0]
        base = float(video.start_time * video.time_base) if video.start_time else 0.0
        shift = round((base + start) / sound.time_base)
        for packet in source.demux(sound):
            if packet.pts is None or packet.pts < shift or (end is not None and float(packet.pts * sound.time_base) >= base + end):
                continue
            packet.pts, packet.dts = packet.pts - shift, None if packet.dts is None else packet.dts - shift
            packet.stream = target
            target.container.mux(packet)


def remux(path: str, out: str, more: dict[str, str], start: float | None = None, end: float | None = None) -> dict[str, Any]:
    """Copy the streams of a file without decoding, from the key frame at or before ``start``.

    Args:
        path: the original.
        out: the copy.
        more: metadata to add; labels of the original are kept in any case.
        start: seconds from the first frame.
        end: seconds.

    Returns:
        ``frames`` (packets of video), ``start_s``, ``notes``.

    Raises:
        Refused: the container does not take the streams.
    """
    import av

    notes: list[str] = []
    with opened(path) as source:
        stream = next(iter(source.streams.video), None)
        if stream is None:
            raise Refused("no_video", "no video stream")
        base = float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
        if start:
            source.seek(int((base + start) / stream.time_base), stream=stream, backward=True)
        with av.open(out, "w", options=container_options(Path(out))) as target:
            target.metadata.update({**carried(path, dict(source.metadata)), **more})
            try:
                chosen = {stream.index: target.add_stream_from_template(stream)}
                sound = _audio_out(source, Path(out).suffix.lower(), notes)
                if sound is not None:
                    chosen[sound.index] = target.add_stream_from_template(sound)
                count, first = _copy_all(source, target, chosen, stream, None if end is None else base + end)
            except (av.error.FFmpegError, ValueError) as e:
                raise Refused("cannot_copy", f"{Path(out).suffix} does not take the streams: {str(e)[:100]}; use mode encode") from e
    return {"frames": count, "start_s": round(max(0.0, first - base), 3), "notes": notes}


def _copy_all(source: Any, target: Any, chosen: dict[int, Any], video: Any, end: float | None) -> tuple[int, float]:
    count, first = 0, None
    for packet in source.demux([s for s in source.streams if s.index in chosen]):
        stream = packet.stream
        # Matroska has no decoding times; the muxer works them out.
        if packet.pts is None:
            continue
        at = float(packet.pts * stream.time_base)
        if end is not None and at >= end - 1e-6:
            continue
        if first is None:
            if stream.index != video.index or not packet.is_keyframe:
                continue
            first = at
        if at < first - 1e-6:
            continue
        shift = round(first / stream.time_base)
        packet.pts, packet.dts = packet.pts - shift, None if packet.dts is None else packet.dts - shift
        packet.stream = chosen[stream.index]
        target.mux(packet)
        count += stream.index == video.index
    return count, first or 0.0


def cut(
    source: Path | str, target: Path | str, start_s: float | None = None, end_s: float | None = None, mode: Mode = "encode", crf: int = 18,
    fps: float | None = None, pool: Pool | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write a part of a file as its own file, in a child process; labels of AI-generated content are carried on.

    Args:
        source: the original; never changed.
        target: ``.mp4``, ``.mov``, ``.mkv`` or ``.webm``; written atomically.
        start_s: seconds from the first frame; the beginning if ``None``.
        end_s: seconds; the end if ``None``.
        mode: ``encode`` (exact, upright) or ``copy`` (bits as they are, from the key frame before).
        crf: quality of H.264, 0 to 51.
        fps: make the frame rate constant.
        pool: children to use instead of a new one.

    Returns:
        ``frames``, ``start_s``, ``notes``.

    Raises:
        UsageError: the ending or interval cannot be used.
        DataError: the file cannot be read or its label would be lost; names the reason.
    """
    source, target = Path(source), Path(target)
    if target.suffix.lower() not in ENDINGS:
        raise UsageError(f"cannot write {target.suffix or 'a file without ending'!r}", hint=did_you_mean(target.suffix, ENDINGS))
    if start_s is not None and end_s is not None and not 0 <= start_s < end_s:
        raise UsageError(f"from {start_s} to {end_s} s is no interval")
    if source.resolve() == target.resolve():
        raise UsageError("a file is not cut onto itself")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.stem}.{os.getpid()}.tmp{target.suffix}")
    args = {"out": str(partial), "start": start_s, "end": end_s, "mode": mode, "crf": crf, "fps": fps}
    use = pool or Pool(Limits(), 1)
    try:
        outcome = use.call("cut", args, source)
    finally:
        if pool is None:
            use.close()
    if outcome.value is None:
        partial.unlink(missing_ok=True)
        raise DataError(f"{source}: {outcome.reason}: {outcome.note}", hint="curate clips probe tells more")
    if not partial.exists():
        raise CurateError(f"{target} was not written")
    os.replace(partial, target)
    return dict(outcome.value)
