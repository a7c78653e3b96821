"""Fit the pair score: ``python -m curate.training.fit_pairs``.

First the table of words that stand for each other is learnt from the project's own bilingual captions and lexicon. Then the weights: matches
are the captions, mismatches are made from them: another caption of the same theme, one term of the English caption replaced by another of its
kind, another era, colour or number, one word replaced by a near one, a clause left out. The words of a caption that is scored are never among
those that its table was learnt from. Deterministic.
"""

from __future__ import annotations

import csv
import random
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from curate import plain
from curate.checks import knowledge, pairfit, reading, words
from curate.checks.verdict import pair_features
from curate.data import data_path
from curate.duplicates.decisive import load_opposites
from curate.embed import encode_unique
from curate.knowledge.head import Floats
from curate.knowledge.lexicon import Entry, Lexicon
from curate.knowledge.tsv import cells, read_tsv
from curate.stages.match import find_all_terms
from curate.text import normalize, to_simplified
from curate.tokenize import Tokenizer
from curate.training.fit import CAPTIONS, train
from curate.workspace import write_json

Pair = tuple[str, str]
FOLDS = 5
# Share of the matches that the cut may call a mismatch.
FALSE_ALARMS = 0.03
# How near the vectors of two words are that are alike and not the same.
_NEAR = (0.3, 0.7)


def _captions() -> list[tuple[str, str, str]]:
    with CAPTIONS.open(encoding="utf-8", newline="") as f:
        rows = csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(to_simplified(normalize(r["zh"])), normalize(r["en"]), (r["themes"] or "").split("|")[0]) for r in rows if r["zh"] and r["en"]]


def _swap_term(zh: str, en: str, lexicon: Lexicon, by_sub: dict[tuple[str, str], list[Entry]], rng: random.Random) -> Pair | None:
    """Replace one English term by another of the same sub-theme."""
    spans = [s for s in lexicon.find(en, "en") if lexicon.by_id[s.term_id].kind == "term"]
    rng.shuffle(spans)
    for s in spans:
        entry = lexicon.by_id[s.term_id]
        others = [o for o in by_sub.get((entry.themes[0], entry.sub), []) if o.id != entry.id and o.en and o.zh_hans not in zh]
        if others:
            return zh, en[: s.start] + rng.choice(others).en + en[s.end :]
    return None


def _swap_era(zh: str, en: str, names: dict[str, list[str]], lexicon: Lexicon, rng: random.Random) -> Pair | None:
    for s in lexicon.find(en, "en"):
        entry = lexicon.by_id[s.term_id]
        if entry.kind == "era" and en[s.start : s.end].lower().endswith(("dynasty", "period", "era")):
            others = [n for e, ns in names.items() if e not in entry.eras for n in ns if n.lower().endswith(("dynasty", "period", "era"))]
            return zh, en[: s.start] + rng.choice(others) + en[s.end :]
    return None


def _swap_opposite(zh: str, en: str, forms: dict[tuple[str, str], list[str]], rng: random.Random) -> Pair | None:
    """Replace a colour, number, season … by another of its group."""
    found = [f for f in load_opposites().find(en, "en") if f[0] in {k[0] for k in forms}]
    rng.shuffle(found)
    for group, key, start, end in found:
        others = [fs[0] for (g, k), fs in forms.items() if g == group and k != key and fs]
        if others:
            return zh, en[:start] + rng.choice(others) + en[end:]
    return None


def _dictionary(lexicon: Lexicon, tokenizer: Tokenizer) -> list[tuple[list[str], list[str]]]:
    """Return names of the lexicon and of the opposites as texts that say the same."""
    names = [((e.zh_hans, *e.zh_alias), (e.en, *e.en_alias)) for e in lexicon.terms]
    names += [(cells(r["zh"]), cells(r["en"])) for _, r in read_tsv(data_path("lexicons") / "opposites.tsv")]
    names += [(cells(r["zh"]), cells(r["en"])) for _, r in read_tsv(data_path("lexicons") / "words.tsv")]
    return [(words.words_zh(z, tokenizer), list(map(words.stem, words.words_en(e)))) for zh, en in names for z in zh[:4] for e in en[:4]]


