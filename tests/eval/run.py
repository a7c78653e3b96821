"""Print the quality figures: ``python -m tests.eval.run [PART…] [--gold first|second|third|fourth|both|all] [--json] [--errors]``.

The parts are tagging, search, checks, pairs and crosslingual; without one all are run. The gold files in ``tests/eval/gold`` (first author) and
``tests/eval/gold2`` (second author) were written by people who did not write the rules and are never used for fitting; the third
(``tests/eval/gold3``, another author) was measured once, blind. ``both`` are the first two, ``all`` adds the third.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from curate import plain
from curate.duplicates import pairscore
from curate.stage import Resources
from tests.eval.metrics import auc, false_alarms, micro_f1, ndcg, per_class

HERE = Path(__file__).parent
GOLD = {"first": HERE / "gold", "second": HERE / "gold2", "third": HERE / "gold3", "fourth": HERE / "gold4"}
CLASSES = ("anachronism", "confusion", "mismatch", "ok")


def read(folder: Path, *names: str) -> list[dict[str, Any]]:
    """Read a gold file: the first of the names that is there."""
    path = next((p for p in (folder / f"{n}.jsonl" for n in names) if p.exists()), None)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()] if path else []


def rows_of(gold: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take ids and captions of gold rows."""
    return [{"id": g["id"], "caption_zh": g["caption_zh"], "caption_en": g["caption_en"]} for g in gold]


def tagging(res: Resources, folder: Path = GOLD["first"]) -> tuple[dict[str, float], list[str]]:
    """Themes and eras against gold."""
    gold = read(folder, "tagging")
    got = {r["id"]: r for r in plain.tag(rows_of(gold), res)}
    out: dict[str, float] = {}
    for axis in ("themes", "eras"):
        p, r, f = micro_f1(gold, got, axis)
        out |= {f"{axis} precision": p, f"{axis} recall": r, f"{axis} micro-F1": f}
    hidden = [g for g in gold if "implicit" in g["note"]]
    out["themes micro-F1, no textbook word"] = micro_f1(hidden, got, "themes")[2]
    out["false alarms on everyday and trap"] = false_alarms(gold, got)
    errors = []
    if short := read(folder, "short"):
        found = {r["id"]: r for r in plain.tag(rows_of(short), res)}
        hits = [bool(set(g["themes"]) & set(found[g["id"]]["themes"])) for g in short if g["themes"]]
        out |= {"short captions that get their theme": sum(hits) / len(hits), "false alarms on short everyday": false_alarms(short, found)}
    for g in gold:
        for axis in ("themes", "eras"):
            want, have = set(g[axis]), set(got[g["id"]][axis])
            wrong, missed = have - want - set(g[f"{axis}_ok"]), want - have
            if wrong or missed:
                terms = [f"{t['id']}={t['text']}" for t in got[g["id"]]["terms"]]
                errors.append(
                    f"{g['id']} {g['kind']} {axis} wrong {sorted(wrong)} missed {sorted(missed)} | {g['caption_zh']} | {g['caption_en']} | {terms}"
                )
    return out, errors


def search(res: Resources, folder: Path = GOLD["first"]) -> tuple[dict[str, float], list[str]]:
    """nDCG@10 by language of the question."""
    frame = plain.from_rows(rows_of(read(folder, "tagging")))
    pool = plain.pool(frame, res)
    by: dict[str, list[float]] = {}
    errors = []
    for q in read(folder, "retrieval", "queries"):
        ids, _ = pool.search(q["query"], 10)
        value = ndcg(set(q["relevant"]), ids)
        by.setdefault(q["lang"], []).append(value)
        errors.append(f"{value:.2f} {q['lang']} {q['query']} want {q['relevant']} got {ids}")
    out = {"nDCG@10": sum(sum(v) for v in by.values()) / sum(len(v) for v in by.values())}
    return out | {f"nDCG@10 {k}": sum(v) / len(v) for k, v in sorted(by.items())}, errors


