"""Vague periods named and generic things made concrete, where a prompt leaves room for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b

from curate.prompts.localrules import Rule, load
from curate.prompts.phrase import Noun, free, mend_article, put_en, put_zh, quoted
from curate.prompts.reading import LANGS, Change, Reader, blocked, pick
from curate.prompts.slots import LIVING, Book

# Dress of several people where a rule names one.
_SEVERAL = {"sol": "troop", "ef": "ladies", "cf": "ladies", "cm": "crowd"}


_DRESSED = re.compile(
    r"\b(wear\w*|dressed|clad|robed?s?|dress|gown|costume|hanfu|qipao|uniform)\b|\bin (?:[\w-]+ ){0,3}(?:armou?r|robes?|silk|white|black|red|blue)\b|穿|身着|披|佩|戴",
    re.IGNORECASE,
)


_ADJECTIVES = frozenset("quiet narrow peaceful calm beautiful serene small old busy crowded tranquil".split())


_LEADS = (
    frozenset(
        "a an the of in on by and with through down along over near under at from to into across past beside behind inside outside left right front "
        "is are playing plays play riding holding flying flies opens opening entering still tableau paints writes sweeping".split()
    )
    | _ADJECTIVES
)


_PERIOD_ZH = re.compile(
    r"(?:[盛中晚初北南东西大]?[夏商周秦汉晋隋唐宋辽金元明清](?:代|朝)|民国|三国|战国|春秋)(?:时期)?(?:女|男|老|小|年轻|年老)?$|(?:女|男|老|小|年轻的?|年老的?)$"
)


_AND_CHINA = re.compile(r"^ in (?:ancient|imperial|medieval|old|feudal) china\b|^ in the \w+ (?:dynasty|period)\b", re.IGNORECASE)


_FEMALE = re.compile(r"\b(?:female|wom[ae]n|girl|her|she)\b|女", re.IGNORECASE)


def era_changes(reader: Reader, era: str, book: Book) -> list[Change]:
    """What only says "ancient" gets the period, wherever it stands; with two captions in both or not at all."""
    rule = next(r for r in load().rules if r.era)
    out = []
    for lang in LANGS:
        text = reader.texts[lang]
        for m in rule.patterns[lang].finditer(text):
            if quoted(text, m.start()) or (m.group().lower() == "old china" and not free(text, *m.span(), "en")):
                continue
            start, said = m.start(), _period(m.group(), book.names[era][0].zh if lang == "zh" else book.names[era][0].en, lang)
            if lang == "en":
                start, said = mend_article(text, start, said.upper() if m.group().isupper() else said)
            out.append(Change(lang, start, m.end(), text[start : m.end()], said, "era", rule.id, *rule.why))
    return out if not reader.both or len({c.lang for c in out}) != 1 else []


def _period(word: str, name: str, lang: str) -> str:
    """Say a period where a vague word stood.

    Example:
        >>> _period("ancient China", "the Tang dynasty", "en"), _period("ancient Chinese", "the Tang dynasty", "en")
        ('Tang dynasty China', 'Tang dynasty')
        >>> _period("古代中国的", "春秋时期", "zh"), _period("中国古代", "唐代", "zh")
        ('春秋时期中国的', '唐代')
    """
    if lang == "zh":
        return name + ("中国" if re.search(r"中国的?$", word) else "") + ("的" if word.endswith("的") else "")
    bare, low = name.removeprefix("the "), word.lower()
    if low.endswith("times"):
        return name
    if not low.endswith("china"):
        return bare.removesuffix(" China").removesuffix(" period")
    if bare.endswith(("dynasties", "Kingdoms")):
        return f"China of {name}"
    return bare if bare.endswith("China") else f"{bare.removesuffix(' period')} China"


def by_rules(reader: Reader, book: Book) -> list[Change]:
    """Return what the rules of ``localize.yaml`` make concrete in a prompt."""
    out: list[Change] = []
    unreal = load().unreal.search(reader.joint) is not None
    for rule in load().rules:
        if rule.era or (rule.china and not reader.china) or (rule.unless and rule.unless.search(reader.joint)) or rule.real is unreal:
            continue
        found = {lang: place for lang in LANGS if (place := _place(reader, rule, lang))}
        # With both captions a change must be made in both, or they would no longer say the same.
        if not found or (reader.both and len(found) < 2):
            continue
        made = _dressed(reader, rule, found, book) if rule.who else _named(reader, rule, found)
        if made and len(made) == len(found):
            out += made
    return out


def _place(reader: Reader, rule: Rule, lang: str) -> tuple[int, int] | None:
    """The first place where a rule may change a caption."""
    text = reader.texts[lang]
    for m in rule.patterns[lang].finditer(text) if text else ():
        start, end = m.span()
        # "ancient Chinese castle": the first two words have become a period already.
        start = max([start, *(c.end for c in reader.changes if c.lang == lang and c.start <= start < c.end <= end)])
        start += len(text[start:end]) - len(text[start:end].lstrip())
        if blocked(text, start, lang) or any(w == lang and s < end and start < e and _wider(text, s, e, m.start(), end) for w, s, e in reader.terms):
            continue
        whole = start == m.start()
        alone = free(text, start, end, lang, bool(rule.who)) if whole else free(text[start:], 0, end - start, lang, bool(rule.who))
        if rule.who and lang == "zh" and re.search(r"(?:战士|武士|士兵|将军|侠客)$", text[:start]):
            continue
        if rule.compound or alone or (rule.who and (lang == "zh" or _AND_CHINA.match(text[end:]))):
            if rule.open and not _lonely(reader, lang, start, end):
                continue
            return start, end
    return None


def _wider(text: str, start: int, end: int, at: int, to: int) -> bool:
    """Whether a term reaches beyond a place, other than by its verb (cooking dumplings)."""
    return end > to or (start < at and not re.fullmatch(r"[练煮包吃蒸捏打看喝写画跳演]|cook\w* |mak\w* |practi\w* ", text[start:at]))


def _lonely(reader: Reader, lang: str, start: int, end: int) -> bool:
    """Whether a prompt names nothing else that settles the scene, and describes the thing no further."""
    if reader.claimed or reader.vague or any(w == lang and not (s < end and start < e) for w, s, e in reader.terms):
        return False
    words = reader.texts[lang][:start].split()
    return lang == "zh" or not words or words[-1].endswith((",", ".", ":")) or words[-1].lower() in _LEADS


def _named(reader: Reader, rule: Rule, found: Mapping[str, tuple[int, int]]) -> list[Change]:
    options = rule.fitting(reader.era)
    if not options:
        return []
    chosen = pick(options, reader.seed, reader.ident, rule.id)
    noun, out = options[chosen], []
    for lang, (at, to) in found.items():
        text = reader.texts[lang]
        said_so = bool(re.match(r"(chinese|asian|oriental) |中国|东方|亚洲", text[at:to], re.IGNORECASE))
        put = _put(text, lang, at, to, noun.settled(said_so), rule.compound)
        if put is None:
            return []
        start, end, said = put
        if said == text[start:end]:
            return []
        others = tuple(dict.fromkeys(_plain(n, lang) for i, n in enumerate(options) if i != chosen))
        out.append(Change(lang, start, end, text[start:end], said, rule.kind, rule.id, *rule.why, others))
    return out


def _put(text: str, lang: str, start: int, end: int, noun: Noun, compound: bool) -> tuple[int, int, str] | None:
    if lang == "zh":
        return put_zh(text, start, end, noun)
    if compound:
        at, said = mend_article(text, start, noun.en)
        return at, end, said
    return put_en(text, start, end, noun)


def _plain(noun: Noun, lang: str) -> str:
    settled = noun.settled(True)
    return settled.zh_more + settled.zh if lang == "zh" else settled.en.replace("*", "") + settled.en_more


def _dressed(reader: Reader, rule: Rule, found: Mapping[str, tuple[int, int]], book: Book) -> list[Change]:
    """The word itself stays: a poet remains a poet, now in the dress of the time."""
    if not reader.era or reader.era == LIVING or _DRESSED.search(reader.joint):
        return []
    several = "en" in found and bool(re.search(r"(?:[^s]s|sses|men|ladies)$", reader.texts["en"][slice(*found["en"])].lower()))
    several = several or ("zh" in found and reader.texts["zh"][found["zh"][1] :].startswith("们"))
    dresses = book.dress[reader.era].get(_SEVERAL.get(rule.who, "") if several else rule.who, ())
    if not dresses:
        return []
    digest = blake2b(f"{reader.seed}|{reader.ident}|{rule.id}".encode(), digest_size=4).digest()
    dress = dresses[int.from_bytes(digest, "big") % len(dresses)]
    out = []
    for lang, (start, end) in found.items():
        text = reader.texts[lang]
        if lang == "zh":
            # "唐代女" stays with its noun: the dress goes before both.
            period = _PERIOD_ZH.search(text[:start])
            at = period.start() if period else start
            said = f"{dress.zh}的{text[at:end]}"
        else:
            at = start
            said_dress = re.sub(r"\bhis\b", "her", dress.en) if _FEMALE.search(text[max(0, start - 12) : end]) else dress.en
            said = f"{text[start:end]} in {said_dress}" + ("," if "," in dress.en and re.match(r" \w", text[end:]) else "")
        others = tuple(d.zh if lang == "zh" else d.en for d in dresses if d != dress)
        out.append(Change(lang, at, end, text[at:end], said, rule.kind, rule.id, *rule.why, others))
    return out
