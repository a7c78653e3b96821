"""Find many surface forms in captions at once: Aho-Corasick, longest match, edges and capitals for Latin script.

Chinese is matched without regard to word edges (there are none), folded to one script. Latin-script forms need a
word edge on both sides, and a capital where the form has one, so that "Song" is not "song".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

import ahocorasick_rs

from curate.knowledge.bulk import LATIN, TONED, Bulk, Forms, blocks
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


class _Automaton:
    """Folded forms of one script with what stands behind each of them.

    Args:
        forms: the forms.
        table: how they are folded.
    """

    def __init__(self, forms: list[Form], table: dict[int, str]) -> None:
        patterns: dict[str, list[Form]] = {}
        # One long text is folded faster than many short ones; no fold changes the length, and no form holds a line end.
        folded = "\n".join(f.text for f in forms).translate(table).split("\n") if forms else []
        for key, form in zip(folded, forms, strict=True):
            patterns.setdefault(key, []).append(form)
        self.size = len(patterns)
        self._forms = list(patterns.values())
        self._entries: dict[int, tuple[int, ...]] = {}
        self._shapes: dict[int, list[_Shape]] = {}
        kind = ahocorasick_rs.MatchKind.Standard
        self._find = ahocorasick_rs.AhoCorasick(list(patterns), matchkind=kind, store_patterns=False).find_matches_as_indexes if patterns else None

    def find(self, folded: str) -> list[tuple[int, int, int]]:
        """Return ``(pattern, start, end)`` of every match, overlapping ones too."""
        return self._find(folded, overlapping=True) if self._find is not None else []

    def entries(self, pattern: int) -> tuple[int, ...]:
        """Return the entries of a pattern."""
        got = self._entries.get(pattern)
        if got is None:
            got = self._entries[pattern] = tuple(sorted({f.entry for f in self._forms[pattern]}))
        return got

    def shapes(self, pattern: int) -> list[_Shape]:
        """Return what the Latin forms of a pattern ask of the text."""
        got = self._shapes.get(pattern)
        if got is None:
            needs: dict[tuple[tuple[int, ...], str], set[int]] = {}
            for form in self._forms[pattern]:
                capitals = tuple(i for i, c in enumerate(form.text) if c.isupper() and (i == 0 or not form.text[i - 1].isalnum()))
                # Without this "sushi" would be Sū Shì.
                needs.setdefault((capitals, form.text.lower() if form.accents else ""), set()).add(form.entry)
            got = self._shapes[pattern] = [_Shape(tuple(sorted(e)), *need) for need, e in needs.items()]
        return got


class Matcher:
    """A compiled set of surface forms.

    Args:
        forms: surface forms with the number of their entry; several entries may share a form. Entries of one form must come in order.
    """

    def __init__(self, forms: Iterable[Form]) -> None:
        groups: dict[tuple[Group, bool], Forms] = {("zh", False): Forms([], []), ("latin", False): Forms([], []), ("latin", True): Forms([], [])}
        for form in forms:
            texts, entries = groups[form.group, form.group == "latin" and form.accents]
            texts.append(form.text)
            entries.append(form.entry)
        self._compile(*groups.values())

    @classmethod
    def of(cls, zh: Forms, latin: Forms, accented: Forms) -> Matcher:
        """Return the matcher of forms that are sorted out already.

        Args:
            zh: Chinese forms.
            latin: Latin forms.
            accented: Latin forms whose accents are demanded.
        """
        out = cls(())
        out._compile(zh, latin, accented)
        return out

    def _compile(self, zh: Forms, latin: Forms, accented: Forms) -> None:
        # Built for every command, so everything waits here until it is needed.
        self._forms = (zh, latin, accented)

    @cached_property
    def bulk(self) -> Bulk:
        """The same forms compiled for many texts."""
        return Bulk(*self._forms, fold_table(), _latin_table())

    @cached_property
    def _zh(self) -> _Automaton:
        return _Automaton([Form(t, "zh", e) for t, e in zip(*self._forms[0], strict=True)], fold_table())

    @cached_property
    def _latin(self) -> _Automaton:
        return _Automaton([Form(t, "latin", e) for t, e in zip(*self._forms[1], strict=True)], _latin_table())

    @cached_property
    def _accented(self) -> _Automaton:
        """Toned pinyin, needed only for a text that has tone marks."""
        return _Automaton([Form(t, "latin", e, accents=True) for t, e in zip(*self._forms[2], strict=True)], _latin_table())

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
        """Return ``find`` for every text; texts are searched together, which is several times quicker.

        Args:
            texts: normalized texts.
            group: as in ``find``.
        """
        if sum(map(len, texts)) < _FEW:
            return [self.find(t, group) if t else [] for t in texts]
        out: list[list[Hit]] = [[] for _ in texts]
        entries = self.bulk.sets.entries
        for start, some in blocks(texts):
            found = self.bulk.search(some, group)
            for row, first, last, number in zip(*(c.tolist() for c in found), strict=True):
                out[start + row].append(Hit(first, last, entries(number)))
        return out

    def _find_zh(self, text: str) -> list[Hit]:
        entries = self._zh.entries
        return [Hit(start, end, entries(p)) for p, start, end in self._zh.find(zh_fold(text))]

    def _find_latin(self, text: str) -> list[Hit]:
        low = latin_fold(text)
        hits = _latin_hits(self._latin, text, low)
        if self._forms[2].texts and TONED.search(text):
            hits += _latin_hits(self._accented, text, low)
        return hits


# Fewer characters than this are searched one text after the other: arrays have a cost of their own.
_FEW = 4000


def _latin_hits(automaton: _Automaton, text: str, low: str) -> list[Hit]:
    n = len(low)
    hits = []
    for p, start, end in automaton.find(low):
        if (start and _is_latin_word(low[start - 1])) or (end < n and _is_latin_word(low[end])):
            continue
        shapes = automaton.shapes(p)
        if len(shapes) == 1 and not shapes[0].accented and not shapes[0].capitals:
            hits.append(Hit(start, end, shapes[0].entries))
            continue
        entries: list[int] = []
        for shape in shapes:
            if shape.accented and text[start:end].lower() != shape.accented:
                continue
            if _capitals_fit(text, start, end, shape.capitals):
                entries.extend(shape.entries)
        if entries:
            hits.append(Hit(start, end, tuple(sorted(set(entries)))))
    return hits


def _no_latin(text: str) -> bool:
    return LATIN.search(text) is None


def _is_latin_word(char: str) -> bool:
    return char.isalnum() and char < "\u0250"


def _capitals_fit(text: str, start: int, end: int, capitals: tuple[int, ...]) -> bool:
    if all(text[start + i].isupper() for i in capitals):
        return True
    # A caption without any capital cannot show which word is a name: believe long or many-word names only.
    if end - start < 8 and " " not in text[start:end]:
        return False
    last = text.find("\n", end)
    return not any(c.isupper() for c in text[text.rfind("\n", 0, start) + 1 : last if last >= 0 else len(text)])


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
