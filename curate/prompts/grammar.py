"""Sentences from slots: many shapes per language, chosen apart, so that the English is no word-by-word twin of the Chinese."""

from __future__ import annotations

import re
from random import Random
from typing import NamedTuple

from curate.prompts.slots import LIVING, Book, Pair, Slots

_SUBORDINATE = re.compile(r"\b(until|as|while|when|that|which|so|if|before|after)\b")
_VERB = re.compile(r"\*([A-Za-z]+)")
_NO_DOUBLE = frozenset("wxy")
_BEFORE_VERB = re.compile(r"(^|,|;|\band|\bthen|\bslowly|\w+ly|\bnever|\bstill|\balso)\s*$")


class Text(NamedTuple):
    """A rendered prompt with the shapes that were used."""

    zh: str
    en: str
    zh_shape: str
    en_shape: str


def ing(verb: str) -> str:
    """Return the present participle of an English verb in the third person or the base form.

    Example:
        >>> [ing(v) for v in ("lifts", "dips", "carries", "takes", "pushes", "ties", "is", "draw")]
        ['lifting', 'dipping', 'carrying', 'taking', 'pushing', 'tying', 'being', 'drawing']
    """
    if verb in ("is", "are"):
        return "being"
    if verb == "has":
        return "having"
    base = verb
    if base.endswith("ies") and len(base) > 4:
        base = base[:-3] + "y"
    elif re.search(r"(ss|sh|ch|x|zz|o)es$", base):
        base = base[:-2]
    elif base.endswith("s") and not base.endswith("ss"):
        base = base[:-1]
    if base.endswith("ie"):
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye", "nge")):
        return base[:-1] + "ing"
    short = len(re.findall(r"[aeiouy]+", base)) == 1
    if (short or base.endswith(("unwrap", "begin", "upset"))) and re.search(r"[^aeiou][aeiou][^aeiou]$", base) and base[-1] not in _NO_DOUBLE:
        return base + base[-1] + "ing"
    return base + "ing"


def finite(text: str) -> str:
    """Drop the verb marks."""
    return text.replace("*", "")


def participle(text: str, clause: bool = False) -> str | None:
    """Turn the marked verbs into participles; ``None`` if the phrase has a second subject that would not survive it.

    Args:
        text: a phrase with marked verbs.
        clause: the phrase has its own subject, so every verb may turn.

    Example:
        >>> participle("*grinds ink and *lifts the brush until the tip *drips")
        'grinding ink and lifting the brush until the tip drips'
        >>> participle("*lifts the lid and steam *rises") is None
        True
    """
    cut = _SUBORDINATE.search(text)
    end = cut.start() if cut else len(text)
    head, tail = text[:end], text[end:]
    if not clause:
        for m in _VERB.finditer(head):
            if not _BEFORE_VERB.search(head[: m.start()]):
                return None
    return _VERB.sub(lambda m: ing(m.group(1)), head) + finite(tail)


def _choose(template: str, values: dict[str, str]) -> str | None:
    """Settle the groups of a template: ``[a|b]`` gives its first alternative whose slots are all there; groups may nest."""
    while True:
        m = re.search(r"\[([^\[\]]*)\]", template)
        if not m:
            break
        chosen = next((x for x in m.group(1).split("|") if all(values.get(k) for k in re.findall(r"\{(\w+)\}", x))), "")
        template = template[: m.start()] + chosen + template[m.end() :]
    return None if any(not values.get(k) for k in re.findall(r"\{(\w+)\}", template)) else template


def _put(text: str, s: Slots, lang: str) -> str:
    for name, pair in s.props:
        text = text.replace("{" + name + "}", pair.zh if lang == "zh" else pair.en)
    for name, word in s.act.pronouns.items():
        text = text.replace("{" + name + "}", word)
    return text


