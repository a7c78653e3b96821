"""Fit the theme head: ``python -m curate.training.fit``. Deterministic; two minutes on two cores.

Trained on: the captions in ``captions.tsv`` (written by the project), the query sentences and definitions of ``themes.yaml``, the glosses and names of the
lexicon, made-up captions of a few words, and everyday sentences. Evaluation files in ``tests/eval`` and the sample are never read here.
"""

from __future__ import annotations

import csv
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from curate import plain
from curate.embed import encode_unique, unit
from curate.knowledge.head import MODEL, TERM_SCALE, VECTOR_SCALE, Floats, Head, Memory, Vocabulary, Words, term_features, word_marks
from curate.langid import detect
from curate.stages.match import find_all_terms
from curate.text import normalize, to_simplified
from curate.training.everyday import sentences
from curate.training.short import named, ordinary

CAPTIONS = Path(__file__).parent / "captions.tsv"
WEIGHTS = {"caption": 4.0, "everyday": 2.0, "query": 2.0, "definition": 1.0, "gloss": 0.6, "name": 0.15, "made": 0.5, "short": 1.0}


# Made-up captions that name one thing, at most.
SHORT = 1800


@dataclass
class Examples:
    """Training rows: captions, labels, weights."""

    zh: list[str] = field(default_factory=list)
    en: list[str] = field(default_factory=list)
    themes: list[tuple[str, ...]] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)

    def add(self, zh: str, en: str, themes: tuple[str, ...], kind: str) -> None:
        """Add one row."""
        self.zh.append(to_simplified(normalize(zh)))
        self.en.append(normalize(en))
        self.themes.append(themes)
        self.weight.append(WEIGHTS[kind])


def collect(seed: int = 0) -> Examples:
    """Collect all training rows."""
    lexicon, taxonomy = plain.shipped_lexicon(), plain.shipped_taxonomy()
    out = Examples()
    rng = random.Random(seed)
    if CAPTIONS.exists():
        with CAPTIONS.open(encoding="utf-8", newline="") as f:
            for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
                themes = tuple(t for t in (row["themes"] or "").split("|") if t)
                kind = "everyday" if not themes else "caption"
                out.add(row["zh"] or "", row["en"] or "", themes, kind)
                # Each language must also carry the label alone.
                if row["zh"] and row["en"] and rng.random() < 0.6:
                    zh, en = (row["zh"], "") if rng.random() < 0.5 else ("", row["en"])
                    out.add(zh, en, themes, kind)
    for theme in taxonomy.themes:
        for sub in theme.subs:
            for lang, q in sub.queries:
                out.add(q if lang == "zh" else "", "" if lang == "zh" else q, (theme.id,), "query")
        for lang, d in theme.definition:
            out.add(d if lang == "zh" else "", "" if lang == "zh" else d, (theme.id,), "definition")
    for lang, s in taxonomy.everyday:
        out.add(s if lang == "zh" else "", "" if lang == "zh" else s, (), "everyday")
    for e in lexicon.terms:
        out.add("", e.gloss_en, e.themes, "gloss")
        out.add(e.zh_hans, e.en, e.themes, "name")
    for s in sentences(2500, seed):
        out.add(s if detect(s) == "zh" else "", "" if detect(s) == "zh" else s, (), "made")
    for short in [*named(lexicon, SHORT, seed), *ordinary()]:
        out.add(short.zh, short.en, short.themes, "short")
    return out


def matrices(rows: Examples) -> tuple[Floats, Floats, Floats]:
    """Return features, labels and weights."""
    res = plain.default_resources()
    lexicon, taxonomy, embedder = res.need_lexicon(), res.need_taxonomy(), res.need_embedder()
    vocabulary = Vocabulary.of(taxonomy)
    vectors = unit(encode_unique(embedder, rows.zh) + encode_unique(embedder, rows.en))
    terms = term_features(find_all_terms(lexicon, rows.zh, rows.en), lexicon, vocabulary)
    labels = np.zeros((len(rows.themes), len(vocabulary.themes)), np.float32)
    for i, themes in enumerate(rows.themes):
        for t in themes:
            labels[i, vocabulary.themes[t]] = 1.0
    return np.concatenate([vectors * VECTOR_SCALE, terms * TERM_SCALE], axis=1), labels, np.array(rows.weight, np.float32)


