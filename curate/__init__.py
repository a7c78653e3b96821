"""Leishu (类书): curate bilingual video-text data that covers Chinese history and culture.

>>> import curate
>>> curate.__version__
'0.1.0'
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["CurateError", "Lexicon", "Resources", "Stage", "Taxonomy", "Workspace", "check", "dedup", "plan", "run", "search", "tag"]

if TYPE_CHECKING:
    from curate.errors import CurateError
    from curate.knowledge.lexicon import Lexicon
    from curate.knowledge.taxonomy import Taxonomy
    from curate.plain import check, dedup, search, tag
    from curate.planning import plan
    from curate.run import run
    from curate.stage import Resources, Stage
    from curate.workspace import Workspace

_WHERE = {
    "CurateError": "errors",
    "Lexicon": "knowledge.lexicon",
    "Resources": "stage",
    "Stage": "stage",
    "Taxonomy": "knowledge.taxonomy",
    "Workspace": "workspace",
    "check": "plain",
    "dedup": "plain",
    "plan": "planning",
    "run": "run",
    "search": "plain",
    "tag": "plain",
}


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that ``import curate`` stays quick."""
    if name in _WHERE:
        import importlib

        module = importlib.import_module(f"curate.{_WHERE[name]}")
        value = getattr(module, name)
        # The module of the same name (curate.run) is bound by the import; the public name is the function.
        globals()[name] = value
        return value
    raise AttributeError(f"module 'curate' has no attribute {name!r}")


class _Package(ModuleType):
    """The package: importing a submodule named like a public function (``run``, ``search``) does not hide the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _WHERE and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
