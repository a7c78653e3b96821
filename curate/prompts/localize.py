"""Generic prompts made culturally specific, offline, by rules and the lexicon: every change is shown with its reason.

Wrong things are mended (a torii in a Chinese street), vague ones named (ancient China: which period?), generic ones made concrete.
What a prompt names on purpose (the Eiffel Tower, Van Gogh), negates, quotes or describes already stays. Nothing is added that no reason
is given for, and nothing outside the marked changes moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from curate import plain
from curate.errors import UsageError, did_you_mean
from curate.prompts.localrules import load
from curate.prompts.mending import by_knowledge, options_of
from curate.prompts.phrase import put_en
from curate.prompts.reading import LANGS, RANK, Change, Reader, apply, origin, pick, settle, texts_of
from curate.prompts.slots import Book
from curate.prompts.specify import by_rules, era_changes
from curate.stage import Resources

# Periods for prompts that only say "ancient", first choice first; a later one is taken where the first would be an anachronism.
DEFAULT_ERAS = ("tang", "song", "qing", "ming")


def localize(rows: Sequence[Mapping[str, Any]], era: str = "", seed: int = 0, res: Resources | None = None) -> list[dict[str, Any]]:
    """Make prompts culturally specific.

    Args:
        rows: ``id``, ``zh``, ``en``; one language may be missing.
        era: period for prompts that say only "ancient"; what a prompt names itself wins.
        seed: draws among equally good choices.
        res: resources; the shipped ones if ``None``.

    Returns:
        Per row the new ``zh`` and ``en``, the ``diff`` per language, ``changes`` with reasons and ``others`` (what else could stand there),
        ``notes``, ``offers`` (settings that would fit but were not applied), what the checks say before and after, and whether the ``intent``
        was kept.

    Raises:
        UsageError: the period is not known.
    """
    book, res = Book.shipped(), res or plain.default_resources()
    if era and era not in book.order:
        raise UsageError(f"unknown era {era!r}", hint=did_you_mean(era, book.order))
    source = [{"id": str(r.get("id", i)), "zh": str(r.get("zh") or ""), "en": str(r.get("en") or "")} for i, r in enumerate(rows)]
    tags, checked = plain.tag(source, res), plain.check(source, res)
    readers = [_reader(r, t, c["flags"], seed) for r, t, c in zip(source, tags, checked, strict=True)]
    before = [_names(r.flags) for r in readers]
    _date(readers, era, book, res)
    for reader in readers:
        eras = [c for c in reader.changes if c.kind == "era"]
        if not reader.stays:
            reader.changes = settle([*by_knowledge(reader, reader.flags), *by_rules(reader, book), *eras])
    after = _recheck(readers, res)
    return [_row(r, era, b, a) for r, b, a in zip(readers, before, after, strict=True)]


def _names(flags: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({f"{f['check']}: {f['text'][:40]}" for f in flags if f["severity"] != "review"})


def _reader(row: dict[str, str], tags: Mapping[str, Any], flags: Sequence[Mapping[str, Any]], seed: int) -> Reader:
    rules, texts = load(), {lang: row[lang] for lang in LANGS}
    joint = texts["zh"] + "\n" + texts["en"]
    vague = next(r for r in rules.rules if r.era)
    china = bool(rules.china.search(joint) or tags["eras"])
    named = rules.named.search(joint) or (None if china else rules.foreign.search(joint))
    said = any(vague.patterns[lang].search(texts[lang]) for lang in LANGS if texts[lang])
    terms = tuple((t["lang"], t["start"], t["end"]) for t in tags["terms"])
    era = tags["eras"][0] if tags["eras"] else ""
    return Reader(row["id"], texts, tuple(tags["eras"]), terms, china or said, named.group() if named else "", said, flags, seed, era)


def _date(readers: Sequence[Reader], era: str, book: Book, res: Resources) -> None:
    """Choose the period of prompts that only say "ancient": the one asked for, or the first in which nothing is an anachronism."""
    waiting = [r for r in readers if r.vague and not r.claimed and not r.stays]
    tries: list[tuple[Reader, str, list[Change]]] = []
    for reader in waiting:
        tries += [(reader, e, made) for e in ([era] if era else DEFAULT_ERAS) if (made := era_changes(reader, e, book))]
    probes = [{"id": str(i), **texts_of(r, made)} for i, (r, _, made) in enumerate(tries)]
    verdicts = plain.check(probes, res) if probes else []
    for reader in waiting:
        mine = [(e, made, v["flags"]) for (r, e, made), v in zip(tries, verdicts, strict=True) if r is reader]
        if not mine:
            continue
        best = next((x for x in mine if not _names(x[2])), mine[0])
        reader.era, reader.changes = best[0], tuple(best[1])
        if best is not mine[0]:
            reader.instead = (mine[0][0], next(f["text"] for f in mine[0][2] if f["severity"] != "review"))
        reader.flags = _back(reader, best[2])


def _back(reader: Reader, flags: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Flags of the probe at their places in the source."""
    out = []
    for f in flags:
        change, start = origin(reader.changes, f)
        if change is None:
            out.append({**f, "start": start, "end": start + f["end"] - f["start"]})
    return out


