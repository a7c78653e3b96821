"""Eras of a caption: named ones first; people, events, works and relics only where no period is named.

A period that the caption names decides: a painter's life may span two dynasties, but "the Ming court" is Ming.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from curate.data import data_path
from curate.knowledge.lexicon import Entry, Lexicon
from curate.knowledge.taxonomy import Taxonomy
from curate.knowledge.tsv import read_tsv
from curate.knowledge.years import years

NAMED, CARRIED = 0.95, 0.8
# A thing that belongs to more eras than this dates nothing.
MOST_ERAS = 2
# A year after this is today, not history.
LAST_YEAR = 2012


def _explicit(entries: Sequence[tuple[Entry, str]]) -> dict[str, float]:
    named = [(e, lang) for e, lang in entries if e.kind in ("era", "trap") and e.eras]
    zh = {era for e, lang in named if lang == "zh" for era in e.eras}
    out: dict[str, float] = {}
    for e, lang in named:
        eras = e.eras
        # "Jin dynasty" is two dynasties in English; the Chinese caption knows which.
        if lang == "en" and zh and set(eras) <= {"jin", "jin-jurchen"} and zh & {"jin", "jin-jurchen"}:
            eras = tuple(sorted(zh & {"jin", "jin-jurchen"}))
        for era in eras:
            out[era] = NAMED
    return out


# 宋真宗, 明成祖, 汉武帝: the title of an emperor names his dynasty.
_TITLE = re.compile(r"(?:[汉晋隋唐宋辽金元明清]|西夏)[\u4e00-\u9fff]{1,2}[宗祖帝]")


def _by_title(lexicon: Lexicon, terms: Sequence[Mapping[str, object]], zh: str) -> set[str]:
    out: set[str] = set()
    for t in terms:
        entry = lexicon.by_id.get(str(t["term_id"]))
        if entry is None or entry.kind != "term" or len(entry.eras) != 1 or t["lang"] != "zh":
            continue
        if _TITLE.fullmatch(zh[int(str(t["start"])) : int(str(t["end"]))]):
            out.add(entry.eras[0])
    return out


def by_year(taxonomy: Taxonomy, zh: str, en: str) -> set[str]:
    """Return the eras of explicit years, where one era alone covers the year.

    Args:
        taxonomy: eras with their years.
        zh: normalized Chinese caption, or empty.
        en: normalized English caption, or empty.
    """
    out: set[str] = set()
    for lang, text in (("zh", zh), ("en", en)):
        for first, last, _, _ in years(text, lang) if text else ():
            cover = [e.id for e in taxonomy.eras if (e.from_year or -9999) <= first and last <= (e.to_year or LAST_YEAR)]
            if len(cover) == 1:
                out.add(cover[0])
    return out


class _Reign(NamedTuple):
    era: str
    first: int
    last: int

    @property
    def years(self) -> int:
        return self.last - self.first + 1


_NUMBERED = r"(元|[一二三四五六七八九十廿]{1,3}|\d{1,2})年(?![级度内来后前多])"
_WHILE = "年间|初年|末年|时期|中叶"
_WHILE_EN = r"[- ](?:reign|era|period|years)\b"


@lru_cache(maxsize=1)
def _reigns() -> tuple[Mapping[str, re.Pattern[str]], Mapping[str, list[_Reign]]]:
    """Return the patterns ``numbered``, ``zh`` (numbered or at large) and ``en``, and the reigns by Chinese name and by pinyin."""
    table: dict[str, list[_Reign]] = {}
    latin: set[str] = set()
    for _, row in read_tsv(data_path("lexicons") / "reigns.tsv"):
        reign = _Reign(row["era"], int(row["from_year"]), int(row["to_year"]))
        for name in filter(None, (row["name"], row["pinyin"])):
            table.setdefault(name, []).append(reign)
        latin.add(row["pinyin"])
    names = "|".join(map(re.escape, sorted(set(table) - latin, key=len, reverse=True)))
    english = "|".join(sorted(latin - {""}, key=len, reverse=True))
    return {
        "numbered": re.compile(rf"({names}){_NUMBERED}"),
        "zh": re.compile(rf"({names})(?:{_NUMBERED}|{_WHILE})"),
        "en": re.compile(rf"\b({english}){_WHILE_EN}"),
    }, table


_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九十")} | {"元": 1}


def _number(text: str) -> int:
    """Read a year of a reign: 元, 三, 十二, 廿六, 二十六, 26."""
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.replace("廿", "二十").partition("十")
    if not ten:
        return _DIGITS.get(tens, 0)
    return 10 * _DIGITS.get(tens, 1) + (_DIGITS.get(ones, 0) if ones else 0)


def by_reign(zh: str) -> set[str]:
    """Return the eras of numbered reign years, where the reign of one era alone was so long.

    Args:
        zh: normalized Chinese caption in simplified script, or empty.

    Example:
        >>> by_reign("元和十二年的碑"), by_reign("建武元年")
        ({'tang'}, set())
    """
    if "年" not in zh:
        return set()
    patterns, table = _reigns()
    out: set[str] = set()
    for name, year in patterns["numbered"].findall(zh):
        eras = {r.era for r in table[name] if _number(year) <= r.years}
        if len(eras) == 1:
            out |= eras
    return out


# Reigns of one name that lie farther apart than the longest reign date nothing.
_ONE_REIGN = 61


def reigns(text: str, lang: str) -> list[tuple[int, int, int, int]]:
    """Return the years of the reigns that a caption names: 贞观年间, 道光二十年, "the Wanli reign".

    Args:
        text: normalized caption, Chinese in simplified script.
        lang: ``zh`` or ``en``.

    Returns:
        ``(first year, last year, start, end)``; a name of several dynasties that lie far apart is left out.

    Example:
        >>> reigns("康熙年间的茶馆", "zh"), reigns("道光二十年的广州", "zh"), reigns("永平年间", "zh")
        ([(1662, 1722, 0, 4)], [(1840, 1840, 0, 6)], [])
    """
    if lang == "zh" and not any(w in text for w in ("年", "时期", "中叶")):
        return []
    patterns, table = _reigns()
    out = []
    for m in patterns[lang].finditer(text):
        number = _number(m[2]) if lang == "zh" and m[2] else 0
        fit = [r for r in table[m[1]] if number <= r.years]
        if not fit:
            continue
        spans = [(r.first + number - 1,) * 2 if number else (r.first, r.last) for r in fit]
        first, last = min(s[0] for s in spans), max(s[1] for s in spans)
        if last - first < _ONE_REIGN:
            out.append((first, last, m.start(), m.end()))
    return out


def label(lexicon: Lexicon, taxonomy: Taxonomy, terms: Sequence[Mapping[str, object]], zh: str, en: str) -> dict[str, tuple[float, str]]:
    """Return the eras that the found terms name or carry.

    Args:
        lexicon: the lexicon.
        taxonomy: eras with their years.
        terms: what the ``match`` stage found.
        zh: normalized Chinese caption, or empty.
        en: normalized English caption, or empty.

    Returns:
        Era id to ``(score 0..1, "term")``.
    """
    entries = [(lexicon.by_id[str(t["term_id"])], str(t["lang"])) for t in terms if str(t["term_id"]) in lexicon.by_id]
    named = {**_explicit(entries), **dict.fromkeys(by_reign(zh) | _by_title(lexicon, terms, zh), NAMED)} or dict.fromkeys(
        by_year(taxonomy, zh, en), NAMED
    )
    if named:
        return {era: (score, "term") for era, score in sorted(named.items())}
    votes: dict[str, set[str]] = {}
    for entry, _ in entries:
        if entry.kind == "term" and 0 < len(entry.eras) <= MOST_ERAS and (entry.from_year or 0) <= LAST_YEAR:
            for era in entry.eras:
                votes.setdefault(era, set()).add(entry.id)
    singles = {entry.eras[0] for entry, _ in entries if entry.kind == "term" and len(entry.eras) == 1}
    # A two-era term beside a term of one of them is of that one.
    kept = {era: ids for era, ids in votes.items() if not singles or era in singles or not _explained(ids, singles, lexicon)}
    return {era: (CARRIED, "term") for era in sorted(kept)}


def _explained(ids: set[str], singles: set[str], lexicon: Lexicon) -> bool:
    return all(set(lexicon.by_id[i].eras) & singles for i in ids)
