"""What a clip is like, measured while it is decoded once. Every score names its scale in ``SCORERS``; none compares with another scorer's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curate.media.frames import colour, fitted, gray
from curate.media.wire import Array

SCORERS: dict[str, str] = {
    "black": "share of frames with 98 % of the pixels darker than 32 of 255",
    "frozen": "share of frames in runs of repeated frames of at least 0.5 s",
    "duplicate": "share of frames that repeat the one before",
    "brightness": "luma-mean",
    "contrast": "luma-std",
    "sharpness": "laplacian-variance-512",
    "motion": "dis-flow-256",
    "cuts": "hsv-adaptive",
    "letterbox": "share of the picture in black bars",
    "corner_static": "static-edges-corner",
    "text_share": "ppocr-box-area",
    "width": "decode", "height": "decode", "frames": "decode", "fps": "decode", "duration_s": "decode", "aspect": "decode",
}  # fmt: skip
SIDE, SHARP_SIDE, CUT_SIDE = 256, 512, 128
DARK, DARK_SHARE = 32, 0.98
# A repeated frame differs less than this on average and nowhere more than that (grey levels; blocks of 8 × 8).
SAME_MEAN, SAME_BLOCK = 0.25, 2.0
FROZEN_S = 0.5
# A cut changes the picture more than this (mean of the differences of H, S and V, 0 to 255) and so many times more than its neighbours.
CUT_LEAST, CUT_RATIO, CUT_WINDOW, CUT_GAP_S = 15.0, 3.0, 2, 0.25
FLOW_STEP_S, SHARP_STEP_S, KEPT = 0.25, 0.5, 16


@dataclass
class Meter:
    """Fed with every frame of a clip; ``result`` gives the scores.

    Attributes:
        flow: whether motion is measured (the dearest part).
    """

    flow: bool = True
    _times: list[float] = field(default_factory=list)
    _dark: list[bool] = field(default_factory=list)
    _same: list[bool] = field(default_factory=list)
    _bright: list[float] = field(default_factory=list)
    _spread: list[float] = field(default_factory=list)
    _change: list[float] = field(default_factory=list)
    _sharp: list[float] = field(default_factory=list)
    _moved: list[float] = field(default_factory=list)
    _kept: list[Array] = field(default_factory=list)
    _before: Array | None = None
    _hsv: Array | None = None
    _most: Array | None = None
    _dis: Any = None
    _due: dict[str, float] = field(default_factory=lambda: {"flow": 0.0, "sharp": 0.0, "keep": 0.0})
    _keep_step: float = 0.25

    def add(self, frame: Any, at: float) -> None:
        """Measure one frame.

        Args:
            frame: a decoded frame.
            at: seconds from the start of the clip.
        """
        width, height = fitted(frame.width, frame.height, SIDE)
        luma = gray(frame, width, height)
        changed = self._cut_score(frame)
        if self._before is not None and self._before.shape == luma.shape:
            self._same.append(_repeats(self._before, luma))
            self._flow(luma, at, changed)
        else:
            self._same.append(False)
        self._times.append(at)
        self._change.append(changed)
        self._dark.append(float((luma < DARK).mean()) >= DARK_SHARE)
        self._bright.append(float(luma.mean()))
        self._spread.append(float(luma.std()))
        self._most = luma if self._most is None or self._most.shape != luma.shape else np.maximum(self._most, luma)
        if at >= self._due["sharp"]:
            self._due["sharp"] = at + SHARP_STEP_S
            self._sharp.append(_sharpness(frame))
        self._keep(luma, at)
        self._before = luma

    def _cut_score(self, frame: Any) -> float:
        import cv2

        width, height = fitted(frame.width, frame.height, CUT_SIDE)
        hsv = np.asarray(cv2.cvtColor(colour(frame, width, height, "bgr24"), cv2.COLOR_BGR2HSV))
        before, self._hsv = self._hsv, hsv
        return 0.0 if before is None or before.shape != hsv.shape else float(cv2.absdiff(before, hsv).mean())

    def _flow(self, luma: Array, at: float, changed: float) -> None:
        import cv2

        # A pair of neighbouring frames every quarter of a second; a cut is no motion.
        if not self.flow or at < self._due["flow"] or changed > 2 * CUT_LEAST or not self._times or at <= self._times[-1]:
            return
        self._due["flow"] = at + FLOW_STEP_S
        assert self._before is not None
        if self._dis is None:
            self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        if min(luma.shape) < 16:
            return
        moved = np.asarray(self._dis.calc(self._before, luma, None))
        diagonal = float(np.hypot(*luma.shape))
        self._moved.append(100 * float(np.hypot(moved[..., 0], moved[..., 1]).mean()) / diagonal / (at - self._times[-1]))

    def _keep(self, luma: Array, at: float) -> None:
        if at < self._due["keep"]:
            return
        self._due["keep"] = at + self._keep_step
        self._kept.append(luma)
        if len(self._kept) >= 2 * KEPT:
            # Every other one stays, and from now on they are taken half as often.
            self._kept, self._keep_step = self._kept[::2], 2 * self._keep_step

    def result(self) -> dict[str, Any]:
        """Return the scores; ``motion`` is null for a single frame, ``corner_static`` where nothing moves."""
        n = len(self._times)
        if not n:
            return dict.fromkeys(
                ("black", "frozen", "duplicate", "brightness", "contrast", "sharpness", "motion", "cuts", "letterbox", "corner_static")
            )
        cuts = find_cuts(self._times, self._change)
        return {
            "black": round(sum(self._dark) / n, 4),
            "frozen": round(_frozen(self._times, self._same), 4),
            "duplicate": round(sum(self._same) / n, 4),
            "brightness": round(float(np.mean(self._bright)), 2),
            "contrast": round(float(np.mean(self._spread)), 2),
            "sharpness": round(float(np.median(self._sharp)), 2) if self._sharp else None,
            "motion": round(float(np.mean(self._moved)), 3) if self._moved else None,
            "cuts": [round(t, 3) for t in cuts],
            "letterbox": round(_letterbox(self._most), 4) if self._most is not None else None,
            "corner_static": _corner(self._kept),
        }


def _repeats(before: Array, now: Array) -> bool:
    import cv2

    far = cv2.absdiff(before, now)
    if float(far.mean()) >= SAME_MEAN:
        return False
    small = cv2.resize(far, (max(1, far.shape[1] // 8), max(1, far.shape[0] // 8)), interpolation=cv2.INTER_AREA)
    return float(np.max(np.asarray(small))) < SAME_BLOCK


def _sharpness(frame: Any) -> float:
    """Variance of the Laplacian of the luma, longer side 512 px.

    Source:
        Pech-Pacheco et al.: Diatom autofocusing in brightfield microscopy, ICPR 2000.
    """
    import cv2

    width, height = fitted(frame.width, frame.height, SHARP_SIDE)
    return float(np.asarray(cv2.Laplacian(gray(frame, width, height), cv2.CV_32F)).var())


def _frozen(times: list[float], same: list[bool]) -> float:
    frozen, start = 0, None
    for i in range(len(same) + 1):
        if i < len(same) and same[i]:
            start = i if start is None else start
        elif start is not None:
            # The run holds also the frame that is repeated.
            if times[i - 1] - times[start - 1] >= FROZEN_S - 1e-6:
                frozen += i - start
            start = None
    return frozen / len(same)


def find_cuts(times: list[float], change: list[float]) -> list[float]:
    """Find hard cuts: large changes that stand out from their neighbours.

    Args:
        times: seconds of each frame.
        change: mean difference of H, S and V to the frame before, 0 to 255.

    Returns:
        Times of the first frames after the cuts.

    Source:
        the adaptive rule of PySceneDetect, with a shorter least distance.

    Example:
        >>> find_cuts([i / 10 for i in range(8)], [0, 2, 2, 60, 2, 2, 2, 2])
        [0.3]
    """
    out: list[float] = []
    for i in range(1, len(change)):
        near = [change[k] for k in range(max(1, i - CUT_WINDOW), min(len(change), i + CUT_WINDOW + 1)) if k != i]
        around = max(float(np.mean(near)) if near else 0.0, 0.5)
        if change[i] >= CUT_LEAST and change[i] / around >= CUT_RATIO and (not out or times[i] - out[-1] >= CUT_GAP_S):
            out.append(times[i])
    return out


def _letterbox(most: Array) -> float:
    """Share of the picture in rows and columns that are black in every frame, on both sides alike."""
    bright = most > DARK
    rows, columns = np.flatnonzero(bright.mean(axis=1) > 0.02), np.flatnonzero(bright.mean(axis=0) > 0.02)
    if not len(rows) or not len(columns):
        return 0.0
    height, width = bright.shape
    above, below, left, right = rows[0], height - 1 - rows[-1], columns[0], width - 1 - columns[-1]
    # Bars are even; a dark scene is not.
    v = above + below if abs(int(above) - int(below)) <= max(2, 0.02 * height) else 0
    h = left + right if abs(int(left) - int(right)) <= max(2, 0.02 * width) else 0
    return float(1 - (1 - v / height) * (1 - h / width))


def _corner(kept: list[Array]) -> float | None:
    """How much more of a corner than of the rest is edges that never move: a mark put over moving pictures."""
    shapes = {k.shape for k in kept}
    if len(kept) < 4 or len(shapes) != 1:
        return None
    stack = np.stack(kept).astype(np.float32)
    spread = stack.std(axis=0)
    if float(np.median(spread)) < 4.0:
        return None
    mean = stack.mean(axis=0)
    gy, gx = np.gradient(mean)
    static = (np.hypot(gx, gy) > 8) & (spread < 6)
    height, width = static.shape
    h, w = max(2, height // 5), max(2, width // 5)
    corners = [static[:h, :w], static[:h, -w:], static[-h:, :w], static[-h:, -w:]]
    return round(max(0.0, max(float(c.mean()) for c in corners) - float(static[h:-h, w:-w].mean())), 4)
