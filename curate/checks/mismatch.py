"""Mismatch of the Chinese and the English caption: other facts, missing parts, untranslated or leaked text, swapped columns.

Evidence is collected per pair as features; ``pairfit`` turns them into one score. Flags are given for single facts that contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curate.checks.flags import Flag
from curate.checks.reading import Place, Reading
from curate.decisive import Opposites
from curate.langid import script_counts
from curate.lexicon import Entry
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


def _concepts(places: Sequence[Place], lang: str) -> dict[str, Place]:
    out: dict[str, Place] = {}
    for p in places:
        if p.lang == lang and p.entry.kind in ("term", "era", "region"):
            out.setdefault(p.entry.id, p)
    return out


def _same(a: Entry, b: Entry) -> bool:
    """Two entries that translators use for each other: the same, a part of it, or of the same kind and period."""
    if a.id == b.id:
        return True
    names_a = {a.zh_hans, *a.zh_alias, a.en.lower(), *map(str.lower, a.en_alias)} - {""}
    names_b = {b.zh_hans, *b.zh_alias, b.en.lower(), *map(str.lower, b.en_alias)} - {""}
    if names_a & names_b:
        return True
    return any(x in y or y in x for x in names_a for y in names_b if len(x) >= 2 and len(y) >= 2)


def _era_conflict(zh: Mapping[str, Place], en: Mapping[str, Place]) -> tuple[Place, Place] | None:
    a = [p for p in zh.values() if p.entry.kind == "era"]
    b = [p for p in en.values() if p.entry.kind == "era"]
    if a and b and not {e for p in a for e in p.entry.eras} & {e for p in b for e in p.entry.eras}:
        return a[0], b[0]
    return None


def _rival(a: Place, b: Place) -> bool:
    """Two terms of one kind that exclude each other: two feasts, two operas, two dishes, two people."""
    x, y = a.entry, b.entry
    if x.kind == "region" or y.kind == "region":
        return x.kind == y.kind and not set(x.regions) & set(y.regions)
    if x.kind != "term" or y.kind != "term" or not set(x.themes[:1]) & set(y.themes) & _NAMED:
        return False
    return x.context == "free" and y.context == "free"


def collect(reading: Reading, opposites: Opposites) -> Evidence:
    """Collect the evidence of one pair.

    Args:
        reading: the caption pair.
        opposites: meanings that exclude each other.
    """
    zh, en = _concepts(reading.places, "zh"), _concepts(reading.places, "en")
    matched_en: set[str] = set()
    lone: list[Place] = []
    for p in zh.values():
        partner = next((q for q in en.values() if q.entry.id not in matched_en and _same(p.entry, q.entry)), None)
        if partner is None:
            lone.append(p)
        else:
            matched_en.add(partner.entry.id)
    others = [q for i, q in en.items() if i not in matched_en and not any(_same(p.entry, q.entry) for p in zh.values())]
    conflicts: list[tuple[str, tuple[int, int], tuple[int, int]]] = []
    eras = _era_conflict(zh, en)
    if eras:
        conflicts.append(("era", (eras[0].start, eras[0].end), (eras[1].start, eras[1].end)))
    for p in lone:
        rival = next((q for q in others if _rival(p, q)), None)
        if rival is not None:
            conflicts.append((p.entry.themes[0] if p.entry.themes else p.entry.kind, (p.start, p.end), (rival.start, rival.end)))
    agreements, opposed = _opposites(reading, opposites)
    conflicts += opposed
    chars, words = script_counts(reading.zh)["han"], len(re.findall(r"[A-Za-z]+", reading.en))
    ratio = (words + 1) / (0.62 * chars + 1) if chars and words else 0.0
    return Evidence(len(matched_en), len(lone), len(others), tuple(conflicts), agreements, ratio, tuple(_faults(reading)))


def _opposites(reading: Reading, opposites: Opposites) -> tuple[int, list[tuple[str, tuple[int, int], tuple[int, int]]]]:
    covered = {lang: [(p.start, p.end) for p in reading.places if p.lang == lang] for lang in ("zh", "en")}
    found: dict[str, dict[str, dict[str, tuple[int, int]]]] = {"zh": {}, "en": {}}
    for lang in ("zh", "en"):
        for group, key, start, end in opposites.find(reading.text(lang), lang):
            if not any(s < end and start < e for s, e in covered[lang]):
                found[lang].setdefault(group, {}).setdefault(key, (start, end))
    agreements = 0
    conflicts = []
    for group in sorted(set(found["zh"]) & set(found["en"])):
        zh, en = found["zh"][group], found["en"][group]
        agreements += len(set(zh) & set(en))
        mine, yours = sorted(set(zh) - set(en)), sorted(set(en) - set(zh))
        if mine and yours and not set(zh) & set(en):
            conflicts.append((group, zh[mine[0]], en[yours[0]]))
    return agreements, conflicts


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


def flags(reading: Reading, evidence: Evidence) -> list[Flag]:
    """Turn the evidence of a pair into flags for people.

    Args:
        reading: the caption pair.
        evidence: what ``collect`` found.
    """
    out = []
    for group, (a, b), (c, d) in evidence.conflicts:
        x, y = reading.zh[a:b], reading.en[c:d]
        name = _GROUP_ZH.get(group, "内容")
        note_zh = f"中英文{name}不一致：“{x}”与“{y}”。"
        out.append(Flag("mismatch", "error", "zh", a, b, note_zh, f"The captions disagree ({group}): '{x}' and '{y}'."))
    for fault in evidence.faults:
        zh, en = _FAULT_NOTES[fault]
        lang = "zh" if fault == "leaked_en" else "en"
        out.append(Flag("mismatch", "error", lang, 0, len(reading.text(lang)), zh, en))
    return out
