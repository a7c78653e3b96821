"""Write a first project: a recipe that runs as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from curate.data import PACKAGE
from curate.errors import UsageError
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
    if recipe.exists():
        raise UsageError(f"{recipe} is there already", hint="choose another folder")
    if data is not None and not data.exists():
        raise UsageError(f"no data at {data}")
    folder.mkdir(parents=True, exist_ok=True)
    files = [recipe]
    path = str(data.resolve()) if data is not None else "captions.jsonl"
    if data is None:
        shutil.copyfile(SAMPLE / "captions.jsonl", folder / "captions.jsonl")
        files.append(folder / "captions.jsonl")
    text = TEMPLATE.read_text(encoding="utf-8").replace("DATA_PATH", path).replace("DATA_NAME", "captions")
    write_atomic(recipe, text.encode())
    return files
