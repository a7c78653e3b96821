"""How parent and child talk: one JSON header and raw arrays. A hostile file may own the child, so nothing here can run code."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError

Array = npt.NDArray[Any]
# A child that sends more than this is broken or hostile.
MAX_MESSAGE = 512 << 20
_HEAD = struct.Struct("<IQ")
_KINDS = ("u1", "u2", "u4", "u8", "i4", "i8", "f4", "f8", "b1")


class WireError(CurateError):
    """What came from the other side is no message."""


def pack(value: Any) -> bytes:
    """Return a value as bytes; arrays travel raw.

    Args:
        value: JSON values and NumPy arrays, nested.

    Example:
        >>> unpack_bytes(pack({"a": [1, "唐"]}))
        {'a': [1, '唐']}
    """
    blobs: list[bytes] = []

    def plain(item: Any) -> Any:
        if isinstance(item, np.ndarray):
            blobs.append(np.ascontiguousarray(item).tobytes())
            return {"__array__": [item.dtype.str[1:], list(item.shape), len(blobs) - 1]}
        if isinstance(item, dict):
            return {str(k): plain(v) for k, v in item.items()}
        if isinstance(item, (list, tuple)):
            return [plain(v) for v in item]
        return item.item() if isinstance(item, np.generic) else item

    body = plain(value)
    head = json.dumps({"body": body, "sizes": [len(b) for b in blobs]}, ensure_ascii=False).encode("utf-8", "replace")
    return _HEAD.pack(len(head), sum(len(b) for b in blobs)) + head + b"".join(blobs)


def unpack(read: Callable[[int], bytes]) -> Any:
    """Read one message.

    Args:
        read: returns exactly that many bytes.

    Raises:
        WireError: it is no message, or too large.
    """
    head_size, blob_size = _HEAD.unpack(read(_HEAD.size))
    if head_size + blob_size > MAX_MESSAGE:
        raise WireError(f"a message of {head_size + blob_size} bytes, the limit is {MAX_MESSAGE}")
    try:
        head = json.loads(read(head_size).decode("utf-8"))
        data = memoryview(read(blob_size))
        parts: list[memoryview] = []
        at = 0
        for size in head["sizes"]:
            parts.append(data[at : at + size])
            at += size
        return _restore(head["body"], parts)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as e:
        raise WireError(f"not a message: {e}") from e


def _restore(item: Any, parts: list[memoryview]) -> Any:
    if isinstance(item, dict):
        if len(item) == 1 and "__array__" in item:
            kind, shape, number = item["__array__"]
            if kind not in _KINDS:
                raise ValueError(f"array of kind {kind!r}")
            return np.frombuffer(parts[number], dtype=kind).reshape(shape).copy()
        return {k: _restore(v, parts) for k, v in item.items()}
    if isinstance(item, list):
        return [_restore(v, parts) for v in item]
    return item


def unpack_bytes(data: bytes) -> Any:
    """Read one message from bytes."""
    at = 0

    def read(n: int) -> bytes:
        nonlocal at
        at += n
        return data[at - n : at]

    return unpack(read)
