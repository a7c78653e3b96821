"""How much two caption pairs say the same: one score from characters, meaning and decisive words.

The score is for judging and for choosing thresholds; the ``dedup`` stage finds its pairs by the same evidence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from curate.data import json_lines
from curate.duplicates.decisive import content_words, decisive_words, differ
from curate.duplicates.pairmodel import Compared, features, load
from curate.duplicates.roles import exchanged
from curate.duplicates.wording import GRAMMAR, opposed, own, with_digits
from curate.embed import encode_unique
from curate.errors import DataError
from curate.schema import stable_key
from curate.stage import Resources
from curate.stages.match import find_all_terms
from curate.text import match_key, normalize, to_simplified

# Letters in common from which captions are near copies; score below which they are different.
NEAR, SAME = 0.8, 0.5


@dataclass(frozen=True)
class Side:
    """One caption pair made ready for comparison."""

    zh: str
    en: str
    zh_key: str
    en_key: str
    decisive: tuple[str, ...]


@dataclass
class Judged:
    """Scores of all pairs and a summary for people."""

    rows: list[dict[str, Any]]
    summary: list[str]


def sides(captions: Sequence[tuple[str, str]], res: Resources) -> list[Side]:
    """Make caption pairs ready; all are searched together.

    Args:
        captions: Chinese and English caption of each, or empty.
        res: the lexicon.
    """
    lexicon = res.need_lexicon()
    zh, en = [to_simplified(normalize(a)) for a, _ in captions], [normalize(b) for _, b in captions]
    found = find_all_terms(lexicon, zh, en)
    keys = ((match_key(with_digits(a, "zh")), match_key(with_digits(b, "en"))) for a, b in zip(zh, en, strict=True))
    return [Side(a, b, *k, tuple(decisive_words(lexicon, a, b, terms))) for a, b, k, terms in zip(zh, en, keys, found, strict=True)]


def _text(side: Side, lang: str) -> str:
    return side.zh if lang == "zh" else side.en


def _key(side: Side, lang: str) -> str:
    return side.zh_key if lang == "zh" else side.en_key


def shared_languages(a: Side, b: Side) -> list[str]:
    """Return the languages that both have."""
    return [lang for lang in ("zh", "en") if _key(a, lang) and _key(b, lang)]


def compare(a: Side, b: Side, lang: str, cosine: float, unlike: float) -> Compared:
    """Compare one language of two caption pairs.

    Args:
        a: one caption pair.
        b: the other.
        lang: a language that both have.
        cosine: of the two captions.
        unlike: how unlike the words are that each has for itself, 0 to 1.
    """
    x, y = _key(a, lang), _key(b, lang)
    mine, yours = own(x, y, lang)
    if lang == "zh":
        sizes = [sum(map(len, words)) for words in (mine, yours)]
        whole = sum(c not in GRAMMAR for c in x + y)
    else:
        sizes, whole = [len(mine), len(yours)], len(content_words(x)) + len(content_words(y))
    names = [frozenset(w for w in side.decisive if w.startswith(lang)) for side in (a, b)]
    return Compared(
        letters=float(Levenshtein.normalized_similarity(x, y)),
        covered=1 - sum(sizes) / max(1, whole),
        cosine=cosine,
        replaced=min(len(mine), len(yours)),
        unlike=unlike if mine and yours else 0.0,
        added=abs(len(mine) - len(yours)),
        opposed=opposed(_text(a, lang), _text(b, lang), mine, yours, lang),
        contradicted=bool(differ(*names)),
        exchanged=exchanged(_text(a, lang), _text(b, lang), lang),
        denied=_denials(x, lang) != _denials(y, lang),
        shared_names=len(names[0] & names[1]),
        own_names=min(len(names[0] - names[1]), len(names[1] - names[0])),
    )


def score(a: Side, b: Side, compared: Mapping[str, Compared]) -> tuple[float, str, str]:
    """Score one pair.

    Args:
        a: one caption pair.
        b: the other.
        compared: each language that both have.

    Returns:
        ``(score 0..1, label exact|near|paraphrase|different, evidence)``.
    """
    if not compared:
        return 0.0, "different", "no language in common"
    if all(_key(a, lang) == _key(b, lang) for lang in compared):
        return 1.0, "exact", ""
    value = load().score(features(list(compared.values())))
    evidence, sure = _evidence(a, b, compared)
    value = round(min(value, SAME - 0.01) if sure else min(value, 0.9999), 4)
    near = min(c.letters for c in compared.values()) >= NEAR
    return value, "different" if value < SAME else "near" if near else "paraphrase", evidence


def _evidence(a: Side, b: Side, compared: Mapping[str, Compared]) -> tuple[str, bool]:
    """Say in words what speaks against two pairs saying the same, and whether it is beyond doubt.

    What truly differs differs in every language that was changed; in one alone it is a matter of wording.
    """
    changed = [lang for lang in compared if _key(a, lang) != _key(b, lang)]
    strong = [differ(*([w for w in side.decisive if w.startswith(lang)] for side in (a, b))) for lang in changed]
    if all(strong):
        return strong[0], True
    turned = [compared[lang].exchanged for lang in changed]
    if min(turned) and max(turned) > 1:
        return f"roles exchanged ({changed[turned.index(2)]})", True
    if all(compared[lang].denied and compared[lang].letters >= MINIMAL for lang in changed):
        return f"denied in one only ({changed[0]})", True
    for lang in changed:
        mine, yours = own(_key(a, lang), _key(b, lang), lang)
        if mine and yours:
            return f"{lang}: {mine[0]} / {yours[0]}", False
    return next((s for s in strong if s), ""), False


# Letters in common from which a denial is the only difference; a paraphrase may deny the contrary.
MINIMAL = 0.6
_DENIAL = {
    "zh": re.compile("[不没未无](?![断停远同少仅禁住数边尽已时久绝息])"),
    "en": re.compile(r"\b(?:not|no|never|cannot|without|nobody|(?:is|are|was|were|do|does|did|has|have|ca|wo|could|would)n ?t)\b"),
}


def _denials(key: str, lang: str) -> bool:
    return _DENIAL[lang].search(key) is not None


def compare_all(pairs: Sequence[tuple[Side, Side]], res: Resources) -> list[dict[str, Compared]]:
    """Compare caption pairs in each language that both have.

    Args:
        pairs: two caption pairs each.
        res: embedder.
    """
    embedder = res.need_embedder()
    texts = [t for a, b in pairs for t in (a.zh, a.en, b.zh, b.en)]
    vectors = encode_unique(embedder, texts).reshape(len(pairs), 4, -1)
    words = [(own(_key(a, lang), _key(b, lang), lang) if lang in shared_languages(a, b) else ([], [])) for a, b in pairs for lang in ("zh", "en")]
    every = [w for two in words for side in two for w in side]
    meant = encode_unique(embedder, every)
    out, at = [], 0
    for number, (a, b) in enumerate(pairs):
        row: dict[str, Compared] = {}
        for place, lang in enumerate(("zh", "en")):
            mine, yours = words[2 * number + place]
            x, y = meant[at : at + len(mine)], meant[at + len(mine) : at + len(mine) + len(yours)]
            at += len(mine) + len(yours)
            if lang in shared_languages(a, b):
                likeness = x @ y.T
                # The fewer words are those replaced: each against the word of the other side that is most like it.
                unlike = 1 - float(likeness.max(axis=1 if len(mine) <= len(yours) else 0).min()) if likeness.size else 0.0
                row[lang] = compare(a, b, lang, float(np.dot(vectors[number, place], vectors[number, 2 + place])), min(1.0, max(0.0, unlike)))
        out.append(row)
    return out


def judge(pairs: Sequence[Mapping[str, Any]], res: Resources) -> list[dict[str, Any]]:
    """Score pairs.

    Args:
        pairs: ``{id, a_zh, a_en, b_zh, b_en}``; a missing caption is empty or ``None``.
        res: lexicon and embedder.

    Returns:
        ``{id, score, label, evidence}`` per pair.
    """
    left, right = (sides([(p.get(f"{x}_zh") or "", p.get(f"{x}_en") or "") for p in pairs], res) for x in "ab")
    both = list(zip(left, right, strict=True))
    out = []
    for pair, (a, b), compared in zip(pairs, both, compare_all(both, res), strict=True):
        value, label, evidence = score(a, b, compared)
        out.append({"id": pair["id"], "score": value, "label": label, "evidence": evidence})
    return out


def judge_file(path: Path, res: Resources) -> Judged:
    """Score the pairs of a JSON Lines file and say what other cuts would do.

    Args:
        path: rows ``{id, a_zh, a_en, b_zh, b_en}``.
        res: lexicon and embedder.

    Raises:
        DataError: a line is no pair, or no line has captions under these names.
    """
    pairs = []
    for number, row in json_lines(path, "the pairs"):
        try:
            pairs.append({"id": row["id"], **{k: row.get(k) for k in ("a_zh", "a_en", "b_zh", "b_en")}})
        except (KeyError, TypeError, AttributeError) as e:
            raise DataError(f"{path}:{number}: expected id, a_zh, a_en, b_zh, b_en: {e}") from e
    if pairs and not any(p[k] for p in pairs for k in ("a_zh", "a_en", "b_zh", "b_en")):
        raise DataError(f"{path}: no pair has a caption", hint="name the columns a_zh, a_en, b_zh, b_en; one language is enough")
    rows = judge(pairs, res)
    return Judged(rows, summary(rows, pairs))


def summary(rows: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the distribution, what each cut would call duplicates, and pairs near the cut."""
    scores = sorted(float(r["score"]) for r in rows)
    out = [f"{len(rows)} pairs; duplicates at a cut of:"]
    for cut in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        count = sum(s >= cut for s in scores)
        out.append(f"  {cut:.2f}  {count:6d}  {'#' * round(40 * count / max(1, len(scores)))}")
    texts = {p["id"]: (p.get("a_zh") or p.get("a_en") or "", p.get("b_zh") or p.get("b_en") or "") for p in pairs}
    near = sorted(rows, key=lambda r: (abs(float(r["score"]) - SAME), stable_key(0, str(r["id"]))))[:5]
    out.append(f"pairs nearest to {SAME}:")
    out += [f"  {r['score']:.3f} {r['label']:<10} {texts[r['id']][0][:60]} | {texts[r['id']][1][:60]} {r['evidence']}" for r in near]
    return out
