"""The rules of localization, read from ``localize.yaml``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate.data import read_yaml
from curate.errors import DataError
from curate.prompts.phrase import Noun, read
from curate.prompts.slots import LIVING, Book, span


@dataclass(frozen=True)
class Rule:
    """What is generic and what it can become; see ``localize.yaml``."""

    id: str
    kind: str
    patterns: Mapping[str, re.Pattern[str]]
    choices: tuple[Noun, ...]
    why: tuple[str, str]
    unless: re.Pattern[str] | None
    who: str
    era: bool
    china: bool
    open: bool
    compound: bool
    real: bool | None

    def fitting(self, era: str) -> tuple[Noun, ...]:
        """Return the choices of a period, or those without one."""
        if era and era != LIVING:
            return tuple(n for n in self.choices if era in n.eras)
        return tuple(n for n in self.choices if not n.eras)


@dataclass(frozen=True)
class Native:
    """What stands for a foreign thing in some periods; in any if none is given."""

    zh: str
    en: str
    eras: tuple[str, ...]


@dataclass(frozen=True)
class Rules:
    """All rules with the words that keep a prompt as it is, and those that claim China."""

    rules: tuple[Rule, ...]
    native: Mapping[str, tuple[Native, ...]]
    named: re.Pattern[str]
    foreign: re.Pattern[str]
    china: re.Pattern[str]
    unreal: re.Pattern[str]
    no_thing: re.Pattern[str]
    mass: frozenset[str]
    swallow: re.Pattern[str]


def _cells(text: str, least: int, most: int) -> list[str]:
    parts = [p.strip() for p in text.split(" | ")]
    if not least <= len(parts) <= most:
        raise DataError(f"localize.yaml: expected {least} to {most} cells in {text!r}")
    return parts


def _eras(parts: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    return span(parts[2], order) if len(parts) == 3 else ()


def _rule(r: Mapping[str, Any], order: Sequence[str]) -> Rule:
    patterns = {lang: re.compile(r[lang], re.IGNORECASE) for lang in ("zh", "en") if r.get(lang)}
    choices = []
    for text in r.get("choices", ()):
        parts = _cells(text, 2, 3)
        choices.append(read(parts[0], parts[1], _eras(parts, order)))
    unless = re.compile(r["unless"], re.IGNORECASE) if r.get("unless") else None
    zh, en = _cells(r["why"], 2, 2)
    return Rule(
        r["id"], r["kind"], patterns, tuple(choices), (zh, en), unless, r.get("who", ""), bool(r.get("era")), r.get("when") == "china",
        bool(r.get("open")), bool(r.get("compound")), r.get("real"),
    )  # fmt: skip


def _words(raw: Mapping[str, Sequence[str]]) -> re.Pattern[str]:
    """A pattern of whole English words (with a plural) and Chinese ones."""
    return re.compile(rf"\b(?:{'|'.join(raw['en'])})s?\b|{'|'.join(raw['zh'])}", re.IGNORECASE)


@lru_cache(maxsize=1)
def load() -> Rules:
    """Read the rules beside this module."""
    raw = read_yaml(Path(__file__).resolve().parent / "localize.yaml")
    order = Book.shipped().order
    native = {}
    for row, lines in raw["native"].items():
        cut = [_cells(x, 2, 3) for x in lines]
        native[row] = tuple(Native(c[0], c[1], _eras(c, order)) for c in cut)
    return Rules(
        tuple(_rule(r, order) for r in raw["rules"]), native, _words(raw["named"]), _words(raw["foreign"]), _words(raw["china"]), _words(raw["unreal"]),
        re.compile(raw["no_thing"], re.IGNORECASE),
        frozenset(raw["mass"]), re.compile(raw["swallow"] + "$"),
    )  # fmt: skip
