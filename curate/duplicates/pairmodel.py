"""The score of two caption pairs: a logistic regression over what speaks for and against their saying the same.

Weights are in ``models/duplicates.json``, fitted by ``python -m curate.training.fit_duplicates`` on pairs written for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from curate.data import PACKAGE
from curate.regression import probability, read

MODEL = PACKAGE / "models" / "duplicates.json"
NAMES = (
    "letters", "covered", "covered_low", "cosine", "cosine_low", "replaced", "replaced_close", "replaced_unlike", "added", "contradicted", "exchanged",
    "turned", "denied", "shared_names", "own_names", "single", "opposed",
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One language of two caption pairs.

    Attributes:
        letters: how far the letters agree, 0 to 1.
        covered: share of the content words that both have, 0 to 1.
        cosine: of the captions.
        replaced: words that each has for itself, the fewer of the two sides.
        unlike: of the words replaced, how unlike the least like is to any of the other side, 0 to 1.
        added: words that only one has, beyond those replaced.
        opposed: groups of words that exclude each other (sunrise and sunset, 狮 and 象) of which each has another one.
        contradicted: decisive words contradict each other.
        exchanged: roles are exchanged (2), their order is turned (1), or neither.
        denied: one of them denies.
        shared_names, own_names: decisive words of both, and those that each has for itself (the fewer).
    """

    letters: float
    covered: float
    cosine: float
    replaced: int
    unlike: float
    added: int
    opposed: int
    contradicted: bool
    exchanged: int
    denied: bool
    shared_names: int
    own_names: int


def features(langs: Sequence[Compared]) -> list[float]:
    """Return the features of two caption pairs, in the order of ``NAMES``.

    Args:
        langs: each language that both have.
    """
    n = len(langs)
    covered, cosine = sum(c.covered for c in langs) / n, sum(c.cosine for c in langs) / n
    replaced = sum(min(c.replaced, 3) for c in langs) / n
    unlike = sum(c.unlike for c in langs) / n
    # In otherwise equal words a word of its own is another thing; a paraphrase changes words all over.
    close = max(0.0, min(c.covered for c in langs) - 0.4) / 0.6
    return [
        sum(c.letters for c in langs) / n, covered, max(0.0, 0.5 - covered), cosine, max(0.0, 0.6 - cosine), replaced,
        close * min(replaced, 1.0), close * unlike, math.log1p(sum(c.added for c in langs) / n),
        sum(c.contradicted for c in langs) / n, float(all(c.exchanged for c in langs) and any(c.exchanged > 1 for c in langs)),
        sum(c.exchanged > 0 for c in langs) / n, sum(c.denied for c in langs) / n * (0.5 + close),
        math.log1p(sum(c.shared_names for c in langs) / n), math.log1p(sum(c.own_names for c in langs) / n), float(n == 1),
        sum(min(c.opposed, 2) for c in langs) / n,
    ]  # fmt: skip


@dataclass(frozen=True)
class Weights:
    """Mean, scale and weight per feature, and the bias."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    bias: float

    def score(self, found: Sequence[float]) -> float:
        """Return the probability that two caption pairs say the same, 0 to 1."""
        return probability(found, self.mean, self.scale, self.weight, self.bias)

    def as_json(self) -> Mapping[str, object]:
        """Return what is stored."""
        return {"names": list(NAMES), "mean": self.mean, "scale": self.scale, "weight": self.weight, "bias": self.bias}


@lru_cache(maxsize=1)
def load(path: Path = MODEL) -> Weights:
    """Read the weights.

    Raises:
        CurateError: the file is missing or broken.
    """
    return Weights(*read(path, NAMES, "python -m curate.training.fit_duplicates", "mean", "scale", "weight", "bias"))
