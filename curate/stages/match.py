"""Stage ``match``: which terms of the lexicon a caption names, and where."""

from __future__ import annotations

import polars as pl

from curate.lexicon import Lexicon
from curate.schema import TERMS
from curate.stage import Params, Resources, Stage


class MatchParams(Params):
    """What is required.

    Attributes:
        require_term: drop rows in which no term is found.
    """

    require_term: bool = False


def find_terms(lexicon: Lexicon, zh: str, en: str) -> list[dict[str, object]]:
    """Return the terms of one caption pair.

    Args:
        lexicon: the lexicon.
        zh: normalized Chinese caption, or empty.
        en: normalized English caption, or empty.

    Returns:
        ``{term_id, lang, start, end}``; offsets are code points into the text of that language.
    """
    out: list[dict[str, object]] = []
    for lang, text in (("zh", zh), ("en", en)):
        if text:
            out += [{"term_id": s.term_id, "lang": lang, "start": s.start, "end": s.end} for s in lexicon.find(text, lang)]
    return out


def _nested(spans: list[tuple[int, str, str, int, int]], rows: int) -> pl.Series:
    """Gather spans into one list per row; polars takes a list of dicts apart ten times slower."""
    fields: dict[str, pl.DataType] = {"row": pl.UInt32(), "term_id": pl.String(), "lang": pl.String(), "start": pl.UInt32(), "end": pl.UInt32()}
    names, types = list(fields), list(fields.values())
    columns: list[list[object]] = [list(c) for c in zip(*spans, strict=True)] if spans else [[] for _ in names]
    flat = pl.DataFrame([pl.Series(n, c, dtype=t) for n, c, t in zip(names, columns, types, strict=True)])
    grouped = flat.select("row", terms=pl.struct(names[1:])).sort("row", maintain_order=True).group_by("row", maintain_order=True).agg("terms")
    every = pl.DataFrame({"row": pl.int_range(rows, dtype=pl.UInt32, eager=True)})
    joined = every.join(grouped, on="row", how="left", maintain_order="left").get_column("terms")
    return joined.fill_null(pl.Series([[]], dtype=TERMS)).cast(TERMS)


def match(df: pl.DataFrame, params: MatchParams, res: Resources) -> pl.DataFrame:
    """Find terms, era names and region names; trap rules are obeyed.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm``.
        params: what is required.
        res: the lexicon.

    Returns:
        ``terms``: list of ``{term_id, lang, start, end}``.

    Drops:
        no_term: no term was found (only if required).
    """
    lexicon = res.need_lexicon()
    spans: list[tuple[int, str, str, int, int]] = []
    for lang in ("zh", "en"):
        texts: list[str] = df.get_column(f"{lang}_norm").to_list()
        distinct = list(dict.fromkeys(texts))
        found = dict(zip(distinct, lexicon.find_many(distinct, lang), strict=True))
        spans += [(row, s.term_id, lang, s.start, s.end) for row, text in enumerate(texts) for s in found[text]]
    out = pl.DataFrame({"id": df.get_column("id"), "terms": _nested(spans, len(df))})
    if params.require_term:
        out = out.with_columns(drop=pl.when(pl.col("terms").list.len() == 0).then(pl.lit("no_term")))
    return out


STAGE = Stage(
    name="match",
    version=1,
    scope="rows",
    params=MatchParams,
    needs=("zh_norm", "en_norm"),
    adds=pl.Schema({"terms": TERMS}),
    reasons=("no_term",),
    uses=frozenset({"lexicon"}),
    libs=("ahocorasick-rs",),
    fn=match,
    help="terms of the lexicon with their places",
)
