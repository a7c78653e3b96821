"""Why a file cannot be used, as a code for its row."""

from __future__ import annotations


class Refused(Exception):
    """A file that cannot be used.

    Args:
        reason: short code for the row.
        note: detail for people.
    """

    def __init__(self, reason: str, note: str = "") -> None:
        super().__init__(f"{reason}: {note}")
        self.reason, self.note = reason, note
