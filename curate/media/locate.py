"""From the uri of a record to a file that a decoder may open. Nothing is ever fetched from a network."""

from __future__ import annotations

import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from curate.media.refused import Refused

MAX_MEMBER = 4 << 30


def resolve(uri: str, root: Path | None) -> Path:
    """Return the path of a plain uri.

    Args:
        uri: a path, relative or not, or ``file://…``.
        root: folder that relative paths refer to.

    Example:
        >>> resolve("clips/a.mp4", Path("set")).as_posix()
        'set/clips/a.mp4'
    """
    path = Path(uri.removeprefix("file://")).expanduser()
    return path if path.is_absolute() or root is None else root / path


@contextmanager
def opened_uri(uri: str, root: Path | None, folder: Path | None = None) -> Iterator[Path]:
    """Yield a local file for a uri; a member of an archive is copied out for as long as it is needed.

    Args:
        uri: a path, ``file://…``, ``tar://ARCHIVE#MEMBER`` or ``zip://ARCHIVE#MEMBER``.
        root: folder that relative paths refer to.
        folder: where copies go.

    Raises:
        Refused: it is in a network, or the member is missing or too large.
    """
    scheme, sep, rest = uri.partition("://")
    if not sep or scheme == "file":
        yield resolve(uri, root)
        return
    if scheme not in ("tar", "zip"):
        raise Refused("remote", f"{scheme}:// is never fetched; download it and use paths")
    archive, _, member = rest.rpartition("#")
    with tempfile.TemporaryDirectory(prefix="leishu-", dir=folder) as temporary:
        # Only the ending of the member's name is used, so that the name cannot lead anywhere.
        target = Path(temporary) / f"clip{Path(member).suffix[:8]}"
        _copy_out(scheme, resolve(archive, root), member, target)
        yield target


def _copy_out(scheme: str, archive: Path, member: str, target: Path) -> None:
    try:
        if scheme == "tar":
            with tarfile.open(archive) as tar:
                found = tar.getmember(member)
                handle = tar.extractfile(found) if found.isfile() else None
                _spool(handle, found.size, target)
        else:
            with zipfile.ZipFile(archive) as packed:
                info = packed.getinfo(member)
                with packed.open(info) as handle:
                    _spool(handle, info.file_size, target)
    except (OSError, KeyError, tarfile.TarError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as e:
        raise Refused("not_found", f"{member} in {archive.name}: {e}") from e


def _spool(handle: IO[bytes] | None, size: int, target: Path) -> None:
    if handle is None:
        raise Refused("not_found", "no regular file")
    if size > MAX_MEMBER:
        raise Refused("too_large", f"{size} bytes, the limit is {MAX_MEMBER}")
    with target.open("wb") as f:
        # The size in an archive may lie: copy no more than it says.
        left = size
        while left > 0 and (piece := handle.read(min(left, 1 << 20))):
            f.write(piece)
            left -= len(piece)
