"""Things that happen to clips on their way around the net, for measuring how well copies are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from curate.media.encode import write_video
from curate.media.frames import Tally, colour, count_frames, decoded, fitted, opened, upright, video_stream
from curate.media.piece import Piece
from curate.media.refused import Refused
from curate.media.wire import Array

Change = Callable[[Array, int], Array]


@dataclass(frozen=True)
class Transform:
    """One transformation.

    Attributes:
        change: what happens to each picture.
        speed: factor of the rate at which frames are shown.
        keep_every: every so many-th frame stays, at a rate as much lower.
        part: share of the frames that stays, from and to.
        lead: seconds of black put before.
        ending: of the file.
        codec: encoder, the usual one if ``None``.
        options: for the encoder.
    """

    change: Change | None = None
    speed: float = 1.0
    keep_every: int = 1
    part: tuple[float, float] = (0.0, 1.0)
    lead: float = 0.0
    ending: str = ".mp4"
    codec: str | None = None
    options: tuple[tuple[str, str], ...] = ()


def _resize(image: Array, scale: float) -> Array:
    import cv2

    height, width = image.shape[:2]
    size = max(16, round(width * scale / 2) * 2), max(16, round(height * scale / 2) * 2)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))


def _crop(image: Array, left: float, top: float, right: float, bottom: float) -> Array:
    height, width = image.shape[:2]
    return np.ascontiguousarray(image[int(height * top) : height - int(height * bottom), int(width * left) : width - int(width * right)])


def _bars(image: Array, vertical: float, horizontal: float) -> Array:
    height, width = image.shape[:2]
    v, h = round(height * vertical), round(width * horizontal)
    return np.pad(image, ((v, v), (h, h), (0, 0)))


def _logo(image: Array, number: int) -> Array:
    import cv2

    out = image.copy()
    height, width = out.shape[:2]
    r = max(3, round(0.07 * min(height, width)))
    cv2.circle(out, (width - 2 * r, 2 * r), r, (250, 250, 250), -1, cv2.LINE_AA)
    cv2.circle(out, (width - 2 * r, 2 * r), max(1, r // 2), (200, 30, 30), -1, cv2.LINE_AA)
    return out


def _subtitle(image: Array, number: int) -> Array:
    from curate.media.synth import draw_text

    height, width = image.shape[:2]
    size = max(6, height // 13)
    text = ("锦江春色来天地", "玉垒浮云变古今")[number // 24 % 2]
    return draw_text(image, text, max(0, (width - size * 7) // 2), height - 2 * size, size)


def _tone(image: Array, number: int) -> Array:
    value = np.clip(((image.astype(np.float32) / 255) ** 0.8 - 0.5) * 1.15 + 0.54, 0, 1)
    return np.asarray(value * 255, np.uint8)


def _soft(image: Array, number: int) -> Array:
    import cv2

    noise = np.random.default_rng(number).normal(0, 6, image.shape[:2]).astype(np.float32)[..., None]
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2))
    return np.asarray(np.clip(blurred + noise, 0, 255), np.uint8)


def _mixed(image: Array, number: int) -> Array:
    return _logo(_subtitle(_crop(image, 0.04, 0.04, 0.04, 0.04), number), number)


def _grey(image: Array, number: int) -> Array:
    import cv2

    return np.repeat(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[..., None], 3, axis=2)


TRANSFORMS: dict[str, Transform] = {
    "low quality": Transform(options=(("crf", "36"),)),
    "half size": Transform(lambda im, _: _resize(im, 0.5)),
    "VP9 in WebM": Transform(ending=".webm"),
    "MPEG-4 in AVI": Transform(ending=".avi"),
    "crop 5 % a side": Transform(lambda im, _: _crop(im, 0.05, 0.05, 0.05, 0.05)),
    "crop 10 % of a corner": Transform(lambda im, _: _crop(im, 0, 0, 0.1, 0.1)),
    "letterbox": Transform(lambda im, _: _bars(im, 0.14, 0.0)),
    "pillarbox": Transform(lambda im, _: _bars(im, 0.0, 0.16)),
    "logo": Transform(_logo),
    "subtitles": Transform(_subtitle),
    "tone": Transform(_tone),
    "grey": Transform(_grey),
    "blur and noise": Transform(_soft),
    "flip": Transform(lambda im, _: np.ascontiguousarray(im[:, ::-1])),
    "speed 1.25": Transform(speed=1.25),
    "speed 0.8": Transform(speed=0.8),
    "half the frames": Transform(keep_every=2),
    "middle half": Transform(part=(0.25, 0.75)),
    "last 40 %, half size": Transform(lambda im, _: _resize(im, 0.5), part=(0.6, 1.0), options=(("crf", "32"),)),
    "after 1 s of black": Transform(lead=1.0),
    "crop, logo, subtitles": Transform(_mixed, options=(("crf", "30"),)),
}  # fmt: skip

# A small, nearly lossless copy from which the others are made.
MASTER = Transform(options=(("crf", "8"),))


def transform_file(piece: Piece, name: str, out: str, side: int = 320) -> dict[str, Any]:
    """Write a transformed copy; runs in a child.

    Args:
        piece: the original.
        name: key of ``TRANSFORMS``.
        out: the file to write, without its ending.
        side: longer side of the copy before the change, pixels.

    Returns:
        ``path`` of the copy, ``offset_s`` of its start in the original, ``frames``.

    Raises:
        Refused: nothing could be decoded.
    """
    what = MASTER if name == "master" else TRANSFORMS[name]
    with opened(piece.path) as container:
        stream = video_stream(container, piece.max_pixels)
        fps = Fraction(stream.average_rate or 25).limit_denominator(1001)
        # The whole clip needs no count before; a part of it does.
        total = count_frames(piece) if what.part != (0.0, 1.0) or what.keep_every > 1 else piece.max_frames
        first, last = int(total * what.part[0]), max(int(total * what.part[0]) + 1, int(total * what.part[1]))
        frames = decoded(container, stream, Tally(), piece)
        pictures = _prepared(frames, side, first, last, what.keep_every if total >= 2 * what.keep_every else 1)
        target = Path(f"{out}{what.ending}")
        rate = (fps * Fraction(what.speed).limit_denominator(100)) / (what.keep_every if total >= 2 * what.keep_every else 1)
        rate = rate.limit_denominator(1001)
        written = write_video(target, _applied(pictures, what, float(rate)), rate, what.codec, {"preset": "ultrafast", **dict(what.options)}
                              if what.ending == ".mp4" else dict(what.options))  # fmt: skip
        if not written:
            raise Refused("no_frames")
        return {"path": str(target), "offset_s": round(float(first / fps), 3), "frames": written}


def _prepared(frames: Iterable[Any], side: int, first: int, last: int, every: int) -> Iterator[Array]:
    for i, frame in enumerate(frames):
        if first <= i < last and (i - first) % every == 0:
            width, height = fitted(frame.width, frame.height, side)
            yield upright(colour(frame, width, height), int(frame.rotation or 0))


def _applied(pictures: Iterable[Array], what: Transform, fps: float) -> Iterator[Array]:
    for i, picture in enumerate(pictures):
        shown = what.change(picture, i) if what.change else picture
        if i == 0:
            for _ in range(round(what.lead * fps)):
                yield np.zeros_like(shown)
        yield shown
