"""Clips wanted per cell, as people write them: one reader for the coverage report and for balancing by quotas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from curate.balance import quota
from curate.errors import DataError, RecipeError
from curate.knowledge.taxonomy import Taxonomy
from curate.recipe import parse_yaml
from curate.stages.balance import items
from curate.workspace import Workspace

AXES = ("theme", "era", "region")
SHOWN = 6
EXAMPLE = ("cuisine", "song", "bashu")


def read(path: Path, taxonomy: Taxonomy, axes: int = 2) -> dict[str, int]:
    """Read the clips wanted per cell from YAML: ``theme|era: clips``, or nested ``theme: {era: clips}``.

    Args:
        path: the file.
        taxonomy: the names that a target may use; ``none`` stands for no theme or region, ``living`` for no period.
        axes: 2 for cells ``theme|era``; 3 for quotas, which may also end with a region, stop earlier, or say ``*`` for any.

    Raises:
        DataError: the file cannot be read, a name is unknown, or a number is no count.
    """
    try:
        raw = parse_yaml(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(f"cannot read the targets in {path}: {e}", hint="a YAML file in UTF-8, one line per target: cuisine|song: 200") from e
    except RecipeError as e:
        raise DataError(e.message, hint=e.hint) from e
    if not isinstance(raw, dict) or not raw:
        raise DataError(f"{path} is no list of targets", hint=f"one line per target: {'|'.join(EXAMPLE[:axes])}: 200")
    out: dict[str, int] = {}
    for name, count in _flat(raw):
        labels = name.split("|")
        if len(labels) > axes or (axes == 2 and len(labels) < axes):
            raise DataError(f"{path}: {name!r} is no target", hint=f"write it as {'|'.join(AXES[:axes])}")
        if wrong := quota.unknown(name, taxonomy, ("*",) if axes > 2 else ()):
            raise DataError(f"{path}: {wrong[0]}", hint=wrong[1])
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise DataError(f"{path}: {name}: {count!r} is no count of clips", hint="a whole number from 0 up")
        if name in out:
            raise DataError(f"{path}: {name!r} is named twice")
        out[name] = count
    return out


def told(ws: Workspace, manifest: Mapping[str, Any]) -> str:
    """Say which targets of a run's step ``balance`` lack clips; nothing if it has none or all are met.

    Args:
        ws: the workspace.
        manifest: the run's manifest.
    """
    rec = next((r for s in manifest["steps"] if (r := ws.record(s["key"])) and r.stage == "balance"), None)
    wanted: dict[str, int] = (rec.params.get("targets") if rec else None) or {}
    if rec is None or not wanted:
        return ""
    columns = {c for r in ws.chain(rec.key) for c in r.schema}
    live = ws.table(rec.key, ["clip_id", "cells", *({"regions"} & columns)])
    lacking = {t: n for t, n in quota.lacking(items(live), wanted).items() if n}
    names = [f"{t} has {wanted[t] - n} of {wanted[t]}" for t, n in sorted(lacking.items(), key=lambda x: (-x[1], x[0]))]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"balance: {len(names)} of {len(wanted)} targets lack clips: {', '.join(names[:SHOWN])}{more}" if names else ""


def _flat(targets: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield targets and counts of a nested mapping; YAML reads a bare number or date as something else than text."""
    for key, value in targets.items():
        name = "|".join(x.strip() for x in f"{above}{key}".split("|"))
        if isinstance(value, dict):
            yield from _flat(value, f"{name}|")
        else:
            yield name, value
