"""Find many surface forms in captions at once: Aho-Corasick, longest match, edges and capitals for Latin script.

Chinese is matched without regard to word edges (there are none), folded to one script. Latin-script forms need a
word edge on both sides, and a capital where the form has one, so that "Song" is not "song".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import ahocorasick_rs

from curate.text import fold_table

Group = Literal["zh", "latin"]


class Form(NamedTuple):
    """One surface form and the entry it stands for; ``accents`` demands the form's own accents (toned pinyin)."""

    text: str
    group: Group
    entry: int
    accents: bool = False


class Hit(NamedTuple):
    """One match: code-point offsets into the text that was searched, and the entries of the form."""

    start: int
    end: int
    entries: tuple[int, ...]


@lru_cache(maxsize=1)
def _latin_table() -> dict[int, str]:
    table = dict(fold_table())
    for code in [*range(0xC0, 0x250), *range(0x1E00, 0x1F00)]:
        base = unicodedata.normalize("NFD", chr(code))[0].lower()
        if len(base) == 1:
            table[code] = base
    table[ord("-")] = " "
    table[ord("’")] = "'"
    return table


def latin_fold(text: str) -> str:
    """Fold case, accents and hyphens, one code point to one code point.

    Args:
        text: normalized text.

    Example:
        >>> latin_fold("Tang-dynasty café")
        'tang dynasty cafe'
    """
    return text.translate(_latin_table())


def zh_fold(text: str) -> str:
    """Fold Chinese script and case, one code point to one code point."""
    return text.translate(fold_table())


@dataclass(frozen=True)
class _Shape:
    """What a Latin form asks of the text besides its letters: at which offsets a capital must stand."""

    entries: tuple[int, ...]
    capitals: tuple[int, ...]
    accented: str


class Matcher:
    """A compiled set of surface forms.

    Args:
        forms: surface forms with the number of their entry; several entries may share a form.
    """

    def __init__(self, forms: Iterable[Form]) -> None:
        zh: dict[str, set[int]] = {}
        latin: dict[str, dict[tuple[tuple[int, ...], str], set[int]]] = {}
        for form in forms:
            if form.group == "zh":
                zh.setdefault(zh_fold(form.text), set()).add(form.entry)
            else:
                capitals = tuple(i for i, c in enumerate(form.text) if c.isupper() and (i == 0 or not form.text[i - 1].isalnum()))
                # Without this "sushi" would be Sū Shì.
                accented = form.text.lower() if form.accents else ""
                latin.setdefault(latin_fold(form.text), {}).setdefault((capitals, accented), set()).add(form.entry)
        self._zh_entries = [tuple(sorted(v)) for v in zh.values()]
        self._latin_shapes = [[_Shape(tuple(sorted(e)), *need) for need, e in v.items()] for v in latin.values()]
        self._zh = ahocorasick_rs.AhoCorasick(list(zh), matchkind=ahocorasick_rs.MatchKind.Standard) if zh else None
        self._latin = ahocorasick_rs.AhoCorasick(list(latin), matchkind=ahocorasick_rs.MatchKind.Standard) if latin else None
        self.size = len(zh) + len(latin)

    def find(self, text: str, group: Group) -> list[Hit]:
        """Return the longest matches of a text, left to right, without overlaps.

        Args:
            text: normalized text; offsets refer to it.
            group: ``zh`` searches Chinese forms and, inside the Chinese text, Latin ones too; ``latin`` searches
                Latin forms and Chinese ones quoted in them.
        """
        hits = self._find_zh(text) if group == "zh" or not text.isascii() else []
        if group == "latin" or not _no_latin(text):
            hits += self._find_latin(text)
        return longest(hits)

    def find_many(self, texts: Sequence[str], group: Group) -> list[list[Hit]]:
        """Return ``find`` for every text."""
        return [self.find(t, group) if t else [] for t in texts]

    def _find_zh(self, text: str) -> list[Hit]:
        if self._zh is None:
            return []
        found = self._zh.find_matches_as_indexes(zh_fold(text), overlapping=True)
        return [Hit(start, end, self._zh_entries[p]) for p, start, end in found]

    def _find_latin(self, text: str) -> list[Hit]:
        if self._latin is None:
            return []
        low = latin_fold(text)
        found = self._latin.find_matches_as_indexes(low, overlapping=True)
        if not found:
            return []
        lower_only = not any(c.isupper() for c in text)
        n = len(low)
        hits = []
        for p, start, end in found:
            if (start and _is_latin_word(low[start - 1])) or (end < n and _is_latin_word(low[end])):
                continue
            entries: list[int] = []
            for shape in self._latin_shapes[p]:
                if shape.accented and text[start:end].lower() != shape.accented:
                    continue
                if _capitals_fit(text, start, end, shape.capitals, lower_only):
                    entries.extend(shape.entries)
            if entries:
                hits.append(Hit(start, end, tuple(sorted(set(entries)))))
        return hits


_LATIN = re.compile("[A-Za-z]")


def _no_latin(text: str) -> bool:
    return _LATIN.search(text) is None


def _is_latin_word(char: str) -> bool:
    return char.isalnum() and char < "\u0250"


def _capitals_fit(text: str, start: int, end: int, capitals: tuple[int, ...], lower_only: bool) -> bool:
    if not capitals:
        return True
    if lower_only:
        # A caption without any capital cannot show which word is a name: believe long or many-word names only.
        return end - start >= 8 or " " in text[start:end]
    return all(text[start + i].isupper() for i in capitals)


def longest(hits: list[Hit]) -> list[Hit]:
    """Resolve overlaps: leftmost first, and of those that start together the longest.

    A match that starts later and is longer than the one it overlaps wins when it begins before that one's
    last character and covers more, as 天安门广场 over 天安.

    Args:
        hits: matches in any order.

    Example:
        >>> [h[:2] for h in longest([Hit(0, 2, (1,)), Hit(0, 4, (2,)), Hit(3, 5, (3,))])]
        [(0, 4)]
    """
    if len(hits) < 2:
        return hits
    hits.sort(key=lambda h: (h.start, -h.end))
    kept: list[Hit] = []
    for hit in hits:
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
        elif hit.start == kept[-1].start and hit.end == kept[-1].end:
            kept[-1] = Hit(hit.start, hit.end, tuple(sorted({*kept[-1].entries, *hit.entries})))
        elif hit.start > kept[-1].start and hit.end - hit.start > kept[-1].end - kept[-1].start + 1:
            kept[-1] = hit
    return kept
