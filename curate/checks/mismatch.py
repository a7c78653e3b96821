"""Mismatch of the Chinese and the English caption: other facts, missing parts, untranslated or leaked text, swapped columns.

Evidence is collected per pair as features; ``pairfit`` turns them into one score. Flags are given for single facts that contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from curate.checks.flags import Flag
from curate.checks.reading import ACTORS, Place, Reading, has_sound, titles
from curate.checks.roles import Figure, exchanged
from curate.duplicates.decisive import Opposites
from curate.knowledge.lexicon import Entry
from curate.knowledge.meanings import Meaning, denial, meanings, numeral
from curate.langid import script_counts
from curate.text import match_key

# Kinds of terms that a faithful translation keeps: who, when, which feast, dish, instrument, place.
_NAMED = frozenset(
    "history literature festivals cuisine performing-arts landscape architecture ethnic-cultures costume mythology martial-arts-games "
    "painting-calligraphy crafts religion-philosophy science-medicine".split()
)
_NUMBER_WORDS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against the two captions saying the same.

    Attributes:
        shared: concepts named in both.
        lone_zh, lone_en: concepts that only one names, era and region names included.
        conflicts: single contradictions ``(group, zh place, en place)``.
        agreements: opposites groups in which both say the same.
        length_ratio: English words per Chinese character, scaled so that a usual translation is 1.
        faults: untranslated text, leaked text, swapped columns.
    """

    shared: int
    lone_zh: int
    lone_en: int
    conflicts: tuple[tuple[str, tuple[int, int], tuple[int, int]], ...]
    agreements: int
    length_ratio: float
    faults: tuple[str, ...]

    @property
    def sure(self) -> int:
        """Return how many contradictions are errors by themselves."""
        return sum(g in SURE for g, _, _ in self.conflicts)


def _concepts(places: Sequence[Place], lang: str) -> dict[str, Place]:
    out: dict[str, Place] = {}
    for p in places:
        if p.lang == lang and p.entry.kind in ("term", "era", "region"):
            out.setdefault(p.entry.id, p)
    return out


def _same(p: Place, q: Place, texts: Mapping[str, str]) -> bool:
    """Two places that translators use for each other: of one entry, or one named by a word of the other, or a part of it."""
    a, b = p.entry, q.entry
    if a.id == b.id:
        return True
    names_a = {a.zh_hans, *a.zh_alias, a.en.lower(), *map(str.lower, a.en_alias)} - {""}
    names_b = {b.zh_hans, *b.zh_alias, b.en.lower(), *map(str.lower, b.en_alias)} - {""}
    # "Yue opera" names two operas: only the words that the caption uses count.
    said_a, said_b = texts[p.lang][p.start : p.end].lower(), texts[q.lang][q.start : q.end].lower()
    if said_b in names_a or said_a in names_b:
        return True
    return any(x in y or y in x for x in names_a for y in names_b if len(x) >= 2 and len(y) >= 2 and x != y)


def _said(p: Place, other: str, lang: str) -> bool:
    """Say whether the other caption has a name of a term, though the term was not counted there: "maize" alone may be anything."""
    e = p.entry
    if e.kind != "term":
        return False
    if lang == "zh":
        return any(len(n) >= 2 and n in other for n in (e.zh_hans, *e.zh_alias))
    return any(len(n) >= 3 and re.search(rf"\b{re.escape(n)}(?:e?s)?\b", other, re.IGNORECASE) for n in (e.en, *e.en_alias))


def _era_conflict(zh: Mapping[str, Place], en: Mapping[str, Place]) -> tuple[Place, Place] | None:
    a = [p for p in zh.values() if p.entry.kind == "era"]
    b = [p for p in en.values() if p.entry.kind == "era"]
    if a and b and not {e for p in a for e in p.entry.eras} & {e for p in b for e in p.entry.eras}:
        return a[0], b[0]
    return None


def _person(entry: Entry) -> bool:
    """Say whether an entry is one person with a life, or a figure of a book under a name of its own."""
    if (
        entry.kind == "term"
        and " " in entry.en
        and len(entry.zh_hans) <= 3
        and has_sound(entry)
        and (entry.sub in ACTORS or entry.themes[:1] in _FIGURES)
    ):
        return True
    if entry.kind != "term" or entry.from_year is None or entry.to_year is None or not set(entry.themes[:1]) & _LIVES:
        return False
    return 15 <= entry.to_year - entry.from_year <= 110


