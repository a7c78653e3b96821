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

Where = tuple[str, int, int]

# A thing that is called China's own, not only shown in China.
_OWNED = re.compile(
    "(?:中国|中华|华夏|老北京|老上海)[^,.;，。]{0,3}(?:传统|古代|古老|正宗|特色|民间|风俗|习俗|自古|人世代)|(?:传统|正宗|古老|地道)的?(?:中国|中式)|自古传下|古代中国|中国(?:古代|古典)|"
    r"\b(?:traditional|authentic|ancient|classic|classical|typical|genuine|imperial|old)\s+Chinese|\bChinese\s+(?:tradition|custom|heritage|culture|style)|\bChina's\b|\bas Chinese\b"
)


# People from China who look at a thing do not make it Chinese.
_VISITORS = re.compile(
    "中国(?:的)?(?:专家|工程师|团队|企业|公司|厨师|医生|城市|市场|年轻人|孩子|网红|游客|游人|旅客|旅行者|观众|留学生|学生|学者|高僧|僧人|女孩|男孩|姑娘|小伙|选手|运动员|队|球迷|粉丝|大使|使节|使者|记者|代表|客人|商人|博主|网友|朋友|夫妻|家庭|旅行团|驻)|"
    r"\bChinese (?:experts?|engineers?|compan(?:y|ies)|chefs?|cooks?|doctors?|cit(?:y|ies)|markets?|children|people|tourists?|visitors?|travell?ers?|students?|scholars?|monks?|girls?|boys?|wom[ae]n|m[ae]n|athletes?|players?|teams?|fans?|ambassadors?|envoys?|reporters?|guests?|"
    r"merchants?|bloggers?|friends|couples?|famil(?:y|ies)|tour groups?)\b"
)
# A foreign thing that is given out as Chinese: it is, comes from, stands in, belongs to China.
_HERE_ZH = "北京|西安|洛阳|南京|杭州|苏州|成都|上海|广州|开封|大同|敦煌|曲阜|云南|四川|福建|江南|山西|陕西|河南|长安|汴京|临安|故宫|紫禁城|嵩山|少林|武当|五台山|峨眉|黄山|泰山|长江|黄河"
_HERE_EN = "Beijing|Xi'an|Luoyang|Nanjing|Hangzhou|Suzhou|Chengdu|Shanghai|Guangzhou|Kaifeng|Datong|Dunhuang|Qufu|Yunnan|Sichuan|Fujian|Chang'an|Bianjing|Lin'an|the Forbidden City|Mount Song|Shaolin|Wudang"
_WHOSE_ZH = "中国|我国|华夏|中华|中原|汉族|汉人|满族|老北京|大唐|唐朝|唐代|宋朝|宋代|明朝|明代|清朝|清代"
_GIVEN_OUT = re.compile(
    f"(?:就?是|为|作为|又称|也叫|又叫|亦称|称作|称为|堪称|属于|号称|当作|誉为)(?:一[位名座个种件项道])?(?:{_WHOSE_ZH})|(?:起源|源起|发源|诞生|创始|首创|始|源)[于自](?:{_WHOSE_ZH}|{_HERE_ZH})|"
    f"(?:中国|中华|华夏)(?:三国|春秋|战国|五岳|五大|四大|十大|国粹|山水|现存|最(?!大的?商场))|(?:中国|老北京|江南|地道|正宗)的?(?:老规矩|老味道|年俗|年菜|味道|习俗|待客之道)|"
    r"\b(?:is|was|are|were|or|as|called|considered)\s+(?:an?\s+|the\s+)?(?:[\w'-]+\s+){0,3}?Chinese\b(?! (?:word|name|influence|style))|"
    r"\b(?:originat\w+|born|invented|created|founded)\s+(?:in|on|at|from|by)\s+(?:the\s+)?(?:ancient\s+|Tang\s+|Song\s+|Ming\s+|Han\s+)?"
    rf"(?:China|Chinese|Tang|Song|Ming|Han|Qing|{_HERE_EN})|\bChina's\b|\bChinese (?:warlord|general|emperor|poet|painter|monk of|hero)"
)
_AT_ZH = re.compile(
    rf"(?:{_HERE_ZH})(?:市|城|城里|城内|城外|郊外|郊区|中心|正殿)?的?(?:[一这那]?座)?$|(?:位于|坐落[于在]|建在|矗立在|耸立在)(?:{_HERE_ZH}|中国)[^，,。；]{{0,6}}$"
)
_AT_AFTER_ZH = re.compile(rf"^(?:位于|坐落[于在]|建在|矗立在|耸立在|在)(?:{_HERE_ZH}|中国)")
_AT_EN = re.compile(rf"^,?\s+(?:(?:is|stands|standing|located|situated|lies)\s+)*in\s+(?:{_HERE_EN}|China)\b")


