"""What a check gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "review"]


@dataclass(frozen=True)
class Flag:
    """One finding about a caption.

    Attributes:
        check: which check found it.
        severity: ``error`` is sure enough to act on, ``warning`` is worth a look, ``review`` must be seen by a person.
        lang: which caption, ``zh`` or ``en``.
        start, end: code points into the normalized text of that language.
        note: explanation in Chinese.
        note_en: explanation in English.
        suggestion: a rewrite of the marked words, or empty where none is clear.
    """

    check: str
    severity: Severity
    lang: str
    start: int
    end: int
    note: str
    note_en: str
    suggestion: str = ""
