"""Explicit years and centuries in captions."""

from __future__ import annotations

import re

_YEAR_ZH = re.compile(r"(?:公元|西元)?(前?)(\d{3,4})年")
_YEAR_EN = re.compile(r"\b(?:in|of|circa|around|year|from)\s+(?:the year\s+)?(\d{3,4})(?:\s*(BCE|BC|CE|AD))?\b")
_CENTURY_ZH = re.compile(r"(公元前)?(\d{1,2})世纪")
_CENTURY_EN = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)[- ]century(?:\s+(BCE|BC))?")


def years(text: str, lang: str) -> list[tuple[int, int, int, int]]:
    """Return the explicit years and centuries of a text.

    Args:
        text: normalized text.
        lang: ``zh`` or ``en``.

    Returns:
        ``(first year, last year, start, end)``.

    Example:
        >>> years("郑和于1405年启航", "zh")[0][:2], years("a 15th-century map", "en")[0][:2]
        ((1405, 1405), (1401, 1500))
    """
    out = []
    if lang == "zh":
        for m in _YEAR_ZH.finditer(text):
            year = -int(m[2]) if m[1] else int(m[2])
            out.append((year, year, m.start(), m.end()))
        for m in _CENTURY_ZH.finditer(text):
            n = int(m[2])
            out.append((-100 * n, -100 * n + 99, m.start(), m.end()) if m[1] else (100 * n - 99, 100 * n, m.start(), m.end()))
    else:
        for m in _YEAR_EN.finditer(text):
            year = -int(m[1]) if m[2] in ("BC", "BCE") else int(m[1])
            out.append((year, year, m.start(), m.end()))
        for m in _CENTURY_EN.finditer(text):
            n = int(m[1])
            out.append((-100 * n, -100 * n + 99, m.start(), m.end()) if m[2] else (100 * n - 99, 100 * n, m.start(), m.end()))
    return out
