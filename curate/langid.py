"""Language of a caption: script counts first, function words second, langdetect only to break ties.

langdetect alone calls a third of short Chinese captions Korean (Mimino666/langdetect#51), so it is asked only
about Latin-script text whose function words do not decide, with a fixed seed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text import HAN

Lang = Literal["zh", "en", "fr", "ja", "ko", "other", "mixed", "und"]

KANA = "\u3041-\u3096\u30a1-\u30fa\u31f0-\u31ff\uff66-\uff9d"
HANGUL = "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"
LATIN = "A-Za-z\u00c0-\u024f\u1e00-\u1eff"
OTHER = "\u0370-\u03ff\u0400-\u052f\u0590-\u05ff\u0600-\u06ff\u0900-\u0dff\u0e00-\u0eff\u0f00-\u0fff\u1800-\u18af"

EN_WORDS = (
    "the a an of in on at is are was were be been and or with to from for by as it its this that these those his her "
    "their he she they who which while into onto over under near through beside behind up down out off two three four "
    "five one some many several people man woman men women person old young little red white black"
).split()
FR_WORDS = (
    "le la les un une des du de d l et est sont dans sur avec pour par qui que au aux en ce cette ces son sa ses leur "
    "leurs il elle ils elles se sous vers chez entre près où deux trois quatre homme femme rouge pendant"
).split()
EN_PATTERN = r"(?i)\b(?:" + "|".join(EN_WORDS) + r")\b"
FR_PATTERN = r"(?i)(?:\b(?:" + "|".join(FR_WORDS) + r")\b|[éèêëàâçùûôîïœ])"

# What is left of it in plain ASCII.
_FR_ASCII = r"(?i)\b(?:" + "|".join(FR_WORDS) + r")\b"

_CHARS = {"han": HAN, "kana": KANA, "hangul": HANGUL, "latin": LATIN, "other": OTHER}
_COUNTS = {k: re.compile(f"[{v}]") for k, v in _CHARS.items()}
_EN, _FR = re.compile(EN_PATTERN), re.compile(FR_PATTERN)
_WORD = re.compile(r"\w+")
_EN_SET, _FR_SET = frozenset(EN_WORDS), frozenset(FR_WORDS)

# One Han character carries about as much text as this many Latin letters.
HAN_WEIGHT = 3.0


def script_counts(text: str) -> dict[str, int]:
    """Count letters by script.

    Args:
        text: any text.

    Returns:
        Counts for ``han``, ``kana``, ``hangul``, ``latin`` and ``other``.

    Example:
        >>> script_counts("唐代 Tang")["han"], script_counts("唐代 Tang")["latin"]
        (2, 4)
    """
    return {name: len(pattern.findall(text)) for name, pattern in _COUNTS.items()}


def from_counts(han: int, kana: int, hangul: int, latin: int, other: int) -> Lang | None:
    """Decide the language from script counts where they decide; ``None`` means Latin script, ask the words.

    Args:
        han, kana, hangul, latin, other: letters of each script in the text.
    """
    weight = {"cjk": HAN_WEIGHT * (han + kana), "ko": 2.0 * hangul, "latin": float(latin), "other": float(other)}
    total = sum(weight.values())
    if total == 0:
        return "und"
    if weight["ko"] > 0.3 * total:
        return "ko"
    if weight["other"] > 0.5 * total:
        return "other"
    # A Chinese caption may quote a kana word; a Japanese one has kana all over.
    if kana and kana > 0.15 * (han + kana) and weight["cjk"] > 0.4 * total:
        return "ja"
    share = weight["cjk"] / total
    if share >= 0.6:
        return "zh"
    # A short name in brackets does not make a caption bilingual.
    if share >= 0.25 and han >= 4 and latin >= 12:
        return "mixed"
    return "zh" if share >= 0.45 else None


@lru_cache(maxsize=1)
def _langdetect_ready() -> None:
    from langdetect import DetectorFactory

    DetectorFactory.seed = 0


def _function_words(text: str) -> tuple[int, int]:
    """Count English and French function words; in plain ASCII a set is asked, which is ten times as fast as the patterns."""
    if not text.isascii():
        return len(_EN.findall(text)), len(_FR.findall(text))
    words = _WORD.findall(text.lower())
    return sum(w in _EN_SET for w in words), sum(w in _FR_SET for w in words)


def latin_language(text: str) -> Lang:
    """Tell English, French and other Latin-script languages apart.

    Args:
        text: text whose letters are mostly Latin.

    Returns:
        ``en``, ``fr`` or ``other``; text too short to tell counts as ``en``, the language of the column that
        captions of this kind come in.

    Example:
        >>> latin_language("Un vieil homme peint des caractères"), latin_language("dragon boats on the river")
        ('fr', 'en')
    """
    en, fr = _function_words(text)
    if en > fr:
        return "en"
    if fr >= en + 2:
        return "fr"
    letters = len(_COUNTS["latin"].findall(text))
    if letters < 20:
        return "fr" if fr > en else "en"
    from langdetect import LangDetectException, detect_langs

    _langdetect_ready()
    try:
        best = detect_langs(text)[0]
    except LangDetectException:
        return "und"
    if best.lang == "en" or best.prob < 0.9:
        return "en" if en >= fr else "fr"
    if best.lang == "fr":
        return "fr" if fr else "en"
    # A name such as "hanfu girl, dancing" looks Turkish to a trigram model: believe it only on long text without English words.
    return "other" if en == 0 and letters >= 40 else "en"


def detect(text: str) -> Lang:
    """Return the language of one caption.

    Args:
        text: a caption, normalized or not.

    Returns:
        ``zh``, ``en``, ``fr``, ``ja``, ``ko``, ``other``, ``mixed`` (Chinese and English side by side) or
        ``und`` (no letters).

    Example:
        >>> detect("唐代长安城的夜市"), detect("端午節龍舟競渡"), detect("A Tang dynasty woman")
        ('zh', 'zh', 'en')
    """
    c = script_counts(text)
    return from_counts(c["han"], c["kana"], c["hangul"], c["latin"], c["other"]) or latin_language(text)


_RUN = re.compile(f"[{HAN}][^{LATIN}]*")
_SENTENCE = re.compile(r"(?<=[。！？!?；;\n|｜/])\s*|(?<=\.)\s+")


def split_mixed(text: str) -> tuple[str, str]:
    """Split one caption that holds both languages into its Chinese and its English part.

    Cuts only at sentence ends, bars, slashes and line breaks, so a Chinese name quoted in an English
    sentence stays there.

    Args:
        text: a caption in one or two languages.

    Returns:
        ``(zh, en)``; a part that is missing is ``""``.

    Example:
        >>> split_mixed("龙舟竞渡。Dragon boats race.")
        ('龙舟竞渡。', 'Dragon boats race.')
        >>> split_mixed("a man plays the erhu (二胡)")
        ('', 'a man plays the erhu (二胡)')
    """
    whole = detect(text)
    if whole not in ("mixed", "zh", "en", "fr"):
        return ("", "") if whole == "und" else (text, "") if whole in ("ja", "ko") else ("", text)
    parts = [p for p in _SENTENCE.split(text) if p.strip()]
    zh = [p for p in parts if script_counts(p)["han"] * HAN_WEIGHT >= max(1, script_counts(p)["latin"])]
    en = [p for p in parts if p not in zh and script_counts(p)["latin"] >= 2]
    if whole == "zh" and (not en or sum(script_counts(p)["latin"] for p in en) < 8):
        return text, ""
    if whole in ("en", "fr") and (not zh or sum(script_counts(p)["han"] for p in zh) < 4):
        return "", text
    return "".join(zh).strip(" |｜/"), " ".join(p.strip(" |｜/") for p in en).strip()


@lru_cache(maxsize=1)
def _kinds() -> npt.NDArray[np.uint8]:
    """For every code point the number of its script, counted from 1."""
    table = np.zeros(0x110000, np.uint8)
    for number, chars in enumerate(_CHARS.values(), 1):
        for first, last in re.findall(r"(.)(?:-(.))?", chars, re.DOTALL):
            table[ord(first) : ord(last or first) + 1] = number
    return table


def _counted(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """``script_counts`` of every text, one row each."""
    ends = np.cumsum([len(t) for t in texts])
    kinds = _kinds()[np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)]
    out = np.zeros((len(texts), len(_CHARS)), np.int64)
    for column in range(len(_CHARS)):
        at = np.searchsorted(np.flatnonzero(kinds == column + 1), ends)
        out[:, column] = np.diff(at, prepend=0)
    return out


def _words_decide(column: pl.Series) -> list[bool]:
    """Say of which texts in plain ASCII the function words alone say that they are English."""
    text = pl.col("t")
    en, fr = (text.str.count_matches(pattern.replace("(?i)", "(?i-u)")) for pattern in (EN_PATTERN, _FR_ASCII))
    is_ascii = text.str.len_bytes() == text.str.len_chars()
    return column.alias("t").to_frame().select(is_ascii & (en > fr)).to_series().to_list()


def detect_many(column: pl.Series) -> pl.Series:
    """Return the language of every text of a column; the same as ``detect`` one by one, counted together.

    Args:
        column: normalized texts, no nulls.

    Returns:
        Languages as strings.
    """
    texts = column.to_list()
    counts = list(map(tuple, _counted(texts).tolist()))
    by_script = {row: from_counts(*row) for row in set(counts)}
    out = [by_script[row] for row in counts]
    ask = [i for i, lang in enumerate(out) if lang is None]
    for i, english in zip(ask, _words_decide(column[ask]), strict=True):
        out[i] = "en" if english else latin_language(texts[i])
    return pl.Series(column.name, out, dtype=pl.String)
