"""Write a first project: a recipe that runs as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from curate.data import PACKAGE
from curate.errors import UsageError, did_you_mean
from curate.workspace import write_atomic

TEMPLATE = PACKAGE / "recipes" / "template.yaml"
SAMPLE = PACKAGE / "recipes" / "sample"


def scaffold(folder: Path, data: Path | None) -> list[Path]:
    """Write ``recipe.yaml`` (and the sample, if no data is given) into a folder.

    Args:
        folder: where to; made if it is not there.
        data: captions to start from; the shipped sample if ``None``.

    Returns:
        The files written, the recipe first.

    Raises:
        UsageError: a recipe is there already, or the data is not.
    """
    recipe = folder / "recipe.yaml"
    if folder.is_file():
        raise UsageError(f"{folder} is a file, not a folder", hint=f"to start from it: curate init --data {folder}")
    if recipe.exists():
        raise UsageError(f"{recipe} is there already", hint="choose another folder")
    if data is not None and not data.exists():
        near = [p.name for p in data.parent.iterdir()] if data.parent.is_dir() else []
        raise UsageError(f"no data at {data}", hint=did_you_mean(data.name, near) if near else f"the folder {data.parent} does not exist")
    folder.mkdir(parents=True, exist_ok=True)
    files = [recipe]
    path = _relative(data, folder) if data is not None else "captions.jsonl"
    if data is None:
        shutil.copyfile(SAMPLE / "captions.jsonl", folder / "captions.jsonl")
        files.append(folder / "captions.jsonl")
    text = TEMPLATE.read_text(encoding="utf-8").replace("DATA_PATH", path).replace("DATA_NAME", "captions")
    write_atomic(recipe, text.encode())
    return files


def _relative(data: Path, folder: Path) -> str:
    """Data inside the project's folder are named relative to it, so that the folder can move."""
    full, base = data.resolve(), folder.resolve()
    return str(full.relative_to(base) if full.is_relative_to(base) and full != base else full)
