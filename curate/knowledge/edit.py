"""Add a term to a team's own TSV, with the traditional form and the pinyin filled in for a person to check."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from curate.errors import LexiconError, did_you_mean
from curate.knowledge.lexicon import COLUMNS, Lexicon
from curate.knowledge.tsv import cells, read_tsv
from curate.plain import shipped_taxonomy
from curate.text import to_traditional
from curate.workspace import write_atomic


def pinyin(text: str) -> str:
    """Return toned pinyin, one syllable per character; empty if ``pypinyin`` is not installed.

    Args:
        text: simplified Chinese.
    """
    try:
        from pypinyin import Style, lazy_pinyin
    except ImportError:
        return ""
    return " ".join(lazy_pinyin(text, style=Style.TONE))


def add_term(path: Path, slug: str, values: Mapping[str, str]) -> dict[str, str]:
    """Append a term to a TSV and keep the file sorted by id.

    Args:
        path: the file; made with a header if it is not there.
        slug: kebab-case, without the theme.
        values: columns that are known.

    Returns:
        The row as written.

    Raises:
        LexiconError: a name is unknown, a cell holds a tab, or the id is taken.
    """
    taxonomy = shipped_taxonomy()
    row = {c: "" for c in COLUMNS} | {k: v.strip() for k, v in values.items()}
    themes = cells(row["theme"])
    for theme in themes:
        if theme not in taxonomy.theme_ids:
            raise LexiconError(f"unknown theme {theme!r}", hint=did_you_mean(theme, taxonomy.theme_ids))
    subs = [s.id for t in taxonomy.themes if t.id in themes for s in t.subs]
    if row["sub"] not in subs:
        raise LexiconError(f"unknown sub-theme {row['sub']!r}", hint=did_you_mean(row["sub"], subs))
    for era in cells(row["eras"]):
        if era not in taxonomy.era_ids:
            raise LexiconError(f"unknown era {era!r}", hint=did_you_mean(era, taxonomy.era_ids))
    if any("\t" in v or "\n" in v for v in row.values()):
        raise LexiconError("a cell may not hold a tab or a line break")
    row["id"] = f"{themes[0]}-{slug}"
    row["zh_hant"] = row["zh_hant"] or to_traditional(row["zh_hans"])
    row["pinyin"] = row["pinyin"] or pinyin(row["zh_hans"]) or row["zh_hans"]
    row["context"] = row["context"] or "free"
    rows = {r["id"]: r for _, r in read_tsv(path)} if path.exists() else {}
    if row["id"] in rows or row["id"] in Lexicon.load().by_id:
        raise LexiconError(f"the id {row['id']!r} is taken", hint="choose another slug")
    rows[row["id"]] = row
    lines = ["\t".join(COLUMNS), *("\t".join(rows[k][c] for c in COLUMNS) for k in sorted(rows))]
    write_atomic(path, ("\n".join(lines) + "\n").encode())
    return row
