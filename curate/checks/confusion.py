"""Cross-culture confusion: a thing of another culture where the caption claims China, or a wrong name for a Chinese thing.

Its legitimate uses are left alone: a real kimono in Kyoto, a comparison, tourists, cosplay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from curate.checks.flags import Flag, Severity
from curate.checks.knowledge import Confusable, Found, Knowledge
from curate.checks.reading import Reading

_CHINA_ZH = re.compile("中国|中式|中华|汉服|古风|国风|华夏|古代")
_CHINA_EN = re.compile(r"\b(?:China|Chinese|hanfu|Hanfu|dynasty|Dynasty|Beijing|imperial court)\b")


# A thing that is called China's own, not only shown in China.
_OWNED = re.compile(
    "(?:中国|中华|华夏|老北京|老上海)[^,.;，。]{0,3}(?:传统|古代|古老|正宗|特色|民间|风俗|习俗|自古|人世代)|(?:传统|正宗|古老|地道)的?(?:中国|中式)|自古传下|古代中国|中国(?:古代|古典)|"
    r"\b(?:traditional|authentic|ancient|classic|classical|typical|genuine|imperial|old)\s+Chinese|\bChinese\s+(?:tradition|custom|heritage|culture|style)|\bChina's\b|\bas Chinese\b"
)


def claims_china(reading: Reading) -> bool:
    """Say whether the caption claims to show China: an era, a Chinese term or place, or the word itself."""
    if reading.claims or _CHINA_ZH.search(reading.zh) or _CHINA_EN.search(reading.en):
        return True
    return any(p.entry.kind in ("term", "era") or (p.entry.kind == "region" and "overseas" not in p.entry.regions) for p in reading.places)


# Words that name whose a thing is: before the thing they are part of its name, elsewhere they say where the scene is.
_NAMING = frozenset(
    "日本 日式 和风 韩国 韩式 朝鲜 印度 越南 越式 泰国 泰式 西方 西式 欧洲 欧式 欧 美式 "
    "japanese korean indian vietnamese thai western european american french british".split()
)
_STYLE_EN = re.compile(r"\W*(?:-?style|tradition|manner|fashion|way)\b")
# Shops, gyms and contests of today sell and teach the things of all countries.
_TRADE = re.compile(
    "餐厅|餐馆|酒楼|商店|专卖|居酒屋|料理|道馆|培训|俱乐部|小区|社区|校园|锦标赛|比赛|商场|购物|快餐|外卖|咖啡|酒吧|展会|"
    r"\b(?:restaurants?|shops?|stores?|bars?|gyms?|class|classes|clubs?|tournament|championship|competition|malls?|eatery|takeaway|cafe|lessons?|coach|housing estate|campus|neighbourhood|neighborhood|suburb)\b",
    re.IGNORECASE,
)


def _native(row: Confusable, reading: Reading, found: Found, lang: str) -> bool:
    """Say whether the Chinese caption names the Chinese thing, and not as a part of the foreign name (泡菜 in 韩国泡菜)."""
    for name in (*row.native_zh.split("|"), *row.native_more):
        for m in re.finditer(re.escape(name), reading.zh) if name else ():
            foreign = any(reading.zh[: m.start()].endswith(w) for w in _NAMING)
            if not foreign and (lang == "en" or not (m.start() < found.end and found.start < m.end())):
                return True
    return any(p.lang == "zh" and p.entry.id == row.native_id for p in reading.places)


def _wanted(row: Confusable, reading: Reading, native: bool, lang: str) -> bool:
    for need in row.needs:
        if need == "none":
            return True
        if need == "chinese-context" and (claims_china(reading) or (native and lang == "en")):
            return True
        if need == "era" and (any(c.scene for c in reading.claims) or (native and lang == "en")):
            return True
        if need == "zh-native" and lang == "en" and native:
            return True
    return False


def _names_it(word: str, start: int, end: int, lang: str, forms: Sequence[Where], text: str) -> bool:
    """Say whether a word such as "Japanese" only names the thing ("a Japanese kimono") and does not say where the scene is."""
    if word.lower() not in _NAMING:
        return False
    if lang == "en" and _STYLE_EN.match(text[end:]):
        return True
    for where, first, last in forms:
        if where == lang and start < last:
            between = text[end:first] if end <= first else ""
            if between in ("", "的", "式", "式的") if lang == "zh" else re.fullmatch(r"[ -]?(?:\w+[ -]){0,2}", between):
                return True
    return False


def _says_china(reading: Reading) -> bool:
    """Say whether the caption itself says China, or shows an old Chinese thing; a town of today may hold anything."""
    if _CHINA_ZH.search(reading.zh) or _CHINA_EN.search(reading.en):
        return True
    return any(p.entry.kind == "term" and not set(p.entry.themes) & {"modern-china", "daily-life", "landscape"} for p in reading.places)


# Themes whose terms stand for a Chinese place or time, whatever else is in the picture.
_PLACES = frozenset({"architecture", "landscape", "history", "religion-philosophy", "festivals"})


def _elsewhere_china(row: Confusable, reading: Reading) -> bool:
    """Say whether the caption shows China by something else than the thing itself: a garden of Suzhou, a region, the word."""
    if _CHINA_ZH.search(reading.zh) or _CHINA_EN.search(reading.en):
        return True
    others = [p.entry for p in reading.places if p.entry.id != row.native_id]
    return any(e.kind == "region" or (e.kind == "term" and e.themes[:1] and e.themes[0] in _PLACES) for e in others)


def _today(reading: Reading) -> bool:
    return _TRADE.search(reading.zh + " " + reading.en) is not None or any(e.kind == "modern-scene" for e in reading.excuses)


Where = tuple[str, int, int]


def _excused(row: Confusable, reading: Reading, forms: Sequence[Where]) -> tuple[bool, bool]:
    """Return whether a context excuses a thing, and whether a word names it as foreign.

    Args:
        row: the thing.
        reading: the caption pair.
        forms: where the thing is named, ``(language, start, end)``.
    """
    named = False
    for word in row.not_if:
        lang = "en" if word.isascii() else "zh"
        text = reading.text(lang)
        # Names are whole words (no Korea in Korean); verbs and nouns may have endings.
        pattern = rf"\b{re.escape(word)}" + (r"(?:s|'s)?\b" if word[:1].isupper() else "") if lang == "en" else re.escape(word)
        for m in re.finditer(pattern, text, re.IGNORECASE if lang == "en" else 0):
            if not _names_it(word, m.start(), m.end(), lang, forms, text):
                return True, named
            named = True
    return False, named


def _severity(row: Confusable, reading: Reading, native: bool, named: bool, company: int) -> Severity:
    """Weigh one finding.

    Args:
        row: what was found.
        reading: the caption pair.
        native: the Chinese caption names the Chinese thing.
        named: the caption calls the thing foreign, so only its place can be wrong.
        company: how many things of the same culture were found.
    """
    past = any(c.scene for c in reading.claims)
    owned = not named and _OWNED.search(reading.zh + " " + reading.en) is not None
    if row.severity == "error":
        sure = past or native if named else past or native or owned or (_says_china(reading) and not _today(reading))
    elif row.severity == "china":
        sure = native and (past or owned or _elsewhere_china(row, reading))
    else:
        sure = (native and row.severity == "native") or (owned and row.severity == "native") or (company > 1 and not named)
    return "error" if sure else "warning"


def check(reading: Reading, knowledge: Knowledge) -> list[Flag]:
    """Find confusions.

    Args:
        reading: the caption pair.
        knowledge: the confusables.
    """
    if any(e.kind in ("comparison", "cosplay") for e in reading.excuses):
        return []
    hits: list[tuple[Confusable, Found, str, bool, bool]] = []
    everything = [(lang, found) for lang in ("zh", "en") for found in knowledge.confusables.find(reading.text(lang), lang)]
    for lang, found in everything:
        row = knowledge.confusables.rows[found.row]
        assert isinstance(row, Confusable)
        native = _native(row, reading, found, lang)
        excused, named = _excused(row, reading, [(g, f.start, f.end) for g, f in everything if f.row == found.row])
        if not excused and _wanted(row, reading, native, lang):
            hits.append((row, found, lang, native, named))
    out: list[Flag] = []
    for row, found, lang, native, named in hits:
        things = {reading.text(g)[f.start : f.end].lower() for r, f, g, _, _ in hits if r.culture == row.culture and g == lang}
        severity = _severity(row, reading, native, named, len(things))
        suggestion = row.native_zh if lang == "zh" else row.native_en
        out.append(Flag("confusion", severity, lang, found.start, found.end, row.note_zh, row.note_en, suggestion.replace("|", " / ")))
    return out
