"""Scenes of other countries: which captions speak of one, and which Chinese periods share a name with a period there."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from curate.data import data_path
from curate.knowledge.matcher import Form, Matcher
from curate.knowledge.tsv import cells, read_tsv


class _Countries(NamedTuple):
    eras: tuple[frozenset[str], ...]
    matcher: Matcher


@lru_cache(maxsize=1)
def _load() -> _Countries:
    eras: list[frozenset[str]] = []
    forms: list[Form] = []
    for _, row in read_tsv(data_path("lexicons") / "abroad.tsv"):
        forms += [Form(f, "zh", len(eras)) for f in cells(row["zh"])] + [Form(f, "latin", len(eras)) for f in cells(row["en"])]
        eras.append(frozenset(cells(row["eras"])))
    return _Countries(tuple(eras), Matcher(forms))


def shared_eras(zh: str, en: str) -> frozenset[str] | None:
    """Return the eras whose names a country that the caption speaks of has too; ``None`` if it speaks of none.

    Args:
        zh: normalized Chinese caption in simplified script, or empty.
        en: normalized English caption, or empty.

    Example:
        >>> shared_eras("织田信长的骑兵", ""), shared_eras("", "A tram in Berlin"), shared_eras("西安的城墙", "")
        (frozenset({'warring-states'}), frozenset(), None)
    """
    countries = _load()
    hits = [*(countries.matcher.find(zh, "zh") if zh else ()), *(countries.matcher.find(en, "latin") if en else ())]
    found = {e for hit in hits for e in hit.entries}
    return frozenset().union(*(countries.eras[e] for e in found)) if found else None
