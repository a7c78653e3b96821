"""Cut-offs of published recipes. A cut-off belongs to a scorer; a score of another scorer is never compared with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate.data import read_yaml
from curate.errors import RecipeError, did_you_mean
from curate.media.quality import SCORERS

# What a row that fails a rule is dropped for.
REASONS = {
    "width": "too_small", "height": "too_small", "min_side": "too_small", "aspect": "wrong_shape", "frames": "wrong_length", "duration_s": "wrong_length",
    "fps": "wrong_rate", "black": "too_black", "frozen": "too_static", "duplicate": "too_static", "motion": "wrong_motion", "cuts": "has_cuts",
    "letterbox": "letterboxed", "text_share": "too_much_text", "corner_static": "watermark", "brightness": "wrong_brightness",
    "contrast": "wrong_brightness", "sharpness": "blurred",
}  # fmt: skip
OURS = {**SCORERS, "min_side": "decode"}


@dataclass(frozen=True)
class Rule:
    """One cut-off: a column, the scorer it holds for, and the bounds."""

    column: str
    scorer: str
    low: float | None = None
    high: float | None = None

    @property
    def applies(self) -> bool:
        """Whether the score in the column is of this scorer."""
        return OURS.get(self.column) == self.scorer


@lru_cache(maxsize=1)
def _all() -> dict[str, Any]:
    return dict(read_yaml(Path(__file__).parent / "presets.yaml"))


def names() -> list[str]:
    """Return the names of all presets."""
    return sorted(_all())


def load(name: str) -> tuple[list[Rule], list[str]]:
    """Return the rules of a preset that can be applied, and a note for each that cannot.

    Args:
        name: of the preset.

    Raises:
        RecipeError: there is none of that name.

    Example:
        >>> [r.column for r in load("open-sora-plan-1.3")[0]]
        ['frames', 'aspect']
    """
    if name not in _all():
        raise RecipeError(f"unknown preset {name!r}", hint=did_you_mean(name, names()))
    rules = [Rule(r["column"], r["scorer"], r.get("min"), r.get("max")) for r in _all()[name]["rules"]]
    notes = [f"{name}: {r.column} needs the scorer {r.scorer!r}, which is not here; the rule is not applied" for r in rules if not r.applies]
    return [r for r in rules if r.applies], notes


def check(column: str, scorer: str | None) -> str:
    """Refuse a cut-off that was measured with another scorer.

    Args:
        column: the score.
        scorer: what the cut-off holds for; ours if ``None``.

    Raises:
        ValueError: the column is unknown, or the scorer is not the one that fills it.

    Example:
        >>> check("motion", None)
        'dis-flow-256'
    """
    if column not in OURS:
        raise ValueError(f"unknown score {column!r}; {did_you_mean(column, OURS)}")
    if scorer is not None and scorer != OURS[column]:
        raise ValueError(f"the score {column!r} here is of {OURS[column]!r}; a cut-off for {scorer!r} does not compare with it")
    return OURS[column]


def verdict(row: Mapping[str, Any], rules: Sequence[Rule]) -> tuple[str, str] | None:
    """Return reason and note of the first rule that a row fails; a null score fails nothing.

    Args:
        row: scores.
        rules: cut-offs.
    """
    for rule in rules:
        value = _value(row, rule.column)
        if value is None:
            continue
        if (rule.low is not None and value < rule.low) or (rule.high is not None and value > rule.high):
            bounds = f"{'' if rule.low is None else rule.low} to {'' if rule.high is None else rule.high}"
            return REASONS[rule.column], f"{rule.column} {value:g} is not in {bounds} ({rule.scorer})"
    return None


def _value(row: Mapping[str, Any], column: str) -> float | None:
    width, height = row.get("width"), row.get("height")
    if column in ("aspect", "min_side"):
        if not width or not height:
            return None
        return width / height if column == "aspect" else float(min(width, height))
    value = row.get(column)
    if isinstance(value, list):
        return float(len(value))
    return None if value is None else float(value)
