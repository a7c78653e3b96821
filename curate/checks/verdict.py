"""From a caption pair to flags, a verdict and a pair score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curate.checks import anachronism, confusion, knowledge, mismatch, pairfit, reading, sensitive, words
from curate.checks.flags import Flag
from curate.duplicates.decisive import load_opposites
from curate.embed import Vectors, encode_unique
from curate.stage import Resources

# What one sure contradiction leaves of the pair score.
CONTRADICTED = 0.25
VERDICTS = ("anachronism", "confusion", "mismatch", "ok")


@dataclass(frozen=True)
class Checked:
    """What the checks say of one caption pair.

    Attributes:
        flags: all findings.
        verdict: the gravest kind of error, or ``ok``.
        pair_score: how well the captions match, 0 to 1; 1 if one is missing.
    """

    flags: tuple[Flag, ...]
    verdict: str
    pair_score: float


def _support(zh: str, en: str, index: Mapping[str, int], vectors: Vectors, whole_zh: Vectors, whole_en: Vectors) -> tuple[float, float]:
    a = vectors[[index[c] for c in pairfit.clauses(zh, "zh")]]
    b = vectors[[index[c] for c in pairfit.clauses(en, "en")]]
    return pairfit.clause_support(a, whole_en, b), pairfit.clause_support(b, whole_zh, a)


def pair_features(
    readings: Sequence[reading.Reading], zh_vectors: Vectors, en_vectors: Vectors, res: Resources, tables: Sequence[words.Table] = ()
) -> tuple[list[mismatch.Evidence], list[list[float]]]:
    """Collect evidence and features of pairs that have both captions; others get empty features.

    Args:
        readings: caption pairs.
        zh_vectors: vectors of the Chinese captions, shape ``(n, dim)``.
        en_vectors: vectors of the English captions.
        res: the embedder, for clauses and words.
        tables: translations of words for each pair in turn; the shipped ones if empty.
    """
    opposites = load_opposites()
    evidence = [mismatch.collect(r, opposites) for r in readings]
    both = [i for i, r in enumerate(readings) if r.zh and r.en]
    table = words.load() if both and not tables else None
    spoken = {i: (words.words_zh(readings[i].zh, (table or tables[i]).tokenizer), words.words_en(readings[i].en)) for i in both}
    pieces = [c for i in both for c in (*pairfit.clauses(readings[i].zh, "zh"), *pairfit.clauses(readings[i].en, "en"))]
    texts = list(dict.fromkeys([*pieces, *(w for zh, en in spoken.values() for w in (*zh, *en))]))
    index = {t: i for i, t in enumerate(texts)}
    vectors = encode_unique(res.need_embedder(), texts)
    out: list[list[float]] = [[] for _ in readings]
    for i in both:
        r = readings[i]
        support = _support(r.zh, r.en, index, vectors, zh_vectors[i], en_vectors[i])
        by_word = words.features(*spoken[i], lambda names: vectors[[index[w] for w in names]], (table or tables[i]).weight)
        out[i] = pairfit.features(evidence[i], float(np.dot(zh_vectors[i], en_vectors[i])), *support, by_word)
    return evidence, out


def check_all(
    zh: Sequence[str], en: Sequence[str], terms: Sequence[Sequence[Mapping[str, object]]], zh_vectors: Vectors, en_vectors: Vectors, res: Resources
) -> list[Checked]:
    """Check caption pairs.

    Args:
        zh: normalized Chinese captions; empty where missing.
        en: normalized English captions; empty where missing.
        terms: what the ``match`` stage found.
        zh_vectors: vectors, shape ``(n, dim)``.
        en_vectors: vectors, shape ``(n, dim)``.
        res: lexicon and embedder.
    """
    lexicon, known = res.need_lexicon(), knowledge.load()
    readings = [reading.read(a, b, t, lexicon, known) for a, b, t in zip(zh, en, terms, strict=True)]
    evidence, features = pair_features(readings, zh_vectors, en_vectors, res)
    model = pairfit.load()
    out = []
    for r, e, f in zip(readings, evidence, features, strict=True):
        flags = [*anachronism.check(r, known), *confusion.check(r, known)]
        # Untranslated or swapped text is no match, whatever the vectors say; nor are captions that contradict each other.
        less = (0.1 if e.faults else 1.0) * CONTRADICTED ** min(2, e.sure)
        score = model.score(f) * less if f else 1.0
        if f:
            unlike = model.same_facts(f) * less < model.cut
            flags += mismatch.flags(r, e, unlike)
            if unlike and not any(x.check == "mismatch" for x in flags):
                flags.append(_unlike(r))
        flags += sensitive.check(r)
        said = [x for x in flags if not (_one_sided(r, flags) and e.sure and x.check == "anachronism")]
        out.append(Checked(tuple(flags), verdict(said), round(score, 4)))
    return out


def _one_sided(r: reading.Reading, flags: Sequence[Flag]) -> bool:
    """Say whether only one of two captions holds what is out of time: where they contradict each other besides, that is what is wrong."""
    langs = {x.lang for x in flags if x.check == "anachronism"}
    return bool(r.zh and r.en) and len(langs) == 1


def _unlike(r: reading.Reading) -> Flag:
    note = "中英文描述的内容似乎不同，或有一方遗漏了内容。"
    return Flag("mismatch", "error", "en", 0, len(r.en), note, "The two captions seem to say different things, or one leaves something out.")


def verdict(flags: Sequence[Flag]) -> str:
    """Return the gravest kind among the errors: anachronism, confusion, mismatch; else ``ok``."""
    errors = {f.check for f in flags if f.severity == "error"}
    return next((v for v in VERDICTS if v in errors), "ok")
