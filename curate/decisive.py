"""Decisive words: what makes two captions that look alike different captions.

A dynasty, dish, opera, festival, person, place, number, colour or a negation in one caption and another one in the other: then they are not
duplicates, however alike the rest is. The words come from the lexicon and from ``lexicons/opposites.tsv``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from curate.data import data_path
from curate.lexicon import Entry, Lexicon, cells, read_tsv
from curate.matcher import Form, Matcher

# One-character dynasty names are never a label, but 唐 in one caption and 宋 in its twin is a difference.
DYNASTIES = "夏商周秦汉晋隋唐宋辽金元明清"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Opposites:
    """Meanings that exclude each other within a group (colours, numbers, seasons …)."""

    keys: tuple[tuple[str, str], ...]
    matcher: Matcher

    def find(self, text: str, lang: str) -> list[tuple[str, str, int, int]]:
        """Return ``(group, key, start, end)`` of every meaning named in a text."""
        return [(*self.keys[h.entries[0]], h.start, h.end) for h in self.matcher.find(text, "zh" if lang == "zh" else "latin") if len(h.entries) == 1]


@lru_cache(maxsize=2)
def load_opposites(path: Path | None = None) -> Opposites:
    """Read ``lexicons/opposites.tsv``.

    Args:
        path: the file; the shipped one if ``None``.
    """
    path = path or data_path("lexicons") / "opposites.tsv"
    keys: list[tuple[str, str]] = []
    forms: list[Form] = []
    for _, row in read_tsv(path):
        keys.append((row["group"], row["key"]))
        entry = len(keys) - 1
        forms += [Form(f, "zh", entry) for f in cells(row["zh"])]
        forms += [Form(f.lower(), "latin", entry) for f in cells(row["en"])]
    return Opposites(tuple(keys), Matcher(forms))


def _tag(entry: Entry) -> str | None:
    if entry.kind == "era":
        return "era:" + "+".join(entry.eras)
    if entry.kind in ("term", "region"):
        return entry.id
    return None


def decisive_words(lexicon: Lexicon, zh: str, en: str, terms: Iterable[dict[str, object]]) -> list[str]:
    """Return the decisive meanings of one caption pair, per language, sorted.

    Args:
        lexicon: the lexicon.
        zh: normalized Chinese caption.
        en: normalized English caption.
        terms: what the ``match`` stage found.

    Returns:
        Strings such as ``zh:era:tang`` or ``en:color:red``.
    """
    out: set[str] = set()
    opposites = load_opposites()
    taken: dict[str, list[tuple[int, int]]] = {"zh": [], "en": []}
    for t in terms:
        entry = lexicon.by_id.get(str(t["term_id"]))
        name = _tag(entry) if entry else None
        lang = str(t["lang"])
        if name:
            out.add(f"{lang}:{name}")
            taken[lang].append((int(str(t["start"])), int(str(t["end"]))))
    for lang, text in (("zh", zh), ("en", en)):
        for group, key, start, end in opposites.find(text, lang) if text else ():
            if not any(s < end and start < e for s, e in taken[lang]):
                out.add(f"{lang}:{group}:{key}")
    if zh:
        covered = "".join(zh[s:e] for s, e in taken["zh"])
        out |= {f"zh:dynasty:{c}" for c in DYNASTIES if c in zh and c not in covered}
    for lang, text in (("zh", zh), ("en", en)):
        out |= {f"{lang}:number:{x}" for x in _NUMBER.findall(text)}
    return sorted(out)


_REPLACED = re.compile(r"^(zh|en):([^:]+):(.+)$")


def differ(a: Iterable[str], b: Iterable[str]) -> str:
    """Say which decisive words differ between two captions.

    A word that one caption has and the other lacks counts only when the other has another of its kind in the same language
    (红 for 蓝), or when both sides have something of their own; a word merely left out is no contradiction.

    Args:
        a: decisive words of one caption.
        b: decisive words of the other.

    Returns:
        ``"唐 / 宋"``-like evidence, or ``""`` if nothing decisive differs.

    Example:
        >>> differ(["zh:era:tang"], ["zh:era:song"])
        'zh:era:tang / zh:era:song'
        >>> differ(["zh:era:tang"], [])
        ''
    """
    left, right = set(a), set(b)
    for lang in ("zh", "en"):
        mine = sorted(x for x in left - right if x.startswith(lang))
        yours = sorted(x for x in right - left if x.startswith(lang))
        if mine and yours:
            return f"{mine[0]} / {yours[0]}"
        for only in (*mine, *yours):
            if only.startswith((f"{lang}:negation", f"{lang}:number:")) and not (mine and yours):
                return only
    return ""


_STOP = frozenset(
    "a an the of in on at to for with and or is are was were be been being it its his her their this that these those there as by from into "
    "onto over up down out off some one very".split()
)


def content_differs(a: str, b: str, lang: str) -> bool:
    """Say whether two keys differ by whole words of their own on both sides, not by typing errors or endings.

    Args:
        a: comparison key of one caption.
        b: comparison key of the other.
        lang: ``zh`` or ``en``.

    Example:
        >>> content_differs("a man plays the guitar", "a man plays the flute", "en")
        True
        >>> content_differs("a man cooking his kichen", "a man cooks in his kitchen", "en")
        False
        >>> content_differs("一个男人在公园里弹吉他", "一个男人在公园里弹钢琴", "zh")
        True
    """
    if lang == "en":
        left, right = set(a.split()) - _STOP, set(b.split()) - _STOP
        mine, yours = left - right, right - left
        lone = [w for w in mine if not any(_alike(w, v) for v in yours)]
        other = [v for v in yours if not any(_alike(w, v) for w in mine)]
        return bool(lone) and bool(other)
    for op in Levenshtein.opcodes(a, b):
        if op.tag == "replace":
            x, y = a[op.src_start : op.src_end], b[op.dest_start : op.dest_end]
            if min(len(x), len(y)) >= 2 and not set(x) & set(y):
                return True
    return False


def _alike(a: str, b: str) -> bool:
    """Typing errors and endings: kichen and kitchen, plays and playing."""
    return bool(Levenshtein.normalized_similarity(a, b) >= 0.7) or (
        len(a) > 3 and len(b) > 3 and a[: max(3, min(len(a), len(b)) - 2)] == b[: max(3, min(len(a), len(b)) - 2)]
    )
