"""The sample's clips, generated: textured motion, drawn Chinese text, cuts, black and frozen parts, near duplicates.

Nothing is downloaded and nothing is copied; equal names give equal frames on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from curate.errors import DataError, need_extra
from curate.media.encode import write_video
from curate.media.fonts import fit_text, font
from curate.media.wire import Array

WIDTH, HEIGHT, FPS, FRAMES = 320, 180, 12, 36
# Some clips are as long as trainers want them: 129 frames at 24 a second, 93 at 16, 49 at 8.
LONG_FPS, LONG_FRAMES = 24, 148
# What each clip of a dozen shows; near duplicates repeat the clip so many places before.
PLAN: tuple[dict[str, Any], ...] = (
    {}, {"title": True, "long": True}, {"cut": True}, {"black": True, "long": True}, {"frozen": True}, {"copy": 5, "how": "smaller"},
    {"title": True, "cut": True, "long": True}, {"letterbox": True}, {}, {"copy": 7, "how": "subtitle"}, {"labelled": True, "long": True},
    {"copy": 3, "how": "flip"},
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """What a generated clip holds, for tests and for the demo.

    Attributes:
        clip: name as in the captions.
        cut_at: frame of the cut, or ``None``.
        black: frames that are black, at the start.
        frozen: frames that repeat the one before, in the middle.
        letterbox: rows of black above and below, each.
        title: text drawn into the picture, or empty.
        copy_of: the clip that this one is a near duplicate of, or ``None``.
        how: in which way.
        labelled: whether the file carries an AIGC label.
        frames: how many.
        fps: frames per second.
    """

    clip: str
    cut_at: int | None = None
    black: int = 0
    frozen: int = 0
    letterbox: int = 0
    title: str = ""
    copy_of: str | None = None
    how: str = ""
    labelled: bool = False
    frames: int = FRAMES
    fps: int = FPS


def texture(seed: int, width: int, height: int) -> Array:
    """Return a picture with detail at every scale.

    Args:
        seed: what it looks like.
        width: pixels.
        height: pixels.

    Returns:
        Array of shape ``(height, width, 3)``, uint8.
    """
    import cv2

    rng = np.random.default_rng(seed)
    field = np.zeros((height, width), np.float32)
    for octave in range(1, 6):
        cells = rng.standard_normal((3 * 2**octave // 2, 5 * 2**octave // 2)).astype(np.float32)
        field += np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC), np.float32) / 1.6**octave
    field = (field - field.min()) / max(1e-6, float(field.max() - field.min()))
    ends = rng.integers(0, 256, (3, 3)).astype(np.float32)
    at = field[..., None] * 2
    colour = np.where(at < 1, ends[0] * (1 - at) + ends[1] * at, ends[1] * (2 - at) + ends[2] * (at - 1))
    picture: Array = np.clip(colour * 0.6 + field[..., None] * 110, 0, 255).astype(np.uint8)
    for _ in range(6):
        x, y, r = int(rng.integers(0, width)), int(rng.integers(0, height)), int(rng.integers(8, 40))
        cv2.circle(picture, (x, y), r, tuple(int(v) for v in rng.integers(0, 256, 3)), -1 if rng.random() < 0.5 else 3)
    return picture


def _seed(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest(), "big")


def _shot(seed: int, count: int, fps: int) -> Iterator[Array]:
    """A camera that pans over a texture, with an object that moves by itself."""
    import cv2

    rng = np.random.default_rng(seed + 1)
    picture = texture(seed, 2 * WIDTH, 2 * HEIGHT)
    direction = rng.uniform(0, 2 * np.pi)
    speed, zoom = rng.uniform(1.5, 4.0), rng.uniform(-0.004, 0.006)
    colour = tuple(int(v) for v in rng.integers(60, 256, 3))
    pace = FPS / fps
    speed, zoom = speed * pace, zoom * pace
    x0, y0 = WIDTH / 2 - speed * np.cos(direction) * count / 2, HEIGHT / 2 - speed * np.sin(direction) * count / 2
    for i in range(count):
        scale = 1 + zoom * i
        x, y = x0 + speed * np.cos(direction) * i, y0 + speed * np.sin(direction) * i
        move = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]], np.float32)
        frame = cv2.warpAffine(picture, move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        centre = (int(WIDTH * (0.2 + 0.6 * i / max(1, count))), int(HEIGHT * (0.5 + 0.3 * np.sin(i * pace / 5 + direction))))
        cv2.circle(frame, centre, 14, colour, -1, cv2.LINE_AA)
        yield frame


def draw_text(image: Array, text: str, x: int, y: int, size: int, boxed: bool = False) -> Array:
    """Draw a line of Chinese or English text.

    Args:
        image: array of shape ``(height, width, 3)``, uint8; unchanged.
        text: one line.
        x: left edge, pixels.
        y: top edge, pixels.
        size: of the font, pixels.
        boxed: whether to put a dark box behind it.
    """
    from PIL import Image, ImageDraw

    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    if boxed:
        draw.rectangle(draw.textbbox((x, y), text, font=font(size)), fill=(0, 0, 0))
    draw.text((x, y), text, font=font(size), fill=(255, 255, 255), stroke_width=max(1, size // 12), stroke_fill=(0, 0, 0))
    return np.asarray(picture)


def render(made: Made, source: Made | None = None) -> Iterator[Array]:
    """Yield the frames of a clip.

    Args:
        made: what it holds.
        source: for a near duplicate, what the original holds.
    """
    if source is not None:
        subtitle = _overlay(fit_text(made.title or "字幕", WIDTH - 20, 16), 10, HEIGHT - 28, 16, boxed=True)
        for frame in render(source):
            yield _laid(frame, subtitle) if made.how == "subtitle" else _changed(frame, made)
        return
    seed = _seed(made.clip)
    frames = [*_shot(seed, made.cut_at or made.frames, made.fps)]
    if made.cut_at:
        frames += [*_shot(seed + 7919, made.frames - made.cut_at, made.fps)]
    title = _overlay(fit_text(made.title, WIDTH - 24, 26), 12, 14, 26) if made.title else None
    if made.frozen:
        at = (made.frames - made.frozen) // 2
        frames[at : at + made.frozen] = [frames[at - 1]] * made.frozen
    for i, image in enumerate(frames):
        shown = np.zeros_like(image) if i < made.black else image
        if title is not None and i >= made.black:
            shown = _laid(shown, title)
        if made.letterbox:
            shown = shown.copy()
            shown[: made.letterbox] = 0
            shown[-made.letterbox :] = 0
        yield shown


def _changed(frame: Array, made: Made) -> Array:
    import cv2

    if made.how == "smaller":
        return np.asarray(cv2.resize(frame, (256, 144), interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(frame[:, ::-1])


def _overlay(text: str, x: int, y: int, size: int, boxed: bool = False) -> tuple[Array, Array]:
    """A line of text and where it is, drawn once for all frames: its colours and its share of each pixel in 256ths."""
    black, white = (draw_text(np.full((HEIGHT, WIDTH, 3), level, np.uint8), text, x, y, size, boxed).astype(np.int32) for level in (0, 255))
    return black.astype(np.uint16), (256 - (white - black) * 256 // 255).astype(np.uint16)


def _laid(frame: Array, overlay: tuple[Array, Array]) -> Array:
    colours, share = overlay
    rows = np.flatnonzero(share.any(axis=(1, 2)))
    a, b = int(rows[0]), int(rows[-1]) + 1
    out = frame.copy()
    out[a:b] = np.minimum(255, colours[a:b] + (frame[a:b] * (256 - share[a:b]) >> 8)).astype(np.uint8)
    return out


def plan(captions: list[dict[str, Any]], n: int) -> list[Made]:
    """Decide what the clips hold.

    Args:
        captions: rows with ``clip`` and ``caption_zh``.
        n: how many clips.
    """
    first: dict[str, str] = {}
    for row in captions:
        if row.get("clip"):
            first.setdefault(str(row["clip"]), str(row.get("caption_zh") or row.get("zh") or row.get("caption_en") or ""))
    names = list(first)[:n]
    out: list[Made] = []
    for i, name in enumerate(names):
        what = PLAN[i % len(PLAN)]
        text = first[name].split("，")[0].split("。")[0][:12]
        frames, fps = (LONG_FRAMES, LONG_FPS) if what.get("long") else (FRAMES, FPS)
        made = Made(
            name,
            frames=frames,
            fps=fps,
            cut_at=frames // 2 if what.get("cut") else None,
            black=frames // 4 if what.get("black") else 0,
            frozen=12 if what.get("frozen") else 0,
            letterbox=24 if what.get("letterbox") else 0,
            title=text if what.get("title") else "",
            labelled=bool(what.get("labelled")),
        )
        if "copy" in what:
            source = out[i - what["copy"]]
            made = replace(made, copy_of=source.clip, how=what["how"], title=text, frames=source.frames, fps=source.fps)
        out.append(made)
    return out


def make_clips(captions_jsonl: Path, out_dir: Path, n: int = 24) -> list[Made]:
    """Generate clips for the first captions of a file; clips that exist already are made anew, with equal bytes.

    Args:
        captions_jsonl: JSON Lines with ``clip`` (a path relative to ``out_dir``) and captions.
        out_dir: folder; ``clips/s0001.mp4`` of the captions becomes ``out_dir/clips/s0001.mp4``.
        n: how many.

    Returns:
        What each clip holds, in the order of the captions.

    Raises:
        DataError: a clip name leads out of the folder, or there are none.
        MissingExtra: the packages for clips are not installed.
    """
    try:
        import av
        import cv2
    except ImportError as e:
        raise need_extra("av and opencv-python-headless", "clips") from e
    del av, cv2
    rows = [json.loads(line) for line in captions_jsonl.read_text(encoding="utf-8").split("\n") if line.strip()]
    made = plan(rows, n)
    if not made:
        raise DataError(f"no row of {captions_jsonl} names a clip", hint="give the rows a key 'clip'")
    known = {m.clip: m for m in made}
    root = out_dir.resolve()
    for item in made:
        target = (root / item.clip).resolve()
        if root not in target.parents:
            raise DataError(f"the clip name {item.clip!r} leads out of {out_dir}")
        target.parent.mkdir(parents=True, exist_ok=True)
        options = {"crf": "30"} if item.how == "smaller" else {"crf": "23"}
        partial = target.with_name(f".{target.stem}.tmp{target.suffix}")
        images = render(item, known.get(item.copy_of or ""))
        write_video(partial, images, Fraction(item.fps), options={"preset": "ultrafast", **options}, metadata=_label(item))
        partial.replace(target)
    return made


def _label(item: Made) -> dict[str, str]:
    if not item.labelled:
        return {}
    value = {
        "Label": "1", "ContentProducer": "leishu-sample", "ProduceID": Path(item.clip).stem, "ReservedCode1": "", "ContentPropagator": "leishu-sample",
        "PropagateID": Path(item.clip).stem, "ReservedCode2": "",
    }  # fmt: skip
    return {"AIGC": json.dumps(value, ensure_ascii=False)}
