"""Years, decades, centuries and distances in time that a caption states."""

from __future__ import annotations

import re

from curate.knowledge.years import years

_FIRST_EN = re.compile(r"(?:^|(?<=[.;] ))(?:In|By) (\d{3,4})(?=[ ,])(?! (?:BC|AD|CE|people|men))")
_DECADE_EN = re.compile(r"\b(1[89]\d0)s\b")
_DECADE_ZH = re.compile(r"(1[89]\d0)年代|(?:二十世纪)?([二三四五六七八九])十年代")
_CENTURY_WORDS = {
    w: i
    for i, w in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth "
        "eighteenth nineteenth".split(),
        1,
    )
}
_CENTURY_EN = re.compile(rf"\b({'|'.join(_CENTURY_WORDS)})[- ]century(?!\s+BC)", re.IGNORECASE)


_MINGUO = re.compile(r"民国(\d{1,2}|[一二三四]?十?[一二三四五六七八九]?|元)年(?!代|间)")


def _small(word: str) -> int:
    """Read a Chinese number below a hundred; 元 is the first year."""
    tens, ten, ones = word.partition("十")
    digits = "零一二三四五六七八九"
    if word == "元" or not word:
        return 1
    return (digits.find(tens) if tens else 1) * 10 + max(0, digits.find(ones)) if ten else max(1, digits.find(word))


_AGO_ZH = re.compile(r"([一二三四五六七八九两]|\d)千(?:多|余)?年前")
_AGO_EN = re.compile(r"\b(two|three|four|five|six|seven|eight|nine|\d)(?: thousand|,?000) years ago\b", re.IGNORECASE)
_COUNT = (
    {w: i for i, w in enumerate("two three four five six seven eight nine".split(), 2)}
    | {c: i for i, c in enumerate("一二三四五六七八九", 1)}
    | {"两": 2}
)


def _ago(text: str, lang: str) -> list[tuple[int, int, int, int]]:
    """Return what "six thousand years ago" means, within five hundred years."""
    found = (_AGO_ZH if lang == "zh" else _AGO_EN).finditer(text)
    years_ago = [(1000 * (int(m[1]) if m[1].isdigit() else _COUNT[m[1].lower()]), m) for m in found]
    return [(1500 - n, 2500 - n, m.start(), m.end()) for n, m in years_ago]


def stated_years(text: str, lang: str) -> list[tuple[int, int, int, int]]:
    """Return years, decades and centuries of a text as ``(first, last, start, end)``."""
    out = [*years(text, lang), *_ago(text, lang)]
    if lang == "en":
        out += [(int(m[1]), int(m[1]), m.start(1), m.end(1)) for m in _FIRST_EN.finditer(text)]
        out += [(int(m[1]), int(m[1]) + 9, m.start(), m.end()) for m in _DECADE_EN.finditer(text)]
        out += [(100 * n - 99, 100 * n, m.start(), m.end()) for m in _CENTURY_EN.finditer(text) for n in (_CENTURY_WORDS[m[1].lower()],)]
    else:
        for m in _MINGUO.finditer(text):
            year = 1911 + (int(m[1]) if m[1].isdigit() else _small(m[1]))
            out.append((year, year, m.start(), m.end()))
        for m in _DECADE_ZH.finditer(text):
            first = int(m[1]) if m[1] else 1900 + 10 * ("一二三四五六七八九".index(m[2]) + 1)
            out.append((first, first + 9, m.start(), m.end()))
    return out
