"""One score for how well the two captions match: two logistic regressions over single pieces of evidence.

Weights are in ``models/pair.json``, fitted by ``python -m curate.training.fit_pairs`` on the project's own captions and on versions of them
in which one fact was changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from curate.checks import words
from curate.checks.mismatch import Evidence
from curate.data import PACKAGE
from curate.embed import Vectors
from curate.regression import probability, read

MODEL = PACKAGE / "models" / "pair.json"
NAMES = (
    "cosine", "cosine_low", "shared", "lone_zh", "lone_en", "both_lone", "conflict_era", "conflict_term", "conflict_other", "agreements", "length", "faults",
    "clause_zh", "clause_en", *words.NAMES,
)  # fmt: skip


@dataclass(frozen=True)
class PairModel:
    """Two regressions over one set of features: do the captions tell the same facts, and does neither leave something out.

    Attributes:
        mean, scale: per feature.
        facts, bias: weights and bias of the first one.
        whole, whole_bias: weights and bias of the second one.
        cut: captions whose facts score less do not match.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    facts: tuple[float, ...]
    bias: float
    whole: tuple[float, ...]
    whole_bias: float
    cut: float

    def same_facts(self, features: Sequence[float]) -> float:
        """Return the probability that the captions tell the same facts, 0 to 1."""
        return probability(features, self.mean, self.scale, self.facts, self.bias)

    def score(self, features: Sequence[float]) -> float:
        """Return how well the captions match, 0 to 1: what is left out counts less than another fact."""
        return self.same_facts(features) * math.sqrt(probability(features, self.mean, self.scale, self.whole, self.whole_bias))


@lru_cache(maxsize=1)
def load(path: Path = MODEL) -> PairModel:
    """Read the weights.

    Raises:
        CurateError: the file is missing or broken.
    """
    return PairModel(*read(path, NAMES, "python -m curate.training.fit_pairs", "mean", "scale", "facts", "bias", "whole", "whole_bias", "cut"))


def clauses(text: str, lang: str) -> list[str]:
    """Split a caption at commas and stops into parts long enough to mean something.

    Args:
        text: normalized caption.
        lang: ``zh`` or ``en``.

    Example:
        >>> clauses("江面上龙舟竞渡,两岸人声鼎沸.", "zh")
        ['江面上龙舟竞渡', '两岸人声鼎沸']
    """
    least = 5 if lang == "zh" else 14
    out: list[str] = []
    piece = ""
    for char in text:
        if char in ",;.!?:，。；！？":
            if len(piece.strip()) >= least:
                out.append(piece.strip())
                piece = ""
            elif piece.strip():
                piece += char
        else:
            piece += char
    if piece.strip():
        if len(piece.strip()) >= least or not out:
            out.append(piece.strip())
        else:
            out[-1] += " " + piece.strip()
    return out


def clause_support(parts: Vectors, whole: Vectors, others: Vectors) -> float:
    """Return how well the least supported part of one caption is found in the other caption, as a cosine.

    Args:
        parts: vectors of the caption's clauses, shape ``(k, dim)``.
        whole: vector of the other caption, shape ``(dim,)``.
        others: vectors of the other caption's clauses, shape ``(m, dim)``.
    """
    if not len(parts):
        return 0.0
    best = np.maximum(parts @ whole, (parts @ others.T).max(axis=1) if len(others) else -1.0)
    return float(best.min())


def features(evidence: Evidence, cosine: float, clause_zh: float, clause_en: float, by_word: Sequence[float]) -> list[float]:
    """Return the features of one pair, in the order of ``NAMES``.

    Args:
        evidence: what speaks for and against.
        cosine: cosine of the two captions, -1 to 1.
        clause_zh: support of the least supported Chinese clause.
        clause_en: support of the least supported English clause.
        by_word: how the single words support each other, as ``words.features`` gives it.
    """
    kinds = [g for g, _, _ in evidence.conflicts]
    era = sum(g == "era" for g in kinds)
    themes = sum(
        "-" in g or g in ("history", "literature", "festivals", "cuisine", "landscape", "architecture", "costume", "mythology", "crafts", "region")
        for g in kinds
    )
    ratio = abs(math.log(evidence.length_ratio)) if evidence.length_ratio > 0 else 2.0
    return [
        cosine, max(0.0, 0.45 - cosine), math.log1p(evidence.shared), float(evidence.lone_zh), float(evidence.lone_en),
        float(min(evidence.lone_zh, evidence.lone_en)), float(era), float(themes), float(len(kinds) - era - themes), float(evidence.agreements),
        max(0.0, ratio - 0.5), float(len(evidence.faults)), clause_zh, clause_en, *by_word,
    ]  # fmt: skip
