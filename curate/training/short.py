"""Made-up captions of a few words that name one thing of the lexicon, and the same patterns around ordinary things.

Captions about culture are long and made-up everyday sentences short; without these rows a short caption looks everyday whatever it names.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate.data import read_yaml
from curate.knowledge.lexicon import Entry, Lexicon

WORDS = Path(__file__).parent / "short.yaml"
_TONES = str.maketrans("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜü", "aaaaeeeeiiiioooouuuuvvvvv")
# Which languages a row has: half of the rows both.
_LANGUAGES = ("both", "zh", "both", "en")
_LONGEST_LIFE = 110


@dataclass(frozen=True)
class Short:
    """A made-up caption: text in both languages (one may be empty), its themes and what it names."""

    zh: str
    en: str
    themes: tuple[str, ...]
    about: str


@lru_cache(maxsize=1)
def _kinds() -> dict[str, Any]:
    return dict(read_yaml(WORDS)["kinds"])


def _is_person(e: Entry) -> bool:
    if e.from_year is None or e.to_year is None or not 10 <= e.to_year - e.from_year <= _LONGEST_LIFE:
        return False
    return 2 <= len(e.zh_hans) <= 4 and len(e.en.split()) <= 3 and all(w[:1].isupper() for w in e.en.split())


def _own_name(e: Entry) -> bool:
    """Whether both names can only mean this thing: English with a capital or a word of the pinyin, no words as plain as "soy milk"."""
    if e.kind != "term" or e.context != "free" or e.not_in or e.cues or e.vetoes or len(e.zh_hans) < 2 or not e.themes:
        return False
    if "(" in e.en or len(e.en.split()) > 4 or len(e.zh_hans) > 7 or "Chinese" in e.en or "China" in e.en:
        return False
    sounds = e.pinyin.lower().translate(_TONES).replace(" ", "")
    return any(w[:1].isupper() or (len(w) > 3 and w.lower() in sounds) for w in e.en.split())


def kind_of(e: Entry) -> str:
    """Return the kind whose patterns fit an entry; '' if none does."""
    sub = f"{e.themes[0]}/{e.sub}"
    for name, kind in _kinds().items():
        if (
            (sub in kind["subs"] or e.themes[0] in kind["subs"])
            and kind.get("person", False) == _is_person(e)
            and e.zh_hans.endswith(tuple(kind["ends"]))
        ):
            return str(name)
    return ""


def _fill(pattern: list[str], zh: str, en: str, languages: str) -> tuple[str, str]:
    made = pattern[1].replace("$x", en)
    return ("" if languages == "en" else pattern[0].replace("$x", zh)), ("" if languages == "zh" else made[:1].upper() + made[1:])


def named(lexicon: Lexicon, count: int, seed: int) -> list[Short]:
    """Return captions that name one term each, spread over the themes.

    Args:
        lexicon: the lexicon; only terms whose names stand for one thing in any context are used.
        count: most rows.
        seed: seed of the draw.
    """
    rng = random.Random(seed)
    by_theme: dict[str, list[tuple[Entry, str]]] = {}
    for e in sorted(lexicon.terms, key=lambda e: e.id):
        if _own_name(e) and (kind := kind_of(e)):
            by_theme.setdefault(e.themes[0], []).append((e, kind))
    for found in by_theme.values():
        rng.shuffle(found)
        # Things that can be seen first, then what can only be told about.
        found.sort(key=lambda x: x[1] == "other")
    out: list[Short] = []
    for turn in range(max(map(len, by_theme.values()), default=0)):
        for theme in sorted(by_theme):
            if turn < len(by_theme[theme]) and len(out) < count:
                e, kind = by_theme[theme][turn]
                pattern = rng.choice([*_kinds()[kind]["patterns"], ["$x", "$x"]])
                out.append(Short(*_fill(pattern, e.zh_hans, e.en, _LANGUAGES[turn % len(_LANGUAGES)]), e.themes, e.id))
    return out


def ordinary() -> list[Short]:
    """Return every pattern around every ordinary or foreign thing, without a theme.

    Example:
        >>> {s.themes for s in ordinary()}
        {()}
    """
    out = []
    for name, kind in _kinds().items():
        pairs = [(p, x) for x in kind["everyday"] for p in [*kind["patterns"], ["$x", "$x"]]]
        out += [Short(*_fill(p, x[0], x[1], _LANGUAGES[i % len(_LANGUAGES)]), (), f"{name}:{x[0]}") for i, (p, x) in enumerate(pairs)]
    return list(dict.fromkeys(out))
