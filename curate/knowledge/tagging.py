"""Labels of a caption: themes, eras and regions, from terms, vectors and context.

Terms say what a caption names. Vectors say what it shows without naming it: a caption is compared with sentences that show each
sub-theme and with sentences of everyday scenes, and a theme counts only when it is clearly nearer than everyday life.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from curate.embed import Embedder, Vectors, encode_unique
from curate.knowledge import eras
from curate.knowledge.head import Head, Vocabulary, sure_themes, term_features
from curate.knowledge.lexicon import Lexicon
from curate.knowledge.taxonomy import Taxonomy

# How much one found term says: a term of its own theme, and a term's second theme.
FIRST_THEME, SECOND_THEME = 0.75, 0.55


@dataclass(frozen=True)
class Prototypes:
    """Vectors of the sentences that show each theme; row ``i`` belongs to ``labels[i]`` (``""`` = everyday)."""

    vectors: Vectors
    labels: tuple[str, ...]

    @classmethod
    def build(cls, taxonomy: Taxonomy, embedder: Embedder) -> Prototypes:
        """Encode definitions, queries and everyday sentences.

        Args:
            taxonomy: themes with their sentences.
            embedder: the encoder that also encodes the captions.
        """
        texts: list[str] = []
        labels: list[str] = []
        for theme in taxonomy.themes:
            sentences = [q for s in theme.subs for _, q in s.queries] + [d for _, d in theme.definition]
            texts += sentences
            labels += [theme.id] * len(sentences)
        texts += [s for _, s in taxonomy.everyday]
        labels += [""] * len(taxonomy.everyday)
        return cls(encode_unique(embedder, texts), tuple(labels))

    @classmethod
    def cached(cls, taxonomy: Taxonomy, embedder: Embedder) -> Prototypes:
        """Return the prototypes, built once per process for each taxonomy and encoder."""
        return _built(taxonomy, embedder)

    def scores(self, vectors: Vectors, themes: Sequence[str]) -> tuple[Vectors, Vectors]:
        """Compare captions with the prototypes.

        Args:
            vectors: array of shape ``(n, dim)``.
            themes: theme ids.

        Returns:
            ``(theme, everyday)``: nearest-sentence cosines of shapes ``(n, len(themes))`` and ``(n,)``.
        """
        similar = vectors @ self.vectors.T
        names = np.array(self.labels)
        best = np.stack([similar[:, names == t].max(axis=1, initial=-1.0) for t in themes], axis=1)
        return best.astype(np.float32), similar[:, names == ""].max(axis=1, initial=-1.0).astype(np.float32)


@lru_cache(maxsize=2)
def _built(taxonomy: Taxonomy, embedder: Any) -> Prototypes:
    return Prototypes.build(taxonomy, embedder)


@dataclass(frozen=True)
class Tags:
    """Labels of one caption: id to ``(score, by)`` per axis."""

    themes: dict[str, tuple[float, str]]
    eras: dict[str, tuple[float, str]]
    regions: dict[str, tuple[float, str]]


def by_terms(lexicon: Lexicon, taxonomy: Taxonomy, terms: Sequence[Mapping[str, object]], zh: str, en: str) -> Tags:
    """Collect the labels that the found terms carry.

    Args:
        lexicon: the lexicon.
        taxonomy: the axes.
        terms: what the ``match`` stage found.
        zh: normalized Chinese caption, or empty.
        en: normalized English caption, or empty.
    """
    themes: dict[str, float] = {}
    regions: dict[str, float] = {}
    for t in terms:
        entry = lexicon.by_id.get(str(t["term_id"]))
        if entry is None:
            continue
        for rank, theme in enumerate(entry.themes):
            new = FIRST_THEME if rank == 0 else SECOND_THEME
            themes[theme] = 1 - (1 - themes.get(theme, 0.0)) * (1 - new)
        for region in entry.regions:
            regions[region] = max(regions.get(region, 0.0), 0.9 if entry.kind == "region" else 0.6)
    scored = [{k: (round(v, 4), "term") for k, v in d.items()} for d in (themes, regions)]
    return Tags(scored[0], eras.label(lexicon, taxonomy, terms, zh, en), scored[1])


def by_prototypes(
    taxonomy: Taxonomy, embedder: Embedder, vectors: Vectors, named: Sequence[Tags], margin: float, least: float
) -> list[dict[str, tuple[float, str]]]:
    """Add themes whose sentences are clearly nearer than everyday ones to those of the terms.

    Args:
        taxonomy: themes with their sentences.
        embedder: the encoder of the captions.
        vectors: unit vectors, shape ``(n, dim)``.
        named: labels by terms.
        margin: how much nearer than everyday sentences (cosine).
        least: least cosine.
    """
    near, everyday = Prototypes.cached(taxonomy, embedder).scores(vectors, taxonomy.theme_ids)
    out = []
    for i, tags in enumerate(named):
        themes = dict(tags.themes)
        for j, name in enumerate(taxonomy.theme_ids):
            cosine = float(near[i, j])
            if cosine >= least and cosine - float(everyday[i]) >= margin:
                by_term = themes.get(name)
                themes[name] = (round(min(1.0, (by_term[0] if by_term else 0.0) * 0.5 + cosine), 4), "both" if by_term else "vector")
        out.append(themes)
    return out


def by_head(
    weights: Head,
    taxonomy: Taxonomy,
    lexicon: Lexicon,
    vectors: Vectors,
    terms: Sequence[Sequence[Mapping[str, object]]],
    named: Sequence[Tags],
    texts: Sequence[tuple[str, str]],
) -> list[dict[str, tuple[float, str]]]:
    """Decide themes by the trained head; ``by`` says whether a term of the theme was found too.

    Args:
        weights: the head.
        taxonomy: the axes.
        lexicon: the lexicon.
        vectors: unit vectors, shape ``(n, dim)``.
        terms: found terms per caption.
        named: labels by terms.
        texts: normalized captions, Chinese and English.
    """
    vocabulary = Vocabulary.of(taxonomy)
    p, given = weights.decide(vectors, term_features(terms, lexicon, vocabulary), texts, sure_themes(terms, texts, lexicon, vocabulary))
    out = []
    for row, some, tags in zip(p, given, named, strict=True):
        names = [(taxonomy.theme_ids[j], float(row[j])) for j in np.flatnonzero(some)]
        out.append({name: (round(score, 4), "both" if name in tags.themes else "vector") for name, score in names})
    return out
