"""Generic prompts made culturally specific, offline, by rules and the lexicon: every change is shown with its reason.

Wrong things are mended (a torii in a Chinese street), vague ones named (ancient China: which period?), generic ones made concrete.
What a prompt names on purpose (the Eiffel Tower, Van Gogh) stays. Nothing is added that no reason is given for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml

from curate import plain
from curate.checks import knowledge
from curate.checks.knowledge import Confusable
from curate.errors import DataError, UsageError, did_you_mean
from curate.prompts.slots import LIVING, Book
from curate.stage import Resources

DEFAULT_ERA = "tang"
_MODERN = frozenset({"republic", "prc", LIVING})
_COLOUR = re.compile(r"\b(red|black|yellow|green|purple|orange|pink|gold|brown)\b|红|黑|黄|绿|紫|橙|粉", re.IGNORECASE)
_RANK = {"fix": 0, "era": 1, "specify": 2}


@dataclass(frozen=True)
class Rule:
    """What is generic and what it can become; see ``localize.yaml``."""

    id: str
    kind: str
    patterns: Mapping[str, re.Pattern[str]]
    choices: tuple[tuple[str, str], ...]
    ancient: tuple[tuple[str, str], ...]
    why: tuple[str, str]
    unless: re.Pattern[str] | None
    who: str
    era: str
    china: bool
    modern: bool
    open: bool


@dataclass(frozen=True)
class Rules:
    """All rules with the words that keep a prompt as it is, and those that claim China."""

    rules: tuple[Rule, ...]
    named: re.Pattern[str]
    foreign: re.Pattern[str]
    china: re.Pattern[str]


@dataclass(frozen=True)
class Change:
    """One change of a text, with its reason in both languages."""

    lang: str
    start: int
    end: int
    before: str
    after: str
    kind: str
    rule: str
    why_zh: str
    why_en: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"lang": self.lang, "start": self.start, "end": self.end, "from": self.before, "to": self.after, "kind": self.kind,
                "rule": self.rule, "why": {"zh": self.why_zh, "en": self.why_en}}  # fmt: skip


def _pair(text: str) -> tuple[str, str]:
    zh, bar, en = text.partition(" | ")
    if not bar:
        raise DataError(f"localize.yaml: no ' | ' in {text!r}")
    return zh.strip(), en.strip()


@lru_cache(maxsize=1)
def load() -> Rules:
    """Read the rules beside this module."""
    raw = yaml.safe_load((Path(__file__).resolve().parent / "localize.yaml").read_text(encoding="utf-8"))
    rules = []
    for r in raw["rules"]:
        patterns = {lang: re.compile(r[lang], re.IGNORECASE) for lang in ("zh", "en") if r.get(lang)}
        unless = re.compile(r["unless"], re.IGNORECASE) if r.get("unless") else None
        rules.append(
            Rule(
                r["id"], r["kind"], patterns, tuple(_pair(c) for c in r.get("choices", ())), tuple(_pair(c) for c in r.get("ancient", ())),
                _pair(r["why"]), unless, r.get("who", ""), str(r.get("era", "")), r.get("when") == "china", bool(r.get("modern")), bool(r.get("open")),
            )
        )  # fmt: skip
    return Rules(tuple(rules), *(re.compile(raw[k], re.IGNORECASE) for k in ("named", "foreign", "china")))


def _pick(options: Sequence[tuple[str, str]], *key: object) -> tuple[str, str]:
    digest = blake2b("|".join(map(str, key)).encode(), digest_size=4).digest()
    return options[int.from_bytes(digest, "big") % len(options)]


class _Reader:
    """One prompt being localized."""

    def __init__(self, ident: str, texts: dict[str, str], era: str, claimed: str, china: bool, seed: int) -> None:
        self.ident, self.texts, self.era, self.claimed, self.china, self.seed = ident, texts, era, claimed, china, seed
        self.both = bool(texts["zh"] and texts["en"])
        self.joint = texts["zh"] + "\n" + texts["en"]

    def ancient(self) -> bool:
        return bool(self.claimed or self.vague()) and self.era not in _MODERN

    def vague(self) -> bool:
        return any(p.search(self.texts[lang]) for r in load().rules if r.era for lang, p in r.patterns.items())


def _by_rules(reader: _Reader, book: Book) -> list[Change]:
    out: list[Change] = []
    for rule in load().rules:
        if (rule.china and not reader.china) or (rule.modern and reader.ancient()) or (rule.unless and rule.unless.search(reader.joint)):
            continue
        hits = {lang: p.search(reader.texts[lang]) for lang, p in rule.patterns.items() if reader.texts[lang]}
        found = {lang: m for lang, m in hits.items() if m and m.group().strip()}
        # With both captions a change must be made in both, or they would no longer say the same.
        if not found or (reader.both and len(found) < 2):
            continue
        # A colour that the user asked for, or another thing that the word is only a part of ("orchid garden"), is not replaced.
        if rule.open and any(_COLOUR.search(m.group()) or not _alone(reader.texts[lang][: m.start()], lang) for lang, m in found.items()):
            continue
        said = _said(rule, reader, book)
        if said is None:
            continue
        for lang, m in found.items():
            out.append(_change(rule, lang, m, said[0 if lang == "zh" else 1], reader.texts[lang]))
    return out


_ADJECTIVES = "quiet|narrow|peaceful|calm|beautiful|serene|small|old|busy|crowded"
_LEADS = frozenset(
    "a an the of in on by and with through down along over near under at from to into across past beside behind inside outside left right front "
    "is playing riding holding flying opens entering still tableau".split()
    + _ADJECTIVES.split("|")
)


def _alone(before: str, lang: str) -> bool:
    """Whether nothing that belongs to the word stands before it."""
    words = before.split()
    return lang == "zh" or not words or words[-1].endswith((",", ".", ":")) or words[-1].lower() in _LEADS


def _said(rule: Rule, reader: _Reader, book: Book) -> tuple[str, str] | None:
    if rule.era:
        if reader.claimed:
            return None
        name = book.names[reader.era][0]
        plain_en = name.en.removeprefix("the ")
        return (f"{name.zh}中国", f"{plain_en} China") if rule.era == "True" else (f"{name.zh}", plain_en)
    if rule.who:
        if not reader.ancient():
            return None
        dresses = book.dress[reader.era].get(rule.who, ())
        if not dresses:
            return None
        dress = _pick([(d.zh, d.en) for d in dresses], reader.seed, reader.ident, rule.id)
        return f"{dress[0]}的{{noun}}", f"{{noun}} in {dress[1]}"
    options = rule.ancient if reader.ancient() and rule.ancient else rule.choices
    return _pick(options, reader.seed, reader.ident, rule.id)


def _change(rule: Rule, lang: str, m: re.Match[str], after: str, text: str) -> Change:
    start, end = m.span()
    if rule.who:
        # The word itself stays: a poet remains a poet, now in the dress of the time.
        noun = re.sub(r"^(an?|one|chinese) |^[一两几][位个名]|中国", "", m.group(), flags=re.IGNORECASE)
        after = after.replace("{noun}", re.sub(r"^chinese ", "", noun, flags=re.IGNORECASE))
    bare = after.startswith("~")
    after = after.removeprefix("~")
    if "{s}" in after:
        plural = m.group().lower().endswith("s")
        one = "" if plural or not re.match(r"an? ", m.group().lower()) else "a "
        after = one + after.replace("{s}", "s" if plural else "")
    if lang == "en" and bare:
        before = re.search(r"\b(an?|the) $", text[:start])
        start = before.start() if before else start
    elif lang == "en":
        article = re.search(r"\b(an?|the) $", text[:start])
        if article and re.match(r"(an?|the) ", after):
            start = article.start()
        elif not re.match(r"(an?|the) ", m.group().lower()) and re.search(rf"\b({_ADJECTIVES}) $", text[:start]):
            after = re.sub(r"^(an?|the) ", "", after)
        elif m.group().lower().startswith(("a ", "an ", "the ")) and not re.match(r"(an?|the) ", after) and not after.split(" ")[0].endswith("s"):
            start += m.group().index(" ") + 1 if rule.who or rule.era else 0
        if m.group().lower().startswith("in ") and rule.era:
            after = "in " + after
    if lang == "zh" and m.group(0).startswith("在") and rule.era:
        after = "在" + after
    elif lang == "zh" and rule.who and (count := re.match(r"[一两几][位个名]", m.group())):
        after = count.group() + after
    return Change(lang, start, end, text[start:end], after, rule.kind, rule.id, *rule.why)


def _first(choices: str) -> str:
    """The first of several ways to say it.

    Example:
        >>> _first("Sichuan pepper, cornel or ginger"), _first("kuai (sliced raw fish)")
        ('Sichuan pepper', 'kuai')
    """
    return re.sub(r"\s*[(（].*?[)）]", "", re.split(r"[/;,、；，]| or ", choices)[0]).strip()


def _by_knowledge(reader: _Reader, flags: Sequence[Mapping[str, Any]]) -> list[Change]:
    out = []
    for f in flags:
        if f["severity"] != "review" and f["suggestion"] and f["check"] != "mismatch":
            out.append(Change(f["lang"], f["start"], f["end"], f["text"], _first(f["suggestion"]), "fix", f["check"], f["note"], f["note_en"]))
    if not reader.china:
        return out
    table = knowledge.load().confusables
    hits = [(lang, hit, table.rows[hit.row]) for lang in ("zh", "en") for hit in table.find(reader.texts[lang], lang)]
    # What is wrong in one language is wrong in the other, whatever stands beside it there.
    wrong = {hit.row for lang, hit, row in hits if isinstance(row, Confusable) and not any(w in reader.texts[lang] for w in row.not_if)}
    for lang, hit, row in hits:
        text = reader.texts[lang]
        if isinstance(row, Confusable) and hit.row in wrong:
            native = _first(row.native_zh if lang == "zh" else row.native_en)
            out.append(Change(lang, hit.start, hit.end, text[hit.start : hit.end], native, "fix", row.id, row.note_zh, row.note_en))
    return out


def _settle(changes: Sequence[Change]) -> list[Change]:
    """Changes that do not overlap: mending before naming, longer before shorter."""
    kept: list[Change] = []
    for c in sorted(changes, key=lambda c: (_RANK[c.kind], -(c.end - c.start), c.start)):
        if c.before != c.after and not any(k.lang == c.lang and c.start < k.end and k.start < c.end for k in kept):
            kept.append(c)
    return sorted(kept, key=lambda c: (c.lang, c.start))


def _apply(text: str, changes: Sequence[Change]) -> tuple[str, str]:
    """Return the new text and the diff with ``[-old-]{+new+}``."""
    new, diff, at = "", "", 0
    for c in changes:
        new += text[at : c.start] + c.after
        diff += text[at : c.start] + f"[-{c.before}-]{{+{c.after}+}}"
        at = c.end
    new, diff = new + text[at:], diff + text[at:]
    return _articles(new) if changes and not re.search("[\u4e00-\u9fff]", new) else new, diff


def _articles(text: str) -> str:
    """Mend ``a``/``an`` before the next word and the capital at the start.

    Example:
        >>> _articles("a oil-paper umbrella and an blue bowl")
        'An oil-paper umbrella and a blue bowl'
    """
    text = re.sub(r"\b([Aa])n? (?=[aeiouAEIOU](?!ne\b|u))", r"\1n ", text)
    text = re.sub(r"\b([Aa])n (?=[^aeiouAEIOUhH\W])", r"\1 ", text)
    return text[:1].upper() + text[1:]


def localize(rows: Sequence[Mapping[str, Any]], era: str = "", seed: int = 0, res: Resources | None = None) -> list[dict[str, Any]]:
    """Make prompts culturally specific.

    Args:
        rows: ``id``, ``zh``, ``en``; one language may be missing.
        era: period for prompts that say only "ancient"; what a prompt names itself wins.
        seed: draws among equally good choices.
        res: resources; the shipped ones if ``None``.

    Returns:
        Per row the new ``zh`` and ``en``, the ``diff`` per language, ``changes`` with reasons, ``notes``, ``offers`` (settings that would
        fit but were not applied), what the checks say before and after, and whether the ``intent`` was kept.

    Raises:
        UsageError: the period is not known.
    """
    book, res = Book.shipped(), res or plain.default_resources()
    if era and era not in book.order:
        raise UsageError(f"unknown era {era!r}", hint=did_you_mean(era, book.order))
    source = [{"id": str(r.get("id", i)), "zh": str(r.get("zh") or ""), "en": str(r.get("en") or "")} for i, r in enumerate(rows)]
    tags, checked = plain.tag(source, res), plain.check(source, res)
    out = [_one(r, t, c, era, seed, book) for r, t, c in zip(source, tags, checked, strict=True)]
    after = plain.check([{"id": r["id"], "zh": r["zh"], "en": r["en"]} for r in out], res)
    for row, now in zip(out, after, strict=True):
        row["flags_after"] = _names(now["flags"])
        if row["flags_after"]:
            row["notes"].append({"zh": f"仍有待人工判断：{row['flags_after'][0]}", "en": f"left for a person to settle: {row['flags_after'][0]}"})
    return out


def _names(flags: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({f"{f['check']}: {f['text'][:40]}" for f in flags if f["severity"] != "review"})


def _one(row: dict[str, str], tags: Mapping[str, Any], checked: Mapping[str, Any], era: str, seed: int, book: Book) -> dict[str, Any]:
    texts = {"zh": row["zh"], "en": row["en"]}
    joint = texts["zh"] + "\n" + texts["en"]
    rules = load()
    claimed = tags["eras"][0] if tags["eras"] else ""
    china = bool(rules.china.search(joint) or tags["eras"])
    reader = _Reader(row["id"], texts, claimed or era or DEFAULT_ERA, claimed, china, seed)
    named = rules.named.search(joint) or (None if china else rules.foreign.search(joint))
    notes: list[dict[str, str]] = []
    changes: list[Change] = []
    if named:
        notes.append({"zh": f"“{named.group()}”是有意写明的，保持不变", "en": f"'{named.group()}' is named on purpose and stays"})
    else:
        changes = _settle([*_by_knowledge(reader, checked["flags"]), *_by_rules(reader, book)])
    if reader.vague() and not claimed and not era:
        notes.append(
            {
                "zh": f"原文未写朝代，暂用{book.names[DEFAULT_ERA][0].zh}；可用 --era 另选",
                "en": "no period was given; Tang is used, choose another with --era",
            }
        )
    for lang, other in (("zh", "en"), ("en", "zh")):
        if not texts[lang]:
            notes.append(
                {
                    "zh": f"缺{'中' if lang == 'zh' else '英'}文：离线不翻译，需要 --endpoint",
                    "en": f"no {lang} text: offline nothing is translated from {other}, use --endpoint",
                }
            )
    if all(texts.values()) and len({c.lang for c in changes if c.kind == "fix"}) == 1:
        notes.append({"zh": "只有一种语言里有此误，请核对另一种语言", "en": "only one of the languages says it; check the other"})
    new, diff = {}, {}
    for lang, text in texts.items():
        new[lang], diff[lang] = _apply(text, [c for c in changes if c.lang == lang])
    offers = [] if changes or named else _offers(row["id"], seed)
    return {"id": row["id"], "zh": new["zh"], "en": new["en"], "source": texts, "diff": diff, "changes": [c.to_json() for c in changes],
            "notes": notes, "offers": offers, "flags_before": _names(checked["flags"]), "intent": _intent(texts, new, changes)}  # fmt: skip


def _offers(ident: str, seed: int) -> list[dict[str, str]]:
    """Settings that a prompt without any place could take; a person decides."""
    found = [r for r in load().rules if r.id in ("asian-city", "garden", "alley", "courtyard")]
    picks = [(r, *_pick(r.choices, seed, ident, r.id)) for r in found[:2]]
    return [{"zh": f"地点设在{zh}", "en": f"set it in {en}", "why_zh": r.why[0], "why_en": r.why[1]} for r, zh, en in picks]


def _intent(texts: Mapping[str, str], new: Mapping[str, str], changes: Sequence[Change]) -> dict[str, Any]:
    """Everything outside the marked changes must stand in the new text, in its order."""
    kept = True
    for lang, text in texts.items():
        at, rest = 0, []
        for c in [c for c in changes if c.lang == lang]:
            rest.append(text[at : c.start])
            at = c.end
        rest.append(text[at:])
        words = [w for piece in rest for w in re.findall(r"\w+", piece.lower()) if w not in ("a", "an", "the")]
        place, haystack = 0, new[lang].lower()
        for w in words:
            place = haystack.find(w, place)
            if place < 0:
                kept = False
                break
            place += len(w)
    return {"kept": kept, "changed": sum(len(c.before) for c in changes), "of": sum(map(len, texts.values()))}


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what happened as lines for people: the diffs of the first rows and the counts."""
    changed = [r for r in rows if r["changes"]]
    lines = [f"{r['id']}  {r['diff']['en'] or r['diff']['zh']}" for r in changed[:10]]
    kept = sum(r["intent"]["kept"] for r in rows)
    rewritten = sum(bool(r.get("rewrite", {}).get("used")) for r in rows)
    return "\n".join([*lines, f"{len(rows)} prompts, {len(changed)} changed, intent kept in {kept}, rewritten by the endpoint {rewritten}"])