def _zh_values(s: Slots) -> dict[str, str]:
    count, has, noun = s.act.who.zh.partition("^")
    dress = s.dress.zh if s.dress else ""
    if has:
        subject = f"{count}{dress}的{noun}" if dress else count + noun
    else:
        subject = count
        m = re.match(r"^([一两几][座位名群个条道片对艘列排只匹队])(.+)$", count)
        count, noun = (m.group(1), m.group(2)) if m else ("", "")
    period = s.period.zh if s.period else ""
    return {
        "T": period, "Tde": period + ("" if period.endswith(("代", "朝")) else "的"), "P": s.place.zh if s.place else "", "S": subject,
        # "三国时期的堆着松柴的窑口" has one 的 too many.
        "Pd": ("，" if "的" in s.place.zh else "的") + s.place.zh if s.place else "",
        "q": count, "n": noun, "d": dress, "A": s.act.does.zh, "D": s.detail.zh if s.detail else "", "L": s.light.zh,
        "C": s.camera.sentence.zh, "c": s.camera.label.zh, "t": s.time.zh, "Y": s.style.zh, "K": s.colour.zh if s.colour else "",
        "M": s.mood.zh if s.mood else "",
    }  # fmt: skip


def _en_clause(p: Pair | None) -> tuple[str, str]:
    return (finite(p.en), participle(p.en, clause=True) or "") if p else ("", "")


def _en_values(s: Slots, adj: dict[str, str]) -> dict[str, str]:
    subject = s.act.who.en + (f" in {s.dress.en}" if s.dress else "")
    # A long dress phrase needs a comma before the verb when it has one of its own.
    if s.dress and "," in s.dress.en:
        subject += ","
    does = s.act.does.en
    detail, detail_ing = _en_clause(s.detail)
    light, light_ing = _en_clause(s.light)
    camera = finite(s.camera.sentence.en)
    return {
        "T": s.period.en if s.period else "", "P": s.place.en if s.place else "", "S": subject, "A": finite(does), "Ai": participle(does) or "",
        "D": detail, "Di": detail_ing, "L": light, "Li": light_ing, "C": camera,
        "C_as": "yes" if not re.search(r" (until|reveals|dwindles|empty)\b", camera) else "",
        "c": s.camera.label.en, "t": s.time.en, "t_adj": adj[s.time.zh], "Y": s.style.en, "K": s.colour.en if s.colour else "",
        "M": s.mood.en if s.mood else "", "noP": "" if s.place else "yes",
        "w": "and" if " while " in light else "while",
        "A_plain": "" if re.search(r"\b(as|while|until|when)\b", does) else "yes",
    }  # fmt: skip


def _capitals(text: str) -> str:
    text = re.sub(r"\s+", " ", text).replace(" ,", ",").replace(",,", ",").replace(",.", ".").replace(",;", ";").replace(",:", ":").strip()
    # A shape that opens with a place and a period has neither for a scene of today without a place.
    text = re.sub(r"^[,;:.] ?", "", text)
    return re.sub(r"(^|[.!?] )([a-z])", lambda m: m.group(1) + m.group(2).upper(), text)


def render(book: Book, s: Slots, rng: Random) -> Text:
    """Write the prompt in both languages.

    Args:
        book: slot data with the sentence shapes.
        s: slots.
        rng: seeded generator that chooses the shapes.
    """
    zh_values, en_values = _zh_values(s), _en_values(s, book.patterns["times_adj"])
    zh, zh_shape, said = rng.choice(_usable(book, s, "zh", zh_values))
    options = _usable(book, s, "en", en_values)
    # The English may be put together otherwise, but it must not leave out or add a detail or a colour.
    same = [o for o in options if o[2] == said] or [o for o in options if o[2] >= said] or options
    en, en_shape, _ = rng.choice(same)
    zh = _put(zh, s, "zh").replace("，，", "，").replace("，。", "。")
    return Text(zh, _capitals(_put(en, s, "en")), zh_shape, en_shape)


# Slots that both languages must say if one does.
_SHARED = {"D": "D", "Di": "D", "K": "K", "M": "M"}


def _usable(book: Book, s: Slots, lang: str, values: dict[str, str]) -> list[tuple[str, str, frozenset[str]]]:
    """The filled shapes of a language with the shared slots that each says."""
    out = []
    for shape in book.patterns[lang]:
        if not all(values.get(k) for k in shape.get("needs", ())):
            continue
        chosen = _choose(shape["text"], values)
        if chosen is None:
            continue
        names = ["P" if n == "Pd" else n for n in re.findall(r"\{(\w+)\}", chosen)]
        if s.place and "P" not in names:
            continue
        if s.era != LIVING and not {"T", "Tde"} & set(names):
            continue
        text = re.sub(r"\{(\w+)\}", lambda m: values[m.group(1)], chosen)
        out.append((text, shape["id"], frozenset(_SHARED[n] for n in names if n in _SHARED)))
    return out
