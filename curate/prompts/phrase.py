"""A phrase put into a sentence that was written for another: articles, number, classifiers, and where it cannot go."""

from __future__ import annotations

import re
from typing import NamedTuple

from curate.errors import DataError

_VOWEL = re.compile(r"(?:[aeiou](?!ne\b|n[ei]|u)|un(?!i)|u(?!n|s)|hour|honest|heir)", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(an?|the) $", re.IGNORECASE)
# With one of these a noun has its determiner already.
_OWNED = re.compile(
    r"(?:an?|the|this|that|these|those|my|your|his|her|its|our|their|one|two|three|four|five|six|some|many|several|each|every|no|\w+['’]s)$", re.I
)
_STOP = frozenset("is are was were of in on at by with and or to from into near beside through across through over under while as then".split())
# After these an English noun phrase is over; a verb or a preposition goes on.
_AFTER = frozenset(
    "in on at by near beside before behind after during through across along from to into onto against among between above below around over under "
    "with without and or but as while when that which where whose who is are was were has have had can will then toward towards".split()
)
_VERBS = re.compile(
    r"(?:\w+(?:ing|ed)|sways?|flies|falls?|stands?|sits?|floats?|drifts?|crosse?s?|circles?|rises?|hangs?|glows?|shines?|moves?|opens?|drinks?|reads?|"
    r"writes?|paints?|plays?|rides?|walks?|runs?|fights?|trains?|dances?|sings?|looks?|watche?s?|sails?|passe?s?|lights?|covers?|holds?|march(?:es)?|"
    r"shoots?|guards?|waits?|sleeps?|eats?|cooks?|kneels?|bows?|turns?|draws?|swings?|leaps?|climbs?|enters?|leaves?|appears?|reveals?|rows?|speaks?|"
    r"practi[sc]es?|pours?|combs?|throws?|carries|carry|fly|study|studies|swims?|dives?|soars?|coils?)$",
    re.IGNORECASE,
)
# Words that are as often the second half of a compound as a verb: "palace guards", "dragon lights".
_COMPOUND = re.compile(r"(?:guards?|lights?|covers?|passe?s?|building|painting|wedding|ceiling|railing)$", re.IGNORECASE)
_NOT_WITH = re.compile(r"^ (?:with|without|of|that|which|where|whose|and)\b")
_NEGATED = {
    "en": re.compile(
        r"\b(?:no|without|not|never|avoid(?:ing)?|free of|except|instead of|rather than|don't|excluding)\b[^,.;:]{0,30}$", re.IGNORECASE
    ),
    "zh": re.compile(r"(?:没有|无|不要|不含|不出现|不是|避免|勿|别|除了|而非|并非|未)[^，。；、：]{0,8}$"),
}
_ZH_BEFORE = re.compile(
    r"(?:^|[，。、：；！？\s“”《》的在和与及同跟到向往了着过从于上下里前后中是有为撑开打拿提放挂握吃煮包喝乘坐划捧跨穿飞走跑进出入登看望对把被给将让用以]|[一两二三四五几数][个只条艘座把间家盏片位名匹幅道套件碗杯场支面株群队排]|[练写画弹唱做品打踢演示蒸捏跳下舞]|庆祝)$"
)
_ZH_AFTER = re.compile(
    r"^(?:$|[，。、：；！？\s”》的里上中下前后旁边内外之在和与及是有被从向随飘飞摇晃掉落漂划驶驰绕跳升亮着等而当时]|穿(?!着|上|戴)|们|守|站|走|骑|射|行|练|训|读|写|弹|喝|饮|坐|看|画|吟|舞)"
)
_COUNT = re.compile(r"([一两二三四五六七八九十几数]|\d+)([个只条艘座把间家盏片位名匹幅道头口所处株枚])$")


class Noun(NamedTuple):
    """One way to say a thing, in both languages.

    Attributes:
        zh_more, zh: what stands before the head in Chinese, and the head.
        unit: Chinese classifier.
        article: ``a``, ``the`` or empty (names and masses).
        en, en_more: English head with what stands before it, ``*`` where the plural ending goes; and what may follow it.
        eras: periods in which it can be said; empty means any.
    """

    zh_more: str
    zh: str
    unit: str
    article: str
    en: str
    en_more: str
    eras: tuple[str, ...] = ()

    def settled(self, china: bool) -> Noun:
        """Return the noun with ``{c}`` settled: "Chinese" where the old words said so too."""
        return self._replace(zh=self.zh.replace("{c}", "中国" if china else ""), en=self.en.replace("{c}", "Chinese " if china else ""))


def read(zh: str, en: str, eras: tuple[str, ...] = ()) -> Noun:
    """Read a noun as the rules write it: ``座^石榴树下的/四合院`` and ``a siheyuan*[ under a pomegranate tree]``.

    Example:
        >>> read("座^石榴树下的/四合院", "a siheyuan[ under a pomegranate tree]")[:5]
        ('石榴树下的', '四合院', '座', 'a', 'siheyuan')
    """
    count, has, rest = zh.partition("^")
    more, slash, head = (rest if has else count).partition("/")
    m = re.fullmatch(r"(?:(an?|the) |~)([^\[]+?)(?:\[(.+)\])?", en)
    if not m:
        raise DataError(f"localize.yaml: {en!r} begins with neither an article nor ~")
    return Noun(
        more if slash else "",
        head if slash else more,
        count if has else "",
        (m.group(1) or "").replace("an", "a"),
        m.group(2),
        m.group(3) or "",
        eras,
    )


def a(word: str) -> str:
    """Return the article before a word.

    Example:
        >>> [a(w) for w in ("oil-paper", "siheyuan", "hour", "unicorn", "umbrella", "European")]
        ['an', 'a', 'an', 'a', 'an', 'a']
    """
    return "an" if _VOWEL.match(word) and not re.match(r"eu|uni[^n]|use|ute|one\b", word, re.IGNORECASE) else "a"


def negated(text: str, start: int, lang: str) -> bool:
    """Whether the place stands under a negation: what must not be seen needs no detail."""
    return bool(_NEGATED[lang].search(text[:start]))


def quoted(text: str, start: int) -> bool:
    """Whether the place stands within quotation marks or a title: characters to be shown stay as they are."""
    before = text[:start]
    return any(before.count(o) > before.count(c) for o, c in ("“”", "「」", "《》", "『』")) or before.count('"') % 2 == 1


def free(text: str, start: int, end: int, lang: str, person: bool = False) -> bool:
    """Whether the words at a place are a phrase of their own, no part of a compound, a name or a possessive.

    Args:
        text: the caption.
        start, end: the place.
        lang: ``zh`` or ``en``.
        person: the words name somebody: what follows is a verb even where it could be a noun ("a soldier guards", "palace guards").

    Example:
        >>> free("the dragon throne", 4, 10, "en"), free("the dragon sways", 4, 10, "en"), free("赤壁火船", 3, 4, "zh")
        (False, True, False)
    """
    after = text[end:]
    if lang == "zh":
        return bool(_ZH_BEFORE.search(text[:start])) and bool(_ZH_AFTER.match(after))
    m = re.match(r"(\s+)([\w-]+)", after)
    if after[:1] in "-'’/_" and after:
        return False
    if not m:
        return True
    word = m.group(2).lower()
    return word in _AFTER or (bool(_VERBS.match(word)) and (person or not _COMPOUND.match(word)))


def _determined(before: str) -> bool:
    """Whether the noun that follows has an article, a number or an owner, perhaps with adjectives between."""
    for word in reversed(before.split()[-5:]):
        if _OWNED.fullmatch(word):
            return True
        # A preposition or a verb ("celebrates", "are") lies between: the determiner is another noun's.
        if word[-1] in ",.;:" or word.lower() in _STOP or re.search(r"[^s']s$", word):
            return False
    return False


def _case(text: str, start: int, said: str) -> str:
    """Give the first letter the case of the letter it replaces; all capitals where the whole caption shouts."""
    letters = re.sub(r"[^A-Za-z]", "", text)
    if letters and letters.isupper() and len(letters) > 3:
        return said.upper()
    return said[:1].upper() + said[1:] if text[start : start + 1].isupper() and (start == 0 or text[:start].rstrip()[-1:] in ".!?\"'>-") else said


def put_en(text: str, start: int, end: int, noun: Noun) -> tuple[int, int, str] | None:
    """Return the place and the words that say a noun in an English caption.

    Args:
        text: the caption.
        start, end: the old noun with the adjectives that go with it, without article.
        noun: the new one.

    Returns:
        ``(start, end, words)``, the place grown over an article that must change; ``None`` if it has no plural and one is needed.

    Example:
        >>> put_en("A red lantern sways", 6, 13, read("灯", "an oil-paper lantern*"))
        (6, 13, 'oil-paper lantern')
        >>> put_en("A umbrella", 2, 10, read("伞", "an oil-paper umbrella*"))
        (0, 10, 'An oil-paper umbrella')
    """
    word, after = text[start:end], text[end:]
    plural = bool(noun.article) and bool(re.search(r"[^su]s$", word.lower()))
    if plural and "*" not in noun.en:
        return None
    said = noun.en.replace("*", "s" if plural else "")
    if not plural and not _NOT_WITH.match(after):
        said += noun.en_more
    before = text[:start]
    article = _ARTICLE.search(before)
    if article:
        keep = article.group(1).lower() == "the" and noun.article
        if not keep:
            start = article.start()
            said = said if plural or not noun.article else ("the " if noun.article == "the" else a(said) + " ") + said
    elif noun.article and not plural and not _determined(before):
        said = ("the " if noun.article == "the" else a(said) + " ") + said
    return start, end, _case(text, start, said)


def put_zh(text: str, start: int, end: int, noun: Noun) -> tuple[int, int, str]:
    """Return the place and the words that say a noun in a Chinese caption; the classifier before it follows the new noun.

    Example:
        >>> put_zh("一个庭院", 2, 4, read("座^石榴树下的/四合院", "a siheyuan"))
        (0, 4, '一座石榴树下的四合院')
    """
    before = text[:start]
    count = _COUNT.search(before)
    said = noun.zh_more + noun.zh
    if before.endswith("的"):
        # No second 的; and no bare head that says less than the old words.
        said = noun.zh if re.sub("^(中国|中式|亚洲|东方)", "", noun.zh) not in text[start:end] else noun.zh_more.removesuffix("的") + noun.zh
    # "A picture of": the classifier belongs to the picture.
    if count and noun.unit and (count.group(2) != "幅" or noun.unit == "幅"):
        return count.start(), end, count.group(1) + noun.unit + said
    return start, end, said


def mend_article(text: str, start: int, said: str) -> tuple[int, str]:
    """Take an ``a`` or ``an`` before a replaced word along when it no longer fits.

    Args:
        text: the caption.
        start: where the replaced words begin.
        said: what stands there now; plural and mass words end in ``s`` or are in no need of an article.

    Example:
        >>> mend_article("reads a newspaper", 8, "bamboo slips"), mend_article("an ancient tale", 3, "Tang dynasty")
        ((6, 'bamboo slips'), (0, 'a Tang dynasty'))
    """
    m = re.search(r"\b(an?) $", text[:start], re.IGNORECASE)
    if not m:
        return start, _case(text, start, said)
    if re.search(r"[^su]s$", said.split(" with ", maxsplit=1)[0].split(" of ", maxsplit=1)[0]):
        return m.start(), _case(text, m.start(), said)
    if m.group(1).lower() == a(said):
        return start, said
    return m.start(), _case(text, m.start(), f"{a(said)} {said}")
