"""Fit the score of duplicate pairs: ``python -m curate.training.fit_duplicates``.

Each group of ``pairs.tsv`` holds a caption, a near copy of it, a paraphrase and a caption that says something else. Every two of a group are a
pair, with some pairs of captions of different groups; a pair counts in both languages together and in each alone. Deterministic.
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate import plain
from curate.duplicates import pairmodel, pairscore
from curate.knowledge.tsv import read_tsv
from curate.stage import Resources
from curate.training.fit import train
from curate.workspace import write_json

PAIRS = Path(__file__).with_name("pairs.tsv")
Floats = npt.NDArray[np.float32]


# How much such a pair counts; this and the decay were chosen on the first and the second gold set.
APART_WEIGHT, DECAY = 0.2, 1e-3
# Which captions of which other groups are compared: groups ahead, kind here, kind there.
APART = ((1, 0, 0), (7, 1, 2), (23, 0, 3))


def examples(res: Resources, path: Path = PAIRS) -> tuple[Floats, Floats, Floats]:
    """Return features, labels (1: the same) and weights of pairs.

    Args:
        res: lexicon and embedder.
        path: the captions.
    """
    groups: dict[str, list[dict[str, str]]] = {}
    for _, row in read_tsv(path):
        groups.setdefault(row["group"], []).append(row)
    pairs, labels, weights = list[tuple[tuple[str, str], tuple[str, str]]](), list[float](), list[float]()
    every = list(groups)
    for at, name in enumerate(every):
        # Captions of other groups too: most captions have nothing to do with each other.
        others = [(groups[name][i], groups[every[(at + step) % len(every)]][j]) for step, i, j in APART]
        for a, b in (*combinations(groups[name], 2), *others):
            for zh, en in ((1, 1), (1, 0), (0, 1)):
                two = [(r["zh"] * zh, r["en"] * en) for r in (a, b)]
                if all(map(any, two)) and ((zh, en) != (1, 1) or all(map(all, two))):
                    pairs.append((two[0], two[1]))
                    labels.append(float(a["group"] == b["group"] and "different" not in (a["kind"], b["kind"])))
                    weights.append(1.0 if a["group"] == b["group"] else APART_WEIGHT)
    sides = pairscore.sides([side for pair in pairs for side in pair], res)
    compared = pairscore.compare_all(list(zip(sides[::2], sides[1::2], strict=True)), res)
    return np.array([pairmodel.features(list(c.values())) for c in compared], np.float32), np.array(labels, np.float32), np.array(weights, np.float32)


def fit(x: Floats, y: Floats, w: Floats) -> pairmodel.Weights:
    """Fit the weights.

    Args:
        x: features ``(n, f)``.
        y: labels ``(n,)``.
        w: weights ``(n,)``.
    """
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-3)
    weight, bias = train((x - mean) / scale, y[:, None], w, steps=800, rate=0.03, decay=DECAY)
    means, scales, weights = (tuple(round(float(v), 5) for v in row) for row in (mean, scale, weight[:, 0]))
    return pairmodel.Weights(means, scales, weights, round(float(bias[0]), 5))


def main() -> int:
    """Fit and write the weights."""
    res = plain.default_resources()
    weights = fit(*examples(res))
    write_json(pairmodel.MODEL, weights.as_json())
    for name, weight in zip(pairmodel.NAMES, weights.weight, strict=True):
        sys.stderr.write(f"{name:<18}{weight:8.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
