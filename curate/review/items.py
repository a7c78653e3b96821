"""What a reviewer gets and gives back: items, decisions, and what several decisions mean together."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curate.errors import DataError, UsageError, did_you_mean
from curate.schema import canonical_json

VERDICTS = ("accept", "edit", "reject", "skip", "flag", "undo")
COUNTED = ("accept", "edit", "reject", "flag")  # these fill one of the item's places; a skip or an undo leaves it free
KINDS = ("review", "adjudicate")
ROLES = ("reviewer", "lead")
READS = ("zh", "en", "both")
# The keys 1 to 9 of the review page, in this order.
REASONS = ("wrong_content", "wrong_fact", "mistranslation", "not_fluent", "too_vague", "sensitive", "bad_clip", "duplicate", "other")
EDITABLE = ("zh", "en", "themes")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CONTROL = re.compile("[\u0000-\u0008\u000b-\u001f\u007f\ud800-\udfff]")
_QUEUE = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")


def ulid() -> str:
    """Return a new id whose order is the order of time (26 characters; 48 bits of milliseconds, 80 random bits).

    Source: the ULID specification.

    Example:
        >>> len(ulid()), ulid() != ulid()
        (26, True)
    """
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[number >> 5 * i & 31] for i in range(25, -1, -1))


def item_id(queue: str, record_id: str, zh: str | None, en: str | None) -> str:
    """Return the id of an item: what was asked, of which record, with which texts.

    An unchanged caption keeps its id, and with it its decisions, in the next run; a changed one gets a new id and is asked again.

    Args:
        queue: name of the queue.
        record_id: id of the record.
        zh: Chinese caption as shown.
        en: English caption as shown.

    Example:
        >>> item_id("q", "1", "龙舟", None) == item_id("q", "1", "龙舟", None) != item_id("q", "1", "龙船", None)
        True
    """
    text = canonical_json([queue, record_id, zh, en])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def clean(text: str) -> str:
    """Remove what no database and no screen can hold: control characters and lone surrogates. Everything else stays.

    Args:
        text: what a person typed.

    Example:
        >>> clean("龙舟\\x00\\ud800\\n竞渡")
        '龙舟\\n竞渡'
    """
    return _CONTROL.sub("", text)


def reviewer_name(name: str) -> str:
    """Return a name in its one spelling.

    Args:
        name: what was typed, 1 to 40 visible characters.

    Raises:
        UsageError: nothing is left, or it is too long.

    Example:
        >>> reviewer_name("  李 明 ")
        '李 明'
    """
    text = re.sub(r"\s+", " ", clean(unicodedata.normalize("NFC", name))).strip()
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Co", "Cn"))
    if not 1 <= len(text) <= 40:
        raise UsageError(f"{name[:60]!r} is no name for a reviewer", hint="1 to 40 characters")
    return text


def queue_name(name: str) -> str:
    """Return the name of a queue, which also names a file.

    Raises:
        UsageError: it is not made of small letters, digits and hyphens.
    """
    if not _QUEUE.fullmatch(name) or len(name) > 80:
        raise UsageError(f"{name[:90]!r} is no name for a queue", hint="small letters, digits and hyphens, such as festivals-1")
    return name


@dataclass(frozen=True)
class Item:
    """One question to a reviewer.

    Attributes:
        item_id: see `item_id`.
        queue: the queue.
        record_id: the record.
        clip_id: the clip.
        shown: exactly what the reviewer sees.
        suggestion: what a machine proposes; never counts as a decision.
        why: why it is asked.
        priority: higher comes first.
        overlap: how many reviewers are wanted; 0 leaves it as it is (for a new item: as many as the queue's other items want, or 1).
        tags: what it can be filtered by, ``axis:value``.
        lease: until when it is held for the reviewer who claimed it, ISO 8601.
    """

    item_id: str
    queue: str
    record_id: str
    clip_id: str
    shown: Mapping[str, Any]
    suggestion: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    priority: float = 0.0
    overlap: int = 1
    tags: tuple[str, ...] = ()
    lease: str = ""


@dataclass(frozen=True)
class Decision:
    """One person's decision on one item.

    Attributes:
        item_id: the item.
        reviewer: who decided.
        verdict: one of `VERDICTS`; ``undo`` takes the reviewer's last decision on the item back.
        decision_id: made once per click; sending it again changes nothing.
        kind: ``review``, or ``adjudicate`` when a lead settles a dispute.
        edits: new ``zh``, ``en`` or ``themes``.
        labels: reasons out of `REASONS`.
        note: free text.
        seconds: time the reviewer took.
        base: the decision the reviewer saw as the current one; lets the store notice that another came in between.
        app_version: what recorded it.
    """

    item_id: str
    reviewer: str
    verdict: str
    decision_id: str = field(default_factory=ulid)
    kind: str = "review"
    edits: Mapping[str, Any] = field(default_factory=dict)
    labels: Sequence[str] = ()
    note: str = ""
    seconds: float = 0.0
    base: str | None = None
    app_version: str = ""

    def checked(self) -> Decision:
        """Return the decision cleaned.

        Raises:
            DataError: a verdict, kind, reason or edit is not known, or an edit is empty.
        """
        for value, allowed, what in ((self.verdict, VERDICTS, "verdict"), (self.kind, KINDS, "kind")):
            if value not in allowed:
                raise DataError(f"unknown {what} {value!r}", hint=did_you_mean(value, allowed))
        for label in self.labels:
            if label not in REASONS:
                raise DataError(f"unknown reason {label!r}", hint=did_you_mean(label, REASONS))
        for name in self.edits:
            if name not in EDITABLE:
                raise DataError(f"a reviewer cannot edit {name!r}", hint=did_you_mean(name, EDITABLE))
        edits = {k: clean(v).strip() if isinstance(v, str) else [clean(str(x)) for x in v] for k, v in self.edits.items() if v is not None}
        if self.verdict == "edit" and not edits:
            raise DataError("an edit changes nothing", hint="accept it instead")
        if not (len(self.decision_id) <= 64 and self.decision_id.isascii() and self.decision_id.isalnum()):
            raise DataError(f"{self.decision_id[:70]!r} is no decision id", hint="letters and digits, at most 64; leave it out to get one")
        seconds = round(min(max(float(self.seconds), 0.0), 86_400.0), 3)
        return Decision(
            self.item_id, reviewer_name(self.reviewer), self.verdict, self.decision_id, self.kind, edits, tuple(sorted(set(self.labels))),
            clean(self.note), seconds, self.base, self.app_version,
        )  # fmt: skip


@dataclass(frozen=True)
class Added:
    """What putting items into their queues changed.

    Attributes:
        new: items that were not there.
        there: items that were there already, with their decisions.
        raised: of these, items that more people are asked for than before.
        lowered: of these, items that fewer people are asked for than before.
        retired: items that left the queue.
        returned: items that had left it and are back.
    """

    new: int = 0
    there: int = 0
    raised: int = 0
    lowered: int = 0
    retired: int = 0
    returned: int = 0


@dataclass(frozen=True)
class Receipt:
    """What the store says of a decision it holds for good.

    Attributes:
        decision_id: its id.
        created_at: when it was stored.
        replayed: it was there already; nothing was written.
        conflict: a decision that came in between and that the sender had not seen; both are kept, the later one counts.
    """

    decision_id: str
    created_at: str
    replayed: bool = False
    conflict: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What the decisions on one item mean together.

    Attributes:
        review: ``unseen``, ``accepted``, ``edited``, ``rejected`` or ``disputed``.
        zh: the final Chinese, if it was edited.
        en: the final English, if it was edited.
        themes: the final themes, if they were edited.
        reviewers: whose decisions counted.
    """

    review: str
    zh: str | None = None
    en: str | None = None
    themes: tuple[str, ...] | None = None
    reviewers: tuple[str, ...] = ()


Vote = tuple[str, str | None, str | None, tuple[str, ...] | None]


def _vote(row: Mapping[str, Any]) -> Vote:
    edits = row["edits"] if row["verdict"] == "edit" else {}
    themes = edits.get("themes")
    return (row["verdict"], edits.get("zh"), edits.get("en"), None if themes is None else tuple(themes))


def outcome(rows: Iterable[Mapping[str, Any]]) -> Outcome:
    """Decide what the newest decisions on one item mean.

    A lead's adjudication settles it. Otherwise more than half of those who decided must say the same (an edit only equals the very
    same edit); a flag asks for a lead, so it counts for nobody. Skips and undone decisions do not count.

    Args:
        rows: the newest decision per reviewer and kind: ``reviewer``, ``kind``, ``verdict``, ``edits``, ``created_at``.

    Example:
        >>> a = {"reviewer": "a", "kind": "review", "verdict": "accept", "edits": {}, "created_at": "1"}
        >>> outcome([a]).review, outcome([a, {**a, "reviewer": "b", "verdict": "reject"}]).review, outcome([]).review
        ('accepted', 'disputed', 'unseen')
    """
    counted = [r for r in rows if r["verdict"] in COUNTED]
    people = tuple(sorted({r["reviewer"] for r in counted}))
    settled = sorted((r for r in counted if r["kind"] == "adjudicate"), key=lambda r: r["created_at"])
    if settled:
        return _final(_vote(settled[-1]), people)
    if not counted:
        return Outcome("unseen")
    (vote, count), *_ = Counter(sorted((_vote(r) for r in counted), key=repr)).most_common()
    return _final(vote if 2 * count > len(counted) else ("flag", None, None, None), people)


def _final(vote: Vote, people: tuple[str, ...]) -> Outcome:
    verdict, zh, en, themes = vote
    review = {"accept": "accepted", "edit": "edited", "reject": "rejected", "flag": "disputed"}[verdict]
    return Outcome(review, zh, en, themes, people)
