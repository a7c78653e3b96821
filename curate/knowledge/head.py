"""The trained head of the theme tagger: what a caption's words say on the whole, and what its nearest neighbours among known sentences say.

One logistic regression per theme reads the caption's vector and its terms. Beside it the labels of the nearest training sentences are counted:
a straight line cannot part scenes that share no word but a sense, neighbours can. A third voice reads the plain words, which a sentence vector blurs
("thimble", "kneel"), and so tells everyday scenes apart. All are numbers in ``models/themes.npz`` (no pickles), made by
``python -m curate.training.fit`` from captions that the project wrote; they fit one encoder only, whose digest is stored with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.data import PACKAGE
from curate.embed import Vectors
from curate.errors import CurateError
from curate.knowledge.lexicon import Lexicon
from curate.knowledge.taxonomy import Taxonomy
from curate.use_fast import grid

MODEL = PACKAGE / "models" / "themes.npz"
_CAP = 2.0
# Unit vectors and counts brought to a like size, so that one weight decay fits both.
VECTOR_SCALE, TERM_SCALE = 3.0, 0.7
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Vocabulary:
    """Places of themes and sub-themes in the term features."""

    themes: Mapping[str, int]
    subs: Mapping[str, int]

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> Vocabulary:
        """Return the vocabulary of the axes."""
        subs = [f"{t.id}/{s.id}" for t in taxonomy.themes for s in t.subs]
        return cls({t: i for i, t in enumerate(taxonomy.theme_ids)}, {s: i for i, s in enumerate(subs)})

    @property
    def width(self) -> int:
        """Number of term features."""
        return 2 * len(self.themes) + len(self.subs) + 2


def term_features(rows: Sequence[Sequence[Mapping[str, object]]], lexicon: Lexicon, vocabulary: Vocabulary) -> Floats:
    """Count the found terms per theme and sub-theme.

    Args:
        rows: terms per caption, as the ``match`` stage found them.
        lexicon: the lexicon.
        vocabulary: places of themes and sub-themes.

    Returns:
        Array of shape ``(len(rows), vocabulary.width)``, float32, counts capped at 2; the last two columns say whether any term and any era
        was found.
    """
    n_themes = len(vocabulary.themes)
    out = np.zeros((len(rows), vocabulary.width), np.float32)
    for i, terms in enumerate(rows):
        seen: set[str] = set()
        for t in terms:
            name = str(t["term_id"])
            entry = lexicon.by_id.get(name)
            if entry is None or name in seen:
                continue
            seen.add(name)
            if entry.kind == "era":
                out[i, -1] = 1.0
                continue
            for rank, theme in enumerate(entry.themes):
                if theme in vocabulary.themes:
                    out[i, vocabulary.themes[theme] + (n_themes if rank else 0)] += 1.0
            sub = f"{entry.themes[0]}/{entry.sub}" if entry.themes else ""
            if sub in vocabulary.subs:
                out[i, 2 * n_themes + vocabulary.subs[sub]] += 1.0
            if entry.themes:
                out[i, -2] = 1.0
    capped: Floats = np.minimum(out, _CAP)
    return capped


def sure_themes(
    rows: Sequence[Sequence[Mapping[str, object]]], texts: Sequence[tuple[str, str]], lexicon: Lexicon, vocabulary: Vocabulary
) -> npt.NDArray[np.bool_]:
    """Say which themes are named beyond doubt: every language that a caption has names a thing of the theme that means it in any context.

    Args:
        rows: terms per caption, as the ``match`` stage found them.
        texts: Chinese and English captions.
        lexicon: the lexicon.
        vocabulary: places of the themes.

    Returns:
        Array of shape ``(len(rows), themes)``.
    """
    out = np.zeros((len(rows), len(vocabulary.themes)), np.bool_)
    for i, (terms, (zh, en)) in enumerate(zip(rows, texts, strict=True)):
        by: dict[str, set[str]] = {lang: set() for lang, text in (("zh", zh), ("en", en)) if text.strip()}
        for t in terms:
            entry, lang = lexicon.by_id.get(str(t["term_id"])), str(t["lang"])
            if entry is None or entry.kind != "term" or entry.context != "free" or not entry.themes or lang not in by:
                continue
            # One character is too little to be sure.
            if lang == "en" or int(str(t["end"])) - int(str(t["start"])) > 1:
                by[lang].add(entry.themes[0])
        for theme in set.intersection(*by.values()) if by else ():
            if theme in vocabulary.themes:
                out[i, vocabulary.themes[theme]] = True
    return out


@dataclass(frozen=True)
class Memory:
    """Known sentences and their labels, small enough to ship.

    Vectors are turned to the axes on which the sentences differ most and rounded to whole numbers of one byte. All products are then exact in
    float32, so that neither the batch nor the order of a sum changes a neighbour.

    Attributes:
        axes: multiples of 1/256, shape ``(dim, d)``.
        cells: whole numbers within ±127, shape ``(n, d)``.
        labels: 0 or 1, shape ``(n, themes + 1)``; the last column says whether the sentence is about Chinese culture at all.
        mass: how much a sentence counts, shape ``(n,)``.
    """

    axes: Floats
    cells: Floats
    labels: Floats
    mass: Floats

    @classmethod
    def of(cls, vectors: Vectors, labels: Floats, mass: Floats, d: int) -> Memory:
        """Gather sentences.

        Args:
            vectors: unit vectors, shape ``(n, dim)``.
            labels: shape ``(n, themes + 1)``.
            mass: shape ``(n,)``.
            d: how many axes are kept.
        """
        spread = (vectors * mass[:, None]).T.astype(np.float64) @ vectors.astype(np.float64)
        axes = grid(np.linalg.eigh(spread)[1][:, ::-1][:, :d], _AXIS_STEPS)
        return cls(axes, _bytes(vectors, axes), labels, mass)

    def vote(self, vectors: Vectors) -> Floats:
        """Return the share of each label among the nearest sentences, near ones counting more.

        Args:
            vectors: unit vectors of captions, shape ``(n, dim)``.

        Returns:
            Array of shape ``(n, themes + 1)``.
        """
        out = np.zeros((len(vectors), self.labels.shape[1]), np.float32)
        k = min(NEIGHBOURS, len(self.cells))
        for at in range(0, len(vectors), _ROWS):
            near = _bytes(vectors[at : at + _ROWS], self.axes) @ self.cells.T
            top = np.sort(np.argpartition(-near, k - 1, axis=1)[:, :k], axis=1)
            cosine = np.take_along_axis(near, top, axis=1).astype(np.float64) / _BYTE_STEPS**2
            share = np.exp(SHARPNESS * (cosine - cosine.max(axis=1, keepdims=True))) * self.mass[top]
            share /= share.sum(axis=1, keepdims=True)
            out[at : at + _ROWS] = (share[:, :, None] * self.labels[top]).sum(axis=1)
        return out


# Neighbours asked, how fast their say falls with distance, and the neighbours' part in the probability; chosen by cross-validation.
NEIGHBOURS, SHARPNESS, SHARE = 20, 30.0, 0.3
# The words' part of what the neighbours leave; chosen alike.
WORDS_SHARE = 0.6
# Captions at once: few enough for the products with all neighbours to stay near the processor.
_AXIS_STEPS, _BYTE_STEPS, _ROWS = 256, 300, 128


def _bytes(vectors: Vectors, axes: Floats) -> Floats:
    turned = grid(vectors, 1024) @ axes
    rounded: Floats = np.clip(np.rint(turned * _BYTE_STEPS), -127, 127).astype(np.float32)
    return rounded


_HAN, _LATIN = re.compile(r"[\u4e00-\u9fff]+"), re.compile(r"[a-z]+")
_ENDING = re.compile(r"(ing|ed|es|s|e)$")


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    return "_" + (_ENDING.sub("", word) if len(word) > 4 else word)


def word_marks(zh: str, en: str) -> set[str]:
    """Split captions into marks: characters and pairs of characters, and English words without their endings.

    Example:
        >>> sorted(word_marks("泡茶", "Pouring teas"))
        ['_pour', '_teas', '泡', '泡茶', '茶']
    """
    out = {_stem(w) for w in _LATIN.findall(en.lower())}
    for run in _HAN.findall(zh):
        out.update(run)
        out.update(map(str.__add__, run, run[1:]))
    return out


@dataclass(frozen=True)
class Words:
    """A logistic regression over the words alone.

    Attributes:
        places: row of each known mark; row 0 is the constant.
        rarity: how much a mark counts, shape ``(n,)``.
        weights: shape ``(n, themes + 1)``.
    """

    places: Mapping[str, int]
    rarity: Floats
    weights: Floats

    def rows(self, texts: Sequence[tuple[str, str]]) -> tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.int64]]:
        """Return the places and values of all marks, one caption after the other, and where each caption starts.

        Args:
            texts: Chinese and English captions.
        """
        found = [[0, *sorted({self.places[m] for m in word_marks(zh, en) if m in self.places})] for zh, en in texts]
        lengths = np.array([len(f) for f in found], np.int64)
        starts = np.cumsum(lengths) - lengths
        at = np.array([i for f in found for i in f], np.int64)
        values = self.rarity[at]
        values[starts] = 0.0
        norms = np.sqrt(np.add.reduceat(values * values, starts)) if len(at) else np.zeros(0, np.float32)
        values = values / np.repeat(np.maximum(norms, 1e-6), lengths)
        values[starts] = 1.0
        return at, values.astype(np.float32), starts

    def logits(self, texts: Sequence[tuple[str, str]]) -> Floats:
        """Return the logits, shape ``(n, themes + 1)``."""
        out = np.zeros((len(texts), self.weights.shape[1]), np.float32)
        for first in range(0, len(texts), _ROWS):
            at, values, starts = self.rows(texts[first : first + _ROWS])
            out[first : first + _ROWS] = np.add.reduceat(self.weights[at] * values[:, None], starts, axis=0)
        return out


@dataclass(frozen=True)
class Head:
    """Weights of the head.

    Attributes:
        weights: shape ``(features, themes + 1)``; the last column says whether the caption is about Chinese culture at all.
        bias: shape ``(themes + 1,)``.
        cuts: probability from which a theme is given, shape ``(themes + 1,)``; below the last one no theme is given.
        named_cut: the same for a theme of which a term was found.
        memory: known sentences.
        encoder: digest of the encoder that the weights fit.
        words: what the plain words say; ``None`` if it was not fitted.
        sure_cut: takes the place of the last cut for a theme that is named beyond doubt (``sure_themes``); above 1: there is no such rule.
        second_cut: as ``named_cut`` for a theme that a found term has beside its own; above 1: there is no such rule.
        relative: a theme needs at least this share of the likeliest theme's probability, so that a word in passing does not stand beside the topic.
    """

    weights: Floats
    bias: Floats
    cuts: Floats
    named_cut: float
    memory: Memory
    encoder: str
    words: Words | None = None
    sure_cut: float = 2.0
    second_cut: float = 2.0
    relative: float = 0.0

    def probabilities(self, vectors: Vectors, terms: Floats, texts: Sequence[tuple[str, str]] | None = None) -> Floats:
        """Return the probability of each theme.

        Args:
            vectors: unit vectors of the captions, shape ``(n, dim)``.
            terms: ``term_features``.
            texts: Chinese (simplified) and English captions; without them the words have no say.

        Returns:
            Array of shape ``(n, themes + 1)``.
        """
        logits = np.concatenate([vectors * VECTOR_SCALE, terms * TERM_SCALE], axis=1) @ self.weights + self.bias
        straight = 1.0 / (1.0 + np.exp(-logits))
        if self.words is not None and texts is not None:
            straight = (1 - WORDS_SHARE) * straight + WORDS_SHARE / (1.0 + np.exp(-self.words.logits(texts)))
        p: Floats = ((1 - SHARE) * straight + SHARE * self.memory.vote(vectors)).astype(np.float32)
        return p

    def decide(
        self, vectors: Vectors, terms: Floats, texts: Sequence[tuple[str, str]] | None = None, sure: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return probabilities and which themes are given.

        Args:
            vectors: unit vectors of the captions, shape ``(n, dim)``.
            terms: ``term_features``; their first columns count the terms per theme.
            texts: Chinese (simplified) and English captions.
            sure: ``sure_themes``; without it no theme is.

        Returns:
            ``(probabilities, given)`` of shape ``(n, themes)``.
        """
        p = self.probabilities(vectors, terms, texts)
        themes = p.shape[1] - 1
        second = np.where(terms[:, themes : 2 * themes] > 0, np.minimum(self.second_cut, self.cuts[:-1]), self.cuts[:-1])
        cuts = np.where(terms[:, :themes] > 0, self.named_cut, second)
        cuts = np.maximum(cuts, self.relative * p[:, :-1].max(axis=1, initial=0.0, keepdims=True))
        about = p[:, -1:] >= (self.cuts[-1] if sure is None else np.where(sure, min(self.sure_cut, float(self.cuts[-1])), self.cuts[-1]))
        return p[:, :-1], (p[:, :-1] >= cuts) & about

    def save(self, path: Path) -> None:
        """Write the weights as half floats (0.1 % of a probability is lost) and the memory as bytes (nothing is lost)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        m = self.memory
        w = self.words or Words({"": 0}, np.zeros(1, np.float32), np.zeros((1, len(self.bias)), np.float32))
        np.savez_compressed(
            path,
            weights=self.weights.astype(np.float16),
            bias=self.bias,
            cuts=self.cuts,
            named_cut=np.float32(self.named_cut),
            sure_cut=np.float32(self.sure_cut),
            second_cut=np.float32(self.second_cut),
            relative=np.float32(self.relative),
            axes=np.rint(m.axes * _AXIS_STEPS).astype(np.int16),
            cells=m.cells.astype(np.int8),
            labels=np.packbits(m.labels > 0, axis=1),
            mass=m.mass.astype(np.float32),
            encoder=np.frombuffer(self.encoder.encode(), np.uint8),
            marks=np.frombuffer("\n".join(sorted(w.places, key=lambda k: w.places[k])).encode(), np.uint8),
            rarity=w.rarity.astype(np.float16),
            word_weights=w.weights.astype(np.float16),
        )


_ARRAYS = ("weights", "bias", "cuts", "axes", "cells", "labels", "mass", "encoder", "marks", "rarity", "word_weights")
_CUTS = ("named_cut", "sure_cut", "second_cut", "relative")


@lru_cache(maxsize=2)
def load(path: Path = MODEL) -> Head | None:
    """Read the weights; ``None`` if there are none.

    Raises:
        CurateError: the file is broken.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as data:
            got: dict[str, Any] = {k: data[k] for k in (*_ARRAYS, *_CUTS)}
    except (OSError, ValueError, KeyError) as e:
        raise CurateError(f"{path} is broken: {e}", hint="python -m curate.training.fit") from e
    bias = got["bias"].astype(np.float32)
    labels = np.unpackbits(got["labels"], axis=1)[:, : len(bias)].astype(np.float32)
    memory = Memory(got["axes"].astype(np.float32) / _AXIS_STEPS, got["cells"].astype(np.float32), labels, got["mass"])
    encoder = got["encoder"].tobytes().decode()
    marks = got["marks"].tobytes().decode().split("\n")
    words = Words({m: i for i, m in enumerate(marks)}, got["rarity"].astype(np.float32), got["word_weights"].astype(np.float32))
    cuts = got["cuts"].astype(np.float32)
    named_cut, sure_cut, second_cut, relative = (float(got[k]) for k in _CUTS)
    known = words if len(marks) > 1 else None
    return Head(got["weights"].astype(np.float32), bias, cuts, named_cut, memory, encoder, known, sure_cut, second_cut, relative)