def _recheck(readers: Sequence[Reader], res: Resources) -> list[list[dict[str, Any]]]:
    """Check what was written; what the rules put in wrongly is taken back, what mending put in is mended once more."""
    verdicts: list[dict[str, Any]] = []
    for _ in range(4):
        verdicts = plain.check([{"id": r.ident, **texts_of(r, r.changes)} for r in readers], res)
        again = False
        for reader, verdict in zip(readers, verdicts, strict=True):
            for f in verdict["flags"]:
                change, at = origin(reader.changes, f)
                if (
                    f["severity"] == "review"
                    or (f["check"] == "mismatch" and (change is None or change.kind == "fix"))
                    or (change and change.kind == "era")
                ):
                    continue
                if change is None:
                    # Seen only now that something else has been mended.
                    more = [] if reader.stays else by_knowledge(reader, [{**f, "start": at, "end": at + f["end"] - f["start"]}])
                    settled = settle([*reader.changes, *more])
                    if settled != reader.changes:
                        reader.changes, again = settled, True
                        break
                    continue
                again = True
                length, inside = f["end"] - f["start"], at >= 0 and at + f["end"] - f["start"] <= len(change.after)
                said = options_of(f["suggestion"], f["lang"]) if change.kind == "fix" and inside else []
                words = change.after[:at] + said[0] + change.after[at + length :] if said else ""
                swap = [replace(change, after=words)] if words and words != change.before else []
                gone = {c for c in reader.changes if c.rule == change.rule} if not swap else {change}
                reader.changes = tuple(sorted([*(c for c in reader.changes if c not in gone), *swap], key=lambda c: (c.lang, c.start)))
                break
        if not again:
            break
    return [v["flags"] for v in verdicts]