_FIGURES = (("literature",), ("mythology",))
_LIVES = frozenset("history literature religion-philosophy painting-calligraphy science-medicine performing-arts".split())


def _rival(a: Place, b: Place) -> bool:
    """Two terms of one kind that exclude each other: two feasts, two operas, two dishes, two people."""
    x, y = a.entry, b.entry
    if _person(x) and _person(y):
        return True
    if x.kind == "region" or y.kind == "region":
        return x.kind == y.kind and not set(x.regions) & set(y.regions)
    if x.kind != "term" or y.kind != "term" or not set(x.themes[:1]) & set(y.themes) & _NAMED:
        return False
    return x.context == "free" and y.context == "free"


_PLAYED = frozenset({"performing-arts", "literature"})


def _kind(p: Place, rival: Place, reading: Reading) -> str:
    """Name what two rivals contradict each other in."""
    if _person(p.entry) and _person(rival.entry):
        return "person"
    titled = any(a < p.end and p.start < b and reading.zh[a] == "《" for a, b in titles(reading.zh))
    if titled and {*p.entry.themes[:1], *rival.entry.themes[:1]} <= _PLAYED and rival.entry.en[:1].isupper():
        return "work"
    return p.entry.themes[0] if p.entry.themes else p.entry.kind


def _years(reading: Reading) -> tuple[int, list[tuple[str, tuple[int, int], tuple[int, int]]]]:
    """Compare the single years that both captions name, a reign year as the year it was: 永乐十二年 and 1414."""
    sides = [[c for c in reading.claims if c.place.lang == lang and c.kind in ("year", "reign") and c.first == c.last] for lang in ("zh", "en")]
    if not all(sides):
        return 0, []
    # A lunar year ends in the next solar one; a reign may be counted from the year of the accession.
    near = sum(any(abs(a.first - b.first) <= 1 for b in sides[1]) for a in sides[0])
    if near:
        return near, []
    a, b = sides[0][0].place, sides[1][0].place
    return 0, [("year", (a.start, a.end), (b.start, b.end))]


_BEINGS = frozenset({"role", "animal", "kin", "gender", "age"})


def _figures(reading: Reading, lang: str, opposites: Opposites) -> list[Figure]:
    """Return the people and animals that a caption names."""
    out = [Figure(frozenset({p.entry.id}), p.start, p.end) for p in reading.places if p.lang == lang and p.entry.kind == "term"]
    for m in meanings(opposites, reading.text(lang), lang):
        if m.group in _BEINGS:
            out.append(Figure(frozenset(f"{m.group}:{k}" for k in m.keys), m.start, m.end))
    return out


def collect(reading: Reading, opposites: Opposites) -> Evidence:
    """Collect the evidence of one pair.

    Args:
        reading: the caption pair.
        opposites: meanings that exclude each other.
    """
    zh, en = _concepts(reading.places, "zh"), _concepts(reading.places, "en")
    texts = {"zh": reading.zh, "en": reading.en}
    matched_en: set[str] = set()
    lone: list[Place] = []
    for p in zh.values():
        partner = next((q for q in en.values() if q.entry.id not in matched_en and _same(p, q, texts)), None)
        if partner is not None:
            matched_en.add(partner.entry.id)
        elif not _said(p, reading.en, "en"):
            lone.append(p)
    others = [q for i, q in en.items() if i not in matched_en and not any(_same(p, q, texts) for p in zh.values()) and not _said(q, reading.zh, "zh")]
    conflicts: list[tuple[str, tuple[int, int], tuple[int, int]]] = []
    eras = _era_conflict(zh, en)
    if eras:
        conflicts.append(("era", (eras[0].start, eras[0].end), (eras[1].start, eras[1].end)))
    free = list(others)
    for p in lone:
        rival = next((q for q in free if _rival(p, q)), None)
        if rival is not None:
            # One thing cannot stand in the place of two.
            free.remove(rival)
            kind = _kind(p, rival, reading)
            conflicts.append((kind, (p.start, p.end), (rival.start, rival.end)))
    agreements, opposed = _opposites(reading, opposites)
    same_year, other_year = _years(reading)
    agreements += same_year
    conflicts += other_year
    conflicts += opposed
    turned = exchanged(reading.zh, reading.en, *(_figures(reading, lang, opposites) for lang in ("zh", "en"))) if reading.zh and reading.en else None
    if turned:
        conflicts.append(("roles", *turned))
    denied = denial(reading.zh, reading.en) if reading.zh and reading.en else None
    if denied:
        conflicts.append(("denial", *denied))
    chars, words = script_counts(reading.zh)["han"], len(re.findall(r"[A-Za-z]+", reading.en))
    ratio = (words + 1) / (0.62 * chars + 1) if chars and words else 0.0
    return Evidence(len(matched_en), len(lone), len(others), tuple(conflicts), agreements, ratio, tuple(_faults(reading)))


