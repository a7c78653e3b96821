"""Slots of a prompt: who, in what dress, does what, where, when, in which light, seen how; drawn so that they belong together.

Everything that can be said lives in the YAML files beside this module; a line of them carries the periods in which it is true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from curate.data import read_yaml
from curate.errors import DataError

LIVING = "living"
_FOLDER = Path(__file__).resolve().parent
_PLURAL = frozenset({"kids", "troop", "crowd", "ladies"})
_FEMALE = frozenset({"cf", "ef"})
# The table has no dress for rulers and commanders.
_RULER = re.compile("皇|君王|国王|国主|可汗|大汗|王妃|太后|将军|统帅|女将|主帅|元帅")
# Their acts of one period are mostly about named people and events.
PLAIN_SHARE = 0.5
_NAMED_THEMES = frozenset({"history", "literature", "science-medicine", "modern-china", "military"})


@dataclass(frozen=True)
class Pair:
    """A phrase in both languages, with the periods, times or other key that it is for."""

    zh: str
    en: str
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Act:
    """Somebody does something.

    Attributes:
        id: ``theme.number``.
        eras: periods in which it can be seen.
        dress: class of dress, or ``-`` for a thing; ``!`` after it when the act says the dress itself.
        kind: ``hands``, ``figure``, ``group`` or ``wide``; decides the camera.
        place: key of the places, or ``none``.
        who, does: subject and action; ``^`` marks the place of the dress.
        period: the one time at which a named event or person belongs, written ``era@zh/en``.
    """

    id: str
    theme: str
    eras: tuple[str, ...]
    dress: str
    kind: str
    place: str
    who: Pair
    does: Pair
    period: Pair | None = None

    @property
    def people(self) -> str:
        """The class without the mark ``!`` of acts that say the dress themselves."""
        return self.dress.rstrip("!")

    @property
    def pronouns(self) -> dict[str, str]:
        """English pronouns for the subject."""
        if self.people in _PLURAL:
            return {"he": "they", "his": "their", "him": "them"}
        if self.people in _FEMALE:
            return {"he": "she", "his": "her", "him": "her"}
        if self.dress == "-":
            return {"he": "it", "his": "its", "him": "it"}
        return {"he": "he", "his": "his", "him": "him"}


@dataclass(frozen=True)
class Camera:
    """Shot size, angle and move with a sentence and a label in both languages."""

    size: str
    angle: str
    move: str
    sentence: Pair
    label: Pair


@dataclass(frozen=True)
class Slots:
    """What one prompt says; every phrase in both languages."""

    act: Act
    era: str
    period: Pair | None
    dress: Pair | None
    place: Pair | None
    detail: Pair | None
    time: Pair
    light: Pair
    camera: Camera
    style: Pair
    colour: Pair | None
    mood: Pair | None
    props: tuple[tuple[str, Pair], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the slots as plain values: the fields of a text-to-video prompt in both languages."""
        fill = dict(self.props)

        def said(text: str, lang: str) -> str:
            for name, pair in fill.items():
                text = text.replace("{" + name + "}", pair.zh if lang == "zh" else pair.en)
            for name, word in self.act.pronouns.items():
                text = text.replace("{" + name + "}", word)
            return text.replace("*", "").replace("^", "")

        def both(p: Pair | None) -> dict[str, str] | None:
            return None if p is None else {"zh": said(p.zh, "zh"), "en": said(p.en, "en")}

        return {
            "act": self.act.id, "subject": both(self.act.who),
            "attire": both(self.dress), "action": both(self.act.does), "place": both(self.place), "era": self.era,
            "time_period": both(self.period), "time_of_day": both(self.time), "shot_size": self.camera.size,
            "camera_angle": self.camera.angle, "camera_move": [self.camera.move], "camera": both(self.camera.label),
            "lighting": both(self.light), "detail": both(self.detail), "color_tone": both(self.colour), "style": both(self.style),
            "atmosphere": both(self.mood), "on_screen_text": [],
        }  # fmt: skip


@dataclass(frozen=True)
class Book:
    """All slot data, read once.

    Attributes:
        order: era ids in order of time, ``living`` last.
        acts: acts by theme.
    """

    order: tuple[str, ...]
    acts: dict[str, tuple[Act, ...]]
    names: dict[str, tuple[Pair, ...]]
    must_not: dict[str, tuple[Pair, ...]]
    dress: dict[str, dict[str, tuple[Pair, ...]]]
    places: dict[str, tuple[Pair, ...]]
    details: dict[str, tuple[Pair, ...]]
    inside: frozenset[str]
    bare: frozenset[str]
    own_place: re.Pattern[str]
    light: dict[str, tuple[Pair, ...]]
    times: dict[str, str]
    camera: dict[str, tuple[Camera, ...]]
    colour: tuple[Pair, ...]
    style: tuple[Pair, ...]
    mood: dict[str, tuple[Pair, ...]]
    hints: tuple[tuple[re.Pattern[str], frozenset[str]], ...]
    props: dict[str, tuple[Pair, ...]]
    patterns: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def shipped(cls) -> Book:
        """Return the data shipped beside this module."""
        return _shipped()

    def for_cell(self, theme: str, era: str) -> list[Act]:
        """Return the acts of a theme that can be seen in a period."""
        return [a for a in self.acts.get(theme, ()) if era in a.eras]


