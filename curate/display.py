"""How texts are shown to people: highlights on the text as read, both scripts, pinyin, differences, hidden characters made visible.

Everything here gives plain data; whoever draws it must escape it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from curate.errors import need_extra
from curate.text import normalize_with_map, script_of, to_simplified, to_traditional

_HIDDEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\U000e0000-\U000e007f]"
)
_HAN = re.compile("[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
_WORD = re.compile(r"[A-Za-z0-9'’-]+|\s+|.", re.DOTALL)
Script = Literal["as_read", "hans", "hant"]


class Piece(NamedTuple):
    """A piece of text and the numbers of the marks that cover it."""

    text: str
    marks: tuple[int, ...]


class Change(NamedTuple):
    """A piece of a comparison: ``same``, ``out`` (only in the first text) or ``in`` (only in the second)."""

    kind: str
    text: str


class Syllable(NamedTuple):
    """A character and how it is read; ``""`` where it has no reading."""

    text: str
    reading: str


def place_map(original: str, lang: str) -> list[int] | None:
    """Return, for every code point of the normalized text, its place in the original; one more entry than the text.

    Args:
        original: the caption as read.
        lang: ``zh`` (normalized text is simplified) or ``en``.

    Returns:
        The places, or ``None`` if the change of script changed the length.
    """
    normal, starts = normalize_with_map(original)
    if lang == "zh" and script_of(normal) in ("hant", "mixed") and len(to_simplified(normal)) != len(normal):
        return None
    return starts


def on_original(starts: Sequence[int] | None, start: int, end: int) -> tuple[int, int] | None:
    """Return where a span of the normalized text lies in the original, or ``None`` if it is not known.

    Args:
        starts: from `place_map`.
        start: first code point.
        end: one past the last.

    Example:
        >>> on_original(place_map("Ａ　唐代", "zh"), 2, 4)
        (2, 4)
    """
    if starts is None or not 0 <= start < end < len(starts):
        return None
    first, last = starts[start], starts[end - 1]
    return first, next((s for s in starts[end:] if s > last), starts[-1])


def pieces(text: str, marks: Sequence[Mapping[str, Any]]) -> list[Piece]:
    """Cut a text at the borders of its marks, which may overlap.

    Args:
        text: the text.
        marks: with ``start`` and ``end`` in code points of the text; those outside are cut.

    Example:
        >>> pieces("abcd", [{"start": 1, "end": 3}])
        [Piece(text='a', marks=()), Piece(text='bc', marks=(0,)), Piece(text='d', marks=())]
    """
    spans = [(max(0, int(m["start"])), min(len(text), int(m["end"]))) for m in marks]
    cuts = sorted({0, len(text), *(x for s, e in spans if s < e for x in (s, e))})
    return [Piece(text[a:b], tuple(i for i, (s, e) in enumerate(spans) if s <= a and b <= e)) for a, b in zip(cuts, cuts[1:], strict=False)]


def hidden(text: str) -> list[tuple[str, str]]:
    """Split a text into visible parts and hidden characters.

    Args:
        text: any text.

    Returns:
        ``(part, name)``; ``name`` is ``""`` for visible text and such as ``U+202E`` for a character nobody sees.

    Example:
        >>> hidden("a\\u202eb")
        [('a', ''), ('\\u202e', 'U+202E'), ('b', '')]
    """
    out: list[tuple[str, str]] = []
    at = 0
    for found in _HIDDEN.finditer(text):
        # A joiner between emoji or in Indic and Mongolian text has a meaning of its own.
        if found.group() in "\u200c\u200d" and 0 < found.start() < len(text) - 1 and _joins(text, found.start()):
            continue
        if found.start() > at:
            out.append((text[at : found.start()], ""))
        out.append((found.group(), f"U+{ord(found.group()):04X}"))
        at = found.end()
    return out + ([(text[at:], "")] if at < len(text) else [])


def _joins(text: str, at: int) -> bool:
    return unicodedata.category(text[at - 1]) in ("So", "Mn", "Sk", "Lo") and unicodedata.category(text[at + 1]) in ("So", "Lo", "Mn")


def in_script(text: str, script: Script) -> str:
    """Return Chinese text in another script, for the eye only.

    Args:
        text: the text.
        script: ``as_read``, ``hans`` or ``hant``.

    Example:
        >>> in_script("龙舟", "hant"), in_script("龍舟", "hans"), in_script("龍舟", "as_read")
        ('龍舟', '龙舟', '龍舟')
    """
    return {"hans": to_simplified, "hant": to_traditional}.get(script, str)(text)


def _no_reading(run: str) -> Any:
    return [[""]] * len(run)


def syllables(text: str) -> list[Syllable]:
    """Return a text with the pinyin of its Chinese characters.

    Args:
        text: the text.

    Raises:
        MissingExtra: pypinyin is not installed.
    """
    try:
        import pypinyin
    except ImportError as e:
        raise need_extra("pypinyin", "review") from e
    out: list[Syllable] = []
    at = 0
    for found in _HAN.finditer(text):
        if found.start() > at:
            out.append(Syllable(text[at : found.start()], ""))
        readings: list[list[str]] = pypinyin.pinyin(found.group(), errors=_no_reading)
        out += [Syllable(c, r[0]) for c, r in zip(found.group(), readings, strict=False)]
        at = found.end()
    return out + ([Syllable(text[at:], "")] if at < len(text) else [])


def changes(before: str, after: str) -> list[Change]:
    """Compare two texts, Chinese by character and others by word.

    Args:
        before: the first text.
        after: the second.

    Example:
        >>> changes("龙舟赛", "龙船赛")
        [Change(kind='same', text='龙'), Change(kind='out', text='舟'), Change(kind='in', text='船'), Change(kind='same', text='赛')]
    """
    a, b = _WORD.findall(before[:20_000]), _WORD.findall(after[:20_000])
    out: list[Change] = []
    for kind, a0, a1, b0, b1 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            out.append(Change("same", "".join(a[a0:a1])))
            continue
        if a1 > a0:
            out.append(Change("out", "".join(a[a0:a1])))
        if b1 > b0:
            out.append(Change("in", "".join(b[b0:b1])))
    return out


def rewritten(original: str, spans: Sequence[tuple[int, int, str]]) -> str:
    """Return a text with spans replaced; of two that overlap the first is done.

    Args:
        original: the text.
        spans: ``(start, end, new)`` in code points.

    Example:
        >>> rewritten("唐代的辫子", [(3, 5, "发髻")])
        '唐代的发髻'
    """
    out, at = [], 0
    for start, end, new in sorted(spans):
        if start >= at:
            out += [original[at:start], new]
            at = end
    return "".join([*out, original[at:]])