def tables() -> list[words.Table]:
    """Return tables of words: for each fold, learnt without it, and the last one of everything."""
    lexicon = plain.shipped_lexicon()
    tokenizer = Tokenizer(lexicon.words())
    said = [(words.words_zh(zh, tokenizer), list(map(words.stem, words.words_en(en)))) for zh, en, _ in _captions()]
    names = _dictionary(lexicon, tokenizer)
    weights = [words.learn([*names, *(s for i, s in enumerate(said) if i % FOLDS != k)]) for k in range(FOLDS + 1)]
    return [words.Table(w, tokenizer) for w in weights]


class _Near:
    """English words of captions that are alike and no translations of one Chinese word."""

    def __init__(self, weight: Mapping[tuple[str, str], float]) -> None:
        counts = Counter(w for _, en, _ in _captions() for w in words.words_en(en))
        self.words = sorted(w for w, n in counts.items() if n >= 3 and len(w) > 2)
        self._at = {w: i for i, w in enumerate(self.words)}
        v = encode_unique(plain.default_resources().need_embedder(), self.words)
        self._near = v @ v.T
        self._of: dict[str, set[str]] = {}
        for (zh, en), w in weight.items():
            if w > 0.05:
                self._of.setdefault(en, set()).add(zh)

    def swap(self, zh: str, en: str, rng: random.Random) -> Pair | None:
        """Replace one word of the English caption by a near one."""
        found = [w for w in words.words_en(en) if w in self._at and self._of.get(words.stem(w))]
        rng.shuffle(found)
        for word in found:
            row, mine = self._near[self._at[word]], self._of[words.stem(word)]
            order = [i for i in np.argsort(-row)[:40].tolist() if _NEAR[0] < row[i] < _NEAR[1]]
            others = [w for w in map(self.words.__getitem__, order) if w[-1] == word[-1] and not mine & self._of.get(words.stem(w), mine)]
            if others:
                return zh, re.sub(rf"(?i)\b{word}\b", rng.choice(others[:12]), en, count=1)
        return None


def _leave_out(zh: str, en: str, rng: random.Random) -> Pair | None:
    parts = pairfit.clauses(en, "en")
    if len(parts) < 2:
        return None
    keep = rng.randrange(len(parts))
    return zh, parts[keep] + "."


def _longer(zh: str, en: str, other: str, rng: random.Random) -> Pair:
    """Add a part of another caption to the English one."""
    part = rng.choice(pairfit.clauses(other, "en"))
    return zh, f"{en.rstrip('.')}, {part.rstrip('.')}."


