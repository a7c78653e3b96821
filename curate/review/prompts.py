"""Prompts that people take into a set: proposals for a cell of the coverage, what our checks say of them, the set as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import plain
from curate.errors import DataError, did_you_mean
from curate.prompts import gaps
from curate.prompts.slots import Book
from curate.review.decisions import open_store
from curate.stage import Resources
from curate.workspace import Workspace, write_atomic


@dataclass(frozen=True)
class Gaps:
    """What a data set lacks.

    Attributes:
        cells: cells under their target, by name ``theme|era``.
        writable: names of the cells for which scenes are written.
        captions: per theme the captions of the data set, which no prompt of that theme may repeat.
    """

    cells: dict[str, gaps.Cell]
    writable: frozenset[str]
    captions: Mapping[str, Sequence[Mapping[str, Any]]]


def lacking(workspace: Path, book: Book | None = None) -> Gaps:
    """Read the gaps of a workspace's last run.

    Args:
        workspace: the workspace.
        book: slot data; the shipped one if ``None``.

    Raises:
        DataError: there is no finished run, or it has no labels.
    """
    book = book or Book.shipped()
    cells = {c.name: c for c in gaps.read_source(workspace).cells}
    ws = Workspace(workspace)
    captions: dict[str, list[Mapping[str, Any]]] = {}
    for zh, en, themes in ws.table(ws.last_key(), ["zh", "en", "themes"]).select("zh", "en", "themes").iter_rows():
        for label in themes or ():
            captions.setdefault(label["id"], []).append({"zh": zh, "en": en})
    return Gaps(cells, frozenset(n for n, c in cells.items() if book.for_cell(c.theme, c.era)), captions)


def propose(
    found: Gaps, name: str, taken: Sequence[Mapping[str, Any]], n: int = 4, seed: int = 0, res: Resources | None = None, book: Book | None = None
) -> list[dict[str, Any]]:
    """Propose prompts for a cell; none repeats the data set, the set or another proposal.

    Args:
        found: from `lacking`.
        name: the cell, ``theme|era``, one of ``found.writable``.
        taken: prompts that are in the set.
        n: how many, at least 1.
        seed: another seed gives other proposals.
        res: resources; the shipped ones if ``None``.
        book: slot data; the shipped one if ``None``.

    Returns:
        Rows of ``curate prompts gaps``; fewer than ``n``, perhaps none, where candidates did not pass.
    """
    cell = found.cells[name]
    texts = [{"zh": r.get("zh"), "en": r.get("en")} for r in taken]
    return gaps.make(gaps.Source([cell], [*map(dict, found.captions.get(cell.theme, ())), *texts]), n, seed, res, book).rows


def judged(row: Mapping[str, Any], zh: str, en: str, res: Resources | None = None) -> tuple[dict[str, Any], str]:
    """Put a person's words into a prompt and look at it again.

    Args:
        row: the proposal.
        zh: the Chinese text as it is now.
        en: the English text as it is now.
        res: resources; the shipped ones if ``None``.

    Returns:
        The prompt with its terms and its notes for people anew, and ``by``, who wrote it: ``machine`` or ``person``; and the reason why it
        would not be proposed (``other_era``, ``other_theme``, ``flag.<check>``), empty if there is none.
    """
    texts = {"zh": " ".join(zh.split()), "en": " ".join(en.split())}
    same = all(texts[lang] == (row.get(lang) or "") for lang in texts)
    new = {**row, **texts, "by": row.get("by", "machine") if same else "person"}
    if not same:
        # The slots describe the text that was drawn, not this one.
        new["slots"] = None
    reason = gaps.judge([new], res or plain.default_resources(), strict=False)[0]
    return new, reason


def lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return prompts as the JSON Lines that ``curate prompts pack`` reads.

    Args:
        rows: from ``ReviewStore.prompt_set``.

    Example:
        >>> lines([{"id": "a", "zh": "龙舟", "en": "Dragon boats", "slots": None}])
        '{"id": "a", "zh": "龙舟", "en": "Dragon boats"}\\n'
    """
    return "".join(json.dumps({k: v for k, v in r.items() if v is not None}, ensure_ascii=False) + "\n" for r in rows)


def write(workspace: Path, store: str | None, name: str, out: Path) -> int:
    """Write a set as JSON Lines.

    Args:
        workspace: the workspace whose store holds it.
        store: see ``review.store_url``.
        name: the set.
        out: the file.

    Returns:
        How many prompts it holds.

    Raises:
        DataError: there is no such set.
    """
    source = open_store(workspace, store)
    try:
        rows, known = source.prompt_set(name), source.prompt_sets()
    finally:
        source.close()
    if name not in known:
        raise DataError(f"no set of prompts {name!r}", hint=did_you_mean(name, known) if known else "take prompts into one on the app's page Prompts")
    write_atomic(out, lines(rows).encode())
    return len(rows)
