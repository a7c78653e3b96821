"""Anachronisms: something in the caption did not exist yet, or no more, in the period that the caption claims.

Only dated facts and well-dated terms raise errors, with a margin of years; a museum, a tourist, a film set, a replica, a story or a
comparison excuses everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curate.checks.flags import Flag, Severity
from curate.checks.knowledge import Fact, Knowledge
from curate.checks.reading import Claim, Place, Reading

# A term's attested year is softer than a dated fact: it must be this many years off.
TERM_MARGIN = 60
MODERN = 1840
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

    Each caption is held against the periods that it names itself; if it names none, against those of the other caption. Captions that name
    different periods contradict each other, which is a mismatch and no anachronism.

    Args:
        reading: the caption pair.
        knowledge: dated facts.

    Returns:
        Flags; none when the caption claims no period, or its context excuses it.
    """
    if not reading.claims:
        return []
    # "From Tang to Qing" claims the whole span; only what fits none of the claimed periods is out of place.
    found = [f for lang in ("zh", "en") for f in (*_facts(reading, knowledge, lang), *_terms(reading, lang))]
    odd = [(f.lang, f.start, f.end) for f in found]
    out = [f for f in found if not reading.excused(f.lang, f.start, f.end, odd) and not reading.denied(f.lang, f.start)]
    out += _people(reading)
    seen: set[tuple[str, int, int]] = set()
    kept = []
    for f in sorted(out, key=lambda f: (f.severity != "error", f.lang, f.start)):
        if (f.lang, f.start, f.end) not in seen:
            seen.add((f.lang, f.start, f.end))
            kept.append(f)
    return kept


def _bounds(claims: Sequence[Claim]) -> tuple[int, int]:
    """Return the first and the last year that a caption allows; a ruler or a reign named within an era narrows it."""
    eras = [c for c in claims if c.kind not in ("person", "reign")] or list(claims)
    first, last = min(c.first for c in eras), max(c.last for c in eras)
    people = [c for c in claims if c.kind in ("person", "reign") and c.last - c.first <= 110]
    if people and all(first <= c.last and c.first <= last for c in people):
        first, last = max(first, min(c.first for c in people)), min(last, max(c.last for c in people))
    return first, last


def _facts(reading: Reading, knowledge: Knowledge, lang: str) -> Iterator[Flag]:
    claims, text = reading.of(lang), reading.text(lang)
    first, last = _bounds(claims)
    sure = any(c.scene for c in claims)
    for table, late in ((knowledge.not_before, True), (knowledge.not_after, False)):
        for found in table.find(text, lang):
            fact = table.rows[found.row]
            assert isinstance(fact, Fact)
            if any(_overlaps(c, lang, found.start, found.end) for c in claims) or reading.excepted(fact.excepted, lang, found.start, found.end):
                continue
            if fact.whose and not knowledge.people.fits(fact.whose, text, lang, found.start, found.end):
                continue
            if late:
                off, far = last < fact.year - fact.margin, fact.sure is not None and last < fact.sure
            else:
                off, far = first > fact.year + fact.margin, fact.sure is not None and first > fact.sure
            if off or far:
                severity: Severity = "error" if sure and (fact.severity == "error" or far) else "warning"
                suggestion = fact.suggestion_zh if lang == "zh" else fact.suggestion_en
                yield Flag("anachronism", severity, lang, found.start, found.end, fact.note_zh, fact.note_en, suggestion)


def _terms(reading: Reading, lang: str) -> Iterator[Flag]:
    claims = reading.of(lang)
    strong = [c for c in claims if c.kind in ("era", "year", "reign")]
    _, last = _bounds(claims)
    sure = any(c.scene for c in claims)
    for p in reading.places:
        e = p.entry
        if p.lang != lang or e.kind != "term" or e.from_year is None or any(_overlaps(c, lang, p.start, p.end) for c in claims):
            continue
        # A book that bears the name of the ruler of old is not of his time: 黄帝内经.
        if any(c.place.entry.zh_hans and c.place.entry.zh_hans in e.zh_hans for c in claims):
            continue
        work = e.themes[:1] == ("literature",) and e.to_year is None and reading.in_hand(lang, p.start, p.end)
        # Dates of the modern age are known to a few years.
        margin = TERM_MARGIN if e.from_year < MODERN else 10
        if not (work or (strong and set(e.themes) & _THINGS)) or last + margin >= e.from_year:
            continue
        name = _named(reading, p)
        zh = f"“{name}”约{_year(e.from_year, 'zh')}才出现，晚于描述所说的时代。"
        en = f"'{name}' is attested from about {_year(e.from_year, 'en')}, later than the period of the caption."
        # A short alias may have another, older sense: 同袍 are comrades too.
        own = name in (e.zh_hans, e.zh_hant) or name.lower() == e.en.lower() or len(name) >= (3 if lang == "zh" else 8)
        far = sure and own and last + 2 * margin < e.from_year
        yield Flag("anachronism", "error" if far else "warning", lang, p.start, p.end, zh, en)


def _people(reading: Reading) -> Iterator[Flag]:
    """People whose lives do not meet, or who did not live in the claimed period; within one caption."""
    if reading.excused():
        return
    for lang in ("zh", "en"):
        claims = [c for c in reading.claims if c.place.lang == lang]
        people = [c for c in claims if c.kind == "person"]
        periods = [c for c in claims if c.kind in ("era", "year", "reign")]
        for c in people:
            others = [p for p in periods if not _overlaps(p, lang, c.place.start, c.place.end)]
            if others and all(o.last < c.first - 10 or o.first > c.last + 10 for o in others):
                name = _named(reading, c.place)
                zh = f"“{name}”生活在{_year(c.first, 'zh')}至{_year(c.last, 'zh')}，不在描述所说的时代。"
                en = f"'{name}' lived {_year(c.first, 'en')} to {_year(c.last, 'en')}, not in the period of the caption."
                yield Flag("anachronism", "error" if any(o.scene for o in others) else "warning", lang, c.place.start, c.place.end, zh, en)
        for i, a in enumerate(people):
            for b in people[i + 1 :]:
                if a.place.entry.id != b.place.entry.id and (a.last + 20 < b.first or b.last + 20 < a.first):
                    zh = f"“{_named(reading, a.place)}”与“{_named(reading, b.place)}”不是同时代的人。"
                    en = f"'{_named(reading, a.place)}' and '{_named(reading, b.place)}' did not live at the same time."
                    yield Flag("anachronism", "error", lang, b.place.start, b.place.end, zh, en)
