"""A prompt being localized: what it claims, what may change in it, and the changes with their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from curate.prompts.phrase import Noun, negated, quoted

LANGS = ("zh", "en")


RANK = {"fix": 0, "era": 1, "specify": 2}


@dataclass(frozen=True)
class Change:
    """One change of a text, with its reason in both languages and what else could stand there."""

    lang: str
    start: int
    end: int
    before: str
    after: str
    kind: str
    rule: str
    why_zh: str
    why_en: str
    others: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"lang": self.lang, "start": self.start, "end": self.end, "from": self.before, "to": self.after, "kind": self.kind,
                "rule": self.rule, "why": {"zh": self.why_zh, "en": self.why_en}, "others": list(self.others)}  # fmt: skip


@dataclass
class Reader:
    """One prompt being localized.

    Attributes:
        era: its period, named or chosen; empty if it has none.
        claimed: periods that it names itself.
        terms: places of lexicon terms, ``(lang, start, end)``.
        stays: what keeps the prompt as it is.
        instead: first period that did not fit, with what would be wrong in it.
    """

    ident: str
    texts: dict[str, str]
    claimed: tuple[str, ...]
    terms: tuple[tuple[str, int, int], ...]
    china: bool
    stays: str
    vague: bool
    flags: Sequence[Mapping[str, Any]]
    seed: int
    era: str = ""
    instead: tuple[str, str] = ("", "")
    changes: tuple[Change, ...] = ()

    @property
    def both(self) -> bool:
        return bool(self.texts["zh"] and self.texts["en"])

    @property
    def joint(self) -> str:
        return self.texts["zh"] + "\n" + self.texts["en"]


def pick(options: Sequence[Noun], *key: object) -> int:
    """Return the place of one of several equally good choices; the same key gives the same."""
    digest = blake2b("|".join(map(str, key)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % len(options)


def blocked(text: str, start: int, lang: str) -> bool:
    """Whether nothing may change here: it is quoted, or it must not be seen."""
    return quoted(text, start) or negated(text, start, lang)


def settle(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Changes that do not overlap: mending before naming, longer before shorter."""
    kept: list[Change] = []
    for c in sorted(changes, key=lambda c: (RANK[c.kind], -(c.end - c.start), c.start)):
        if c.before != c.after and not any(k.lang == c.lang and c.start < k.end and k.start < c.end for k in kept):
            kept.append(c)
    # A rule that lost its place in one caption is not applied in the other alone.
    lost = {c.rule for c in changes if c.kind == "specify"} - {r for r in {c.rule for c in kept} if all(c in kept for c in changes if c.rule == r)}
    return tuple(sorted((c for c in kept if c.rule not in lost), key=lambda c: (c.lang, c.start)))


def apply(text: str, changes: Sequence[Change]) -> tuple[str, str]:
    """Return the new text and the diff with ``[-old-]{+new+}``."""
    new, diff, at = "", "", 0
    for c in changes:
        new += text[at : c.start] + c.after
        diff += text[at : c.start] + f"[-{c.before}-]{{+{c.after}+}}"
        at = c.end
    return new + text[at:], diff + text[at:]


def texts_of(reader: Reader, changes: Sequence[Change]) -> dict[str, str]:
    """Return both captions with the changes made."""
    return {lang: apply(reader.texts[lang], [c for c in changes if c.lang == lang])[0] for lang in LANGS}


def origin(changes: Sequence[Change], flag: Mapping[str, Any]) -> tuple[Change | None, int]:
    """The change that a flag of the new text falls into, and where the flag begins: within it, or in the source."""
    shift = 0
    for c in (c for c in changes if c.lang == flag["lang"]):
        at = c.start + shift
        if flag["start"] < at + len(c.after) and at < flag["end"]:
            return c, flag["start"] - at
        if flag["start"] < at:
            break
        shift += len(c.after) - (c.end - c.start)
    return None, flag["start"] - shift
