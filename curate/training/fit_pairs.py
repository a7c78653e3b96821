"""Fit the pair score: ``python -m curate.training.fit_pairs``.

Matches are the project's own bilingual captions. Mismatches are made from them: another caption of the same theme, one term of the English
caption replaced by another of its kind, another era, colour or number, a clause left out. Deterministic.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Sequence

import numpy as np

from curate import plain
from curate.checks import knowledge, pairfit, reading
from curate.checks.verdict import pair_features
from curate.data import data_path
from curate.duplicates.decisive import load_opposites
from curate.embed import encode_unique
from curate.knowledge.head import Floats
from curate.knowledge.lexicon import Entry, Lexicon
from curate.knowledge.tsv import cells, read_tsv
from curate.stages.match import find_all_terms
from curate.text import normalize, to_simplified
from curate.training.fit import CAPTIONS, train
from curate.workspace import write_json

Pair = tuple[str, str]


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


def _leave_out(zh: str, en: str, rng: random.Random) -> Pair | None:
    parts = pairfit.clauses(en, "en")
    if len(parts) < 2:
        return None
    keep = rng.randrange(len(parts))
    return zh, parts[keep] + "."


def examples(seed: int = 0) -> tuple[list[Pair], list[int], list[float]]:
    """Return pairs, labels and weights."""
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

    def put(pair: Pair | None, label: int, weight: float) -> None:
        if pair is not None:
            pairs.append(pair)
            labels.append(label)
            weights.append(weight)

    for i, (zh, en, theme) in enumerate(rows):
        put((zh, en), 1, 2.5)
        put(_swap_term(zh, en, lexicon, by_sub, rng), 0, 1.0)
        put(_swap_era(zh, en, names, lexicon, rng), 0, 1.0)
        put(_swap_opposite(zh, en, forms, rng), 0, 0.8)
        if rng.random() < 0.35:
            put(_leave_out(zh, en, rng), 0, 0.6)
        other = rng.choice(by_theme[theme])
        if other != i:
            put((zh, rows[other][1]), 0, 0.7)
    return pairs, labels, weights


def matrix(pairs: Sequence[Pair]) -> Floats:
    """Return the features of pairs."""
    res = plain.default_resources()
    lexicon, known = res.need_lexicon(), knowledge.load()
    terms = find_all_terms(lexicon, [z for z, _ in pairs], [e for _, e in pairs])
    readings = [reading.read(z, e, t, lexicon, known) for (z, e), t in zip(pairs, terms, strict=True)]
    zh = encode_unique(res.need_embedder(), [z for z, _ in pairs])
    en = encode_unique(res.need_embedder(), [e for _, e in pairs])
    return np.array(pair_features(readings, zh, en, res)[1], np.float32)


def main() -> int:
    """Fit, choose the cut at 2.5 % false alarms on matches, save."""
    pairs, labels, weights = examples()
    x, y, w = matrix(pairs), np.array(labels, np.float32)[:, None], np.array(weights, np.float32)
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 0.05)
    theta, bias = train((x - mean) / scale, y, w, steps=600, rate=0.05, decay=1e-4)
    p = 1.0 / (1.0 + np.exp(-(((x - mean) / scale) @ theta + bias)))[:, 0]
    cut = float(np.quantile(p[y[:, 0] > 0], 0.025))
    caught = float((p[y[:, 0] == 0] < cut).mean())
    values = {
        "names": list(pairfit.NAMES),
        "mean": mean.tolist(),
        "scale": scale.tolist(),
        "weight": theta[:, 0].tolist(),
        "bias": float(bias[0]),
        "cut": cut,
    }
    write_json(
        pairfit.MODEL, {k: [round(v, 5) for v in vs] if isinstance(vs, list) and vs and isinstance(vs[0], float) else vs for k, vs in values.items()}
    )
    sys.stdout.write(f"{len(pairs)} pairs; cut {cut:.3f} catches {caught:.3f} of the made mismatches at 2.5 % false alarms\n")
    for name, value in zip(pairfit.NAMES, theta[:, 0], strict=True):
        sys.stdout.write(f"  {name:<14} {value:+.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
