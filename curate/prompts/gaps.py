"""Prompts for the emptiest cells of a data set: drawn, rendered, tagged back, checked and deduplicated.

A candidate counts only when our own tagger finds it in the cell it was written for, our own checks find nothing in it, and our own
deduplication finds it neither in the data set nor among the prompts already kept.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from curate import plain
from curate.coverage import measure
from curate.errors import CurateError, DataError
from curate.prompts.grammar import render
from curate.prompts.slots import LIVING, Act, Book, Slots, draw
from curate.stage import Resources
from curate.tokenize import Tokenizer

# A cell that still lacks prompts after this many rounds of new candidates is reported as unfilled.
ROUNDS = 11
# After so many the prompts that some cells still lack go to the next emptiest ones.
SHUT_AFTER = 7
# So long we look for prompts that touch no sensitive topic either; then one for a person to look at is taken.
STRICT_ROUNDS = 3


@dataclass(frozen=True)
class Cell:
    """A cell of the coverage with its count and target."""

    theme: str
    era: str
    count: int
    target: int

    @property
    def name(self) -> str:
        """The cell as the report writes it, ``theme|era``."""
        return f"{self.theme}|{self.era}"


@dataclass
class Source:
    """What the prompts are to complete.

    Attributes:
        cells: cells under target, emptiest first.
        captions: rows of the data set (``zh``, ``en``) that a prompt must not repeat.
    """

    cells: list[Cell]
    captions: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Made:
    """The outcome of ``make``.

    Attributes:
        rows: the prompts, in order.
        rejected: candidates thrown away, by reason.
        unfilled: cells for which no prompt was found, with the reason.
        diversity: numbers on words and structure.
    """

    rows: list[dict[str, Any]]
    rejected: dict[str, int]
    unfilled: dict[str, str]
    diversity: dict[str, Any]


def read_source(path: Path) -> Source:
    """Read the gaps of a workspace or of a ``coverage.json``.

    Args:
        path: a workspace that has been run up to labels, a folder with ``coverage.json``, or the file itself.

    Raises:
        DataError: it is neither, or holds no gaps.
    """
    if not path.exists():
        hint = "curate run RECIPE makes a workspace; curate coverage CAPTIONS -o FOLDER makes a coverage.json"
        raise DataError(f"there is no workspace and no coverage report at {str(path)!r}", hint=hint)
    if path.is_dir() and not (path / "coverage.json").exists():
        return _workspace(path)
    file = path / "coverage.json" if path.is_dir() else path
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        cells = [Cell(g["theme"], g["era"], int(g["count"]), int(g["target"])) for g in raw["gaps"]]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, ValueError) as e:
        raise DataError(f"{file} is no coverage report: {e}", hint="make one with: curate coverage captions.jsonl -o coverage") from e
    return Source(cells)


def _workspace(path: Path) -> Source:
    from curate.workspace import Workspace

    ws = Workspace(path)
    try:
        table = ws.table(ws.last_key(), ["clip_id", "zh", "en", "themes", "eras"])
    except (pl.exceptions.PolarsError, KeyError) as e:
        raise DataError(f"{path}: the last run has no labels ({e})", hint="add the steps match, embed, theme to the recipe") from e
    got = measure(table, plain.shipped_taxonomy())
    return Source([Cell(g.theme, g.era, g.count, g.target) for g in got.gaps], list(table.select("zh", "en").iter_rows(named=True)))


def share_out(cells: Sequence[Cell], n: int) -> list[Cell]:
    """Return the cell of each of ``n`` prompts: always the one that is then emptiest for its target; equals are spread over themes and eras.

    Args:
        cells: cells under target.
        n: how many prompts.

    Example:
        >>> [c.era for c in share_out([Cell("cuisine", "tang", 0, 2), Cell("cuisine", "song", 1, 2)], 3)]
        ['tang', 'tang', 'song']
    """
    turn = _turns(cells)
    heap = [(c.count / max(1, c.target), turn[i], i, c.count) for i, c in enumerate(cells)]
    heapq.heapify(heap)
    out: list[tuple[float, int]] = []
    while heap and len(out) < n:
        ratio, _, i, count = heapq.heappop(heap)
        out.append((ratio, i))
        heapq.heappush(heap, ((count + 1) / max(1, cells[i].target), turn[i], i, count + 1))
    return [cells[i] for _, i in sorted(out)]


def _turns(cells: Sequence[Cell]) -> list[int]:
    """The place of each cell in an order in which a few cells already are of many themes and eras."""
    themes, eras = Counter[str](), Counter[str]()
    left, out = list(range(len(cells))), [0] * len(cells)
    for place in range(len(cells)):
        at = min(left, key=lambda i: (themes[cells[i].theme] + eras[cells[i].era], i))
        left.remove(at)
        themes[cells[at].theme] += 1
        eras[cells[at].era] += 1
        out[at] = place
    return out


class _Deck:
    """Deals the acts of a cell: each one once before any comes again, least used in the whole set first."""

    def __init__(self, book: Book, seed: int) -> None:
        self.book, self.seed = book, seed
        self.used: Counter[str] = Counter()
        self.dealt: Counter[tuple[str, str]] = Counter()

    def deal(self, cell: Cell, attempt: int) -> Act | None:
        acts = self.book.for_cell(cell.theme, cell.era)
        if not acts:
            return None
        rng = Random(f"{self.seed}|{cell.name}|{attempt}")
        rng.shuffle(acts)
        act = min(acts, key=lambda a: (self.dealt[(cell.name, a.id)], self.used[a.id]))
        self.dealt[(cell.name, act.id)] += 1
        self.used[act.id] += 1
        return act


def _why(cell: Cell) -> dict[str, str]:
    tax = plain.shipped_taxonomy()
    zh = f"{tax.label('themes', cell.theme)} × {'不限时代' if cell.era == LIVING else tax.label('eras', cell.era)}：{cell.count} / {cell.target}"
    en = f"{tax.label('themes', cell.theme, 'en')} × {'no period' if cell.era == LIVING else tax.label('eras', cell.era, 'en')}: {cell.count} of {cell.target}"
    return {"zh": zh, "en": en}


def candidate(book: Book, cell: Cell, act: Act, key: str) -> dict[str, Any]:
    """Draw and render one prompt for a cell.

    Args:
        book: slot data.
        cell: the cell.
        act: an act of the cell.
        key: what the drawing is seeded with; the same key gives the same prompt.
    """
    rng = Random(key)
    slots: Slots = draw(book, act, cell.era, rng)
    text = render(book, slots, rng)
    ident = blake2b(f"{cell.name}|{text.zh}|{text.en}".encode(), digest_size=8).hexdigest()
    shape = f"{text.zh_shape}+{text.en_shape}"
    return {"id": ident, "zh": text.zh, "en": text.en, "cell": cell.name, "slots": {**slots.to_json(), "shape": shape}, "why": _why(cell)}


def lands(tags: Mapping[str, Any], cell: Cell) -> bool:
    """Say whether tags put a prompt into its cell: its theme among the themes, its period the only one."""
    return cell.theme in tags["themes"] and tags["eras"] == ([] if cell.era == LIVING else [cell.era])


def judge(rows: Sequence[dict[str, Any]], res: Resources, strict: bool = True) -> list[str]:
    """Tag and check prompts; add ``terms`` and ``review`` (what a person should look at) to each.

    Args:
        rows: prompts with ``cell``.
        res: resources.
        strict: throw away what only touches a sensitive topic too; such a flag sends to a person, it finds no fault.

    Returns:
        Per row the reason to throw it away, or an empty string.
    """
    plain_rows = [{"id": str(i), "zh": r["zh"], "en": r["en"]} for i, r in enumerate(rows)]
    out = []
    for row, tags, checked in zip(rows, plain.tag(plain_rows, res), plain.check(plain_rows, res), strict=True):
        theme, _, era = row["cell"].partition("|")
        cell = Cell(theme, era, 0, 1)
        row["terms"] = list(dict.fromkeys(t["id"] for t in tags["terms"] if ":" not in t["id"]))
        reason = "" if lands(tags, cell) else ("other_era" if theme in tags["themes"] else "other_theme")
        flags = checked.get("flags") or []
        row["review"] = sorted({f["note_en"] for f in flags if f["severity"] == "review"})
        counted = flags if strict else [f for f in flags if f["severity"] != "review"]
        out.append(reason or (f"flag.{counted[0]['check']}" if counted else ""))
    return out


def make(source: Source, n: int, seed: int = 0, res: Resources | None = None, book: Book | None = None) -> Made:
    """Make ``n`` prompts for the emptiest cells.

    Args:
        source: gaps and captions to keep clear of.
        n: how many, at least 1.
        seed: the same seed and the same data give the same prompts.
        res: resources; the shipped ones if ``None``.
        book: slot data; the shipped one if ``None``.

    Raises:
        CurateError: there is no gap to fill.
    """
    res, book = res or plain.default_resources(), book or Book.shipped()
    known = [c for c in source.cells if book.for_cell(c.theme, c.era)]
    unfilled = {c.name: "no scene is written for this cell" for c in source.cells if not book.for_cell(c.theme, c.era)}
    if not known:
        raise CurateError("no gap that a prompt could fill", hint="look at gaps in coverage.json; every cell may be at its target")
    deck, rejected = _Deck(book, seed), Counter[str]()
    kept: list[dict[str, Any]] = []
    want = share_out(known, n)
    number, shut = 0, set[str]()
    for attempt in range(ROUNDS):
        fresh = []
        for cell in want:
            # The few cells that stay empty get several tries at once: a round costs the same few seconds.
            for _ in range(1 + 2 * attempt):
                act = deck.deal(cell, number)
                number += 1
                if act:
                    fresh.append(candidate(book, cell, act, f"{seed}|{cell.name}|{number}"))
        reasons = judge(fresh, res, strict=attempt < STRICT_ROUNDS)
        rejected.update(why for why in reasons if why)
        need = Counter(c.name for c in want)
        good = [r for r, why in zip(fresh, reasons, strict=True) if not why and _take(need, r["cell"])]
        if good:
            before = len(kept)
            kept = _unique([*kept, *good], source.captions, res)
            rejected["duplicate"] += before + len(good) - len(kept)
        if attempt == SHUT_AFTER:
            shut = {c.name for c in want}
        have = Counter(r["cell"] for r in kept)
        want = _lacking(share_out([c for c in known if c.name not in shut], n - sum(have[c] for c in shut)), have)
        if not want:
            break
    unfilled |= dict.fromkeys(shut | {c.name for c in want}, "no candidate passed tagging, checks and deduplication")
    order = {c.name: i for i, c in enumerate(known)}
    kept.sort(key=lambda r: (order[r["cell"]], r["id"]))
    return Made(kept[:n], dict(+rejected), unfilled, diversity(kept[:n]))


def _take(have: Counter[str], name: str) -> bool:
    if have[name] > 0:
        have[name] -= 1
        return True
    return False


def _lacking(wanted: Sequence[Cell], have: Counter[str]) -> list[Cell]:
    left = Counter(have)
    return [c for c in wanted if not _take(left, c.name)]


def _unique(rows: list[dict[str, Any]], captions: Sequence[Mapping[str, Any]], res: Resources) -> list[dict[str, Any]]:
    """Rows that duplicate neither the data set nor an earlier row, by the pipeline's own dedup."""
    mine = [{"id": f"new-{i}", "zh": r["zh"], "en": r["en"]} for i, r in enumerate(rows)]
    theirs = [{"id": f"old-{i}", "zh": c.get("zh"), "en": c.get("en")} for i, c in enumerate(captions)]
    verdicts = plain.dedup([*theirs, *mine], res)
    # Of two duplicates the longer one survives, which may be the new one: what shares a group with the data set goes in any case.
    known = {v["dup_group"] for v in verdicts[: len(theirs)]}
    return [r for r, v in zip(rows, verdicts[len(theirs) :], strict=True) if v["dup_of"] is None and v["dup_group"] not in known]


