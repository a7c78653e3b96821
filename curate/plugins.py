"""Plugins: stages, readers and embedders of other distributions, named by entry points.

A distribution names one object per entry point: a ``Stage`` in ``curate.stages``, a ``Reader`` in ``curate.readers``, in
``curate.embedders`` a function that takes the model's name and returns an ``Embedder``. Nothing is imported by path or found by scanning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from curate.errors import RecipeError

T = TypeVar("T")

GROUPS = ("curate.stages", "curate.readers", "curate.embedders")


@dataclass(frozen=True)
class Plugin:
    """One entry point.

    Attributes:
        group: one of ``GROUPS``.
        name: name in recipes.
        distribution: name and version of the package that it comes from.
        value: the object; ``None`` if it could not be had.
        fault: why not, empty if it was had.
    """

    group: str
    name: str
    distribution: str
    value: Any = None
    fault: str = ""


@lru_cache(maxsize=1)
def found() -> tuple[Plugin, ...]:
    """Return all installed plugins, also those that fail to import; looked for once per process."""
    return tuple(_load(point) for group in GROUPS for point in sorted(entry_points(group=group), key=lambda p: (p.name, p.value)))


def _load(point: EntryPoint) -> Plugin:
    dist = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"
    try:
        return Plugin(point.group, point.name, dist, point.load())
    except Exception as e:  # noqa: BLE001  strangers' code may raise anything when it is imported; it is reported, and fails who uses it
        return Plugin(point.group, point.name, dist, None, f"{type(e).__name__}: {e}"[:300])


def merged(group: str, builtin: Mapping[str, T], kind: type[T]) -> dict[str, T]:
    """Return the built-in objects and those of plugins by name.

    Args:
        group: one of ``GROUPS``.
        builtin: our own, by name.
        kind: what a plugin must be; others are left out and shown by ``curate plugins``.

    Raises:
        RecipeError: a name is taken twice; names both distributions.
    """
    out = dict(builtin)
    owner = dict.fromkeys(builtin, "leishu")
    for plugin in found():
        if plugin.group != group or fault_of(plugin, kind):
            continue
        if plugin.name in out:
            raise RecipeError(
                f"the name {plugin.name!r} in {group} is taken twice: by {owner[plugin.name]} and by {plugin.distribution}",
                hint="remove one of the two packages",
            )
        out[plugin.name], owner[plugin.name] = plugin.value, plugin.distribution
    return out


def functions(group: str) -> dict[str, Callable[..., Any]]:
    """Return the functions that plugins name, by name.

    Args:
        group: one of ``GROUPS`` without built-in objects.
    """
    return {p.name: p.value for p in found() if p.group == group and callable(p.value)}


def fault_of(plugin: Plugin, kind: type | None = None) -> str:
    """Say what is wrong with a plugin; empty if nothing is.

    Args:
        plugin: as found.
        kind: the class that its object must have.
    """
    if plugin.fault:
        return plugin.fault
    if kind is not None and not isinstance(plugin.value, kind):
        return f"it names a {type(plugin.value).__name__}, not a {kind.__name__}"
    if kind is not None and getattr(plugin.value, "name", plugin.name) != plugin.name:
        return f"the entry point is called {plugin.name!r}, its object {plugin.value.name!r}"
    if plugin.group == "curate.embedders" and not callable(plugin.value):
        return "it names no function that takes a model's name"
    return ""


def why_not(group: str, name: str) -> str:
    """Say why a plugin of this name is not to be had, for a hint; empty if there is none of this name."""
    return next((f"the plugin {name!r} of {p.distribution} fails: {p.fault}" for p in found() if p.group == group and p.name == name and p.fault), "")
