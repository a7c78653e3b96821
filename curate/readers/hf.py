"""Hugging Face datasets: folders on disk (Parquet, JSON, VideoFolder, ``save_to_disk``) and hub ids, streaming too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import DataError, need_extra
from curate.readers.base import Batch, Reader
from curate.stage import Params

BATCH = 2_000


class HfParams(Params):
    """Options of the Hugging Face reader.

    Attributes:
        split: split to read; all of them if empty.
        config: configuration name.
        revision: commit or tag on the hub.
        streaming: do not download the whole set first.
        limit: read at most this many rows per split; 0 reads all.
    """

    split: str = ""
    config: str = ""
    revision: str = ""
    streaming: bool = False
    limit: int = 0


def is_hub_id(text: str) -> bool:
    """Say whether a path looks like ``owner/name`` on a hub.

    Example:
        >>> is_hub_id("hf:opendatalab/captions"), is_hub_id("data/captions.jsonl")
        (True, False)
    """
    return text.startswith("hf:")


def read_hf(path: Path, params: HfParams) -> Iterator[Batch]:
    """Read a dataset through ``datasets``; media stay paths, nothing is decoded, no code of the set is run.

    Args:
        path: a folder, or ``hf:owner/name`` as a path.
        params: options.

    Raises:
        DataError: the set cannot be loaded.
        MissingExtra: ``datasets`` is not installed.
    """
    try:
        import datasets
    except ImportError as e:
        raise need_extra("datasets", "hub") from e
    for name, part in _load(path, params, datasets).items():
        yield from _batches(name, part, params, datasets)


def _load(path: Path, params: HfParams, datasets: Any) -> dict[str, Any]:
    text = str(path)
    try:
        if path.is_dir() and ((path / "dataset_info.json").exists() or (path / "dataset_dict.json").exists()):
            loaded = datasets.load_from_disk(text)
        else:
            ident = text.split("hf:", 1)[1] if "hf:" in text else text
            loaded = datasets.load_dataset(ident, params.config or None, revision=params.revision or None, streaming=params.streaming)
    except (OSError, ValueError, RuntimeError, TypeError, datasets.exceptions.DatasetsError) as e:
        raise DataError(
            f"datasets cannot load {text!r}: {str(e).splitlines()[0]}", hint="mirrors: set HF_ENDPOINT; private sets: set HF_TOKEN"
        ) from e
    splits = dict(loaded) if hasattr(loaded, "keys") else {"": loaded}
    if params.split:
        if params.split not in splits:
            raise DataError(f"{text!r} has no split {params.split!r}", hint=f"splits: {', '.join(splits)}")
        splits = {params.split: splits[params.split]}
    return splits


def _batches(name: str, part: Any, params: HfParams, datasets: Any) -> Iterator[Batch]:
    features = part.features or {}
    for column, feature in dict(features).items():
        if isinstance(feature, (datasets.Video, datasets.Image, datasets.Audio)):
            part = part.cast_column(column, type(feature)(decode=False))
    rows: list[dict[str, Any]] = []
    first = 1
    for number, row in enumerate(part, 1):
        rows.append({k: _value(v) for k, v in row.items()})
        if len(rows) >= BATCH or (params.limit and number >= params.limit):
            yield _batch(rows, first, name)
            first, rows = first + len(rows), []
        if params.limit and number >= params.limit:
            return
    if rows:
        yield _batch(rows, first, name)


def _value(value: Any) -> str | None:
    if isinstance(value, dict) and "path" in value:
        return None if value["path"] is None else str(value["path"])
    if isinstance(value, list):
        return "\n".join(str(v) for v in value) if value and all(isinstance(v, str) for v in value) else str(value)
    return None if value is None else str(value)


def _batch(rows: list[dict[str, Any]], first: int, name: str) -> Batch:
    columns = list(dict.fromkeys(k for r in rows for k in r))
    data: dict[str, Any] = {c: pl.Series(c, [r.get(c) for r in rows], dtype=pl.String) for c in columns}
    if name:
        data.setdefault("hf_split", pl.Series("hf_split", [name] * len(rows), dtype=pl.String))
    data["_line"] = pl.Series("_line", range(first, first + len(rows)), dtype=pl.Int64)
    return Batch(pl.DataFrame(data), name or "dataset")


READERS = (Reader("hf", 1, HfParams, read_hf, (), "a Hugging Face dataset: folder or hf:owner/name"),)
