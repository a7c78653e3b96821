"""Cross-culture confusion: a thing of another culture where the caption claims China, or a wrong name for a Chinese thing.

Its legitimate uses are left alone: a real kimono in Kyoto, a comparison, tourists, cosplay.
"""

from __future__ import annotations

import re

from curate.checks.flags import Flag, Severity
from curate.checks.knowledge import Confusable, Knowledge
from curate.checks.reading import Reading

_CHINA_ZH = re.compile("中国|中式|中华|汉服|古风|国风|华夏|古代")
_CHINA_EN = re.compile(r"\b(?:China|Chinese|hanfu|Hanfu|dynasty|Dynasty|Beijing|imperial court)\b")


def claims_china(reading: Reading) -> bool:
    """Say whether the caption claims to show China: an era, a Chinese term or place, or the word itself."""
    if reading.claims or _CHINA_ZH.search(reading.zh) or _CHINA_EN.search(reading.en):
        return True
    return any(p.entry.kind in ("term", "era") or (p.entry.kind == "region" and "overseas" not in p.entry.regions) for p in reading.places)


def _native_in_zh(row: Confusable, reading: Reading) -> bool:
    return any(name and name in reading.zh for name in row.native_zh.split("|")) or any(
        p.lang == "zh" and p.entry.id == row.native_id for p in reading.places
    )


def _wanted(row: Confusable, reading: Reading, lang: str) -> bool:
    for need in row.needs:
        if need == "none":
            return True
        if need == "chinese-context" and claims_china(reading):
            return True
        if need == "era" and reading.claims:
            return True
        if need == "zh-native" and lang == "en" and _native_in_zh(row, reading):
            return True
    return False


def _excused(row: Confusable, reading: Reading) -> bool:
    low = reading.en.lower()
    return any((w in reading.zh) if not w.isascii() else (re.search(rf"\b{re.escape(w.lower())}", low) is not None) for w in row.not_if)


def check(reading: Reading, knowledge: Knowledge) -> list[Flag]:
    """Find confusions.

    Args:
        reading: the caption pair.
        knowledge: the confusables.
    """
    if any(e.kind in ("comparison", "cosplay") for e in reading.excuses):
        return []
    out: list[Flag] = []
    for lang in ("zh", "en"):
        for found in knowledge.confusables.find(reading.text(lang), lang):
            row = knowledge.confusables.rows[found.row]
            assert isinstance(row, Confusable)
            if _excused(row, reading) or not _wanted(row, reading, lang):
                continue
            severity: Severity = "error" if row.severity == "error" else "warning"
            suggestion = row.native_zh if lang == "zh" else row.native_en
            out.append(Flag("confusion", severity, lang, found.start, found.end, row.note_zh, row.note_en, suggestion.replace("|", " / ")))
    return out
