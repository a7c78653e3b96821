"""Who does what to whom: the two captions name the same two, and the one who acts in the first is acted upon in the second."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

# What one does to another and not the other way round; a verb must stand once in each caption.
_VERBS = tuple(
    (re.compile(zh), re.compile(rf"\b(?:{en})\b", re.IGNORECASE))
    for zh, en in (
        ("追赶|追逐|追杀|追击|追着|追", r"chas(?:es|ed|ing|e)|pursu(?:es|ed|ing|e)|runs? after"),
        ("打败|击败|战胜|大败", r"defeat(?:s|ed|ing)?|beat(?:s|ing)?|vanquish(?:es|ed)?"),
        ("杀死|斩杀|刺杀|刺死|杀了|杀", r"kill(?:s|ed|ing)?|slay(?:s|ing)?|slew|assassinat(?:es|ed|ing|e)|stab(?:s|bed|bing)?|behead(?:s|ed)?"),
        ("救起|救下|救了|救出|营救|搭救|救", r"sav(?:es|ed|ing|e)|rescu(?:es|ed|ing|e)"),
        ("拜访|探望|看望", r"visit(?:s|ed|ing)?|calls? on"),
        ("喂", r"feed(?:s|ing)?|fed"),
        ("教", r"teach(?:es|ing)?|taught"),
        ("搀扶|搀着|扶着|背着|抱着|牵着", r"carr(?:ies|ied|ying)|lead(?:s|ing)?|led|hold(?:s|ing)?|support(?:s|ed|ing)?"),
        ("骂|责骂|训斥|斥责", r"scold(?:s|ed|ing)?|rebuk(?:es|ed|ing|e)"),
        ("迎接|接见|召见", r"receiv(?:es|ed|ing|e)|greet(?:s|ed|ing)?|welcom(?:es|ed|ing|e)|summon(?:s|ed|ing)?"),
        ("保护|守护", r"protect(?:s|ed|ing)?|guard(?:s|ed|ing)?"),
    )
)
_TURNED_ZH = re.compile("被|把|由|让|为[^了]{1,6}所|遭|受")
_TURNED_EN = re.compile(r"\b(?:is|are|was|were|be|been|being|gets?|got)\s+(?:\w+ly\s+)?$|\b(?:who|whom|that|which|to)\s*$", re.IGNORECASE)
_STOP_ZH, _STOP_EN = re.compile("[，,。;；!！?？]"), re.compile(r"[.;!?]| and | while | as | when ")


class Figure(NamedTuple):
    """Somebody in a caption: what names them, and where."""

    keys: frozenset[str]
    start: int
    end: int


def _around(figures: Sequence[Figure], start: int, end: int, first: int, last: int) -> tuple[Figure, Figure] | None:
    before = [f for f in figures if first <= f.start and f.end <= start]
    after = [f for f in figures if end <= f.start and f.end <= last]
    return (max(before, key=lambda f: f.end), min(after, key=lambda f: f.start)) if before and after else None


def _clause(text: str, start: int, end: int, stop: re.Pattern[str]) -> tuple[int, int]:
    first = max((m.end() for m in stop.finditer(text, 0, start)), default=0)
    after = stop.search(text, end)
    return first, after.start() if after else len(text)


def exchanged(zh: str, en: str, zh_figures: Sequence[Figure], en_figures: Sequence[Figure]) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the verbs by which two figures exchange their roles, or ``None``.

    Args:
        zh: normalized Chinese caption.
        en: normalized English caption.
        zh_figures: people and animals that it names.
        en_figures: those of the English one.

    Example:
        >>> dog, cat = frozenset({"dog"}), frozenset({"cat"})
        >>> exchanged("狗追猫", "The cat chases the dog", [Figure(dog, 0, 1), Figure(cat, 2, 3)], [Figure(cat, 4, 7), Figure(dog, 19, 22)])
        ((1, 2), (8, 14))
    """
    for of_zh, of_en in _VERBS:
        a, b = list(of_zh.finditer(zh)), list(of_en.finditer(en))
        if len(a) != 1 or len(b) != 1 or _TURNED_EN.search(en[: b[0].start()]):
            continue
        first, last = _clause(zh, a[0].start(), a[0].end(), _STOP_ZH)
        mine = _around(zh_figures, a[0].start(), a[0].end(), first, last)
        yours = _around(en_figures, b[0].start(), b[0].end(), *_clause(en, b[0].start(), b[0].end(), _STOP_EN))
        if mine is None or yours is None or _TURNED_ZH.search(zh[first:last]):
            continue
        crossed = mine[0].keys & yours[1].keys and mine[1].keys & yours[0].keys
        if crossed and not mine[0].keys & yours[0].keys and not mine[1].keys & yours[1].keys:
            return a[0].span(), b[0].span()
    return None
