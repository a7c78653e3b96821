"""Clips for the review app: copied into the workspace's media folder, the only one that is served, with a contact sheet each."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.workspace import sha256_file, write_atomic

if TYPE_CHECKING:
    from curate.media.isolate import Pool

# What browsers can play or show; other kinds get only their contact sheet. The name decides the content type that is sent.
VIDEO = (".mp4", ".m4v", ".webm", ".mov")
IMAGE = (".jpg", ".jpeg", ".png", ".webp", ".gif")
SERVED = (*VIDEO, *IMAGE)
_TILES = 8


class MediaFolder:
    """The folder ``media`` of a workspace.

    Args:
        workspace: the workspace.
        base: folder that relative addresses of clips refer to.
    """

    def __init__(self, workspace: Path, base: Path) -> None:
        self.root = workspace / "media"
        self.base = base
        self._pool: Pool | None = None
        self._done: dict[tuple[str, Any, Any], dict[str, Any]] = {}

    def __enter__(self) -> MediaFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.close()

    def add(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Bring one record's clip or image into the folder.

        Args:
            row: ``media``, ``uri``, ``start_s``, ``end_s``.

        Returns:
            ``kind``, ``file`` and ``sheet`` (paths below the folder, or ``None``), ``start``, ``end``, ``name``, and ``note`` if it is not
            there.
        """
        uri = str(row.get("uri") or "")
        out = {"kind": str(row.get("media") or "none"), "file": None, "sheet": None, "start": row.get("start_s"), "end": row.get("end_s"), "note": "",
               "name": uri.rsplit("/", 1)[-1][:200]}  # fmt: skip
        if out["kind"] == "none" or not uri:
            return {**out, "kind": "none"}
        key = (uri, out["start"], out["end"])
        if key not in self._done:
            self._done[key] = self._bring(uri, out)
        return {**out, **self._done[key]}

    def _bring(self, uri: str, want: Mapping[str, Any]) -> dict[str, Any]:
        if "://" in uri:
            return {"note": "remote"}
        path = Path(uri) if Path(uri).is_absolute() else self.base / uri
        try:
            if not path.is_file() or not path.stat().st_size:
                return {"note": "missing"}
        except (OSError, ValueError):
            return {"note": "missing"}
        digest = sha256_file(path)
        out: dict[str, Any] = {}
        suffix = path.suffix.lower()
        if suffix in SERVED:
            out["file"] = f"{digest[:2]}/{digest}{suffix}"
            _link(path, self.root / out["file"])
        if want["kind"] == "video":
            name = f"{digest[:2]}/{digest}-{want['start'] or 0:g}-{want['end'] or 0:g}.jpg"
            if (self.root / name).exists() or self._sheet(path, self.root / name, want):
                out["sheet"] = name
        return out or {"note": "cannot_show"}

    def _sheet(self, path: Path, target: Path, want: Mapping[str, Any]) -> bool:
        try:
            from PIL import Image

            from curate.media.isolate import Pool
        except ImportError:
            return False
        self._pool = self._pool or Pool(workers=1)
        got = self._pool.call("thumbnail", {"count": _TILES, "side": 320, "start": want["start"], "end": want["end"]}, path)
        if got.value is None:
            return False
        images = [np.asarray(i) for i in got.value["images"]]
        height, width = images[0].shape[:2]
        columns = min(4, len(images))
        sheet = np.full(((len(images) + columns - 1) // columns * height, columns * width, 3), 24, np.uint8)
        for n, image in enumerate(images):
            y, x = n // columns * height, n % columns * width
            part = image[:height, :width]
            sheet[y : y + part.shape[0], x : x + part.shape[1]] = part
        buffer = io.BytesIO()
        Image.fromarray(sheet).save(buffer, "JPEG", quality=82)
        write_atomic(target, buffer.getvalue())
        return True


def _link(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    tmp = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    tmp.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), tmp)
    except OSError:
        # Another file system, or no links there.
        shutil.copyfile(source, tmp)
    os.replace(tmp, target)
