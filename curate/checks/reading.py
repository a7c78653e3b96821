"""A caption pair as the checks read it: terms with their entries, the period it claims, and the contexts that excuse."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curate.checks.knowledge import Context, Knowledge
from curate.lexicon import Entry, Lexicon
from curate.years import years

# Sub-themes whose terms are people or events: who or what acts in a caption dates its scene.
_ACTORS = frozenset(
    "origins-sages unification-qin han-figures wei-jin-nanbei sui-tang-history song-liao-jin mongol-yuan ming-history qing-history republic-history "
    "prc-history generals-strategy tang-poetry song-ci".split()
)
_LIFE = (15, 110)
# Contexts that say nothing about when the scene is set.
_NO_EXCUSE = frozenset({"camera", "place", "shared-culture", "style", "exchange"})


@dataclass(frozen=True)
class Place:
    """A term in a caption."""

    entry: Entry
    lang: str
    start: int
    end: int


@dataclass(frozen=True)
class Excuse:
    """A context found in a caption that makes an odd combination right."""

    id: str
    kind: str
    lang: str
    start: int
    end: int


@dataclass(frozen=True)
class Claim:
    """A period that the caption says its scene is in, and by which words."""

    first: int
    last: int
    place: Place
    kind: str


@dataclass(frozen=True)
class Reading:
    """One caption pair made ready for the checks."""

    zh: str
    en: str
    places: tuple[Place, ...]
    claims: tuple[Claim, ...]
    excuses: tuple[Excuse, ...]

    def denied(self, lang: str, start: int) -> bool:
        """Say whether the words before a place deny or question it: "Tang women did not wear the qipao"."""
        text = self.text(lang)
        if lang == "zh":
            return _DENIED_ZH.search(text[max(0, start - 6) : start]) is not None or _ASKED_ZH.search(text) is not None
        return _DENIED_EN.search(text[max(0, start - 30) : start]) is not None or _ASKED_EN.search(text) is not None

    def excused(self, lang: str = "", start: int = 0, end: int = 0) -> bool:
        """Say whether a context excuses what is odd at a place.

        Words of the odd thing itself are no excuse for it: "Peking opera" is a stage word, and also what is out of place.
        """
        for e in self.excuses:
            here = e.lang == lang and e.start < end and start < e.end
            if e.kind == "camera" and here:
                return True
            if e.kind not in _NO_EXCUSE and not here:
                return True
        return False

    def text(self, lang: str) -> str:
        """Return the normalized text of a language."""
        return self.zh if lang == "zh" else self.en


def _is_person(entry: Entry) -> bool:
    if entry.kind != "term" or entry.from_year is None or entry.to_year is None:
        return False
    return entry.sub in _ACTORS and _LIFE[0] <= entry.to_year - entry.from_year <= _LIFE[1]


_DENIED_ZH = re.compile("没有|没|不|未|无|并非|尚未|不是|缺少")
_DENIED_EN = re.compile(r"\b(?:not|no|never|without|nor|neither|instead of|before the|long before)\b|n't\b", re.IGNORECASE)
_ASKED_ZH = re.compile("有没有|是不是|难道|[吗么]\\?|\\?")
_ASKED_EN = re.compile(r"\?")

# Buildings that still stand: "the Ming Great Wall" says when it was built, not when the scene is set.
_STANDING = frozenset(
    "bridge pagoda temple-building great-wall tower-pavilion city-wall-tomb buddhist-images gate-archway hydraulics vernacular-dwelling".split()
)


def _dates_a_building(era: Place, places: Sequence[Place], text: str) -> bool:
    if era.lang == "en" and text[: era.start].rstrip().lower().endswith(
        (
            "built",
            "built under the",
            "built in the",
            "built under",
            "built in",
            "rebuilt",
            "constructed",
            "founded",
            "begun",
            "dating from the",
            "dating from",
            "first dug under the",
        )
    ):
        return True
    return any(
        p.lang == era.lang and p.entry.sub in _STANDING and 0 <= p.start - era.end <= (2 if era.lang == "zh" else 3) for p in places if p is not era
    )


def _claims(places: Sequence[Place], zh: str, en: str, era_years: Mapping[str, tuple[int, int]]) -> list[Claim]:
    out: list[Claim] = []
    for p in places:
        if p.entry.kind in ("era", "trap") and p.entry.eras:
            spans = [era_years[e] for e in p.entry.eras if e in era_years]
            if spans and not _dates_a_building(p, places, zh if p.lang == "zh" else en):
                out.append(Claim(min(s[0] for s in spans), max(s[1] for s in spans), p, "era"))
        elif _is_person(p.entry) and p.entry.from_year is not None and p.entry.to_year is not None:
            out.append(Claim(p.entry.from_year, p.entry.to_year, p, "person"))
    for lang, text in (("zh", zh), ("en", en)):
        for first, last, start, end in years(text, lang):
            if -5000 < first < 1950:
                out.append(Claim(first, last, Place(Entry(id=f"year:{first}"), lang, start, end), "year"))
    return out


def read(zh: str, en: str, terms: Sequence[Mapping[str, object]], lexicon: Lexicon, knowledge: Knowledge) -> Reading:
    """Read a caption pair.

    Args:
        zh: normalized Chinese caption, or empty.
        en: normalized English caption, or empty.
        terms: what the ``match`` stage found.
        lexicon: the lexicon.
        knowledge: tables of the checks.
    """
    places = []
    for t in terms:
        entry = lexicon.by_id.get(str(t["term_id"]))
        if entry is not None:
            places.append(Place(entry, str(t["lang"]), int(str(t["start"])), int(str(t["end"]))))
    excuses: list[Excuse] = []
    for lang, text in (("zh", zh), ("en", en)):
        for found in knowledge.exceptions.find(text, lang):
            row = knowledge.exceptions.rows[found.row]
            assert isinstance(row, Context)
            excuses.append(Excuse(row.id, row.kind, lang, found.start, found.end))
    return Reading(zh, en, tuple(places), tuple(_claims(places, zh, en, knowledge.era_years)), tuple(excuses))
