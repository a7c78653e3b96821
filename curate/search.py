"""Search by meaning: concepts from the lexicon in three languages, BM25 over words, and vectors, fused.

A question in French or English finds Chinese captions, because the lexicon knows what a thing is called in each language and the
encoder puts the three languages in one space.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import langid
from curate.embed import Embedder, Vectors, encode_unique, unit
from curate.knowledge import head
from curate.knowledge.lexicon import Lexicon
from curate.knowledge.taxonomy import Taxonomy
from curate.text import normalize, to_simplified
from curate.tokenize import Tokenizer

Floats = npt.NDArray[np.float32]
K1, B = 1.2, 0.6
# Shares of the fused score; set by hand and looked at on the first author's questions in tests/eval.
CONCEPT, WORDS, VECTOR, THEME = 0.36, 0.20, 0.24, 0.20
_EN_STOP = frozenset(
    "a an the of in on at to for with and or is are was were be by from into it its his her their this that these those as who which find show "
    "me video clip clips videos scene scenes someone people person doing being made les la le un une des du de et en dans sur avec qui que au aux "
    "est sont pour par".split()
)
_ZH_STOP = frozenset("的 了 在 和 与 是 着 一个 一位 一名 有 里 上 中 正在 被 把 用 从 到 对 为 视频 画面 片段 场景 人们 人".split())


def _stem(word: str) -> str:
    """Cut regular English endings, so that dumplings finds dumpling."""
    for ending, least in (("ies", 5), ("ing", 6), ("es", 5), ("ed", 5), ("s", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def words(tokenizer: Tokenizer, zh: str, en: str) -> list[str]:
    """Return the search words of a text: Chinese words and their characters pairs, stemmed English words."""
    out: list[str] = []
    for w in tokenizer.zh(zh) if zh else ():
        if w not in _ZH_STOP:
            out.append(w)
            if len(w) > 2 and not w.isascii():
                out += [w[i : i + 2] for i in range(len(w) - 1)]
    out += [_stem(w) for w in tokenizer.en(en) if w not in _EN_STOP]
    return out


class Bm25:
    """An inverted index with BM25 scores (Robertson and Zaragoza, 2009).

    Args:
        documents: words of each document.
    """

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self.count = len(documents)
        lengths = np.array([len(d) for d in documents], np.float32)
        norm = K1 * (1 - B + B * lengths / max(1.0, float(lengths.mean()) if len(lengths) else 1.0))
        places: dict[str, tuple[list[int], list[int]]] = {}
        for i, document in enumerate(documents):
            for word, n in Counter(document).items():
                rows, counts = places.setdefault(word, ([], []))
                rows.append(i)
                counts.append(n)
        self._postings: dict[str, tuple[npt.NDArray[np.int64], Floats]] = {}
        for word, (rows, counts) in places.items():
            at = np.array(rows, np.int64)
            tf = np.array(counts, np.float32)
            idf = math.log(1 + (self.count - len(at) + 0.5) / (len(at) + 0.5))
            self._postings[word] = (at, (idf * tf * (K1 + 1) / (tf + norm[at])).astype(np.float32))

    def scores(self, query: Iterable[tuple[str, float]]) -> Floats:
        """Return the score of every document.

        Args:
            query: words with weights.
        """
        out = np.zeros(self.count, np.float32)
        for word, weight in query:
            found = self._postings.get(word)
            if found is not None:
                out[found[0]] += weight * found[1]
        return out


@dataclass
class Pool:
    """Captions made ready for search.

    Attributes:
        ids: id per caption pair.
        zh, en: vectors of the captions, zero where missing.
        bm25: word index.
        concepts: rows of each term id, era, region and sub-theme.
        taxonomy: the axes, if themes are compared.
        themes: theme probabilities per caption pair, scaled to unit length; no column where the trained head does not fit the encoder.
    """

    ids: list[str]
    zh: Vectors
    en: Vectors
    bm25: Bm25
    concepts: dict[str, npt.NDArray[np.int64]]
    lexicon: Lexicon
    embedder: Embedder
    tokenizer: Tokenizer
    taxonomy: Taxonomy | None
    themes: Floats

    @classmethod
    def build(cls, frame: pl.DataFrame, lexicon: Lexicon, embedder: Embedder, taxonomy: Taxonomy | None = None) -> Pool:
        """Make captions ready.

        Args:
            frame: ``id``, ``zh_norm``, ``en_norm``, ``terms``.
            lexicon: the lexicon.
            embedder: the encoder.
            taxonomy: the axes; without them themes are not compared.
        """
        tokenizer = Tokenizer(lexicon.words())
        zh, en = frame.get_column("zh_norm").to_list(), frame.get_column("en_norm").to_list()
        concepts: dict[str, set[int]] = {}
        found = frame.get_column("terms").to_list()
        for i, terms in enumerate(found):
            for t in terms:
                for name, _ in _names(lexicon, t["term_id"]):
                    concepts.setdefault(name, set()).add(i)
        half = len(zh)
        vectors = encode_unique(embedder, zh + en)
        documents = [words(tokenizer, a, b) for a, b in zip(zh, en, strict=True)]
        rows = {k: np.array(sorted(v), np.int64) for k, v in concepts.items()}
        a, b = vectors[:half], vectors[half:]
        themes = _themes(lexicon, embedder, taxonomy, unit(a + b), found)
        return cls(frame.get_column("id").to_list(), a, b, Bm25(documents), rows, lexicon, embedder, tokenizer, taxonomy, themes)

    def search(self, query: str, k: int) -> tuple[list[str], list[float]]:
        """Rank captions for one question.

        Args:
            query: a question or a phrase in zh, en, fr or mixed.
            k: how many, at least 1.

        Returns:
            ``(ids, scores 0..1)``, best first; equal scores in order of id.
        """
        text = normalize(query)
        vector = self.embedder.encode([text])[0]
        has_zh, has_en = self.zh.any(axis=1), self.en.any(axis=1)
        a, b = np.where(has_zh, self.zh @ vector, -1.0), np.where(has_en, self.en @ vector, -1.0)
        near = np.maximum(np.where(has_zh & has_en, 0.5 * np.maximum(a, b) + 0.5 * (a + b) / 2, np.maximum(a, b)), 0.0)
        named = _find(self.lexicon, text)
        concept, expanded = self._concepts(text, named)
        lexical = self.bm25.scores(expanded)
        themes = _themes(self.lexicon, self.embedder, self.taxonomy, vector[None], [[{"term_id": t} for t in named]])
        alike = self.themes @ themes[0] if self.themes.shape[1] else np.zeros(len(self.ids), np.float32)
        total = VECTOR * _scale(near) + WORDS * _scale(lexical) + CONCEPT * concept + THEME * _scale(alike)
        quantised = np.round(total.astype(np.float64), 6)
        order = sorted(range(len(self.ids)), key=lambda i: (-quantised[i], self.ids[i]))[:k]
        return [self.ids[i] for i in order], [float(quantised[i]) for i in order]

    def _concepts(self, text: str, named: Sequence[str]) -> tuple[Floats, list[tuple[str, float]]]:
        """Score documents by shared concepts, and expand the question with the concepts' names."""
        score = np.zeros(len(self.ids), np.float32)
        weights: dict[str, float] = {}
        expansion: Counter[str] = Counter()
        for term_id in named:
            for name, weight in _names(self.lexicon, term_id):
                weights[name] = max(weights.get(name, 0.0), weight)
            entry = self.lexicon.by_id[term_id]
            for form in (entry.zh_hans, *entry.zh_alias[:4]):
                for w in words(self.tokenizer, form, ""):
                    expansion[w] = max(expansion[w], 1)
            for form in (entry.en, *entry.en_alias[:3]):
                for w in words(self.tokenizer, "", form):
                    expansion[w] = max(expansion[w], 1)
        n = len(self.ids)
        total = 0.0
        for name, weight in weights.items():
            rows = self.concepts.get(name)
            rarity = math.log(1 + n / (1 + (len(rows) if rows is not None else 0)))
            total += weight * rarity
            if rows is not None:
                score[rows] += weight * rarity
        zh = to_simplified(text)
        own = words(self.tokenizer, zh if langid.script_counts(text)["han"] else "", text)
        query = {w: 1.0 for w in own}
        for w in expansion:
            query.setdefault(w, 0.5)
        return (score / total if total else score).astype(np.float32), sorted(query.items())


