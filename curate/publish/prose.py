"""The prose of a card: what only people can say, in both languages, and how to tell that it was really written."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from curate.data import data_path
from curate.errors import CurateError, UsageError, did_you_mean
from curate.recipe import parse_yaml
from curate.text import han_count

SECTIONS = (
    "title", "summary", "motivation", "intended_use", "out_of_scope", "collection", "annotation", "rights_and_consent", "cultural_notes",
    "biases", "known_gaps", "maintenance", "maintainers", "citation",
)  # fmt: skip
_WIDE = "[\u2014\u201c\u201d\u3000-\u9fff\uff00-\uffef]"
_NEUTRAL = ("title", "maintainers", "citation")
_PLACEHOLDER = re.compile(r"\bTODO\b|\bTBD\b|\bFIXME\b|\bXXX+\b|lorem ipsum|\{\{|待填|待补|此处填写|write here", re.IGNORECASE)


@dataclass(frozen=True)
class Prose:
    """The sections, each ``{"zh": text, "en": text}``.

    Attributes:
        sections: by name.
        homepage: where the set lives, if anywhere.
        creators: names of the people or bodies who made it.
    """

    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    homepage: str = ""
    creators: tuple[str, ...] = ()

    def get(self, name: str, lang: str) -> str:
        """Return one section, empty if it was not written."""
        text = self.sections.get(name, {}).get(lang, "").strip()
        # A line break in the file must not become a space between Chinese characters.
        return re.sub(rf"(?<={_WIDE}) (?={_WIDE})", "", text) if lang == "zh" else text


def template() -> Path:
    """Return the file to start from, as it is named from here; an installed package has it far from the user's folder."""
    path = data_path("data_cards") / "template" / "prose.yaml"
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def find(spec: str, base: Path) -> Path:
    """Return the prose file that a recipe names.

    Args:
        spec: path of a file, or of a folder with ``prose.yaml``, relative to the recipe or below the shipped ``data_cards``.
        base: the recipe's folder.

    Raises:
        UsageError: it is in neither place.
    """
    places = [base / spec]
    with contextlib.suppress(CurateError):
        places.append(data_path("data_cards") / spec)
    for place in (p / "prose.yaml" if p.is_dir() else p for p in places):
        if place.is_file():
            return place
    raise UsageError(f"publish.prose: no file at {spec!r}", hint=f"copy {template()} beside the recipe and fill it in")


def load(path: Path) -> Prose:
    """Read a prose file.

    Args:
        path: YAML: ``section: {zh: …, en: …}``, ``homepage``, ``creators``.

    Raises:
        UsageError: a section is unknown or is not in two languages.
    """
    raw = parse_yaml(path.read_text(encoding="utf-8-sig"), path.name)
    if not isinstance(raw, dict):
        raise UsageError(f"{path.name}: a prose file is a mapping of sections", hint=f"copy {template()}")
    sections: dict[str, dict[str, str]] = {}
    for key, value in raw.items():
        if key in ("homepage", "creators"):
            continue
        if key not in SECTIONS:
            raise UsageError(f"{path.name}: unknown section {key!r}", hint=did_you_mean(str(key), SECTIONS))
        if not isinstance(value, dict) or set(value) - {"zh", "en"}:
            raise UsageError(f"{path.name}: section {key!r} must be a mapping with zh and en")
        sections[key] = {str(k): str(v or "") for k, v in value.items()}
    creators = raw.get("creators") or []
    return Prose(sections, str(raw.get("homepage") or ""), tuple(str(c) for c in creators))


def faults(prose: Prose | None) -> list[str]:
    """Say what is missing or still a placeholder.

    Args:
        prose: the sections; ``None`` if the recipe names no file.

    Returns:
        One line per fault.
    """
    if prose is None:
        return [f"the card has no prose; copy {template()} beside the recipe, fill it in, and name it there: publish: {{prose: prose.yaml}}"]
    out = []
    for name in SECTIONS:
        for lang in ("zh", "en"):
            text = prose.get(name, lang)
            if not text:
                out.append(f"prose section {name!r} is empty in {lang}")
            elif _PLACEHOLDER.search(text):
                out.append(f"prose section {name!r} ({lang}) is still a placeholder: {text.splitlines()[0][:60]!r}")
            elif name not in _NEUTRAL and (han_count(text) > 0) != (lang == "zh") and not (lang == "en" and han_count(text) < len(text) / 3):
                out.append(f"prose section {name!r} ({lang}) is not written in that language")
    if not prose.creators:
        out.append("prose: 'creators' is empty; name who made the set")
    return out