# Groups of meanings that a faithful translation keeps: one side naming another one is an error by itself.
SURE = frozenset(
    "era person number colour season gender city place-province grotto mountain lake river instrument-family animal flower stage-art pastime solar "
    "year roles work feast reign outcome reply in-out throne denial medicine compass side up-down tree ethnic-group opera dough time-of-day kin".split()
)
_OPPOSED = (
    ({"dawn", "sunrise", "morning"}, {"dusk", "sunset", "night", "midnight", "moonlit", "starry"}),
    ({"dawn", "sunrise", "morning"}, {"noon", "afternoon"}),
    ({"noon", "daytime", "afternoon"}, {"night", "midnight", "moonlit", "starry", "dawn"}),
)


def _head(m: Meaning, covered: Sequence[Place], text: str) -> bool:
    """Say whether a meaning stands for itself, or is the head of a longer term: the camel of a sancai camel, not the dragon of a dragon boat."""
    over = [p for p in covered if p.start < m.end and m.start < p.end]
    if m.group in ("city", "place-province", "mountain", "grotto", "lake", "river"):
        # 绍兴会馆 may stand in Beijing.
        return not text.startswith(_NAMED_AFTER, m.end)
    if m.group == "feast":
        # The feast in the Mid-Autumn Festival, not in a picture that is named after Qingming.
        return all(p.entry.kind != "term" or "festivals" in p.entry.themes for p in over)
    if m.group == "colour" and m.end - m.start >= 2 and text[m.start] > "z":
        return all("costume" in p.entry.themes or p.entry.kind != "term" for p in over)
    if m.group == "gender" and text.startswith("'s", m.end):
        return False  # a woman in men's clothes
    if m.group in ("reign", "outcome", "reply", "in-out", "throne", "lifespan"):
        return True
    return all(p.end == m.end and p.entry.kind in ("term", "trap") and m.group in _HEADS for p in over)


_NAMED_AFTER = (
    "会馆",
    "路",
    "街",
    "酒",
    "菜",
    "话",
    "戏",
    "剧",
    "帮",
    "锦",
    "绣",
    "炒饭",
    "烤鸭",
    "拉面",
    "鸭",
    "包子",
    "小笼",
    "火锅",
    "评弹",
    "年画",
    "人",
)
_HEADS = frozenset("instrument-family animal flower stage-art pastime solar medicine opera dough tree".split())


_DISGUISED = re.compile(r"男装|女装|反串|女扮|男扮|\b(?:dressed as|disguised as|cross-dress\w*|in men's|in women's)\b")


