"""Search by meaning: concepts from the lexicon in three languages, words (equal and near ones), vectors and subjects, fused.

A question in French or English finds Chinese captions, because the lexicon knows what a thing is called in each language and the
encoder puts the three languages in one space. Word by word it is matched softly (``curate.softwords``); what it is about counts
by themes and sub-themes (``curate.subjects``).
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
from curate.softwords import SoftWords
from curate.subjects import Subjects
from curate.text import normalize, to_simplified
from curate.tokenize import Tokenizer

Floats = npt.NDArray[np.float32]
K1, B = 1.2, 0.6
# Shares of the fused score: a listwise softmax regression on the first two question sets of tests/eval and, with little weight, on captions of
# the same clip or picture; confirmed on the third and fourth. Cosines and shares stay as they are, so that a voice that is not sure says little.
WEIGHTS = {"vector": 0.400, "soft words": 0.200, "words": 0.017, "concepts": 0.083, "themes": 0.155, "sub-themes": 0.070, "scenes": 0.075}
# Length of a question's theme probabilities from which on its themes count fully.
SURE = 0.2
_EN_STOP = frozenset(
    "a an the of in on at to for with and or is are was were be by from into it its his her their this that these those as who which find show "
    "me video clip clips videos scene scenes someone people person doing being made les la le un une des du de et en dans sur avec qui que au aux "
    "est sont pour par".split()
)
# Further words that say too little to look for their like.
_EN_IDLE = frozenset(
    "been as onto over up down out off some one very he she they them him while then now all each every not no has have had do does did will would "
    "can could so than too also just but if when where what how about after before through under above between among us we our you your i my".split()
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
    return _marks(*_cut(tokenizer, zh, en))


def _cut(tokenizer: Tokenizer, zh: str, en: str) -> tuple[list[str], list[str]]:
    """Words of both captions without stop words."""
    return [w for w in tokenizer.zh(zh) if w not in _ZH_STOP] if zh else [], [w for w in tokenizer.en(en) if w not in _EN_STOP]


def _marks(zh: Sequence[str], en: Sequence[str]) -> list[str]:
    out: list[str] = []
    for w in zh:
        out.append(w)
        if len(w) > 2 and not w.isascii():
            out += [w[i : i + 2] for i in range(len(w) - 1)]
    out += map(_stem, en)
    return out


def _content(zh: Iterable[str], en: Iterable[str]) -> list[str]:
    """The words that are matched softly: each once, without those that say little."""
    return list(dict.fromkeys(w for w in (*zh, *en) if w not in _EN_IDLE and w not in _EN_STOP and w not in _ZH_STOP))


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
        soft: the words of the captions, for soft matching.
        subjects: the sub-themes, if themes are compared.
        lengths: length of the sum of both vectors, per caption pair.
        places: place of each id in their order.
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
    soft: SoftWords
    subjects: Subjects | None
    lengths: Floats
    places: npt.NDArray[np.int64]

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
        pieces = [_cut(tokenizer, a, b) for a, b in zip(zh, en, strict=True)]
        rows = {k: np.array(sorted(v), np.int64) for k, v in concepts.items()}
        a, b = vectors[:half], vectors[half:]
        both = a + b
        themes = unit(_themes(lexicon, embedder, taxonomy, unit(both), found))
        soft = SoftWords.build([_content(*p) for p in pieces], embedder)
        subjects = Subjects.of(taxonomy, embedder) if taxonomy is not None else None
        ids, bm25 = frame.get_column("id").to_list(), Bm25([_marks(*p) for p in pieces])
        places = np.empty(len(ids), np.int64)
        places[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
        lengths = np.linalg.norm(both, axis=1)
        return cls(ids, a, b, bm25, rows, lexicon, embedder, tokenizer, taxonomy, themes, soft, subjects, lengths, places)

    def search(self, query: str, k: int) -> tuple[list[str], list[float]]:
        """Rank captions for one question.

        Args:
            query: a question or a phrase in zh, en, fr or mixed.
            k: how many, at least 1.

        Returns:
            ``(ids, scores 0..1)``, best first; equal scores in order of id.
        """
        voices = self.voices(normalize(query))
        total = sum((WEIGHTS[name] * values for name, values in voices.items()), np.zeros(len(self.ids)))
        quantised = np.round(total.astype(np.float64), 6)
        order = np.lexsort((self.places, -quantised))[:k].tolist()
        return [self.ids[i] for i in order], [float(quantised[i]) for i in order]

    def voices(self, text: str) -> dict[str, npt.NDArray[np.floating]]:
        """Return what each kind of evidence says of every caption.

        Args:
            text: the question, normalized.

        Returns:
            An array of shape ``(captions,)``, 0 to 1, per name in ``WEIGHTS``.
        """
        vector = self.embedder.encode([text])[0]
        a, b = self.zh @ vector, self.en @ vector
        has_zh, has_en = self.zh.any(axis=1), self.en.any(axis=1)
        best = np.maximum(np.where(has_zh, a, -1.0), np.where(has_en, b, -1.0))
        near = np.clip(np.where(has_zh & has_en, 0.5 * best + 0.5 * (a + b) / 2, best), 0.0, 1.0)
        named = _find(self.lexicon, text)
        concept, expanded = self._concepts(text, named)
        own = _cut(self.tokenizer, to_simplified(text) if langid.script_counts(text)["han"] else "", text)
        themes = _themes(self.lexicon, self.embedder, self.taxonomy, vector[None], [[{"term_id": t} for t in named]])[0]
        # Faint themes are no subject: scaled up they would outweigh the words of a question about something else.
        sure = min(1.0, float(np.linalg.norm(themes)) / SURE)
        nothing = np.zeros(len(self.ids), np.float32)
        tagged, scene = nothing, nothing
        if self.subjects is not None:
            shares = self.subjects.shares(vector)
            tagged = self.subjects.tagged(shares, self.concepts, len(self.ids))
            scene = _standard(self._between(self.subjects.scene(shares)))
        return {
            "vector": near,
            "soft words": self.soft.scores(_content(*own), self.embedder),
            "words": _scale(self.bm25.scores(expanded)),
            "concepts": concept,
            "themes": sure * _scale(self.themes @ themes) if self.themes.shape[1] else nothing,
            "sub-themes": _scale(tagged),
            "scenes": scene,
        }

    def _between(self, vector: Vectors) -> Floats:
        """Products of a vector with the unit vectors between both captions."""
        products = self.zh @ vector + self.en @ vector
        out: Floats = np.divide(products, self.lengths, out=np.zeros_like(products), where=self.lengths > 1e-6)
        return out

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


def _standard(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Distance from the mean in standard deviations, -3 to 3 brought to 0 to 1: cosines that are all alike still tell captions apart."""
    spread = float(values.std()) if len(values) else 0.0
    return np.clip((values - values.mean()) / spread / 6 + 0.5, 0.0, 1.0) if spread > 1e-6 else np.zeros_like(values)


def _themes(
    lexicon: Lexicon, embedder: Embedder, taxonomy: Taxonomy | None, vectors: Vectors, terms: Sequence[Sequence[Mapping[str, object]]]
) -> Floats:
    """Theme probabilities of texts: what a question and a caption are about, when they share no word."""
    weights = head.load() if taxonomy is not None else None
    if taxonomy is None or weights is None or weights.encoder != embedder.sha256:
        return np.zeros((len(vectors), 0), np.float32)
    return weights.probabilities(vectors, head.term_features(terms, lexicon, head.Vocabulary.of(taxonomy)))[:, :-1]


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
