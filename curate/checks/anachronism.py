"""Anachronisms: something in the caption did not exist yet, or no more, in the period that the caption claims.

Only dated facts and well-dated terms raise errors, with a margin of years; a museum, a tourist, a film set, a replica, a story or a
comparison excuses everything.
"""

from __future__ import annotations

from collections.abc import Iterator

from curate.checks.flags import Flag, Severity
from curate.checks.knowledge import Fact, Knowledge
from curate.checks.reading import Claim, Place, Reading

# A term's attested year is softer than a dated fact: it must be this many years off.
TERM_MARGIN = 60
# Themes whose terms are things that stand in a picture and can be out of place.
_THINGS = frozenset(
    "crafts costume cuisine performing-arts martial-arts-games science-medicine military modern-china daily-life architecture religion-philosophy".split()
)


def _year(value: int, lang: str) -> str:
    if value < 0:
        return f"公元前{-value}年" if lang == "zh" else f"{-value} BCE"
    return f"{value}年" if lang == "zh" else f"{value} CE"


def _named(reading: Reading, place: Place) -> str:
    return reading.text(place.lang)[place.start : place.end]


def _overlaps(claim: Claim, lang: str, start: int, end: int) -> bool:
    return claim.place.lang == lang and claim.place.start < end and start < claim.place.end


def check(reading: Reading, knowledge: Knowledge) -> list[Flag]:
    """Find anachronisms.

    Args:
        reading: the caption pair.
        knowledge: dated facts.

    Returns:
        Flags; none when the caption claims no period, or its context excuses it.
    """
    if not reading.claims:
        return []
    # "From Tang to Qing" claims the whole span; only what fits none of the claimed periods is out of place.
    out = [*_facts(reading, knowledge), *_terms(reading), *_people(reading)]
    seen: set[tuple[str, int, int]] = set()
    kept = []
    for f in sorted(out, key=lambda f: (f.severity != "error", f.lang, f.start)):
        if (f.lang, f.start, f.end) not in seen:
            seen.add((f.lang, f.start, f.end))
            kept.append(f)
    return kept


def _facts(reading: Reading, knowledge: Knowledge) -> Iterator[Flag]:
    last = max(c.last for c in reading.claims)
    first = min(c.first for c in reading.claims)
    for lang in ("zh", "en"):
        text = reading.text(lang)
        for table, late in ((knowledge.not_before, True), (knowledge.not_after, False)):
            for found in table.find(text, lang):
                fact = table.rows[found.row]
                assert isinstance(fact, Fact)
                if (
                    reading.excused(lang, found.start, found.end)
                    or reading.denied(lang, found.start)
                    or any(_overlaps(c, lang, found.start, found.end) for c in reading.claims)
                ):
                    continue
                off = last < fact.year - fact.margin if late else first > fact.year + fact.margin
                if off:
                    severity: Severity = "error" if fact.severity == "error" else "warning"
                    suggestion = fact.suggestion_zh if lang == "zh" else fact.suggestion_en
                    yield Flag("anachronism", severity, lang, found.start, found.end, fact.note_zh, fact.note_en, suggestion)


def _terms(reading: Reading) -> Iterator[Flag]:
    last = max(c.last for c in reading.claims)
    strong = [c for c in reading.claims if c.kind in ("era", "year")]
    for p in reading.places:
        e = p.entry
        if e.kind != "term" or e.from_year is None or not set(e.themes) & _THINGS or not strong:
            continue
        if (
            reading.excused(p.lang, p.start, p.end)
            or reading.denied(p.lang, p.start)
            or any(_overlaps(c, p.lang, p.start, p.end) for c in reading.claims)
        ):
            continue
        if last + TERM_MARGIN < e.from_year:
            name = _named(reading, p)
            zh = f"“{name}”约{_year(e.from_year, 'zh')}才出现，晚于描述所说的时代。"
            en = f"'{name}' is attested from about {_year(e.from_year, 'en')}, later than the period of the caption."
            yield Flag("anachronism", "error" if last + 2 * TERM_MARGIN < e.from_year else "warning", p.lang, p.start, p.end, zh, en)


def _people(reading: Reading) -> Iterator[Flag]:
    """People whose lives do not meet, or who did not live in the claimed period."""
    if reading.excused():
        return
    people = [c for c in reading.claims if c.kind == "person"]
    periods = [c for c in reading.claims if c.kind in ("era", "year")]
    for c in people:
        others = [p for p in periods if not _overlaps(p, c.place.lang, c.place.start, c.place.end)]
        if others and all(o.last < c.first - 10 or o.first > c.last + 10 for o in others):
            name = _named(reading, c.place)
            zh = f"“{name}”生活在{_year(c.first, 'zh')}至{_year(c.last, 'zh')}，不在描述所说的时代。"
            en = f"'{name}' lived {_year(c.first, 'en')} to {_year(c.last, 'en')}, not in the period of the caption."
            yield Flag("anachronism", "error", c.place.lang, c.place.start, c.place.end, zh, en)
    for i, a in enumerate(people):
        for b in people[i + 1 :]:
            if a.place.entry.id != b.place.entry.id and (a.last + 20 < b.first or b.last + 20 < a.first) and a.place.lang == b.place.lang:
                zh = f"“{_named(reading, a.place)}”与“{_named(reading, b.place)}”不是同时代的人。"
                en = f"'{_named(reading, a.place)}' and '{_named(reading, b.place)}' did not live at the same time."
                yield Flag("anachronism", "error", b.place.lang, b.place.start, b.place.end, zh, en)