def checks(res: Resources, folder: Path = GOLD["first"]) -> tuple[dict[str, float], list[str]]:
    """Verdicts against gold."""
    gold = read(folder, "checks")
    got = {r["id"]: r for r in plain.check(rows_of(gold), res)}
    figures = per_class({g["id"]: g["verdict"] for g in gold}, {i: r["verdict"] for i, r in got.items()}, CLASSES)
    ok = [g for g in gold if g["verdict"] == "ok"]
    out = {"macro-F1": sum(f for _, _, f in figures.values()) / 4, "false alarms on ok": sum(got[g["id"]]["verdict"] != "ok" for g in ok) / len(ok)}
    for name, (p, r, f) in figures.items():
        out |= {f"{name} precision": p, f"{name} recall": r, f"{name} F1": f}
    errors = []
    for g in gold:
        r = got[g["id"]]
        if r["verdict"] != g["verdict"]:
            why = [f"{f['check']}:{f['text']}:{f['note_en']}" for f in r["flags"] if f["severity"] != "review"]
            errors.append(f"{g['id']} {g['verdict']} -> {r['verdict']} {r['pair_score']} | {g['caption_zh']} | {g['caption_en']} | {why}")
    return out, errors


def pairs(res: Resources, folder: Path = GOLD["first"]) -> tuple[dict[str, float], list[str]]:
    """Duplicate pairs, with hard negatives."""
    gold = read(folder, "pairs")
    got = {r["id"]: r for r in pairscore.judge(gold, res)}
    scores = {label: [got[g["id"]]["score"] for g in gold if g["label"] == label] for label in ("exact", "near", "paraphrase", "different")}
    out = {"AUC": auc([*scores["exact"], *scores["near"], *scores["paraphrase"]], scores["different"])}
    out |= {f"AUC {k} against different": auc(v, scores["different"]) for k, v in scores.items() if k != "different"}
    errors = [
        f"{got[g['id']]['score']:.3f} {g['label']} {got[g['id']]['evidence']} | {g['a_zh']} | {g['b_zh']} | {g['a_en']} | {g['b_en']}" for g in gold
    ]
    return out, sorted(errors)


def crosslingual(res: Resources, folder: Path = GOLD["first"]) -> tuple[dict[str, float], list[str]]:
    """How well the two captions of a pair match."""
    gold = read(folder, "crosslingual")
    got = {r["id"]: r["pair_score"] for r in plain.check([{"id": g["id"], "zh": g["zh"], "en": g["en"]} for g in gold], res)}
    s = {k: [got[g["id"]] for g in gold if g["label"] == k] for k in ("match", "partial", "mismatch")}
    out = {"AUC match against mismatch": auc(s["match"], s["mismatch"]), "AUC match against partial": auc(s["match"], s["partial"])}
    return out, sorted(f"{got[g['id']]:.3f} {g['label']} | {g['zh']} | {g['en']}" for g in gold)


PARTS = {"tagging": tagging, "search": search, "checks": checks, "pairs": pairs, "crosslingual": crosslingual}


def _which(argv: list[str]) -> list[str]:
    given = argv[argv.index("--gold") + 1] if "--gold" in argv[:-1] else "all"
    sets = {"both": ["first", "second"], "all": list(GOLD)}
    return sets.get(given, [g for g in GOLD if g == given])


def main() -> int:
    """Print all figures, one column per gold set."""
    argv = sys.argv[1:]
    res, sets = plain.default_resources(), _which(argv)
    wanted = [a for a in argv if a in PARTS] or list(PARTS)
    figures: dict[str, dict[str, dict[str, float]]] = {g: {} for g in sets}
    for name in wanted:
        errors: list[str] = []
        for g in sets:
            figures[g][name], found = PARTS[name](res, GOLD[g])
            errors += found
        if "--json" in argv:
            continue
        print(f"\n{name:<42}" + "".join(f"{g:>8}" for g in sets))
        for key in dict.fromkeys(k for g in sets for k in figures[g][name]):
            print(f"  {key:<40}" + "".join(f"{figures[g][name].get(key, float('nan')):8.3f}" for g in sets))
        if "--errors" in argv:
            print("\n".join(f"    {e}" for e in errors))
    if "--json" in argv:
        print(json.dumps(figures[sets[0]] if len(sets) == 1 else figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
