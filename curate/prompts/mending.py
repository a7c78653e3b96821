"""What the checks call wrong in a prompt, replaced by what belongs in its period."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from curate.checks import knowledge
from curate.checks.knowledge import Confusable, Fact
from curate.prompts.localrules import load
from curate.prompts.phrase import a, mend_article
from curate.prompts.reading import LANGS, Change, Reader, blocked
from curate.prompts.slots import LIVING

# Somebody or something that is said to be foreign is meant as such.
_ABROAD = re.compile(r"\b(?:japanese|korean|western|european|foreign) $|(?:外国|西方|欧洲|韩国)的?$", re.IGNORECASE)


def options_of(choices: str, lang: str) -> list[str]:
    """The ways to say it that can stand in place of a thing.

    Example:
        >>> options_of("Sichuan pepper, cornel or ginger", "en"), options_of("大明宫、未央宫（依时代）", "zh")
        (['Sichuan pepper', 'cornel', 'ginger'], ['大明宫'])
    """
    parts = [p.strip() for p in re.split(r"[/;,、；，|]| or ", choices) if p.strip() and not load().no_thing.search(p)]
    return [re.sub(r"^an? ", "", x) if lang == "en" else x for p in parts if (x := re.sub(r"\s*[(（].*?([)）]|$)", "", p).strip())]


def _mended(text: str, lang: str, start: int, end: int, said: str) -> tuple[int, str]:
    if lang == "zh":
        return start, said
    before = text[start:end]
    if (article := re.match(r"(an?|the) ", before, re.IGNORECASE)) and not text[:start].rstrip().lower().endswith((" a", " an", " the")):
        word = "the " if article.group(1).lower() == "the" else a(said) + " "
        return start, (word[:1].upper() if before[0].isupper() else word[0]) + word[1:] + said
    head = said.split(" of ", maxsplit=1)[0].split(" with ", maxsplit=1)[0]
    if (
        re.search(r"[^su]s$", before.lower())
        and not re.search(r" (?:from|of|in|on|with) ", before)
        and not re.search(r"s$", head)
        and head.split()[-1].lower() not in load().mass
    ):
        said = said.replace(head, head + ("es" if head.endswith(("ch", "sh", "x")) else "s"), 1)
    if head.split()[-1].lower() in load().mass and (m := re.search(r"\b(an?) $", text[:start], re.IGNORECASE)):
        return m.start(), said[:1].upper() + said[1:] if m.group().istitle() else said
    return mend_article(text, start, said)


def by_knowledge(reader: Reader, flags: Sequence[Mapping[str, Any]]) -> list[Change]:
    """What the checks call wrong, replaced by what they suggest; a confusion in one caption is one in the other too."""
    out: list[Change] = []
    wrong: set[str] = set()
    table = knowledge.load().confusables
    hits = {
        (lang, h.start, h.end): row
        for lang in LANGS
        for h in table.find(reader.texts[lang], lang)
        if isinstance(row := table.rows[h.row], Confusable)
    }
    for f in flags:
        lang, start, end, text = f["lang"], f["start"], f["end"], reader.texts[f["lang"]]
        if f["severity"] == "review" or f["check"] == "mismatch" or blocked(text, start, lang):
            continue
        row = hits.get((lang, start, end))
        if row is not None:
            wrong.add(row.id)
            continue
        ident, start, end = _whole(text, lang, start, end)
        ways = [x] if (x := _known(reader, ident, lang)) else options_of(f["suggestion"], lang) if ident not in load().native else []
        # Two late things side by side do not become the same old one twice.
        ways = [w for w in ways if not any(c.lang == lang and w in c.after for c in out)] or ways
        if ways and ways[0].lower() not in (text[:start] + text[end:]).lower():
            at, words = _mended(text, lang, start, end, ways[0])
            out.append(Change(lang, at, end, text[at:end], words, "fix", ident or f["check"], f["note"], f["note_en"], tuple(ways[1:])))
    # Where the right thing stands beside the wrong one, a person decides which was meant; in both captions or in none.
    for row in {r.id: r for r in hits.values() if r.id in wrong}.values():
        mine = [(place, _native(reader, row, place[0])) for place, r in hits.items() if r.id == row.id]
        if any(
            _ABROAD.search(reader.texts[p[0]][: p[1]]) or blocked(reader.texts[p[0]], p[1], p[0]) or not said or said.lower() in _without(reader, *p)
            for p, said in mine
        ):
            continue
        for (lang, start, end), said in mine:
            text = reader.texts[lang]
            at, words = _mended(text, lang, start, end, said)
            out.append(Change(lang, at, end, text[at:end], words, "fix", row.id, row.note_zh, row.note_en))
    return out


def _whole(text: str, lang: str, start: int, end: int) -> tuple[str, int, int]:
    """The fact and the thing alone: other forms of the same fact join in ("看报" and "报纸"), a verb before it is left out."""
    table = knowledge.load().not_before
    hits = table.find(text, lang)
    rows = {h.row for h in hits if h.start < end and start < h.end}
    for h in hits:
        if h.row in rows and h.start < end and start < h.end:
            start, end = min(start, h.start), max(end, h.end)
    if lang == "zh" and end - start > 2 and text[start] in "看读吃喝抽踢打穿戴骑坐种切用写":
        start += 1
    colour = load().swallow.search(text[:end])
    fact = table.rows[min(rows)] if rows else None
    return fact.id if isinstance(fact, Fact) else "", colour.start() if colour and colour.end() > start else start, end


def _known(reader: Reader, ident: str, lang: str) -> str:
    """What ``localize.yaml`` puts in place of a foreign or late thing in the prompt's period."""
    known = load().native.get(ident, ())
    era = reader.era if reader.era != LIVING else ""
    fit = [n for n in known if era in n.eras] if era else []
    fit = fit or [n for n in known if not n.eras and (not era or len(known) == 1)]
    return (fit[0].zh if lang == "zh" else fit[0].en) if fit else ""


def _native(reader: Reader, row: Confusable, lang: str) -> str:
    if row.id in load().native:
        return _known(reader, row.id, lang)
    return next(iter(options_of(row.native_zh if lang == "zh" else row.native_en, lang)), "")


def _without(reader: Reader, lang: str, start: int, end: int) -> str:
    """A caption without one place, in small letters."""
    text = reader.texts[lang]
    return (text[:start] + text[end:]).lower()