def _yaml(name: str) -> dict[str, Any]:
    value = read_yaml(_FOLDER / name)
    if not isinstance(value, dict):
        raise DataError(f"{name}: expected a mapping")
    return value


def _lines(block: str, cells: int, where: str) -> Iterator[list[str]]:
    for number, line in enumerate((block or "").splitlines(), 1):
        parts = [p.strip() for p in line.split(" | ")]
        if line.strip() and len(parts) != cells:
            raise DataError(f"{where}, line {number}: {len(parts)} cells, expected {cells}: {line[:60]}")
        if line.strip():
            yield parts


def span(text: str, order: Sequence[str]) -> tuple[str, ...]:
    """Expand ``a..b,c,-d`` into era ids.

    Example:
        >>> span("han..jin,-three-kingdoms", ["qin", "han", "three-kingdoms", "jin"])
        ('han', 'jin')
    """
    out: list[str] = []
    for part in (p.strip() for p in text.split(",")):
        if part.startswith("-"):
            out = [e for e in out if e != part[1:]]
            continue
        first, _, last = part.partition("..")
        if first not in order or (last and last not in order):
            raise DataError(f"unknown era in {text!r}")
        out += order[order.index(first) : order.index(last or first) + 1]
    return tuple(dict.fromkeys(out))


def _pairs(block: str, where: str) -> tuple[Pair, ...]:
    return tuple(Pair(zh, en) for zh, en in _lines(block, 2, where))


def _dated(block: str, where: str, order: Sequence[str]) -> tuple[Pair, ...]:
    return tuple(Pair(zh, en, span(eras, order)) for eras, zh, en in _lines(block, 3, where))


def _timed(block: str, where: str) -> tuple[Pair, ...]:
    return tuple(Pair(zh, en, tuple(when.split(","))) for when, zh, en in _lines(block, 3, where))


def _acts(order: Sequence[str]) -> dict[str, tuple[Act, ...]]:
    out: dict[str, tuple[Act, ...]] = {}
    for path in sorted(_FOLDER.glob("acts_*.yaml")):
        for theme, block in _yaml(path.name).items():
            found = list(out.get(theme, ()))
            for when, head, zh, en in _lines(block, 4, f"{path.name}: {theme}"):
                dress, kind, place = head.split()
                eras, _, fixed = when.partition("@")
                period = Pair(fixed.partition("/")[0], fixed.partition("/")[2]) if fixed else None
                who_zh, _, zh_does = zh.partition(" > ")
                who_en, _, en_does = en.partition(" > ")
                who, does = Pair(who_zh.strip(), who_en.strip()), Pair(zh_does.strip(), en_does.strip())
                if not (zh_does and en_does):
                    raise DataError(f"{path.name}: {theme}: no ' > ' in both languages: {zh[:40]}")
                found.append(Act(f"{theme}.{len(found) + 1}", theme, span(eras, order), dress, kind, place, who, does, period))
            out[theme] = tuple(found)
    return out


def _camera(block: str, where: str) -> tuple[Camera, ...]:
    return tuple(Camera(size, angle, move, Pair(zh, en), Pair(zl, el)) for size, angle, move, zh, en, zl, el in _lines(block, 7, where))


def _dresses(raw: dict[str, Any]) -> dict[str, dict[str, tuple[Pair, ...]]]:
    out: dict[str, dict[str, tuple[Pair, ...]]] = {}
    for group, eras in raw["groups"].items():
        classes = {name: _pairs(block, f"dress {group}.{name}") for name, block in raw["dress"][group].items()}
        for era in eras:
            out[era] = classes
    return out


