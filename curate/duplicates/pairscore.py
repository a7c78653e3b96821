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
from curate.duplicates.decisive import content_differs, content_words, decisive_words, differ
from curate.embed import encode_unique
from curate.errors import DataError
from curate.schema import stable_key
from curate.stage import Resources
from curate.stages.match import find_all_terms
from curate.text import match_key, normalize, to_simplified

# Characters in common from which a replaced word counts as the only difference; near duplicates; paraphrases by meaning.
MINIMAL, NEAR, PARAPHRASE = 0.6, 0.8, 0.7


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
    return [Side(a, b, match_key(a), match_key(b), tuple(decisive_words(lexicon, a, b, terms))) for a, b, terms in zip(zh, en, found, strict=True)]


def score(a: Side, b: Side, cosine: Mapping[str, float]) -> tuple[float, str, str]:
    """Score one pair.

    Args:
        a: one caption pair.
        b: the other.
        cosine: cosine per language that both have.

    Returns:
        ``(score 0..1, label exact|near|paraphrase|different, evidence)``.
    """
    shared = [(lang, getattr(a, f"{lang}_key"), getattr(b, f"{lang}_key")) for lang in ("zh", "en")]
    shared = [(lang, x, y) for lang, x, y in shared if x and y]
    if not shared:
        return 0.0, "different", "no language in common"
    if all(x == y for _, x, y in shared):
        return 1.0, "exact", ""
    chars = {lang: float(Levenshtein.normalized_similarity(x, y)) for lang, x, y in shared}
    meaning = sum(cosine.get(lang, 0.0) for lang, _, _ in shared) / len(shared)
    changed = [(lang, x, y) for lang, x, y in shared if x != y]
    close = max(min(chars.values()), meaning)
    evidence = _evidence(a, b, changed, chars, whole=len(changed) == len(shared))
    if evidence == OPEN:
        return round(0.5 * close + 0.1, 4), "near" if min(chars.values()) >= NEAR else "paraphrase", evidence
    if evidence:
        return round(0.5 * close, 4), "different", evidence
    near = min(chars.values()) >= NEAR
    label = "near" if near else "paraphrase" if meaning >= PARAPHRASE else "different"
    return round(min(0.5 + 0.5 * close, 0.9999), 4), label, ""


def _evidence(a: Side, b: Side, changed: list[tuple[str, str, str]], chars: Mapping[str, float], whole: bool) -> str:
    """Evidence that two pairs say different things.

    What truly differs differs in every language that was changed; in one alone it is a matter of wording. One word replaced in otherwise equal words
    makes another caption too (a paraphrase changes the words all over), unless the other language stayed as it was.
    """
    strong = [differ([w for w in a.decisive if w.startswith(lang)], [w for w in b.decisive if w.startswith(lang)]) for lang, _, _ in changed]
    if strong and all(strong):
        return strong[0]
    # In otherwise equal words; a paraphrase may deny the contrary.
    if changed and all(chars[lang] >= MINIMAL and _denials(x, lang) != _denials(y, lang) for lang, x, y in changed):
        return f"denied in one only ({changed[0][0]})"
    replaced = {lang: content_differs(x, y, lang) for lang, x, y in changed}
    minimal = [lang for lang, _, _ in changed if replaced[lang] and chars[lang] >= MINIMAL]
    # Synonyms here and there are small edits; a word of its own in every language, or in the one place that was touched, is another caption.
    if whole and minimal and (any(strong) or all(replaced.values()) or all(edits(x, y, lang) <= 1 for lang, x, y in changed)):
        return next((s for s in strong if s), f"one word replaced ({minimal[0]})")
    return OPEN if whole and minimal else ""


# Several small edits, of which one may be another word: between what is surely the same and what is surely not.
OPEN = "several small edits"
# Characters that carry grammar and not content.
_GRAMMAR = frozenset("的了着在正把将于以用给为与和里中上下到地得被由从向对位名个一只条")
_DENIAL = {
    "zh": re.compile("[不没未无](?![断停远同少仅禁住数边尽已时久绝息])"),
    "en": re.compile(r"\b(?:not|no|never|cannot|without|nobody|(?:is|are|was|were|do|does|did|has|have|ca|wo|could|would)n ?t)\b"),
}


