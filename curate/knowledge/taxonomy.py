"""The three axes of coverage: 23 eras, 18 themes (with sub-themes, definitions and queries), 27 regions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.data import data_path, read_yaml
from curate.errors import LexiconError
from curate.knowledge.tsv import read_tsv


@dataclass(frozen=True)
class Era:
    """A period: id, names, years (negative = BCE; the last era is open)."""

    id: str
    zh: str
    en: str
    fr: str
    from_year: int | None
    to_year: int | None


@dataclass(frozen=True)
class Region:
    """A cultural region."""

    id: str
    zh: str
    en: str
    fr: str


@dataclass(frozen=True)
class Sub:
    """A sub-theme with the sentences that show it, per language."""

    id: str
    zh: str
    en: str
    fr: str
    queries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Theme:
    """A theme with its definition per language and its sub-themes."""

    id: str
    zh: str
    en: str
    fr: str
    definition: tuple[tuple[str, str], ...]
    subs: tuple[Sub, ...]


@dataclass(frozen=True)
class Taxonomy:
    """The axes as read from ``lexicons/``.

    Attributes:
        everyday: ``(lang, sentence)`` of ordinary scenes, the counter-examples of tagging by meaning.
        sha256: digest of the files.
    """

    eras: tuple[Era, ...]
    themes: tuple[Theme, ...]
    regions: tuple[Region, ...]
    everyday: tuple[tuple[str, str], ...]
    sha256: str

    @classmethod
    def load(cls, folder: Path | None = None) -> Taxonomy:
        """Read the axes.

        Args:
            folder: a folder laid out like ``lexicons/``; the shipped one if ``None``.

        Raises:
            LexiconError: a file is missing or not in order.
        """
        folder = folder or data_path("lexicons")
        digest = hashlib.sha256()
        for name in ("eras.tsv", "regions.tsv", "themes.yaml"):
            if not (folder / name).exists():
                raise LexiconError(f"{folder / name} is missing")
            digest.update((folder / name).read_bytes())
        eras = tuple(Era(r["id"], r["zh_hans"], r["en"], r["fr"], _int(r["from_year"]), _int(r["to_year"])) for _, r in read_tsv(folder / "eras.tsv"))
        regions = tuple(Region(r["id"], r["zh_hans"], r["en"], r["fr"]) for _, r in read_tsv(folder / "regions.tsv"))
        try:
            raw = read_yaml(folder / "themes.yaml")
            themes = tuple(_theme(t) for t in raw["themes"])
            everyday = tuple((lang, s) for lang, items in raw.get("everyday", {}).items() for s in items)
        except (KeyError, TypeError, AttributeError) as e:
            raise LexiconError(f"{folder / 'themes.yaml'}: {e!r}", hint="compare with lexicons/README.md") from e
        return cls(eras, themes, regions, everyday, digest.hexdigest())

    @property
    def era_ids(self) -> list[str]:
        """Era ids in order of time."""
        return [e.id for e in self.eras]

    @property
    def theme_ids(self) -> list[str]:
        """Theme ids in their fixed order."""
        return [t.id for t in self.themes]

    @property
    def region_ids(self) -> list[str]:
        """Region ids in their fixed order."""
        return [r.id for r in self.regions]

    def label(self, axis: str, ident: str, lang: str = "zh") -> str:
        """Return the name of an era, theme or region for people.

        Args:
            axis: ``eras``, ``themes`` or ``regions``.
            ident: its id.
            lang: ``zh``, ``en`` or ``fr``.
        """
        items: tuple[Any, ...] = getattr(self, axis)
        for item in items:
            if item.id == ident:
                return str(getattr(item, lang))
        return ident


def _int(value: str) -> int | None:
    return int(value) if value else None


def _theme(raw: dict[str, Any]) -> Theme:
    subs = tuple(Sub(s["id"], s["zh"], s["en"], s["fr"], tuple((lang, q) for lang, qs in s["queries"].items() for q in qs)) for s in raw["subs"])
    return Theme(raw["id"], raw["zh"], raw["en"], raw["fr"], tuple(raw["definition"].items()), subs)
