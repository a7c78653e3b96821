"""Subtitles: cues of .srt, .vtt and .ass files, in either language, aligned to clips by time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from curate.errors import need_extra
from curate.readers.encoding import detect

ENDINGS = (".srt", ".vtt", ".ass", ".ssa")
MAX_BYTES = 4 << 20
MAX_CUES = 100_000
_LANGUAGES = {"zh": "zh", "cn": "zh", "chs": "zh", "cht": "zh", "zho": "zh", "chi": "zh", "en": "en", "eng": "en"}
# A cue belongs to a clip if so much of the shorter of the two lies in the other.
SHARED = 0.5


class Cue(NamedTuple):
    """One line of speech: seconds and text."""

    start: float
    end: float
    text: str


class SubtitleFault(ValueError):
    """A file of subtitles that cannot be read; ``reason`` is for the quarantine."""

    def __init__(self, reason: str, note: str) -> None:
        super().__init__(note)
        self.reason, self.note = reason, note


def parse(raw: bytes, name: str) -> tuple[list[Cue], list[str]]:
    """Parse subtitles.

    Args:
        raw: the bytes of the file; any encoding.
        name: of the file, for messages.

    Returns:
        Cues in order of time without markup, and a note for each cue that cannot be used.

    Raises:
        SubtitleFault: it is too large, in no known encoding, or no subtitles.
        MissingExtra: pysubs2 is not installed.
    """
    try:
        import pysubs2
    except ImportError as e:
        raise need_extra("pysubs2", "clips") from e
    if len(raw) > MAX_BYTES:
        raise SubtitleFault("too_large", f"{name} has more than {MAX_BYTES >> 20} MiB")
    try:
        text = raw.decode(detect(raw).codec).lstrip("\ufeff")
        file = pysubs2.SSAFile.from_string(text)
    except UnicodeDecodeError as e:
        raise SubtitleFault("bad_encoding", f"{name}: {e.reason}") from e
    except (pysubs2.exceptions.Pysubs2Error, ValueError, IndexError, KeyError, OverflowError) as e:
        raise SubtitleFault("bad_subtitles", f"{name}: {type(e).__name__}: {str(e)[:200]}") from e
    cues: list[Cue] = []
    notes: list[str] = []
    for event in list(file)[:MAX_CUES]:
        words = " ".join(event.plaintext.split())
        if event.is_comment or not words:
            continue
        if event.end <= event.start or event.start < 0:
            notes.append(f"{name}: the cue {words[:40]!r} from {event.start / 1000} to {event.end / 1000} s is no interval")
            continue
        cues.append(Cue(event.start / 1000, event.end / 1000, words))
    return sorted(cues), notes


def language(name: str) -> str:
    """Return ``zh``, ``en`` or ``caption`` (to be told from the text) for a file name.

    Example:
        >>> language("clip.zh.srt"), language("clip_en.vtt"), language("clip.srt")
        ('zh', 'en', 'caption')
    """
    stem = Path(name).stem.lower()
    for separator in (".", "_", "-"):
        tail = stem.rpartition(separator)[2] if separator in stem else ""
        if tail in _LANGUAGES:
            return _LANGUAGES[tail]
        if tail in ("hans", "hant") and ("zh" in stem):
            return "zh"
    return "caption"


def within(cues: list[Cue], start: float, end: float) -> str | None:
    """Return the text of the cues that belong to an interval.

    Args:
        cues: in order of time.
        start: seconds.
        end: seconds.

    Example:
        >>> within([Cue(0, 2, "龙舟"), Cue(2, 4, "竞渡")], 0.1, 2.5)
        '龙舟'
    """
    words = [
        c.text
        for c in cues
        if min(c.end, end) - max(c.start, start) >= SHARED * min(c.end - c.start, end - start) and min(c.end, end) > max(c.start, start)
    ]
    return " ".join(dict.fromkeys(words)) or None
