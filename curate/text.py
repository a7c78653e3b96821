"""Text normalization for matching, in both Chinese scripts. Originals are never changed.

``normalize`` makes the text that stages read; ``fold`` makes keys for comparison (one code point
in, one code point out, so offsets survive). No polars here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import opencc

Script = Literal["none", "hans", "hant", "mixed"]

# Zero-width, bidi, BOM, soft hyphen, variation selectors, C0/C1 controls (tab and newline become spaces before).
INVISIBLE = (
    "\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U000e0000-\U000e0fff"
)
HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_INVISIBLE_RE = re.compile(f"[{INVISIBLE}]")
_SPACE_RE = re.compile(r"\s+")
HAN_RE = re.compile(f"[{HAN}]")
# NFKC turns the ellipsis and full-width forms into ASCII; these keep one look for quotes and dashes.
_PUNCT = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "「": '"', "」": '"', "『": '"', "』": '"', "—": "-", "–": "-", "、": ",", "。": "."})


@lru_cache(maxsize=1)
def _tw2s() -> opencc.OpenCC:
    return opencc.OpenCC("tw2s")


@lru_cache(maxsize=1)
def _s2t() -> opencc.OpenCC:
    return opencc.OpenCC("s2t")


@lru_cache(maxsize=1)
def script_characters() -> tuple[str, str]:
    """Return the characters that occur only in simplified and only in traditional text.

    Returns:
        Two strings ``(simplified_only, traditional_only)``, derived from OpenCC's own tables.
    """
    t2s, s2t = opencc.OpenCC("t2s"), _s2t()
    block = [chr(c) for c in range(0x3400, 0xA000)]
    hans: list[str] = []
    hant: list[str] = []
    # A line each: converted together, and no phrase of the tables runs over a line end.
    lines = "\n".join(block)
    for char, to_s, to_t in zip(block, t2s.convert(lines).split("\n"), s2t.convert(lines).split("\n"), strict=True):
        if to_s != char and to_t == char:
            hant.append(char)
        elif to_t != char and to_s == char:
            hans.append(char)
    # These are everyday characters in both scripts, whatever the tables say of them alone.
    shared = set("吒昇幹頫撝騧脩墠顗氾谿乾著於里后只台干面发系余云松谷丑斗克板表范折准占")
    return "".join(c for c in hans if c not in shared), "".join(c for c in hant if c not in shared)


@lru_cache(maxsize=1)
def script_sets() -> tuple[frozenset[str], frozenset[str]]:
    """Return ``script_characters`` as sets."""
    hans, hant = script_characters()
    return frozenset(hans), frozenset(hant)


@lru_cache(maxsize=1)
def fold_table() -> dict[int, str]:
    """Return the table of one-to-one character folds (traditional to simplified, lower case).

    Returns:
        A mapping for ``str.translate`` whose values are single code points.
    """
    tw2s, t2s = _tw2s(), opencc.OpenCC("t2s")
    table: dict[int, str] = {}
    # All at once, on a line each: no phrase of the tables runs over a line end.
    han = range(0x3400, 0xA000)
    for code, folded in zip(han, t2s.convert(tw2s.convert("\n".join(map(chr, han)))).split("\n"), strict=True):
        if folded != chr(code) and len(folded) == 1:
            table[code] = folded
    for a, b in {"著": "着", "裏": "里", "箇": "个", "嚐": "尝", "甦": "苏", "乾": "干", "囉": "罗", "鍾": "钟", "徵": "征", "瞭": "了"}.items():
        table[ord(a)] = b
    for code in [*range(0x41, 0x5B), *range(0xC0, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x1F00)]:
        low = chr(code).lower()
        if low != chr(code) and len(low) == 1:
            table[code] = low
    return table


def fold(text: str) -> str:
    """Fold scripts and case one code point to one code point, for comparison only.

    Args:
        text: any text, usually normalized.

    Returns:
        A text of the same length in code points.

    Example:
        >>> fold("龍舟競渡 Tang")
        '龙舟竞渡 tang'
    """
    return text.translate(fold_table())


def plain(text: str) -> str:
    """Return the compatibility form (NFKC) without invisible characters; line ends stay.

    Args:
        text: any text.
    """
    return _INVISIBLE_RE.sub("", unicodedata.normalize("NFKC", text))


def normalize(text: str) -> str:
    """Normalize width, compatibility forms, invisible characters and white space.

    The script and the case stay. NFKC by segment, so that ``normalize_with_map`` can say where
    each character came from.

    Args:
        text: a caption as read.

    Returns:
        The normalized text; ``""`` if nothing visible is left.

    Example:
        >>> normalize("Ｔａｎｇ　唐代\\u200b！")
        'Tang 唐代!'
    """
    return _SPACE_RE.sub(" ", plain(text).translate(_PUNCT)).strip()


def normalize_with_map(text: str) -> tuple[str, list[int]]:
    """Normalize and keep, for every code point of the result, its place in the original.

    Args:
        text: a caption as read.

    Returns:
        ``(normalized, starts)``; ``starts`` has one more entry than the text, the last one being
        ``len(text)``.

    Example:
        >>> normalize_with_map("Ａ　唐")
        ('A 唐', [0, 1, 2, 3])
    """
    out: list[str] = []
    where: list[int] = []
    i, n = 0, len(text)
    while i < n:
        j = i + 1
        while j < n and (unicodedata.combining(text[j]) or 0x1100 <= ord(text[j]) <= 0x11FF):
            j += 1
        piece = plain(text[i:j]).translate(_PUNCT)
        for char in piece:
            if char.isspace():
                if out and out[-1] != " ":
                    out.append(" ")
                    where.append(i)
            else:
                out.append(char)
                where.append(i)
        i = j
    while out and out[-1] == " ":
        out.pop()
        where.pop()
    return "".join(out), [*where, n]


def script_of(text: str) -> Script:
    """Say in which Chinese script a text is written.

    Args:
        text: any text.

    Returns:
        ``none`` without Han characters, ``mixed`` when characters of both scripts occur, ``hant``
        or ``hans``; text whose characters are the same in both scripts counts as ``hans``.

    Example:
        >>> script_of("端午節"), script_of("端午节"), script_of("dragon boats")
        ('hant', 'hans', 'none')
    """
    if not HAN_RE.search(text):
        return "none"
    hans, hant = script_sets()
    chars = set(text)
    if chars & hant:
        return "mixed" if chars & hans else "hant"
    return "hans"


def to_simplified(text: str) -> str:
    """Convert to simplified characters, for matching only (OpenCC ``tw2s``, no change of words).

    Args:
        text: Chinese text in any script.

    Example:
        >>> to_simplified("看著後宮")
        '看着后宫'
    """
    return str(_tw2s().convert(text)) if script_of(text) in ("hant", "mixed") else text


def all_simplified(texts: Sequence[str]) -> list[str]:
    """Return ``to_simplified`` of every text, in one conversion.

    Args:
        texts: Chinese texts without line ends.

    Example:
        >>> all_simplified(["看著後宮", "dragon"])
        ['看着后宫', 'dragon']
    """
    out = list(texts)
    at = [i for i, t in enumerate(out) if not t.isascii() and script_of(t) in ("hant", "mixed")]
    if at:
        # On a line each: no phrase of the tables runs over a line end.
        for i, line in zip(at, str(_tw2s().convert("\n".join([out[i] for i in at]))).split("\n"), strict=True):
            out[i] = line
    return out


def to_traditional(text: str) -> str:
    """Convert to traditional characters for display (OpenCC ``s2t``); stored text is never changed.

    Args:
        text: Chinese text.

    Example:
        >>> to_traditional("端午节")
        '端午節'
    """
    return str(_s2t().convert(text))


def han_count(text: str) -> int:
    """Count the Han characters of a text.

    Args:
        text: any text.

    Example:
        >>> han_count("唐代 Tang")
        2
    """
    return len(HAN_RE.findall(text))


NUMERALS = str.maketrans("〇零一二两三四五六七八九", "001223456789")
_HAN_SPACE_RE = re.compile(f"(?<=[{HAN}]) | (?=[{HAN}])")
_KEY_RE = re.compile(r"[^\w]+", re.UNICODE)


def match_key(text: str) -> str:
    """Return the key by which two captions count as exactly the same.

    Folds scripts, width, case, punctuation, spaces between Han characters, and writes Chinese digits as
    Arabic ones (三 and 3 are the same number).

    Args:
        text: a caption, raw or normalized.

    Example:
        >>> match_key("三個人，在長城。") == match_key("3个人在长城")
        True
    """
    folded = fold(to_simplified(normalize(text))).translate(NUMERALS)
    words = _KEY_RE.sub(" ", folded).strip()
    return _HAN_SPACE_RE.sub("", words)
