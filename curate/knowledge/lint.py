"""Check the lexicon as a careful editor would: doubles, script mix-ups, missing fields, alias clashes, order of years."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from curate.coverage import allowed
from curate.knowledge.lexicon import Entry, Lexicon
from curate.knowledge.matcher import latin_fold, zh_fold
from curate.knowledge.taxonomy import Taxonomy
from curate.text import script_of, to_simplified

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HAN = re.compile("[\u3400-\u9fff]")
# Simplified characters that OpenCC's tables call traditional, or that stay in names.
_KEPT = set("乾著徵於鍾纁蟳錞麴袷詝鱀霑濛鵩彄綎鋐蒐")


@dataclass(frozen=True)
class Problem:
    """One finding: where, what, and whether it is an error."""

    file: str
    line: int
    id: str
    level: str
    message: str


def lint(lexicon: Lexicon, taxonomy: Taxonomy) -> list[Problem]:
    """Check all terms.

    Args:
        lexicon: the lexicon.
        taxonomy: the axes.

    Returns:
        Problems, errors first.
    """
    out = [p for e in lexicon.terms for p in _fields(e, taxonomy)]
    out += list(_doubles(lexicon))
    return sorted(out, key=lambda p: (p.level != "error", p.file, p.line, p.message))


def _problem(e: Entry, level: str, message: str) -> Problem:
    return Problem(e.file, e.line, e.id, level, message)


def _fields(e: Entry, taxonomy: Taxonomy) -> Iterator[Problem]:
    if not _ID.fullmatch(e.id):
        yield _problem(e, "error", "the id is not kebab-case")
    if not e.themes or e.id.split("-")[0] not in (e.themes[0].split("-")[0] if e.themes else "",):
        yield _problem(e, "error", "the id does not start with its theme")
    for name in ("zh_hans", "zh_hant", "pinyin", "en", "gloss_en", "source"):
        if not getattr(e, name):
            yield _problem(e, "error", f"{name} is empty")
    if not e.fr:
        yield _problem(e, "warning", "fr is empty")
    subs = {s.id for t in taxonomy.themes if t.id in e.themes for s in t.subs}
    for kind, values, known in (
        ("theme", e.themes, taxonomy.theme_ids),
        ("era", e.eras, taxonomy.era_ids),
        ("region", e.regions, taxonomy.region_ids),
    ):
        for v in values:
            if v not in known:
                yield _problem(e, "error", f"unknown {kind} {v!r}")
    if e.sub not in subs:
        yield _problem(e, "error", f"unknown sub-theme {e.sub!r}")
    if e.from_year is not None and e.to_year is not None and e.from_year > e.to_year:
        yield _problem(e, "error", f"from_year {e.from_year} is after to_year {e.to_year}")
    for form in (e.zh_hans, *e.zh_alias):
        if script_of(form) in ("hant", "mixed") and not set(form) & _KEPT:
            yield _problem(e, "error", f"{form!r} is not simplified")
    if e.zh_hant and zh_fold(to_simplified(e.zh_hant)) != zh_fold(e.zh_hans):
        yield _problem(e, "warning", f"{e.zh_hant!r} is not the traditional form of {e.zh_hans!r}")
    if len(e.pinyin.split()) != len(_HAN.findall(e.zh_hans)):
        yield _problem(e, "warning", f"pinyin {e.pinyin!r} has not one syllable per character of {e.zh_hans!r}")
    if e.context not in ("free", "needs"):
        yield _problem(e, "error", f"context {e.context!r} is neither free nor needs")
    if len(e.zh_hans) == 1 and e.context == "free":
        yield _problem(e, "error", "a single character must be context needs")


def _doubles(lexicon: Lexicon) -> Iterator[Problem]:
    ids = Counter(e.id for e in lexicon.terms)
    owners: dict[str, list[Entry]] = defaultdict(list)
    for e in lexicon.terms:
        if ids[e.id] > 1:
            yield _problem(e, "error", "the id is used twice")
        for form in dict.fromkeys([*(zh_fold(f) for f in e.zh_forms()), *(latin_fold(f) for f in (e.en, *e.en_alias) if f)]):
            owners[form].append(e)
    for form, entries in owners.items():
        distinct = {e.id: e for e in entries}
        if len(distinct) < 2:
            continue
        first = entries[0]
        for other in entries[1:]:
            same_name = zh_fold(other.zh_hans) == zh_fold(first.zh_hans)
            clash = set(first.eras) != set(other.eras) and same_name
            yield _problem(other, "warning", f"{form!r} is also a form of {first.id}" + (" with other eras" if clash else ""))


def stats(lexicon: Lexicon, taxonomy: Taxonomy) -> dict[str, object]:
    """Count concepts, forms and cells.

    Returns:
        Plain values: concepts, forms per language, concepts per theme, thin cells (fewer than three concepts).
    """
    terms = lexicon.terms
    zh = {zh_fold(f) for e in terms for f in e.zh_forms()}
    written = {f for e in terms for f in (e.zh_hans, e.zh_hant, *e.zh_alias) if f}
    en = {f.lower() for e in terms for f in (e.en, *e.en_alias) if f}
    fr = {e.fr.lower() for e in terms if e.fr}
    pinyin = {e.pinyin for e in terms if e.pinyin}
    cells: Counter[tuple[str, str]] = Counter((t, era) for e in terms for t in e.themes for era in e.eras)
    thin = [
        f"{t} × {era}: {cells[t, era]}"
        for t in taxonomy.theme_ids
        for era in taxonomy.era_ids
        if allowed(t, era, taxonomy.era_ids) and cells[t, era] < 3
    ]
    return {
        "concepts": len(terms),
        "surface_forms": len(written) + len(en) + len(fr) + len(pinyin),
        "zh_forms": len(written),
        "zh_forms_folded": len(zh),
        "en_forms": len(en),
        "fr_forms": len(fr),
        "pinyin_forms": len(pinyin),
        "traps": sum(e.kind == "trap" for e in lexicon.entries),
        "by_theme": dict(Counter(e.themes[0] for e in terms).most_common()),
        "with_years": sum(e.from_year is not None for e in terms),
        "thin_cells": thin,
    }