def _opposites(reading: Reading, opposites: Opposites) -> tuple[int, list[tuple[str, tuple[int, int], tuple[int, int]]]]:
    found: dict[str, dict[str, list[Meaning]]] = {"zh": {}, "en": {}}
    for lang in ("zh", "en"):
        text = reading.text(lang)
        covered = [p for p in reading.places if p.lang == lang]
        for m in meanings(opposites, text, lang):
            if _head(m, covered, text):
                found[lang].setdefault(m.group, []).append(m)
    agreements = 0
    conflicts = []
    if _DISGUISED.search(reading.zh + " " + reading.en):
        found["zh"].pop("gender", None)
    for group in sorted(set(found["zh"]) & set(found["en"])):
        zh, en = found["zh"][group], found["en"][group]
        a, b = frozenset().union(*(m.keys for m in zh)), frozenset().union(*(m.keys for m in en))
        agreements += len(a & b)
        mine, yours = [m for m in zh if not m.keys & b], [m for m in en if not m.keys & a]
        if group == "number":
            yours = [m for m in yours if not numeral(m.keys, reading.zh)]
        # Numbers are translated one by one; of other things one in common is enough.
        if (
            mine
            and yours
            and (group == "number" or not a & b or (group == "colour" and _far(mine, yours)))
            and not (group == "time-of-day" and not _opposed(a, b))
        ):
            conflicts.append((group, (mine[0].start, mine[0].end), (yours[0].start, yours[0].end)))
    return agreements, conflicts


_FAR = (
    ("black", "white"),
    ("black", "yellow"),
    ("black", "red"),
    ("red", "blue"),
    ("red", "white"),
    ("red", "green"),
    ("white", "blue"),
    ("white", "green"),
    ("yellow", "blue"),
)


def _far(mine: Sequence[Meaning], yours: Sequence[Meaning]) -> bool:
    """Say whether the colours that only one side names are one each, and far apart."""
    a, b = {k for m in mine for k in m.keys}, {k for m in yours for k in m.keys}
    return len(a) == len(b) == 1 and any({*a, *b} == set(pair) for pair in _FAR)


def _opposed(a: Collection[str], b: Collection[str]) -> bool:
    """Say whether two times of day exclude each other."""
    return any((set(a) <= x and set(b) <= y) or (set(a) <= y and set(b) <= x) for x, y in _OPPOSED)


def _faults(reading: Reading) -> list[str]:
    out = []
    zh, en = script_counts(reading.zh), script_counts(reading.en)
    if reading.zh and reading.en:
        if en["han"] >= 2 and en["latin"] < 4 and zh["latin"] >= 8 and zh["han"] < 2:
            out.append("swapped")
        elif match_key(reading.zh) == match_key(reading.en):
            out.append("untranslated")
        elif en["han"] >= 4 and en["han"] * 3 > en["latin"] * 0.5:
            out.append("leaked_zh")
        elif zh["latin"] >= 25 and zh["latin"] > zh["han"] * 1.5:
            out.append("leaked_en")
    return out


_GROUP_ZH = {
    "era": "时代", "color": "颜色", "colour": "颜色", "number": "数量", "season": "季节", "time-of-day": "时间", "direction": "方位", "weather": "天气",
    "action": "动作", "animal": "动物", "gender-age": "人物", "material": "材质", "negation": "否定", "region": "地点",
}  # fmt: skip
_FAULT_NOTES = {
    "swapped": ("中英文两栏似乎填反了。", "The Chinese and the English column seem to be swapped."),
    "untranslated": ("两栏文字相同，没有翻译。", "Both columns hold the same text; nothing was translated."),
    "leaked_zh": ("英文栏里有未翻译的中文。", "The English caption holds Chinese text that was not translated."),
    "leaked_en": ("中文栏里有未翻译的英文。", "The Chinese caption holds English text that was not translated."),
}


def flags(reading: Reading, evidence: Evidence, unlike: bool) -> list[Flag]:
    """Turn the evidence of a pair into flags for people.

    Args:
        reading: the caption pair.
        evidence: what ``collect`` found.
        unlike: the pair as a whole does not match, so that weaker contradictions count too.
    """
    out = []
    for group, (a, b), (c, d) in evidence.conflicts:
        if group not in SURE and not unlike:
            continue
        x, y = reading.zh[a:b], reading.en[c:d]
        name = _GROUP_ZH.get(group, "内容")
        note_zh = f"中英文{name}不一致：“{x}”与“{y}”。"
        out.append(Flag("mismatch", "error", "zh", a, b, note_zh, f"The captions disagree ({group}): '{x}' and '{y}'."))
    for fault in evidence.faults:
        zh, en = _FAULT_NOTES[fault]
        lang = "zh" if fault == "leaked_en" else "en"
        out.append(Flag("mismatch", "error", lang, 0, len(reading.text(lang)), zh, en))
    return out