def train(x: Floats, y: Floats, w: Floats, steps: int = 300, rate: float = 0.05, decay: float = 3e-5) -> tuple[Floats, Floats]:
    """Fit logistic regressions by Adam on the whole batch.

    Args:
        x: features ``(n, f)``.
        y: labels ``(n, themes)``.
        w: weights ``(n,)``.
        steps: number of steps.
        rate: step size.
        decay: weight of the squared weights.

    Returns:
        ``(weights, bias)``.
    """
    theta = np.zeros((x.shape[1] + 1, y.shape[1]), np.float32)
    theta[-1] = -3.0
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    scale = (w / w.sum())[:, None]
    for step in range(1, steps + 1):
        p = 1.0 / (1.0 + np.exp(-(x @ theta[:-1] + theta[-1])))
        error = (p - y) * scale
        grad = np.concatenate([x.T @ error + 2 * decay * theta[:-1], error.sum(axis=0, keepdims=True)])
        m = 0.9 * m + 0.1 * grad
        v = 0.999 * v + 0.001 * grad * grad
        theta -= rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    return theta[:-1], theta[-1]


def known_words(texts: Sequence[tuple[str, str]], y: Floats) -> Words:
    """Gather the marks that stand in at least ``LEAST_TEXTS`` texts, with rare ones counting more; the weights are still nought."""
    counts = Counter(m for zh, en in texts for m in word_marks(zh, en))
    marks = ["", *sorted(m for m, n in counts.items() if n >= LEAST_TEXTS)]
    rarity = np.log((1 + len(texts)) / (1 + np.array([counts[m] for m in marks]))) + 1
    weights = np.zeros((len(marks), y.shape[1]), np.float32)
    weights[0] = -3.0
    return Words({m: i for i, m in enumerate(marks)}, rarity.astype(np.float16).astype(np.float32), weights)


def train_words(texts: Sequence[tuple[str, str]], y: Floats, w: Floats, steps: int = 200, rate: float = 0.1, decay: float = 2e-6) -> Words:
    """Fit logistic regressions over the words by Adam on the whole batch.

    Args:
        texts: captions, Chinese and English.
        y: labels ``(n, themes)``.
        w: weights ``(n,)``.
        steps: number of steps.
        rate: step size.
        decay: weight of the squared weights.
    """
    words = known_words(texts, y)
    at, values, starts = words.rows(texts)
    row = np.repeat(np.arange(len(texts)), np.diff(np.append(starts, len(at))))
    order = np.argsort(at, kind="stable")
    # Every mark of the vocabulary stands in some text, so no segment is empty.
    firsts = np.searchsorted(at[order], np.arange(len(words.places)))
    theta, scale = words.weights, (w / w.sum())[:, None]
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, steps + 1):
        logits = np.add.reduceat(theta[at] * values[:, None], starts, axis=0)
        error = (1.0 / (1.0 + np.exp(-logits)) - y) * scale
        grad = np.add.reduceat(error[row[order]] * values[order, None], firsts, axis=0) + 2 * decay * theta
        m = 0.9 * m + 0.1 * grad
        v = 0.999 * v + 0.001 * grad * grad
        theta = theta - rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-10)
    return Words(words.places, words.rarity, theta.astype(np.float32))


# A theme is given from this probability on (the second: if a term of it was found; the third: if it is the second theme of one), if it has at least
# the share RELATIVE of the likeliest theme's probability, and only if the caption is about Chinese culture with at least the fourth (the fifth, if
# every language names a thing of the theme beyond doubt); chosen by cross-validation on the training captions, at a like share of everyday captions
# that get a label.
THEME_CUT, NAMED_CUT, SECOND_CUT, CULTURE_CUT, SURE_CUT, RELATIVE = 0.28, 0.15, 0.2, 0.88, 0.4, 0.4
# Kept as neighbours: rows of this weight or more (names alone say too little, made-up everyday sentences are all alike), on this many axes.
LEAST_WEIGHT, AXES, MOST_MASS = 0.55, 192, 2.0
# A word is known if it stands in so many texts.
LEAST_TEXTS = 3


def main() -> int:
    """Fit and save."""
    rows = collect()
    x, y, w = matrices(rows)
    y = np.concatenate([y, (y.sum(axis=1, keepdims=True) > 0).astype(np.float32)], axis=1)
    weights, bias = train(x, y, w)
    cuts = np.full(y.shape[1], THEME_CUT, np.float32)
    cuts[-1] = CULTURE_CUT
    embedder = plain.default_resources().need_embedder()
    kept = w >= LEAST_WEIGHT
    memory = Memory.of(x[kept, : embedder.dim] / VECTOR_SCALE, y[kept], np.minimum(w[kept], MOST_MASS), AXES)
    words = train_words(list(zip(rows.zh, rows.en, strict=True)), y, w)
    Head(weights, bias, cuts, NAMED_CUT, memory, embedder.sha256, words, SURE_CUT, SECOND_CUT, RELATIVE).save(MODEL)
    sys.stdout.write(f"{len(x)} rows, {len(memory.cells)} kept as neighbours, {len(words.places)} words, saved {MODEL.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