def _denials(key: str, lang: str) -> bool:
    return _DENIAL[lang].search(key) is not None


def edits(a: str, b: str, lang: str) -> int:
    """Count the places in which two comparison keys differ in content.

    Args:
        a: comparison key of one caption.
        b: comparison key of the other.
        lang: ``zh`` or ``en``.

    Example:
        >>> edits("男孩第一次站上梅花桩", "女孩第一次站上梅花桩", "zh")
        1
    """
    kept = (content_words(a), content_words(b))
    x: Sequence[str] = [c for c in a if c not in _GRAMMAR] if lang == "zh" else [w for w in a.split() if w in kept[0]]
    y: Sequence[str] = [c for c in b if c not in _GRAMMAR] if lang == "zh" else [w for w in b.split() if w in kept[1]]
    places, last = 0, -1
    for op in Levenshtein.opcodes(x, y):
        if op.tag != "equal":
            # A replacement beside an insertion is one place.
            places += op.src_start != last
            last = op.src_end
    return places


def judge(pairs: Sequence[Mapping[str, Any]], res: Resources) -> list[dict[str, Any]]:
    """Score pairs.

    Args:
        pairs: ``{id, a_zh, a_en, b_zh, b_en}``; a missing caption is empty or ``None``.
        res: lexicon and embedder.

    Returns:
        ``{id, score, label, evidence}`` per pair.
    """
    left, right = (sides([(p.get(f"{x}_zh") or "", p.get(f"{x}_en") or "") for p in pairs], res) for x in "ab")
    texts = [t for a, b in zip(left, right, strict=True) for t in (a.zh, a.en, b.zh, b.en)]
    vectors = encode_unique(res.need_embedder(), texts).reshape(len(left), 4, -1)
    out = []
    for pair, a, b, v in zip(pairs, left, right, vectors, strict=True):
        cosine = {"zh": float(np.dot(v[0], v[2])), "en": float(np.dot(v[1], v[3]))}
        value, label, evidence = score(a, b, cosine)
        out.append({"id": pair["id"], "score": value, "label": label, "evidence": evidence})
    return out


def judge_file(path: Path, res: Resources, options: Mapping[str, Any]) -> Judged:
    """Score the pairs of a JSON Lines file and say what other cuts would do.

    Args:
        path: rows ``{id, a_zh, a_en, b_zh, b_en}``.
        res: lexicon and embedder.
        options: unused here; thresholds are chosen from the distribution.

    Raises:
        DataError: a line is no pair; names it.
    """
    pairs = []
    for number, row in json_lines(path, "the pairs"):
        try:
            pairs.append({"id": row["id"], **{k: row.get(k) for k in ("a_zh", "a_en", "b_zh", "b_en")}})
        except (KeyError, TypeError, AttributeError) as e:
            raise DataError(f"{path}:{number}: expected id, a_zh, a_en, b_zh, b_en: {e}") from e
    rows = judge(pairs, res)
    return Judged(rows, summary(rows, pairs))


def summary(rows: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the distribution, what each cut would call duplicates, and pairs near the cut."""
    scores = sorted(float(r["score"]) for r in rows)
    out = [f"{len(rows)} pairs; duplicates at a cut of:"]
    for cut in (0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
        count = sum(s >= cut for s in scores)
        out.append(f"  {cut:.2f}  {count:6d}  {'#' * round(40 * count / max(1, len(scores)))}")
    texts = {p["id"]: (p.get("a_zh") or p.get("a_en") or "", p.get("b_zh") or p.get("b_en") or "") for p in pairs}
    near = sorted(rows, key=lambda r: (abs(float(r["score"]) - 0.85), stable_key(0, str(r["id"]))))[:5]
    out.append("pairs nearest to 0.85:")
    out += [f"  {r['score']:.3f} {r['label']:<10} {texts[r['id']][0][:60]} | {texts[r['id']][1][:60]} {r['evidence']}" for r in near]
    return out
