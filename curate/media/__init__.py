"""Video on a CPU: probing, fingerprints, quality, provenance, cutting. Everything that decodes does so in a child process.

``isolate`` starts and limits the children, ``child`` is what runs in them, ``wire`` is how they talk (JSON and raw arrays, no pickle).
Only modules of this package import av and cv2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def cut(source: Path | str, target: Path | str, start_s: float | None = None, end_s: float | None = None, mode: str = "encode") -> dict[str, Any]:
    """Write a part of a video as its own file; see ``cutting.cut``.

    Args:
        source: the original.
        target: ``.mp4``, ``.mov``, ``.mkv`` or ``.webm``.
        start_s: seconds from the first frame.
        end_s: seconds.
        mode: ``encode`` or ``copy``.
    """
    from curate.media import cutting

    return cutting.cut(source, target, start_s, end_s, "copy" if mode == "copy" else "encode")
