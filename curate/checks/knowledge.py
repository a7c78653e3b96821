"""The knowledge of the checks, read from the TSV files under ``lexicons/`` that a historian can correct."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from curate.data import data_path
from curate.errors import LexiconError
from curate.knowledge.matcher import Form, Hit, Matcher
from curate.knowledge.tsv import cells, read_tsv


@dataclass(frozen=True)
class Fact:
    """A dated thing: it did not exist before (or after) a year.

    ``sure`` is the year beyond which even a disputed date is out of the question, or ``None``. ``whose`` is a kind of people (``men``), where
    the thing is wrong on them only.
    """

    id: str
    year: int
    margin: int
    severity: str
    sure: int | None
    note_zh: str
    note_en: str
    suggestion_zh: str
    suggestion_en: str
    excepted: tuple[str, ...]
    source: str
    whose: str = ""


@dataclass(frozen=True)
class Confusable:
    """A foreign or other thing that is taken for a Chinese one."""

    id: str
    culture: str
    needs: tuple[str, ...]
    not_if: tuple[str, ...]
    native_id: str
    native_zh: str
    native_en: str
    native_more: tuple[str, ...]
    severity: str
    note_zh: str
    note_en: str
    source: str


@dataclass(frozen=True)
class Context:
    """A context in which an odd combination is right: a museum, a film set, a tourist, a comparison."""

    id: str
    kind: str
    effect: str


@dataclass(frozen=True)
class Found:
    """A row found in a text."""

    row: int
    start: int
    end: int


@dataclass(frozen=True)
class Table:
    """Rows of one file with a matcher over their forms."""

    rows: tuple[object, ...]
    matcher: Matcher

    def find(self, text: str, lang: str) -> list[Found]:
        """Return the rows whose forms occur in a text."""
        hits: list[Hit] = self.matcher.find(text, "zh" if lang == "zh" else "latin") if text else []
        return [Found(e, h.start, h.end) for h in hits for e in h.entries]


# Whoever stands so near to a thing may be its wearer, in code points.
NEAR = {"zh": 12, "en": 30}
_SENTENCE = re.compile(r"[。；！？;!?\n]|\.(?=\s|$)")


@dataclass(frozen=True)
class People:
    """Words for kinds of people, to say whose hair or dress a caption speaks of.

    Attributes:
        patterns: per language, all words, longest first.
        kinds: word in lower case to kind.
        contrary: kind to the kinds that cast doubt on it when they stand near.
    """

    patterns: Mapping[str, re.Pattern[str]]
    kinds: Mapping[tuple[str, str], str]
    contrary: Mapping[str, frozenset[str]]

    def fits(self, whose: str, text: str, lang: str, start: int, end: int) -> bool:
        """Say whether the person nearest to a thing, in its sentence, is of a kind, and nobody of a contrary kind is near.

        Args:
            whose: the kind.
            text: the caption.
            lang: its language.
            start: where the thing is named.
            end: the code point after it.
        """
        first = max((m.end() for m in _SENTENCE.finditer(text, 0, start)), default=0)
        after = _SENTENCE.search(text, end)
        last = after.start() if after else len(text)
        near: list[tuple[int, str]] = []
        for m in self.patterns[lang].finditer(text, first, last):
            away = m.start() - end if m.start() >= end else start - m.end() if m.end() <= start else None
            if away is not None:
                near.append((away, self.kinds[lang, m.group().lower()]))
        doubt = self.contrary.get(whose, frozenset())
        return bool(near) and min(near)[1] == whose and not any(kind in doubt and away <= NEAR[lang] for away, kind in near)


@dataclass(frozen=True)
class Knowledge:
    """All tables of the checks."""

    not_before: Table
    not_after: Table
    confusables: Table
    exceptions: Table
    era_years: Mapping[str, tuple[int, int]]
    people: People


def _int(value: str, path: Path, number: int, default: int | None = None) -> int:
    if not value and default is not None:
        return default
    try:
        return int(value)
    except ValueError as e:
        raise LexiconError(f"{path}:{number}: {value!r} is no year") from e


def _forms(row: Mapping[str, str], entry: int) -> list[Form]:
    return [Form(f, "zh", entry) for f in cells(row["zh"])] + [Form(f, "latin", entry) for f in _plurals(cells(row["en"]))]


def _plurals(forms: tuple[str, ...]) -> list[str]:
    out = []
    for f in forms:
        out.append(f)
        if f[-1:].isalpha() and f.isascii() and not f.endswith("s") and f[0].islower():
            out.append(f + "s")
    return out


def _facts(path: Path) -> Table:
    rows: list[object] = []
    forms: list[Form] = []
    for number, r in read_tsv(path):
        forms += _forms(r, len(rows))
        rows.append(
            Fact(
                r["id"],
                _int(r["year"], path, number),
                _int(r["margin_years"], path, number, 0),
                r["severity"],
                _int(r["sure_year"], path, number) if r.get("sure_year") else None,
                r["note_zh"],
                r["note_en"],
                r["suggestion_zh"],
                r["suggestion_en"],
                cells(r["except"]),
                r["source"],
                r.get("whose", ""),
            )
        )
    return Table(tuple(rows), Matcher(forms))


def _people(path: Path) -> People:
    kinds: dict[tuple[str, str], str] = {}
    contrary: dict[str, frozenset[str]] = {}
    for _, r in read_tsv(path):
        contrary[r["id"]] = frozenset(cells(r["contrary"]))
        kinds |= {("zh", w): r["id"] for w in cells(r["zh"])} | {("en", w.lower()): r["id"] for w in cells(r["en"])}
    words = {
        lang: "|".join(re.escape(w) for _, w in sorted((x for x in kinds if x[0] == lang), key=lambda x: (-len(x[1]), x[1]))) for lang in ("zh", "en")
    }
    return People({"zh": re.compile(words["zh"]), "en": re.compile(rf"\b(?:{words['en']})\b", re.IGNORECASE)}, kinds, contrary)


def _confusables(path: Path) -> Table:
    rows: list[object] = []
    forms: list[Form] = []
    for _, r in read_tsv(path):
        forms += _forms(r, len(rows))
        rows.append(
            Confusable(
                r["id"],
                r["culture"],
                cells(r["needs"]),
                cells(r["not_if"]),
                r["native_id"],
                r["native_zh"],
                r["native_en"],
                cells(r.get("native_more", "")),
                r["severity"],
                r["note_zh"],
                r["note_en"],
                r["source"],
            )
        )
    return Table(tuple(rows), Matcher(forms))


def _exceptions(path: Path) -> Table:
    rows: list[object] = []
    forms: list[Form] = []
    for _, r in read_tsv(path):
        forms += _forms(r, len(rows))
        rows.append(Context(r["id"], r["kind"], r["effect"]))
    return Table(tuple(rows), Matcher(forms))


@lru_cache(maxsize=2)
def load(folder: Path | None = None) -> Knowledge:
    """Read the tables.

    Args:
        folder: a folder laid out like ``lexicons/``; the shipped one if ``None``.

    Raises:
        LexiconError: a file is not in order.
    """
    folder = folder or data_path("lexicons")
    years = {}
    for number, r in read_tsv(folder / "eras.tsv"):
        years[r["id"]] = (_int(r["from_year"], folder / "eras.tsv", number, -8000), _int(r["to_year"], folder / "eras.tsv", number, 2100))
    return Knowledge(
        _facts(folder / "not_before.tsv"),
        _facts(folder / "not_after.tsv"),
        _confusables(folder / "confusables.tsv"),
        _exceptions(folder / "exceptions.tsv"),
        years,
        _people(folder / "people.tsv"),
    )