def _given_out(reading: Reading, forms: Sequence[Where]) -> bool:
    """Say whether a caption gives a foreign thing out as Chinese, or puts it where it is not."""
    for lang, start, end in forms:
        text = reading.text(lang)
        before, after = text[max(0, start - 16) : start], text[end : end + 40]
        if lang == "zh" and (_AT_ZH.search(before) or _AT_AFTER_ZH.match(after)):
            return True
        if lang == "en" and _AT_EN.match(after):
            return True
    said = _VISITORS.sub(lambda m: "_" * len(m.group()), reading.zh + " " + reading.en)
    return (_GIVEN_OUT.search(said) or _OWNED.search(said)) is not None


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
    if _CHINA_ZH.search(_VISITORS.sub("", reading.zh)) or _CHINA_EN.search(_VISITORS.sub("", reading.en)):
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


_DENIES = re.compile(
    "不是|并非|并不|而非|不属|不同|误|错|谣|混淆|分不清|还是|[?？]|"
    r"\b(?:not|never|isn't|aren't|wasn't|mistak\w+|wrong\w*|confus\w+|myth|unlike|differ\w*|rather than|instead of)\b|\?"
)


def _denies(reading: Reading) -> bool:
    return _DENIES.search(reading.zh + " " + reading.en) is not None


def _severity(row: Confusable, reading: Reading, native: bool, named: bool, company: int, forms: Sequence[Where]) -> Severity:
    """Weigh one finding.

    Args:
        row: what was found.
        reading: the caption pair.
        native: the Chinese caption names the Chinese thing.
        named: the caption calls the thing foreign, so only its place can be wrong.
        company: how many things of the same culture were found.
        forms: where the thing is named, ``(language, start, end)``.
    """
    if row.severity == "claimed":
        return "error" if not _denies(reading) and _given_out(reading, forms) else "warning"
    past = any(c.scene for c in reading.claims)
    owned = not named and _OWNED.search(reading.zh + " " + reading.en) is not None
    if row.severity == "error":
        sure = past or native if named else past or native or owned or (_says_china(reading) and not _today(reading))
    elif row.severity == "china":
        sure = native and (past or owned or _elsewhere_china(row, reading))
    else:
        sure = (native and row.severity == "native") or (owned and row.severity == "native") or (company > 1 and not named)
    return "error" if sure else "warning"


_GIVING = frozenset({"influence", "translator-note"})


def check(reading: Reading, knowledge: Knowledge) -> list[Flag]:
    """Find confusions.

    Args:
        reading: the caption pair.
        knowledge: the confusables.
    """
    compared = [e for e in reading.excuses if e.kind in ("comparison", "cosplay")]
    # "Also called" and "originated in" are how a foreign thing is given out as Chinese.
    if any(e.id not in _GIVING for e in compared):
        return []
    hits: list[tuple[Confusable, Found, str, bool, bool]] = []
    everything = [(lang, found) for lang in ("zh", "en") for found in knowledge.confusables.find(reading.text(lang), lang)]
    for lang, found in everything:
        row = knowledge.confusables.rows[found.row]
        assert isinstance(row, Confusable)
        native = _native(row, reading, found, lang)
        excused, named = _excused(row, reading, [(g, f.start, f.end) for g, f in everything if f.row == found.row])
        if not excused and (row.severity == "claimed" or not compared) and _wanted(row, reading, native, lang):
            hits.append((row, found, lang, native, named))
    out: list[Flag] = []
    for row, found, lang, native, named in hits:
        things = {reading.text(g)[f.start : f.end].lower() for r, f, g, _, _ in hits if r.culture == row.culture and g == lang}
        forms = [(g, f.start, f.end) for r, f, g, _, _ in hits if r is row]
        severity = _severity(row, reading, native, named, len(things), forms)
        suggestion = row.native_zh if lang == "zh" else row.native_en
        out.append(Flag("confusion", severity, lang, found.start, found.end, row.note_zh, row.note_en, suggestion.replace("|", " / ")))
    return out
