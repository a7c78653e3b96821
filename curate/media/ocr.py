"""Text burned into pictures: how much of the picture it covers, and what it says in Chinese and in English."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from curate.media.isolate import Limits, Pool
from curate.media.wire import Array

# The models need more than a decoder may have; they only ever see pixels.
READER_LIMITS = Limits(seconds=120.0, memory=3 << 30)
SIDE, MAX_FRAMES, PER_SECOND = 960, 8, 1.0
LEAST_CONFIDENCE = 0.6


@lru_cache(maxsize=1)
def _engine() -> Any:
    import logging

    from rapidocr import RapidOCR

    logging.disable(logging.CRITICAL)
    return RapidOCR(params={"EngineConfig.onnxruntime.intra_op_num_threads": 1, "EngineConfig.onnxruntime.inter_op_num_threads": 1})


def read_frames(images: list[Array]) -> dict[str, Any]:
    """Read the text of a few pictures; runs in a child.

    Args:
        images: arrays of shape ``(height, width, 3)``, RGB, uint8.

    Returns:
        ``text_share`` (mean share of the picture in boxes of text), ``text_zh``, ``text_en`` (different lines in order, or null).
    """
    engine = _engine()
    shares: list[float] = []
    lines: dict[str, None] = {}
    for image in images:
        found = engine(image[:, :, ::-1])
        area = 0.0
        for box, text, sure in zip(found.boxes if found.boxes is not None else (), found.txts or (), found.scores or (), strict=False):
            if float(sure) >= LEAST_CONFIDENCE and str(text).strip():
                area += _area(box)
                lines[str(text).strip()] = None
        shares.append(min(1.0, area / (image.shape[0] * image.shape[1])))
    zh = [t for t in lines if any("\u3400" <= c <= "\u9fff" for c in t)]
    en = [t for t in lines if t not in zh and any(c.isascii() and c.isalpha() for c in t)]
    return {"text_share": round(sum(shares) / max(1, len(shares)), 5), "text_zh": " / ".join(zh) or None, "text_en": " / ".join(en) or None}


def _area(box: Any) -> float:
    """Area of a four-cornered box."""
    corners = [(float(x), float(y)) for x, y in box]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True))) / 2


def read_clip(path: str, duration: float, decoder: Pool, reader: Pool, start: float | None = None, end: float | None = None) -> dict[str, Any]:
    """Read the text in a clip, at most one picture a second: decoded in one child, read in another.

    Args:
        path: the file.
        duration: seconds.
        decoder: children that decode.
        reader: children that read, see ``READER_LIMITS``.
        start: clip start, seconds.
        end: clip end, seconds.

    Returns:
        ``text_share``, ``text_zh``, ``text_en``; all null if it could not be done, never 0.
    """
    nothing = dict.fromkeys(("text_share", "text_zh", "text_en"))
    count = max(1, min(MAX_FRAMES, int(duration * PER_SECOND)))
    frames = decoder.call("frames", {"count": count, "side": SIDE, "start": start, "end": end}, path)
    if frames.value is None:
        return nothing
    read = reader.call("ocr", {"images": frames.value["images"]})
    return dict(read.value) if read.value is not None else nothing
