"""The evaluation set: prompts over era × theme that ask a video model how much it knows of China.

Each prompt carries what must be seen, what must not be seen, and the questions a person answers; the same prompts come in the form that
VBench reads for prompts of one's own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curate import __version__, plain
from curate.coverage import even_targets
from curate.data import read_yaml
from curate.errors import DataError
from curate.export.base import to_csv
from curate.knowledge.lexicon import Lexicon
from curate.prompts.gaps import Cell, Made, Source, make
from curate.prompts.slots import LIVING, Book
from curate.stage import Resources
from curate.workspace import write_atomic

# The scale of the sheet: 0 wrong or missing, 1 partly, 2 right.
QUESTIONS = (
    ("subject", "主体是谁，对吗", "Is it the right who"),
    ("action", "动作是否完成", "Is it done as asked"),
    ("attire", "衣冠是否合乎时代", "Is the dress of the period"),
    ("setting", "地点与器物是否合乎时代", "Are place and things of the period"),
    ("expected", "应有的事物是否可见", "Are the expected things there"),
    ("must_not", "是否没有不该出现的东西", "Is nothing there that must not be"),
    ("text", "画面文字（如有）是否正确", "Is any writing correct"),
)
MOST_EXPECTED = 5


def build(n: int, seed: int = 0, res: Resources | None = None) -> tuple[list[dict[str, Any]], Made]:
    """Make a balanced evaluation set.

    Args:
        n: how many prompts; they are shared out evenly over all cells that history allows.
        seed: the same seed gives the same set.
        res: resources; the shipped ones if ``None``.

    Returns:
        ``(rows, made)``: rows ``{id, zh, en, theme, era, expected, must_not, look_for, camera, review}`` and how they were made.
    """
    res = res or plain.default_resources()
    names = even_targets(res.need_taxonomy(), 1)
    each = max(1, -(-n // len(names)))
    made = make(Source([Cell(name.split("|")[0], name.split("|")[1], 0, each) for name in names]), n, seed, res)
    return [entry(r, res.need_lexicon()) for r in made.rows], made


def _must_not(row: Mapping[str, Any], theme: str, era: str) -> list[dict[str, str]]:
    extra = read_yaml(Path(__file__).resolve().parent / "must_not.yaml")
    pairs = [(p.zh, p.en) for p in Book.shipped().must_not[era]]
    pairs += [tuple(x.split(" | ")) for x in extra.get(theme, [])]
    text = f"{row['zh']} {row['en']}".lower()
    return [{"zh": zh, "en": en} for zh, en in pairs if zh not in text and en.lower() not in text]


def entry(row: Mapping[str, Any], lexicon: Lexicon) -> dict[str, Any]:
    """Turn a gap prompt into an entry of the set.

    Args:
        row: a prompt of ``gaps``.
        lexicon: for the names of the expected things.
    """
    theme, _, era = row["cell"].partition("|")
    slots = row["slots"]
    known = [lexicon.by_id[t] for t in row["terms"] if t in lexicon.by_id]
    # Things of the theme first; a name that stands in both captions says more than one that stands in one.
    known.sort(key=lambda e: (theme not in e.themes[:1], theme not in e.themes, e.zh_hans not in row["zh"]))
    # A thing that only some other form of its name stands for ("tube skirt") is a guess; where surer ones are there it is not asked for.
    known = [e for e in known if e.zh_hans in row["zh"] or e.en.lower() in row["en"].lower()] or known[:1]
    expected = [{"id": e.id, "zh": e.zh_hans, "en": e.en} for e in known[:MOST_EXPECTED]]
    look = {
        k: slots[s]
        for k, s in (("who", "subject"), ("wears", "attire"), ("does", "action"), ("where", "place"), ("when", "time_period"))
        if slots.get(s)
    }
    return {"id": f"leishu-eval-{row['id']}", "zh": row["zh"], "en": row["en"], "theme": theme, "era": None if era == LIVING else era, "expected": expected,
            "must_not": _must_not(row, theme, era), "look_for": look, "time_of_day": slots["time_of_day"], "camera": slots["camera"],
            "shape": slots["shape"], "review": row.get("review", [])}  # fmt: skip


def sheet(rows: Sequence[Mapping[str, Any]], lang: str) -> str:
    """Return the scoring sheet for people as CSV: one line per prompt, one empty column per question.

    Args:
        rows: the set.
        lang: ``zh`` or ``en``.
    """
    if lang not in ("zh", "en"):
        raise DataError(f"no sheet in {lang!r}")
    at = 1 if lang == "zh" else 2
    join = "；" if lang == "zh" else "; "
    head = ["id", "era", "theme", "prompt", "expected", "must_not_appear", *(f"{q[0]} (0-2): {q[at]}" for q in QUESTIONS), "rater", "notes"]
    lines = [
        [
            r["id"],
            r["era"] or "",
            r["theme"],
            r[lang],
            join.join(e[lang] for e in r["expected"]),
            join.join(m[lang] for m in r["must_not"]),
            *[""] * (len(QUESTIONS) + 2),
        ]
        for r in rows
    ]
    return to_csv(head, lines, bom=True)


def vbench(rows: Sequence[Mapping[str, Any]], lang: str) -> dict[str, str]:
    """Return the ``custom_input`` form of VBench: video path to prompt.

    Args:
        rows: the set.
        lang: ``zh`` or ``en``.
    """
    return {f"videos/{r['id']}.mp4": str(r[lang]) for r in rows}


def write(rows: Sequence[Mapping[str, Any]], made: Made, out: Path, seed: int) -> list[Path]:
    """Write the set.

    Args:
        rows: the set.
        made: how it was made, for the statistics.
        out: folder.
        seed: what it was drawn with.

    Returns:
        The files.
    """
    stats = statistics(rows, made, seed)
    files = {
        "prompts.jsonl": "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows),
        "scoring_sheet_zh.csv": sheet(rows, "zh"),
        "scoring_sheet_en.csv": sheet(rows, "en"),
        "vbench_custom_input_en.json": json.dumps(vbench(rows, "en"), indent=1) + "\n",
        "vbench_custom_input_zh.json": json.dumps(vbench(rows, "zh"), ensure_ascii=False, indent=1) + "\n",
        "statistics.json": json.dumps(stats, ensure_ascii=False, indent=1) + "\n",
    }
    for name, text in files.items():
        write_atomic(out / name, text.encode("utf-8"))
    return [out / name for name in files]


def statistics(rows: Sequence[Mapping[str, Any]], made: Made, seed: int) -> dict[str, Any]:
    """Return the numbers of the card."""
    cells = Counter((r["theme"], r["era"] or LIVING) for r in rows)
    return {
        "prompts": len(rows), "seed": seed, "cells": len(cells), "fewest_per_cell": min(cells.values(), default=0), "most_per_cell": max(cells.values(), default=0),
        "themes": dict(sorted(Counter(r["theme"] for r in rows).items())), "eras": dict(sorted(Counter(r["era"] or LIVING for r in rows).items())),
        "for_review": sum(bool(r["review"]) for r in rows), "expected_things": len({e["id"] for r in rows for e in r["expected"]}),
        "without_expected": sum(not r["expected"] for r in rows), "rejected_candidates": made.rejected, "diversity": made.diversity,
        # With another lexicon or model other candidates pass: what is written here says which made this very set.
        "made_with": {"leishu": __version__, **{k: v[:16] for k, v in sorted(plain.default_resources().digests.items())}},
    }  # fmt: skip
