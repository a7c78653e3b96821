"""Readers: files in, batches of rows and quarantined rows out. One module per format."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curate import plugins
from curate.errors import DataError, RecipeError, did_you_mean
from curate.readers import clips, excel, folder, hf, tables, webdataset
from curate.readers.base import Batch, Reader
from curate.stage import Params, parse_params
from curate.workspace import sha256_file

__all__ = ["Batch", "Reader", "choose", "choose_one", "digest", "find_files", "load", "parse_options"]

BUILTIN: tuple[Reader, ...] = (*tables.READERS, *excel.READERS, *folder.READERS, *hf.READERS, *webdataset.READERS, *clips.READERS)


def load() -> dict[str, Reader]:
    """Return all readers by name, those of plugins too."""
    return plugins.merged("curate.readers", {r.name: r for r in BUILTIN}, Reader)


def choose(asked: str, path: Path) -> str:
    """Return the reader for a file.

    Args:
        asked: the recipe's ``read``; ``auto`` goes by the ending of the name.
        path: the first file.

    Raises:
        RecipeError: no such reader, or none fits.
    """
    known = load()
    if asked != "auto":
        if asked not in known:
            raise RecipeError(f"unknown reader {asked!r}", hint=plugins.why_not("curate.readers", asked) or did_you_mean(asked, known))
        return asked
    if hf.is_hub_id(str(path)):
        return "hf"
    if path.is_dir():
        return "folder" if not any(path.glob("*.arrow")) and not (path / "dataset_dict.json").exists() and not _looks_published(path) else "hf"
    suffix = path.suffix.lower()
    for reader in known.values():
        if suffix in reader.suffixes:
            return reader.name
    raise RecipeError(f"cannot tell how to read {path.name!r}", hint=f"set read: to one of {', '.join(known)}")


def choose_one(asked: str, files: Sequence[Path]) -> str:
    """Return the reader for all files of an input.

    Args:
        asked: the recipe's ``read``.
        files: what its path names, at least one.

    Raises:
        RecipeError: no reader fits, or the files are of several kinds.
    """
    kinds: dict[str, Path] = {}
    for path in files:
        kinds.setdefault(choose(asked, path), path)
    if len(kinds) > 1:
        shown = ", ".join(f"{path.name} ({kind})" for kind, path in kinds.items())
        raise RecipeError(
            f"files of several kinds in one input: {shown}", hint="name one kind, such as captions/*.csv; an input for each in a recipe"
        )
    return next(iter(kinds))


def _looks_published(path: Path) -> bool:
    """A folder with tables or a card and no loose sidecars is a dataset, not a folder of media."""
    return any(path.rglob("*.parquet")) or any(path.glob("metadata.*")) or any(path.glob("*/metadata.*"))


def parse_options(name: str, options: Mapping[str, Any]) -> Params:
    """Validate a reader's options.

    Raises:
        RecipeError: an option is unknown or wrong.
    """
    return parse_params(load()[name].params, options, f"reader {name!r}")


def find_files(pattern: str, base: Path, read: str = "auto") -> list[Path]:
    """Return the files that a path or glob names, sorted.

    Args:
        pattern: path or glob, relative to ``base``.
        base: the recipe's folder.
        read: the reader, for inputs that are no files.

    Raises:
        DataError: nothing is there.
    """
    if hf.is_hub_id(pattern):
        return [Path(pattern)]
    path = Path(pattern).expanduser()
    path = path if path.is_absolute() else base / path
    if path.exists():
        return [path]
    found = sorted(Path(p) for p in glob.glob(str(path), recursive=True))
    if not found:
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near) if near else f"the folder {path.parent} does not exist"
        raise DataError(f"no file at {pattern!r}", hint=hint)
    return found


def digest(path: Path) -> str:
    """Return the sha256 of a file, of the names and contents of a folder, or of a hub id."""
    if hf.is_hub_id(str(path)):
        return hashlib.sha256(str(path).encode()).hexdigest()
    if path.is_file():
        return sha256_file(path)
    total = hashlib.sha256()
    for item in sorted(p for p in path.rglob("*") if p.is_file()):
        total.update(str(item.relative_to(path)).encode())
        total.update(sha256_file(item).encode())
    return total.hexdigest()
