"""Meanings that exclude each other, as one caption names them: what the table of opposites lists, and numbers, bare colours, seasons, negation.

``decisive`` compares two captions of one language by them, ``checks.mismatch`` the two languages of one caption pair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from curate.duplicates.decisive import Opposites


class Meaning(NamedTuple):
    """One meaning in a text: its group, what it may be (青 is blue or green), and where."""

    group: str
    keys: frozenset[str]
    start: int
    end: int


_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "俩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_NUMBER_ZH = re.compile(
    r"(?<![第初几数好之星期周分百千万零\d])(?P<n>\d+|[一二两三四五六七八九十]+)(?P<tail>多|余|来|几)?(?P<c>个|位|只|名|条|座|匹|朵|张|把|盏|幅|件|杯|块|棵|颗|头|辆|艘|根|人|层|岁|口|株|尊|面|扇|间|枝|支|碗|"
    r"盘|瓶|壶|串|排|对|双|下|次|遍|圈|道|孔|弦|天|日|夜|重|级|步)(?!半)"
)
_IDIOM_ZH = re.compile("[一三四五七八九十百千万][^一二两三四五六七八九十百千万\\d,.][一三五六八九十百千万][^个位只名条匹朵张把盏幅件人,.]")
_WORDS_EN = {
    w: i
    for i, w in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {w: 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_NUMBER_EN = re.compile(
    rf"(?<![-/.:,\w])(?<!hundred and )(?:(?P<w>{'|'.join(sorted(_WORDS_EN, key=len, reverse=True))})(?:[- ](?P<u>one|two|three|four|five|six|seven|eight|nine))?|(?P<d>\d+)|"
    r"(?P<p>a pair|pair|pairs|both|twins?|couple)|(?P<z>a dozen|dozen))\b(?!\s+(?:hundred|thousand|million|or|to|centur|dynast|kingdom|feet|foot|miles?|met|kilom|pounds?|li|inch|per|%|o'clock|a\.?m|p\.?m))"
    r"(?!-(?:hundred|\w+th))(?!,\d)(?![:.%]\d?)",
    re.IGNORECASE,
)
# Words by which a number is only about so many.
_ABOUT_EN = re.compile(
    r"\b(?:about|around|some|nearly|almost|over|more than|dozens|scores|hundreds?|thousands?|several|few)\s+(?:a\s+)?$", re.IGNORECASE
)


def _value(word: str) -> int:
    if word.isdigit():
        return int(word)
    total = current = 0
    for char in word:
        if char in _UNITS:
            total += (current or 1) * _UNITS[char]
            current = 0
        else:
            current = _DIGITS.get(char, 0)
    return total + current


def _numbers(text: str, lang: str) -> Iterable[Meaning]:
    if lang == "zh":
        # 七上八下 counts nothing.
        for m in _NUMBER_ZH.finditer(_IDIOM_ZH.sub("＿＿＿＿", text)):
            value = _value(m["n"])
            # A pair is one of its kind or two things.
            keys = {value, 2 * value} if m["c"] in "对双" else {value}
            if max(keys) >= 2 and not m["tail"]:
                yield Meaning("number", frozenset(map(str, keys)), m.start(), m.end())
        return
    for m in _NUMBER_EN.finditer(text):
        if _ABOUT_EN.search(text[max(0, m.start() - 14) : m.start()]):
            continue
        if m["w"]:
            value = _WORDS_EN[m["w"].lower()] + (_WORDS_EN[m["u"].lower()] if m["u"] and _WORDS_EN[m["w"].lower()] >= 20 else 0)
        else:
            value = int(m["d"]) if m["d"] else 2 if m["p"] else 12
        if 2 <= value < 1000:
            yield Meaning("number", frozenset({str(value)}), m.start(), m.end())


# A colour character before a thing; the look-ahead names words in which it is no colour, or not only.
_COLOUR_ZH = re.compile(
    r"(?P<red>[红朱绯](?!薯|军|茶|包|楼|火|娘|豆|利|领|绿灯|人|尘|颜|木|旗袍|卫兵|河|枣))|(?P<white>(?<![明李汉月])白(?!天|日|昼|酒|话|费|菜|领|族|银|铜|蛇|马寺|帝|云观|居易|杨|素|娘|族|果|露|桦|发|须|玉|塔寺|茫茫|雪公主))|"
    r"(?P<black>黑(?!暗|夜|板|市|龙江|茶|客|道|白|影|漆漆|压压))|(?P<blue>蓝(?!图|牙))|(?P<green>绿(?!茶|豆|皮|化|洲|色食品|松石))|(?P<yellow>黄(?!河|山|昏|酒|鹤|瓜|金|帝|浦|梅|道|牛|土|鱼|连|龙|花梨|豆|包|飞鸿|油|巢|岩|庭|海|石))|"
    r"(?P<purple>紫(?!禁|砂|檀|阳|薇|菜|气|荆))"
)
_SEASON_ZH = re.compile(
    r"(?P<spring>(?:阳|早|初|暮|晚|仲|孟|今|新)春|春(?:天|季|日|夜|雨|雪|水|光|耕|色|寒))|(?P<summer>(?:盛|初|仲|炎|今)夏|夏(?:天|季|日|夜|夏))|"
    r"(?P<autumn>(?:深|金|初|晚|中|暮|今|仲)秋(?!节|月饼|夜宴)|秋(?:天|季|日|夜|风|雨|色|收|叶|阳|水))|(?P<winter>(?:寒|隆|严|初|深|今)冬|冬(?:天|季|日|夜|雪|捕|阳)|腊月|正月|除夕)"
)
_SEASON_EN = re.compile(
    r"\b(?:(?P<spring>springtime|early spring|late spring|(?:in|of|this|every|each|a|the) spring(?! from| out| festival)|spring (?:day|morning|evening|night|rain|bloom|sun|sunshine|light))|"
    r"(?P<summer>summer(?! palace| solstice)|midsummer|summertime)|(?P<autumn>autumn|in (?:the )?fall)|(?P<winter>winter(?! solstice| sweet| olympics)|midwinter|wintertime))\b",
    re.IGNORECASE,
)


_METALS = frozenset({"gold", "silver", "colourful"})


def _named(pattern: re.Pattern[str], group: str, text: str) -> Iterable[Meaning]:
    for m in pattern.finditer(text):
        if m.lastgroup:
            yield Meaning(group, frozenset({m.lastgroup}), m.start(), m.end())


def meanings(opposites: Opposites, text: str, lang: str) -> list[Meaning]:
    """Return the meanings that a text names, in the order of the text.

    Args:
        opposites: the table.
        text: normalized text.
        lang: ``zh`` or ``en``.

    Example:
        >>> from curate.duplicates.decisive import load_opposites
        >>> [(m.group, sorted(m.keys)) for m in meanings(load_opposites(), "五只石狮蹲在桥栏上", "zh")]
        [('number', ['5'])]
    """
    out: list[Meaning] = []
    for group, keys, start, end in opposites.find_sets(text, lang):
        # Gold and silver are metals and light as much as colours.
        if group != "number" and not (group == "colour" and keys & _METALS):
            out.append(Meaning(group, keys, start, end))
    out += _numbers(text, lang)
    own = [("colour", _COLOUR_ZH), ("season", _SEASON_ZH)] if lang == "zh" else [("season", _SEASON_EN)]
    for group, pattern in own:
        # The table knows the longer words; what it read already is not read again.
        taken = [(m.start, m.end) for m in out if m.group == group]
        out += [m for m in _named(pattern, group, text) if not any(a < m.end and m.start < b for a, b in taken)]
    return sorted(out, key=lambda m: (m.start, m.end, m.group))


# Words with a negation in them that deny nothing.
_IDLE_ZH = re.compile(
    "不停|不断|不远|不同|不少|不仅|不禁|不住|无数|无边|无尽|无垠|无声|不已|不时|不久|没入|不愿|不见|不绝|不息|不但|不只|不光|不锈|不倒|不过|不如|不由|不觉|不一|不知|无比|无限|无论|无法|不能|"
    "不得|不可|不管|不论|不便|不安|不必|不等|不夜|不老|不朽|不凡|不再|一动不动|目不转睛|络绎不绝|不慌不忙|纹丝不动|不紧不慢|不约而同|丝毫不|毫不|无人机|无名|无锡|无为|无量|无极|无忧|无事|南无|虚无|莫不|无不|没落|淹没|出没|埋没|没过|要不|是不是|有没有|好不|差不多|对不起|不客气|不要紧|不错"
)
_DENIED_ZH = re.compile("没有|没(?=[点打挂穿戴带放下唱说看吃喝开关出来去回坐站])|并未|从未|尚未|未曾|从不|并不")
_ANY_ZH = re.compile("[没不无未非别空免勿莫缺少停止禁闭关静拒难仅只除剩罕独绝忘失息]|才|还|尽|光")
_ASKED = re.compile(r"没有?\W*$|没有?[吗呢么]|[?？]|没关系|没问题|没错|没办法")
# "Nobody is there", "does not light the lamp"; not "who never die", "without a miss".
_DENIED_EN = re.compile(
    r"^(?:no|nobody|none|not a|not one)\b|\b(?:is|are|was|were|does|do|did|has|have) (?:not|never)\b|"
    r"\b(?:does|do|did|has|have|is|are|was|were)n't\b|\bthere (?:is|are|was|were) no\b",
    re.IGNORECASE,
)
_SUBORDINATE_EN = re.compile(r"\b(?:who|that|which|so|if|because|where|when|while)\b[^,.;]*$", re.IGNORECASE)
_ANY_EN = re.compile(
    r"\b(?:not|no|never|without|nobody|none|nothing|neither|nor|cannot|empty|emptied|only|alone|still|yet|few|little|hardly|barely|rarely|lack\w*|miss\w*|absent|"
    r"refus\w*|declin\w*|reject\w*|turn(?:s|ed|ing)? down|fail\w*|stop\w*|clos\w*|deserted|bare|silent\w*|quiet\w*|dark\w*|unlit|unknown|before|instead|avoid\w*|forbid\w*|forgot\w*|forget\w*|but|free|off|out|ever|any|"
    r"until|too|rather|un\w+|in(?:visible|complete|capable)\w*|im\w+|dis\w+|\w+less|impossible|far from|anything but|ignor\w*|den\w+|wrong|bad|hard|difficult|poor|hate|dislike|"
    r"nowhere|otherwise|unless|except|just|simply|merely)\b|n't\b",
    re.IGNORECASE,
)


def numeral(keys: Iterable[str], zh: str) -> bool:
    """Say whether a small number stands in a Chinese text in whatever use: nine compartments and 九宫格."""
    return any(
        key.isdigit() and 2 <= int(key) <= 10 and any(c in zh for c in "零一二三四五六七八九十"[int(key)] + ("两双对俩" if key == "2" else ""))
        for key in keys
    )


def denial(zh: str, en: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the words of a denial that only one of two captions makes, with a place in the other caption, or ``None``.

    Args:
        zh: normalized Chinese caption.
        en: normalized English caption.

    Example:
        >>> denial("他没有打开箱子", "He opens the chest.") is not None
        True
        >>> denial("他没有打开箱子", "He leaves the chest unopened.") is None
        True
    """
    plain = _IDLE_ZH.sub(lambda m: "＿" * len(m.group()), zh)
    a, b = _DENIED_ZH.search(plain), _DENIED_EN.search(en)
    if a and not _ANY_EN.search(en) and not _ASKED.search(zh):
        return a.span(), (0, len(en))
    if b and not _ANY_ZH.search(zh) and not _SUBORDINATE_EN.search(en[: b.start()]) and "?" not in en:
        return (0, len(zh)), b.span()
    return None
