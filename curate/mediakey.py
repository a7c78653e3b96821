"""What media files hold, for the keys of steps that open them: a clip that changed under its name is decoded anew."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl

from curate.schema import canonical_json
from curate.workspace import Workspace, sha256_file, write_json

CACHE = "media-hashes.json"


def file_of(uri: str, root: Path | None) -> Path | None:
    """Return the local file behind an address, the archive for a member of one; ``None`` for what is in a network.

    Args:
        uri: a path, ``file://…``, ``tar://ARCHIVE#MEMBER``, ``zip://ARCHIVE#MEMBER`` or a URL.
        root: folder that relative paths refer to.

    Example:
        >>> file_of("zip://a.zip#b.mp4", Path("x")).as_posix(), file_of("https://example.org/a.mp4", None)
        ('x/a.zip', None)
    """
    scheme, sep, rest = uri.partition("://")
    if sep and scheme not in ("file", "tar", "zip"):
        return None
    name = uri if not sep else rest.rpartition("#")[0] if scheme != "file" else rest
    path = Path(name).expanduser()
    return path if path.is_absolute() or root is None else root / path


def digest(ws: Workspace, key: str, root: Path | None) -> str:
    """Return one hash of the contents of all media files that the rows of an ingest name.

    Files are hashed once and again when their size or time of change differs; ``media-hashes.json`` in the workspace remembers them.

    Args:
        ws: the workspace.
        key: of the ingest.
        root: folder that relative paths refer to.

    Returns:
        A hash in hex; empty while the ingest is not done.
    """
    record = ws.record(key)
    if record is None:
        return ""
    named: set[str] = set()
    for part in record.parts:
        frame = pl.read_parquet(ws.step_dir(key) / part.file, columns=["media", "uri"])
        named |= set(frame.filter((pl.col("media") != "none") & pl.col("uri").is_not_null()).get_column("uri"))
    known = _known(ws.root / CACHE)
    held: dict[str, list[object]] = {}
    total = hashlib.sha256()
    for uri in sorted(named):
        path = file_of(uri, root)
        total.update((canonical_json([uri, _content(path, known, held)]) + "\n").encode())
    if held != {k: v for k, v in known.items() if k in held}:
        write_json(ws.root / CACHE, {**known, **held})
    return total.hexdigest()


def _known(path: Path) -> dict[str, list[object]]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _content(path: Path | None, known: dict[str, list[object]], held: dict[str, list[object]]) -> str | None:
    if path is None:
        return None
    try:
        stat = path.stat()
        name, state = str(path), [stat.st_size, stat.st_mtime_ns]
        if name not in held:
            before = known.get(name)
            held[name] = before if isinstance(before, list) and before[:2] == state and len(before) == 3 else [*state, sha256_file(path)]
    except (OSError, ValueError):
        return None  # not there, a folder, or a name that no file can have: the stage says so row by row
    return str(held[name][2])
