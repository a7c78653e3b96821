"""Cells of CSV files that a spreadsheet would run as formulas: made harmless on writing, given back on reading.

An apostrophe goes before a text that begins with ``= + - @``, their full-width forms, a tab or a carriage return. A text that begins so after
apostrophes of its own gets one more, so that taking one away always gives back what was there.
"""

from __future__ import annotations

import re

MARK = "'"
_RISKY = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def guard(value: str) -> str:
    """Return a cell that no spreadsheet runs; numbers stay numbers.

    Args:
        value: any text.

    Example:
        >>> guard("=1+1"), guard("-3.5"), guard("'=x"), guard("唐代")
        ("'=1+1", '-3.5', "''=x", '唐代')
    """
    return MARK + value if _RISKY.match(value) and not _NUMBER.fullmatch(value) else value


def unguard(value: str) -> str:
    """Return what :func:`guard` was given.

    Args:
        value: a guarded cell.

    Example:
        >>> unguard("'=1+1"), unguard("''=x"), unguard("'tis spring")
        ('=1+1', "'=x", "'tis spring")
    """
    return value[1:] if value.startswith(MARK) and _RISKY.match(value) else value
