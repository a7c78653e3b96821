"""Exchanged roles: two captions of the same words in which two participants took each other's place (the cat chases the mouse, the mouse the cat).

The words that both captions share are cut into pieces as long as possible. Where three pieces stand in one order here and in the very opposite
order there, the outer two have changed places around what is said of them. Moving a clause, a time or a place leaves no such three; a passive
turns them without a change of roles and is told by its word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from curate.text import fold

_CLAUSE = re.compile(r"[,;.:!?，。；：！？、\n]+|while$|when$|as$|whereas$")
_WORD_EN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[,;.:!?]")
# Words without content; a piece of them alone neither moves nor holds anything.
_IDLE = {
    "zh": frozenset("的了着地得和与及跟同或而也都就又并且之其这那一个在里上中下正很"),
    "en": frozenset("a an the and or his her its their this that these those then also very as who which while when".split()),
}
_SPOKEN_OF = {
    "zh": frozenset("在从往朝用以于自沿随据因为除"),
    "en": frozenset(
        "in at on from with near under during after before over along across through inside outside beside behind until since within between among for".split()
    ),
}
_MARKED = {"zh": frozenset("对向给到被由让为比"), "en": frozenset("to by of against into toward towards than about like".split())}
_PLACE_ZH = re.compile("[里上中下旁边前后外内间处]$")
_TIME = {
    "zh": re.compile("[年月日晨夜晚夕冬夏春秋时午]|今天|昨天|当天|清早|小时|分钟"),
    "en": re.compile(r"^(?:dawn|dusk|night|noon|morning|evening|afternoon|sunset|sunrise|today|midnight|spring|summer|autumn|winter|\d+)$"),
}
_PASSIVE = {
    "zh": re.compile("被|由|受|遭|所"),
    "en": re.compile(r"\b(?:is|are|was|were|be|been|being|gets?|got) (?:\w+ ){0,3}by\b|\w+(?:ed|en) by\b"),
}
_JOIN = {"zh": re.compile("^[和与及跟同或]$"), "en": re.compile(r"^(?:and|or)$")}
# What both do to each other.
_MUTUAL = {
    "zh": re.compile("结婚|相遇|对弈|见面|相连|相邻|合作|并列|不同"),
    "en": re.compile(r"^(?:meets?|met|marry|marries|married|next|alongside|adjacent|joins?|equals?)$"),
}


class _Piece(NamedTuple):
    """A run of words that both texts have: places and length."""

    a: int
    b: int
    size: int


class _Text(NamedTuple):
    """Words of a text without stops, the clause of each, and what stands before each word in full."""

    words: list[str]
    clause: list[int]
    stopped: list[bool]


def _read(text: str, lang: str) -> _Text:
    low = fold(text)
    pieces = [c for c in low if not c.isspace() and (c.isalnum() or _CLAUSE.match(c))] if lang == "zh" else _WORD_EN.findall(low)
    words, clause, stopped = list[str](), list[int](), list[bool]()
    number, stop = 0, False
    for piece in pieces:
        if _CLAUSE.match(piece):
            number, stop = number + (not stop), True
        elif lang == "en" and piece in _ARTICLES:
            continue
        else:
            words.append(stem(piece) if lang == "en" else piece)
            clause.append(number)
            stopped.append(stop)
            stop = False
    return _Text(words, clause, stopped)


_ARTICLES = frozenset("a an the".split())


def stem(word: str) -> str:
    """Return an English word without its ending.

    Args:
        word: small letters.

    Example:
        >>> stem("chases"), stem("chasing"), stem("chase")
        ('chas', 'chas', 'chas')
    """
    for end in ("ies", "ing", "ed", "es", "s"):
        if word.endswith(end) and len(word) - len(end) >= 3:
            return word[: -len(end)]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _pieces(a: Sequence[str], b: Sequence[str], lang: str) -> list[_Piece]:
    """Cut what two texts share into the longest pieces, each word used once; an "and" ends a piece."""
    ends = _JOIN[lang]
    where: dict[str, list[int]] = {}
    for j, word in enumerate(b):
        where.setdefault(word, []).append(j)
    runs = []
    for i, word in enumerate(a):
        for j in where.get(word, ()):
            if i and j and a[i - 1] == b[j - 1] and not ends.match(word) and not ends.match(a[i - 1]):
                continue
            size = 1
            while i + size < len(a) and j + size < len(b) and a[i + size] == b[j + size] and not ends.match(word) and not ends.match(a[i + size]):
                size += 1
            runs.append((-size, abs(i - j), i, j))
    runs.sort()
    used_a, used_b, out = [False] * len(a), [False] * len(b), list[_Piece]()
    left = list[tuple[int, int, int, int]]()
    for negative, _, i, j in runs:
        start = -1
        for k in range(-negative + 1):
            free = k < -negative and not used_a[i + k] and not used_b[j + k]
            if free and start < 0:
                start = k
            elif not free and start >= 0:
                left.append((start - k, abs(i - j), i + start, j + start))
                start = -1
        # Only whole runs are taken at once; what is left of a broken one waits for its turn.
        if left and left[-1] == (negative, abs(i - j), i, j):
            left.pop()
            out.append(_Piece(i, j, -negative))
            used_a[i : i - negative], used_b[j : j - negative] = [True] * -negative, [True] * -negative
    for negative, _, i, j in sorted(left):
        if not any(used_a[i : i - negative]) and not any(used_b[j : j - negative]):
            out.append(_Piece(i, j, -negative))
            used_a[i : i - negative], used_b[j : j - negative] = [True] * -negative, [True] * -negative
    return sorted(out)


def exchanged(a: str, b: str, lang: str) -> int:
    """Say whether two participants have changed places between two texts.

    Args:
        a: normalized text.
        b: another.
        lang: ``zh`` or ``en``.

    Returns:
        2 if they did around something said in both, 1 if merely their order is turned, 0 if not.

    Example:
        >>> exchanged("The cat chases the mouse.", "The mouse chases the cat.", "en")
        2
        >>> exchanged("The boy kicks the ball.", "The ball is kicked by the boy.", "en")
        0
        >>> exchanged("清晨，雾气笼罩着山谷", "雾气笼罩着清晨的山谷", "zh")
        0
    """
    if bool(_PASSIVE[lang].search(fold(a))) != bool(_PASSIVE[lang].search(fold(b))):
        return 0
    x, y = _read(a, lang), _read(b, lang)
    pieces = [p for p in _pieces(x.words, y.words, lang) if not set(x.words[p.a : p.a + p.size]) <= _IDLE[lang]]
    pieces = [p for p in pieces if p.size > 1 or (x.words.count(x.words[p.a]) == 1 and y.words.count(y.words[p.b]) == 1)]
    # In a free rewording anything may stand anywhere.
    if sum(p.size for p in pieces) < LEAST_SHARED * max(len(x.words), len(y.words)):
        return 0
    if all(p.b < q.b for p, q in zip(pieces, pieces[1:], strict=False)):
        return 0
    able = [p for p in pieces if _participant(p, x, y, lang)]
    best = 0
    for at, p in enumerate(able):
        for q in able[at + 1 :]:
            if q.b < p.b and not _moved_whole(p, q, x, y):
                between = [m for m in pieces if p.a < m.a < q.a and q.b < m.b < p.b]
                between = [m for m in between if not _MUTUAL[lang].search("".join(x.words[m.a : m.a + m.size]))]
                if between and not _listed(p, q, x, lang):
                    return 2
                best = best or int(not _joined(p, q, x, lang) and not _joined(q, p, y, lang, first=False))
    return best


def _participant(p: _Piece, x: _Text, y: _Text, lang: str) -> bool:
    """Say whether a piece may name someone or something with a role: no time, no place, not marked alike in both texts."""
    words = x.words[p.a : p.a + p.size]
    text = "".join(words) if lang == "zh" else words[-1]
    if _TIME[lang].search(text) or words[0] in _SPOKEN_OF[lang]:
        return False
    if lang == "en" and p.size == 1 and len(words[0]) < 3:
        return False
    before = {x.words[p.a - 1] if p.a else "", y.words[p.b - 1] if p.b else ""}
    marks = before & (_SPOKEN_OF[lang] | _MARKED[lang])
    # From here to there and back is exchanged; "at dawn" is at dawn wherever it stands.
    if marks and (len(before) == 1 or (len(marks) == 1 and marks <= _SPOKEN_OF[lang])):
        return False
    return not (lang == "zh" and (_PLACE_ZH.search(text) or {_next(x, p.a + p.size), _next(y, p.b + p.size)} <= set("里上中下旁边前后外内间")))


def _next(text: _Text, at: int) -> str:
    return text.words[at] if at < len(text.words) else "。"


def _moved_whole(p: _Piece, q: _Piece, x: _Text, y: _Text) -> bool:
    """Say whether each of two pieces went together with its clause."""
    if x.clause[p.a] == x.clause[q.a] or y.clause[p.b] == y.clause[q.b]:
        return False
    for r in (p, q):
        here = {w for w, c in zip(x.words, x.clause, strict=True) if c == x.clause[r.a]}
        there = {w for w, c in zip(y.words, y.clause, strict=True) if c == y.clause[r.b]}
        if 2 * len(here & there) < len(here | there):
            return False
    return True


def _listed(p: _Piece, q: _Piece, x: _Text, lang: str) -> bool:
    """Say whether two pieces are items of one list."""
    after, before = p.a + p.size, q.a - 1
    starts = x.stopped[after] or bool(_JOIN[lang].match(x.words[after])) if after < q.a else False
    ends = x.stopped[q.a] or bool(_JOIN[lang].match(x.words[before]))
    return starts and ends and q.a - after <= (6 if lang == "zh" else 4)


def _joined(p: _Piece, q: _Piece, x: _Text, lang: str, first: bool = True) -> bool:
    """Say whether nothing but an "and" stands between two pieces, or nothing at all."""
    end, start = (p.a + p.size, q.a) if first else (p.b + p.size, q.b)
    return all(_JOIN[lang].match(w) or w in _IDLE[lang] for w in x.words[end:start])


def any_exchanged(a: Sequence[str], b: Sequence[str], lang: str) -> npt.NDArray[np.int8]:
    """Return ``exchanged`` of many pairs; only those in which enough letters moved are looked at one by one.

    Args:
        a: normalized texts.
        b: as many others.
        lang: ``zh`` or ``en``.
    """
    out = np.zeros(len(a), np.int8)
    if not len(a):
        return out
    letters = {t: "".join(sorted(fold(t))) for t in {*a, *b}}
    apart = process.cpdist(list(map(fold, a)), list(map(fold, b)), scorer=Levenshtein.distance, dtype=np.int32)
    other = process.cpdist([letters[t] for t in a], [letters[t] for t in b], scorer=Levenshtein.distance, dtype=np.int32)
    sizes = np.fromiter(map(len, a), np.int64, len(a))
    # Letters that only moved cost edits in the text and none in the sorted letters.
    for at in np.flatnonzero((apart - other >= LEAST_MOVED[lang]) & (other <= 0.5 * sizes)).tolist():
        out[at] = exchanged(a[at], b[at], lang)
    return out


# Share of the words that both texts must have; chosen on half of PAWS-X.
LEAST_SHARED = 0.6
# Letters that two exchanged words move at least.
LEAST_MOVED = {"zh": 2, "en": 4}
