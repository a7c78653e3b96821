"""What a child is asked to look at: a file, the seconds of it that count, and what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Piece:
    """A clip, and the limits of decoding it.

    Attributes:
        path: the file.
        max_pixels: width times height allowed.
        max_frames: frames decoded at most.
        start: clip start, seconds from the first frame; ``None`` is the start of the file.
        end: clip end, seconds; ``None`` is the end of the file.
    """

    path: str
    max_pixels: int
    max_frames: int
    start: float | None = None
    end: float | None = None

    @property
    def whole(self) -> bool:
        """Whether it is the whole file."""
        return self.start is None and self.end is None


def taken(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a task with those that make a piece put into one; a task without a file keeps its own.

    Args:
        args: as they came to the child.

    Example:
        >>> taken({"path": "a.mp4", "max_pixels": 9, "max_frames": 5, "step": None})
        {'piece': Piece(path='a.mp4', max_pixels=9, max_frames=5, start=None, end=None), 'step': None}
    """
    if "path" not in args:
        return dict(args)
    names = [f.name for f in fields(Piece)]
    return {"piece": Piece(**{n: args[n] for n in names if n in args}), **{k: v for k, v in args.items() if k not in names}}