def diversity(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count how varied prompts are.

    Args:
        rows: prompts with ``slots``.

    Returns:
        Type-token ratios per language (over the first 10,000 words), distinct structures, the share of the commonest structure,
        distinct acts and distinct openings.
    """
    if not rows:
        return {}
    out: dict[str, Any] = {"prompts": len(rows)}
    tokenizer = Tokenizer()
    for lang in ("zh", "en"):
        words = [w for r in rows for w in (tokenizer.zh(r["zh"]) if lang == "zh" else tokenizer.en(r["en"]))]
        sample = words[:10000]
        out[f"{lang}_words"] = len(words)
        out[f"{lang}_types"] = len(set(words))
        out[f"{lang}_type_token_10k"] = round(len(set(sample)) / max(1, len(sample)), 4)
        opening = Counter(r[lang][:8] if lang == "zh" else " ".join(r[lang].split()[:4]) for r in rows)
        out[f"{lang}_openings"] = len(opening)
        out[f"{lang}_top_opening_share"] = round(opening.most_common(1)[0][1] / len(rows), 4)
    shapes = Counter(structure(r) for r in rows)
    out["structures"] = len(shapes)
    out["top_structure_share"] = round(shapes.most_common(1)[0][1] / len(rows), 4)
    out["acts"] = len({r["slots"]["act"] for r in rows})
    return out


def structure(row: Mapping[str, Any]) -> str:
    """Return the structure of a prompt: the shapes of both languages and which optional slots are filled."""
    slots = row["slots"]
    filled = "".join(k[0] for k in ("attire", "place", "detail", "color_tone", "atmosphere") if slots.get(k))
    return f"{slots['shape']}:{filled}"


def summary(made: Made) -> str:
    """Return the outcome as lines for people.

    Args:
        made: what ``make`` returned.
    """
    lines = [f"{len(made.rows)} prompts for {len({r['cell'] for r in made.rows})} cells"]
    lines.append("candidates thrown away: " + (", ".join(f"{k} {v}" for k, v in sorted(made.rejected.items())) or "none"))
    if made.unfilled:
        lines.append(f"{len(made.unfilled)} cells without a prompt: " + ", ".join(sorted(made.unfilled)[:8]))
    lines.append("diversity: " + ", ".join(f"{k} {v}" for k, v in made.diversity.items()))
    return "\n".join(lines)