def _scale(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    top = float(values.max()) if len(values) else 0.0
    return values / top if top > 0 else values


def _themes(
    lexicon: Lexicon, embedder: Embedder, taxonomy: Taxonomy | None, vectors: Vectors, terms: Sequence[Sequence[Mapping[str, object]]]
) -> Floats:
    """Theme probabilities of texts, scaled to unit length: what a question and a caption are about, when they share no word."""
    weights = head.load() if taxonomy is not None else None
    if taxonomy is None or weights is None or weights.encoder != embedder.sha256:
        return np.zeros((len(vectors), 0), np.float32)
    return unit(weights.probabilities(vectors, head.term_features(terms, lexicon, head.Vocabulary.of(taxonomy)))[:, :-1])


def _find(lexicon: Lexicon, text: str) -> list[str]:
    """Terms of a question in whichever language."""
    found: dict[str, None] = {}
    for span in lexicon.find(to_simplified(text), "zh" if langid.script_counts(text)["han"] else "en"):
        found.setdefault(span.term_id)
    if langid.script_counts(text)["latin"]:
        for lang in ("en", "fr"):
            for span in lexicon.find(text, lang):
                found.setdefault(span.term_id)
    return [t for t in found if t in lexicon.by_id and lexicon.by_id[t].kind != "trap"]


def _names(lexicon: Lexicon, term_id: str) -> list[tuple[str, float]]:
    """The concepts a term stands for, most specific first."""
    entry = lexicon.by_id.get(term_id)
    if entry is None:
        return []
    out = [(term_id, 1.0)]
    if entry.kind == "term" and entry.sub and entry.themes:
        out.append((f"sub:{entry.themes[0]}/{entry.sub}", 0.35))
    out += [(f"era:{e}", 0.9 if entry.kind == "era" else 0.25) for e in entry.eras]
    out += [(f"region:{r}", 0.6 if entry.kind == "region" else 0.15) for r in entry.regions]
    return out
