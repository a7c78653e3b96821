"""Where the data files are: inside the installed package, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curate.errors import CurateError

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
    import yaml

    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
