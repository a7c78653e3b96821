"""Sensitive topics: religion, ethnicity, politics, maps, public figures. A machine never deletes on them; a person looks."""

from __future__ import annotations

from curate.checks.flags import Flag
from curate.checks.reading import Reading

_NAMES = {
    "religion": ("宗教", "religion"),
    "ethnicity": ("民族", "ethnicity"),
    "politics": ("政治", "politics"),
    "maps": ("地图与疆域", "maps and borders"),
    "public-figure": ("公众人物", "public figures"),
}


def check(reading: Reading) -> list[Flag]:
    """Route sensitive terms to review.

    Args:
        reading: the caption pair.
    """
    out = []
    for p in reading.places:
        for topic in p.entry.sensitive:
            zh, en = _NAMES.get(topic, (topic, topic))
            out.append(Flag("sensitive", "review", p.lang, p.start, p.end, f"涉及{zh}，请人工审看。", f"Touches {en}: for a person to look at."))
    return out
