"""Write video files: one place, so that every file is deterministic, playable everywhere and keeps its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from curate.errors import need_extra
from curate.media.wire import Array

# What trainers and browsers read: H.264, 4:2:0, index at the front. One thread: the bytes do not depend on the machine.
X264 = {"crf": "20", "preset": "veryfast", "threads": "1", "x264-params": "threads=1:deterministic=1"}
VP9 = {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "8", "threads": "1"}
DEFAULTS: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": ("libx264", X264),
    ".mov": ("libx264", X264),
    ".mkv": ("libx264", X264),
    ".webm": ("libvpx-vp9", VP9),
    ".avi": ("mpeg4", {"q": "4", "threads": "1"}),
    ".gif": ("gif", {}),
}


def container_options(path: Path) -> dict[str, str]:
    """Return muxer options for a file name: free metadata keys and the index at the front for MP4, no random ids."""
    if path.suffix.lower() in (".mp4", ".mov", ".m4v"):
        return {"movflags": "use_metadata_tags+faststart", "fflags": "+bitexact"}
    return {"fflags": "+bitexact"}


def write_video(
    path: Path,
    images: Iterable[Array],
    fps: Fraction | int,
    codec: str | None = None,
    options: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    pix_fmt: str = "yuv420p",
) -> int:
    """Encode RGB images to a file.

    Args:
        path: ``.mp4``, ``.mov``, ``.mkv``, ``.webm``, ``.avi``; the folder must exist.
        images: arrays of shape ``(height, width, 3)``, uint8, all of one size; odd sizes lose a row or column.
        fps: frames per second.
        codec: encoder; the usual one of the ending if ``None``.
        options: for the encoder.
        metadata: of the container.
        pix_fmt: of the stream.

    Returns:
        Frames written.

    Raises:
        MissingExtra: PyAV is not installed.
    """
    try:
        import av
    except ImportError as e:
        raise need_extra("av", "clips") from e
    name, usual = DEFAULTS.get(path.suffix.lower(), DEFAULTS[".mp4"])
    count = 0
    with av.open(str(path), "w", options=container_options(path)) as out:
        out.metadata.update(metadata or {})
        stream: Any = None
        for image in images:
            height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
            if stream is None:
                stream = out.add_stream(codec or name, rate=Fraction(fps), options={**(usual if codec in (None, name) else {}), **(options or {})})
                stream.width, stream.height, stream.pix_fmt = width, height, "rgb8" if name == "gif" else pix_fmt
                stream.codec_context.thread_count = 1
                # No version of the encoder in the stream: equal input, equal bytes.
                stream.codec_context.flags |= av.codec.context.Flags.bitexact
            frame = av.VideoFrame.from_ndarray(image[:height, :width], format="rgb24")
            frame.pts, frame.time_base = count, 1 / Fraction(fps)
            out.mux(stream.encode(frame))
            count += 1
        if stream is not None:
            out.mux(stream.encode(None))
    return count