def _row(reader: Reader, era: str, before: list[str], flags: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    new, diff = {}, {}
    for lang, text in reader.texts.items():
        new[lang], diff[lang] = apply(text, [c for c in reader.changes if c.lang == lang])
    offers = [] if reader.changes or reader.stays else _offers(reader)
    return {"id": reader.ident, "zh": new["zh"], "en": new["en"], "source": reader.texts, "diff": diff, "changes": [c.to_json() for c in reader.changes],
            "notes": _notes(reader, era, flags), "offers": offers, "flags_before": before, "flags_after": _names(flags),
            "intent": _intent(reader, new)}  # fmt: skip


def _notes(reader: Reader, era: str, flags: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What a person should know about a result."""
    names, notes, dated = Book.shipped().names, [], any(c.kind == "era" for c in reader.changes)
    if reader.stays:
        notes.append({"zh": f"“{reader.stays}”是有意写明的，保持不变", "en": f"'{reader.stays}' is named on purpose and stays"})
    if dated and not era:
        zh, en = names[reader.era][0].zh, names[reader.era][0].en
        why = (f"“{reader.instead[1]}”在{names[reader.instead[0]][0].zh}还没有，", f"'{reader.instead[1]}' would be wrong in {names[reader.instead[0]][0].en}; ") if reader.instead[0] else ("", "")  # fmt: skip
        notes.append(
            {"zh": f"原文未写朝代，{why[0]}暂用{zh}；可用 --era 另选", "en": f"no period was given; {why[1]}{en} is used, choose another with --era"}
        )
    elif reader.vague and not dated and not reader.claimed and not reader.stays:
        notes.append(
            {
                "zh": "只有一种语言说“古代”，未改；请写明朝代",
                "en": "only one of the languages says 'ancient', so nothing was changed; name the period",
            }
        )
    for lang, zh, other in (("zh", "中", "en"), ("en", "英", "zh")):
        if not reader.texts[lang]:
            notes.append({"zh": f"缺{zh}文：离线不翻译，需要 --endpoint", "en": f"no {lang} text: offline nothing is translated from {other}, use --endpoint"})  # fmt: skip
    fixed = [c for c in reader.changes if c.kind == "fix"]
    for c in fixed if reader.both else ():
        if not any(o.rule == c.rule and o.lang != c.lang for o in fixed):
            notes.append(
                {"zh": f"只有一种语言里有“{c.before}”，请核对另一种语言", "en": f"only one of the languages says '{c.before}'; check the other"}
            )
    for f in [f for f in flags if f["severity"] != "review"][:3]:
        hint = f" ({f['suggestion']})" if f["suggestion"] else ""
        notes.append(
            {"zh": f"仍有待人工判断：{f['text'][:40]}：{f['note']}", "en": f"left for a person to settle: {f['check']}: {f['text'][:40]}{hint}"}
        )
    return notes


def _offers(reader: Reader) -> list[dict[str, str]]:
    """Settings that a prompt without any place could take; a person decides."""
    if reader.claimed:
        return []
    out = []
    for rule in [r for r in load().rules if r.id in ("town", "garden")]:
        options = rule.fitting("")
        noun = options[pick(options, reader.seed, reader.ident, rule.id)].settled(True)
        said = put_en("in ", 3, 3, noun)
        out.append({"zh": f"地点设在{noun.zh_more}{noun.zh}", "en": "set it in " + (said[2] if said else noun.en), "why_zh": rule.why[0], "why_en": rule.why[1]})  # fmt: skip
    return out


def _intent(reader: Reader, new: Mapping[str, str]) -> dict[str, Any]:
    """Everything outside the marked changes must stand in the new text, in its order."""
    kept = True
    for lang, text in reader.texts.items():
        at, place = 0, 0
        mine = [c for c in reader.changes if c.lang == lang]
        for c in mine:
            piece = text[at : c.start]
            kept = kept and new[lang].startswith(piece + c.after, place)
            place += len(piece) + len(c.after)
            at = c.end
        kept = kept and new[lang][place:] == text[at:]
    return {"kept": kept, "changed": sum(len(c.before) for c in reader.changes), "of": sum(map(len, reader.texts.values()))}


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what happened as lines for people: the diffs of the first rows and the counts."""
    changed = [r for r in rows if r["changes"]]
    lines = [f"{r['id']}  {r['diff']['en'] or r['diff']['zh']}" for r in changed[:10]]
    got = counts(rows)
    return "\n".join(
        [
            *lines,
            f"{got['prompts']} prompts, {got['changed']} changed, intent kept in {got['intent_kept']}, rewritten by the endpoint {got['rewritten']}",
        ]
    )


def counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the numbers of a run: prompts, changed, changes by kind, intent kept, left for a person, rewritten."""
    kinds = [c["kind"] for r in rows for c in r["changes"]]
    return {
        "prompts": len(rows), "changed": sum(bool(r["changes"]) for r in rows), **{k: kinds.count(k) for k in RANK},
        "intent_kept": sum(r["intent"]["kept"] for r in rows), "left_for_a_person": sum(bool(r["flags_after"]) for r in rows),
        "rewritten": sum(bool(r.get("rewrite", {}).get("used")) for r in rows),
    }  # fmt: skip