def examples(weight: Mapping[tuple[str, str], float], seed: int = 0) -> tuple[list[Pair], list[int], list[float], list[int], list[bool]]:
    """Return pairs, labels, weights, folds, and whether one side only leaves something out.

    Args:
        weight: words that stand for each other.
        seed: of the choices.
    """
    rng = random.Random(seed)
    lexicon = plain.shipped_lexicon()
    by_sub: dict[tuple[str, str], list[Entry]] = {}
    for e in lexicon.terms:
        by_sub.setdefault((e.themes[0], e.sub), []).append(e)
    folder = data_path("lexicons")
    forms = {(r["group"], r["key"]): list(cells(r["en"])) for _, r in read_tsv(folder / "opposites.tsv")}
    names = {r["id"]: list(cells(r["en_names"])) for _, r in read_tsv(folder / "eras.tsv")}
    rows = _captions()
    by_theme: dict[str, list[int]] = {}
    for i, (_, _, theme) in enumerate(rows):
        by_theme.setdefault(theme, []).append(i)
    pairs: list[Pair] = []
    labels: list[int] = []
    weights: list[float] = []
    folds: list[int] = []
    near = _Near(weight)

    partial: list[bool] = []

    def put(pair: Pair | None, label: int, weight: float, part: bool = False) -> None:
        if pair is not None:
            pairs.append(pair)
            labels.append(label)
            weights.append(weight)
            folds.append(i % FOLDS)
            partial.append(part)

    for i, (zh, en, theme) in enumerate(rows):
        put((zh, en), 1, 3.0)
        put(_swap_term(zh, en, lexicon, by_sub, rng), 0, 1.0)
        put(_swap_era(zh, en, names, lexicon, rng), 0, 1.0)
        put(_swap_opposite(zh, en, forms, rng), 0, 0.8)
        put(near.swap(zh, en, rng), 0, 1.0)
        put(_leave_out(zh, en, rng), 0, 0.6, True)
        other = rng.choice(by_theme[theme])
        if other != i:
            put((zh, rows[other][1]), 0, 0.7)
            put(_longer(zh, en, rows[other][1], rng), 0, 0.6, True)
    return pairs, labels, weights, folds, partial


def matrix(pairs: Sequence[Pair], of: Sequence[words.Table] = ()) -> Floats:
    """Return the features of pairs.

    Args:
        pairs: Chinese and English captions.
        of: a table of words for each; the shipped one if empty.
    """
    res = plain.default_resources()
    lexicon, known = res.need_lexicon(), knowledge.load()
    terms = find_all_terms(lexicon, [z for z, _ in pairs], [e for _, e in pairs])
    readings = [reading.read(z, e, t, lexicon, known) for (z, e), t in zip(pairs, terms, strict=True)]
    zh = encode_unique(res.need_embedder(), [z for z, _ in pairs])
    en = encode_unique(res.need_embedder(), [e for _, e in pairs])
    return np.array(pair_features(readings, zh, en, res, of)[1], np.float32)


def main() -> int:
    """Learn the table of words, fit, choose the cut by its false alarms on matches, save."""
    by_fold = tables()
    words.save(by_fold[-1].weight)
    pairs, labels, weights, folds, partial = examples(by_fold[-1].weight)
    x, y, w = matrix(pairs, [by_fold[k] for k in folds]), np.array(labels, np.float32)[:, None], np.array(weights, np.float32)
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 0.05)
    z, match, part = (x - mean) / scale, y[:, 0] > 0, np.array([bool(p) for p in partial])
    facts, bias = train(z[~part], y[~part], w[~part], steps=600, rate=0.05, decay=1e-4)
    whole, whole_bias = train(z[match | part], y[match | part], w[match | part], steps=600, rate=0.05, decay=1e-4)
    p = 1.0 / (1.0 + np.exp(-(z @ facts + bias)))[:, 0]
    cut = float(np.quantile(p[match], FALSE_ALARMS))
    caught = float((p[~match & ~part] < cut).mean())
    values = {
        "names": list(pairfit.NAMES),
        "mean": mean.tolist(),
        "scale": scale.tolist(),
        "facts": facts[:, 0].tolist(),
        "bias": float(bias[0]),
        "whole": whole[:, 0].tolist(),
        "whole_bias": float(whole_bias[0]),
        "cut": cut,
    }
    write_json(
        pairfit.MODEL, {k: [round(v, 5) for v in vs] if isinstance(vs, list) and vs and isinstance(vs[0], float) else vs for k, vs in values.items()}
    )
    sys.stdout.write(f"{len(pairs)} pairs; cut {cut:.3f} catches {caught:.3f} of the made mismatches at {FALSE_ALARMS:.1%} false alarms\n")
    for name, first, second in zip(pairfit.NAMES, facts[:, 0], whole[:, 0], strict=True):
        sys.stdout.write(f"  {name:<14} {first:+.2f} {second:+.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
