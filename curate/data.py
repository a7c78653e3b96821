"""Where the data files are, inside the installed package or at the top of a checkout; and how small files are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from curate.errors import CurateError, DataError

PACKAGE = Path(__file__).resolve().parent


def data_path(name: str) -> Path:
    """Return the path of a shipped data folder or file.

    A wheel carries the data in ``curate/_data``; an editable install reads the checkout.

    Args:
        name: ``lexicons``, ``data_cards`` or ``apps``, or a path below them.

    Raises:
        CurateError: it is in neither place; names both.

    Example:
        >>> data_path("lexicons").is_dir()
        True
    """
    places = [PACKAGE / "_data" / name, PACKAGE.parent / name]
    for place in places:
        if place.exists():
            return place
    raise CurateError(f"the data {name!r} is missing; looked in {places[0]} and {places[1]}", hint="reinstall leishu")


def read_yaml(path: Path) -> Any:
    """Read a shipped YAML file, with the C parser where PyYAML has one: the same safe loader, ten times quicker.

    Args:
        path: the file, UTF-8.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(path.read_text(encoding="utf-8"))
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def json_lines(path: Path, what: str) -> Iterator[tuple[int, Any]]:
    """Read a small JSON Lines file of a user, all of whose lines must be right.

    Args:
        path: the file, UTF-8 with or without a byte order mark.
        what: what it holds, for errors: ``the prompts``.

    Yields:
        Number and value of each line that is not blank. A line ends at ``\\n`` alone: captions may hold U+2028 and the like.

    Raises:
        DataError: the file cannot be read, or a line is no JSON; names it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(f"cannot read {what} in {path}: {e}") from e
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as e:
                raise DataError(f"{path}:{number}: no JSON: {e}", hint="one JSON object a line") from e
