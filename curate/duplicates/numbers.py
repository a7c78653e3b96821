"""Numbers in captions as values: 二十八, 28, ２８ and twenty-eight are one number, 第三, third and 3rd one rank.

A Chinese numeral counts only where it counts something (before a measure word, or as a number of two digits and more), not in idioms (七上八下),
guesses (十几个, 三四位) or names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple


class Number(NamedTuple):
    """A number in a text: ``number`` or ``ordinal``, its value as digits, its place, and whether it is written in words."""

    kind: str
    value: str
    start: int
    end: int
    words: bool


_DIGITS = {c: i for i, c in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2, "兩": 2, "俩": 2, "倆": 2, "仨": 3, "○": 0}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_TENS = str.maketrans({"廿": "二十", "卅": "三十"})


def chinese(word: str) -> int | None:
    """Return the value of a Chinese numeral, or ``None`` if it is not well-formed.

    Args:
        word: Han numerals alone.

    Example:
        >>> [chinese(w) for w in ("二十八", "一千零八", "廿四", "两万五千", "一四二〇", "三四", "十百")]
        [28, 1008, 24, 25000, 1420, None, None]
    """
    word = word.translate(_TENS)
    if not word:
        return None
    if all(c in _DIGITS for c in word):
        # 三四个 is a guess; digits one by one are a year or a number plate.
        return _DIGITS[word] if len(word) == 1 else int("".join(str(_DIGITS[c]) for c in word)) if len(word) >= 3 else None
    total, rest = 0, word
    for unit, size in (("亿億", 10**8), ("万萬", 10**4)):
        at = max(rest.find(c) for c in unit)
        if at >= 0:
            head = _below_myriad(rest[:at]) if at else 1
            if not head:
                return None
            total, rest = total + head * size, rest[at + 1 :]
            # 三万五 is 35,000.
            if len(rest) == 1 and rest in _DIGITS and _DIGITS[rest]:
                return total + _DIGITS[rest] * size // 10
    last = _below_myriad(rest) if rest else 0
    return None if last is None else total + last


def _below_myriad(word: str) -> int | None:
    """Return the value of a numeral below 10,000."""
    total, digit, least, filled = 0, -1, 10**4, False
    for i, char in enumerate(word):
        if char in _DIGITS:
            if digit > 0 or (digit == 0 and _DIGITS[char] == 0):
                return None
            digit, filled = _DIGITS[char], filled or _DIGITS[char] == 0
        elif (unit := _UNITS.get(char, 0)) and unit < least:
            # 十 may stand for 一十 at the start, 百 and 千 too.
            if digit == 0 or (digit < 0 and i and unit != 10):
                return None
            total, least, digit, filled = total + max(digit, 1) * unit, unit, -1, False
        else:
            return None
    if digit > 0 and not filled and least in (100, 1000):
        # 一百五 is 150.
        return total + digit * least // 10
    return total + max(digit, 0)


_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_WORDS = {w: i for i, w in enumerate(_SMALL)} | {w: 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_SCALES = {"hundred": 100, "dozen": 12, "score": 20, "thousand": 1000, "million": 10**6, "billion": 10**9}
_RANKS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12,
    "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
    "fortieth": 40, "fiftieth": 50, "sixtieth": 60, "seventieth": 70, "eightieth": 80, "ninetieth": 90, "hundredth": 100,
}  # fmt: skip


@lru_cache(maxsize=1 << 14)
def english(phrase: str) -> tuple[int, bool] | None:
    """Return the value of an English number in words or digits, and whether it is a rank; ``None`` if it is not well-formed.

    Args:
        phrase: small letters, words joined by spaces, hyphens or ``and``.

    Example:
        >>> [english(w) for w in ("twenty-eight", "a hundred and eight", "two dozen", "1.5 million", "twenty-first", "five six")]
        [(28, False), (108, False), (24, False), (1500000, False), (21, True), None]
    """
    total, group, last, rank = 0, 0, "", False
    for word in re.split(r"[\s-]+", phrase):
        if word == "and" or (word in ("a", "an") and not last):
            group = 1 if word != "and" else group
            last = "a" if word != "and" else last
            continue
        if rank:
            return None
        value = _RANKS.get(word)
        rank = value is not None
        value = _WORDS.get(word) if value is None else value
        if value is not None and value != 100:
            # After a ten a digit, after a hundred or a thousand anything below it.
            if (last == "ten" and value >= 10) or last in ("digit", "a"):
                return None
            group, last = group + value, "ten" if value >= 20 else "digit"
        elif word in _SCALES or value == 100:
            size = _SCALES.get(word, 100)
            if size <= 100:
                if group % 100 == 0 and group:
                    return None
                group = max(group, 1) * size
            else:
                total, group = total + max(group, 1) * size, 0
            last = "scale"
        elif re.fullmatch(r"\d+(?:,\d{3})*(?:\.\d+)?", word) and not last:
            exact = float(word.replace(",", ""))
            scale = re.fullmatch(r"\S+[\s-]+(hundred|dozen|thousand|million|billion)", phrase)
            whole = exact * (_SCALES[scale[1]] if scale else 1)
            return (round(whole), False) if abs(whole - round(whole)) < 1e-6 else None
        else:
            return None
    return (total + group, rank) if last and last != "a" else None


_N = "〇○零一二两兩三四五六七八九十廿卅百千万萬亿億俩倆仨"
# What is counted after a lone numeral; 一 counts only things and people, elsewhere it is an article.
_THINGS = "个個位名只隻匹头頭人"
_MEASURE = (
    _THINGS
    + "条條座朵张張把盏盞幅件杯块塊棵颗顆辆輛艘根层層岁歲口株尊面扇间間枝支碗盘盤瓶壶壺串排次遍圈道孔天日夜重级級步克米斤元响響声聲年月号號点點两兩丈尺寸里代场場"
    "台臺架列队隊本卷册首篇句字行页頁段节節期届屆门門挺发發枚粒滴片处處所栋棟幢户戶家"
)
_ZH = re.compile(rf"第?(?:\d[\d,]*(?:\.\d+)?(?:[百千]?[万萬亿億])?|[{_N}]+)")
_AFTER_GUESS = frozenset("几幾多余餘来來许許")
_BEFORE_GUESS = frozenset("几幾数數好上成近约約")
# 七上八下, 四面八方: neither of two numbers counts; 三只羊五头牛 does.
_PAIRED = re.compile(
    "[一二三四五六七八九十百千万][^一二两三四五六七八九十百千万\\d,.。，个位只名条匹朵张把盏幅件][一二两三四五六七八九十百千万][^一二两三四五六七八九十百千万\\d,.。，个位只名条匹朵张把盏幅件]"
)
_PAIR_ZH = ("对", "對", "双", "雙")


def _chinese_numbers(text: str) -> Iterator[Number]:
    idioms = [m.span() for m in _PAIRED.finditer(text)]
    for m in _ZH.finditer(text):
        found, start, end = m.group(), m.start(), m.end()
        rank = found[0] == "第"
        word = found[1:] if rank else found
        before, after = text[start - 1 : start], text[end : end + 1]
        if word[0].isdigit():
            if before and (before.isascii() and before.isalpha()):
                continue
            value = _digits(word)
            if value and after not in _AFTER_GUESS:
                ordinal = rank or text.startswith(("世纪", "世紀"), end)
                yield Number("ordinal" if ordinal else "number", value, start, end, False)
            continue
        if before in _BEFORE_GUESS or after in _AFTER_GUESS or any(a <= start < b for a, b in idioms):
            continue
        said = chinese(word)
        if said is None and word[-1:] in "两兩" and (said := chinese(word[:-1])) is not None:
            # 五两 weighs something.
            end, after = end - 1, word[-1]
        if said is None:
            continue
        if said == 1 and not rank and after in _PAIR_ZH:
            yield Number("number", "2", start, end, True)
            continue
        if rank or text.startswith(("世纪", "世紀"), end):
            yield Number("ordinal", str(said), start, end, True)
        elif _counts(said, word, before, after, text[end + 1 : end + 2]):
            yield Number("number", str(said), start, end, True)


def _counts(value: int, word: str, before: str, after: str, next_one: str) -> bool:
    """Say whether a numeral counts something where it stands."""
    if value == 1 or word in ("百", "千", "万", "萬"):
        # 一个个, 这一个, 另一个, 一人一马.
        things = after in _THINGS if value == 1 else after in "个個位名只隻匹条條"
        return bool(after) and things and before not in tuple("这那另同每第某统統唯") and next_one not in tuple("个個一") and after != "人"
    if word[0] in "〇零○":
        return False
    return (bool(after) and after in _MEASURE) or (value in (2, 3) and word in "俩倆仨") or (value > 10 and value % 100 != 0) or len(word) >= 4


def _digits(word: str) -> str:
    scale = 1
    while word and not word[-1].isdigit():
        scale *= _MYRIADS.get(word[-1]) or _UNITS.get(word[-1], 1)
        word = word[:-1]
    plain = word.replace(",", "")
    whole, _, part = plain.partition(".")
    if scale > 1:
        value = float(plain) * scale
        return str(round(value)) if abs(value - round(value)) < 1e-3 else ""
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


_UNIT = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_TEN = r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_PLAIN = rf"(?:{_TEN}(?:[ -]{_UNIT})?|{'|'.join(sorted(_SMALL, key=len, reverse=True))})"
_BIG = r"(?:hundred|dozen|thousand|million|billion)"
_RANK = rf"(?:{_TEN}[ -])?(?:{'|'.join(sorted(_RANKS, key=len, reverse=True))})"
# What may follow the first word of a number; tried only where such a word stands, because most words are none.
_EN = re.compile(
    rf"(?:(?:a pair of|a couple of|both)|{_RANK}|(?:{_PLAIN}|\d[\d,]*(?:\.\d+)?|a)(?:[ -]{_BIG})+(?:(?: and)? (?:{_PLAIN})(?: hundred(?: and {_PLAIN})?)?)?|{_PLAIN}|"
    r"\d[\d,]*(?:\.\d+)?(?:st|nd|rd|th|s)?)(?![a-z0-9])"
)
_WORD = re.compile(r"[a-z]+|\d+")
_STARTS = frozenset((*_WORDS, *_RANKS, "both"))
_AFTER_A = frozenset((*_SCALES, "pair", "couple"))
_NAMED, _DIGIT = _STARTS | _AFTER_A, re.compile(r"\d")
_PAIRS = frozenset(("a pair of", "both", "a couple of"))
_GUESS_EN = re.compile(r"\b(?:about|around|some|nearly|almost|over|than|several|few|or|to|roughly|approximately|up to)(?: a)? $")
_IDLE_BEFORE = re.compile(r"(?:\b(?:no|each|every|any|this|that|the|which|another|at|some) |-)$")
_IDLE_AFTER = re.compile(r"(?: (?:of|by|after|another|hand|day|side|time|can|foot|leg|arm|end|last|more|must|or|light|two|thing|who)\b|'|-)")


def _english_numbers(text: str) -> Iterator[Number]:
    low = text.lower()
    low = low if len(low) == len(text) else text
    if not _DIGIT.search(low) and _NAMED.isdisjoint(_WORD.findall(low)):
        return
    done = 0
    for m in _WORD.finditer(low):
        word, start = m.group(), m.start()
        if word in _AFTER_A and low.startswith("a ", start - 2):
            start -= 2
        elif word not in _STARTS and not word.isdigit():
            continue
        whole = _EN.match(low, start) if start >= done else None
        if whole is None:
            continue
        done = whole.end()
        found = _read(low, whole.group().rstrip(","), start)
        if found is not None:
            yield found


def _read(low: str, found: str, start: int) -> Number | None:
    """Return the number that was found at a place of a text in small letters, if it counts there."""
    end, before = start + len(found), low[max(0, start - 16) : start]
    if before and (before[-1].isalnum() or before[-1] == "."):
        return None
    if found[0].isdigit() and " " not in found and "-" not in found:
        # The 1950s are no 1950th of a thing, but a number all the same.
        rank, many = found[-2:].isalpha(), found.endswith("s")
        return Number("ordinal" if rank else "number", _digits(found[:-2] if rank else found[:-1] if many else found), start, end, False)
    said = (2, False) if found in _PAIRS else english(found)
    if said is None or _GUESS_EN.search(before) or _OR_SO.match(low, end):
        return None
    number, rank = said
    # "one of them", "at first", "a second": no count.
    if number <= 1 and (_IDLE_AFTER.match(low, end) or (not rank and _IDLE_BEFORE.search(before)) or before.endswith("at ")):
        return None
    if rank and number == 2 and not _RANKED.search(before):
        return None
    return Number("ordinal" if rank else "number", str(number), start, end, True)


_OR_SO = re.compile(r" or (?:so|two|three|four|five|six|ten)\b")
_RANKED = re.compile(r"\b(?:the|his|her|its|their|every) $")


def numbers(text: str, lang: str) -> Iterator[Number]:
    """Find the numbers of a text, in its order.

    Args:
        text: normalized text.
        lang: ``zh`` or ``en``.

    Example:
        >>> [(n.kind, n.value) for n in numbers("二十八位鼓手第三次登台", "zh")]
        [('number', '28'), ('ordinal', '3')]
        >>> [(n.kind, n.value) for n in numbers("Twenty-eight drummers for the third time in 1,420 years", "en")]
        [('number', '28'), ('ordinal', '3'), ('number', '1420')]
        >>> list(numbers("三国时的诸葛亮七上八下，十几个人一边走", "zh"))
        []
    """
    return _chinese_numbers(text) if lang == "zh" else _english_numbers(text)
