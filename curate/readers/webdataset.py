"""WebDataset tars: samples are members that share a name; read with the standard library, nothing is unpacked or unpickled."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import DataError
from curate.readers.base import RAW_LIMIT, Bad, Batch, Reader, half_surrogate, parse_json
from curate.readers.columns import MEDIA_SUFFIXES, sort_caption
from curate.readers.encoding import detect
from curate.stage import Params

BATCH = 5_000
MAX_TEXT_BYTES = 4 << 20
_MEDIA = {s: kind for kind, ends in MEDIA_SUFFIXES.items() for s in ends}
_TEXT = {"txt": "caption", "caption": "caption", "zh.txt": "zh", "cn.txt": "zh", "zh": "zh", "en.txt": "en", "en": "en"}


class WebDatasetParams(Params):
    """The WebDataset reader has no options."""


def read_webdataset(path: Path, params: WebDatasetParams) -> Iterator[Batch]:
    """Read one tar; media are named ``tar://FILE#MEMBER`` and stay inside.

    Args:
        path: the tar file (plain, gz, bz2 or xz).
        params: no options.

    Raises:
        DataError: it is no tar file.
    """
    rows: list[dict[str, Any]] = []
    bad: list[Bad] = []
    sample: dict[str, Any] = {}
    count = 0
    try:
        with tarfile.open(path) as tar:
            for number, member in enumerate(tar, 1):
                if not member.isfile():
                    continue
                stem, ending = _split(member.name)
                if sample and sample["__key__"] != stem:
                    rows += _finished(sample)
                    sample = {}
                if not sample:
                    count += 1
                    sample = {"__key__": stem, "_line": count}
                fault = _add(sample, tar, member, ending, path)
                if fault:
                    sample["_fault"] = True
                    bad.append(Bad(str(path), number, *fault))
                if len(rows) >= BATCH:
                    yield _batch(rows, bad, path)
                    rows, bad = [], []
    except (tarfile.TarError, EOFError, OSError) as e:
        if not count:
            raise DataError(f"{path}: not a usable tar: {e}") from e
        sample["_fault"] = True
        bad.append(Bad(str(path), count, "truncated", f"the tar ends early: {e}", b""))
    rows += _finished(sample)
    yield _batch(rows, bad, path)


def _finished(sample: dict[str, Any]) -> list[dict[str, Any]]:
    """The sample as a row; one whose fault left it without a caption is in the quarantine already."""
    faulty = sample.pop("_fault", False)
    sort_caption(sample)
    return [] if not sample or (faulty and not (sample.get("zh") or sample.get("en"))) else [sample]


def _split(name: str) -> tuple[str, str]:
    folder, _, base = name.rpartition("/")
    stem, _, ending = base.partition(".")
    return (f"{folder}/{stem}" if folder else stem), ending.lower()


def _add(sample: dict[str, Any], tar: tarfile.TarFile, member: tarfile.TarInfo, ending: str, path: Path) -> tuple[str, str, bytes] | None:
    if ending in _MEDIA:
        sample["uri"], sample["media"] = f"tar://{path}#{member.name}", _MEDIA[ending]
        return None
    if ending not in _TEXT and ending != "json":
        return None
    if member.size > MAX_TEXT_BYTES:
        return "too_large", f"{member.name} has {member.size} bytes", b""
    handle = tar.extractfile(member)
    raw = handle.read() if handle else b""
    try:
        if ending == "json":
            value = parse_json(raw.decode("utf-8-sig"))
            if half_surrogate(value):
                return "bad_unicode", f"{member.name}: it holds half of a surrogate pair", raw[:RAW_LIMIT]
            if isinstance(value, dict):
                for k, v in value.items():
                    sample.setdefault(str(k), v if isinstance(v, str) else json.dumps(v, ensure_ascii=False))
        else:
            sample[_TEXT[ending]] = raw.decode(detect(raw).codec).strip()
    except (ValueError, RecursionError) as e:
        return "bad_json" if ending == "json" else "bad_encoding", f"{member.name}: {e}", raw[:RAW_LIMIT]
    return None


def _batch(rows: list[dict[str, Any]], bad: list[Bad], path: Path) -> Batch:
    columns = list(dict.fromkeys(["__key__", "_line", *(k for r in rows for k in r)]))
    schema = {c: pl.Int64() if c == "_line" else pl.String for c in columns}
    return Batch(pl.DataFrame([{c: r.get(c) for c in columns} for r in rows], schema=schema), str(path), list(bad))


READERS = (Reader("webdataset", 1, WebDatasetParams, read_webdataset, (".tar", ".tgz"), "a WebDataset tar"),)