@lru_cache(maxsize=1)
def _shipped() -> Book:
    eras, scene, dress = _yaml("eras.yaml"), _yaml("scene.yaml"), _yaml("dress.yaml")
    order = tuple(eras["order"])
    hints = [line.rpartition(" | ") for line in scene["hints"].splitlines() if line.strip()]
    return Book(
        order, _acts(order),
        {k: _pairs(v, f"names {k}") for k, v in eras["names"].items()},
        {k: _pairs(v, f"must_not {k}") for k, v in eras["must_not"].items()},
        _dresses(dress),
        {k: _dated(v, f"places {k}", order) for k, v in scene["places"].items()},
        {k: _pairs(v, f"details {k}") for k, v in scene["details"].items()},
        frozenset(scene["inside"]),
        frozenset(scene["bare"]),
        re.compile(scene["own_place"]),
        {k: _timed(v, f"light {k}") for k, v in scene["light"].items()},
        scene["times"],
        {k: _camera(v, f"camera {k}") for k, v in scene["camera"].items()},
        _timed(scene["colour"], "colour"), _pairs(scene["style"], "style"),
        {k: _pairs(v, f"mood {k}") for k, v in scene["mood"].items()},
        tuple((re.compile(a.strip()), frozenset(c.strip().split(","))) for a, _, c in hints),
        {k: _dated(v, f"props {k}", order) for k, v in _yaml("props.yaml").items()},
        _yaml("patterns.yaml"),
    )  # fmt: skip


def _times(book: Book, *texts: str) -> set[str]:
    allowed = set(book.times)
    for text in texts:
        for pattern, times in book.hints:
            if pattern.search(text):
                allowed &= times
    return allowed


def _maybe(rng: Random, choices: Sequence[Pair], share: float) -> Pair | None:
    return rng.choice(choices) if choices and rng.random() < share else None


def _fill(book: Book, act: Act, era: str, rng: Random) -> tuple[tuple[str, Pair], ...]:
    found = []
    for name in dict.fromkeys(re.findall(r"\{(\w+)\}", act.does.zh + act.who.zh)):
        options = [p for p in book.props.get(name, ()) if era in p.key]
        if not options:
            raise DataError(f"{act.id}: nothing for {{{name}}} in {era}")
        found.append((name, rng.choice(options)))
    return tuple(found)


def _period(book: Book, act: Act, era: str, rng: Random) -> Pair | None:
    """How the period is said: a named person or event of one period takes its widest name, "Late Tang" would be wrong for Li Bai."""
    if era == LIVING:
        return None
    if act.period:
        return act.period
    # A real place need not lie in the state that a narrower name means (Dunhuang was not of the Later Shu).
    widest = act.theme == "landscape" or (len(act.eras) == 1 and act.theme in _NAMED_THEMES)
    return book.names[era][0] if widest else rng.choice(book.names[era])


def _dresses_for(book: Book, act: Act, era: str, rng: Random) -> tuple[Pair, ...]:
    """Dress that fits: none where the act says it, none of the Han for other peoples, not always for people known by name."""
    if act.dress[-1] in "-!" or act.theme == "ethnic-cultures" or _RULER.search(act.who.zh):
        return ()
    found = book.dress[era].get(act.dress, ())
    if not found:
        raise DataError(f"{act.id}: no dress {act.dress!r} in {era}")
    return () if act.theme == "history" and rng.random() < PLAIN_SHARE else found


def _cameras(book: Book, act: Act, where: Pair | None) -> list[Camera]:
    """Cameras for the kind of act; none flies under a roof."""
    roof = act.place in book.inside or (where is not None and where.zh.endswith(("里", "内"))) or "祠堂" in act.does.zh
    return [c for c in book.camera[act.kind] if not (roof and "航拍" in c.sentence.zh)]


def draw(book: Book, act: Act, era: str, rng: Random) -> Slots:
    """Draw everything around an act so that it fits the period, the place and the time of day.

    Args:
        book: slot data.
        act: the act.
        era: one of the act's eras.
        rng: seeded generator; the same state gives the same slots.

    Raises:
        DataError: the data has nothing that fits.
    """
    # An act that says its own place takes no second one.
    where = (
        None
        if act.does.zh.startswith("在") or book.own_place.search(act.does.zh)
        else _maybe(rng, [p for p in book.places.get(act.place, ()) if era in p.key], 0.85)
    )
    times = _times(book, act.does.zh, act.who.zh, where.zh if where else "")
    side = "inside" if act.place in book.inside else "outside"
    fit = [p for p in book.light[side] if act.place not in book.bare or "树叶" not in p.zh]
    lights = [p for p in fit if p.key[0] in times] or [p for p in book.light[side] if p.key[0] == "阴天"]
    light = rng.choice(lights)
    time = light.key[0]
    details = [p for p in book.details.get(act.place, ()) if time in _times(book, p.zh)]
    colours = [p for p in book.colour if p.key[0] == "any" or time in p.key]
    dresses = _dresses_for(book, act, era, rng)
    return Slots(
        act, era, _period(book, act, era, rng), rng.choice(dresses) if dresses else None, where,
        _maybe(rng, details, 0.6), Pair(time, book.times[time]), light, rng.choice(_cameras(book, act, where)), rng.choice(book.style),
        _maybe(rng, colours, 0.45), _maybe(rng, book.mood[act.kind], 0.4), _fill(book, act, era, rng),
    )  # fmt: skip
