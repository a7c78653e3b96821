"""Stage ``match``: which terms of the lexicon a caption names, and where."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curate.knowledge.lexicon import Lexicon
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
    return find_all_terms(lexicon, [zh], [en])[0]


def find_all_terms(lexicon: Lexicon, zh: Sequence[str], en: Sequence[str]) -> list[list[dict[str, object]]]:
    """Return ``find_terms`` of every caption pair, many times faster than one after the other.

    Args:
        lexicon: the lexicon.
        zh: normalized Chinese captions, or empty.
        en: normalized English captions, or empty.
    """
    found = [(lang, lexicon.find_many(texts, lang)) for lang, texts in (("zh", zh), ("en", en))]
    return [
        [{"term_id": s.term_id, "lang": lang, "start": s.start, "end": s.end} for lang, spans in found for s in spans[row]] for row in range(len(zh))
    ]


def _of_column(lexicon: Lexicon, texts: pl.Series, lang: str) -> pl.DataFrame:
    """Return ``row``, ``term_id``, ``lang``, ``start``, ``end`` of all terms of a column; a text that comes again is not searched again."""
    frame = texts.to_frame("text").with_row_index("row")
    distinct = frame.group_by("text", maintain_order=True).agg("row")
    spans = lexicon.scan(distinct.get_column("text").to_list(), lang)
    names = pl.Series([e.id for e in lexicon.entries], dtype=pl.String)
    flat = pl.DataFrame({"term_id": names.gather(spans.entries), "start": spans.starts, "end": spans.ends})
    return flat.select(
        row=distinct.get_column("row").gather(spans.rows),
        term_id="term_id",
        lang=pl.lit(lang),
        start=pl.col("start").cast(pl.UInt32),
        end=pl.col("end").cast(pl.UInt32),
    ).explode("row")


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
    flat = pl.concat([_of_column(lexicon, df.get_column(f"{lang}_norm"), lang) for lang in ("zh", "en")])
    nested = flat.group_by("row").agg(terms=pl.struct("term_id", "lang", "start", "end"))
    out = df.select("id").with_row_index("row").join(nested, on="row", how="left", maintain_order="left")
    out = out.select("id", pl.col("terms").fill_null(pl.lit([], dtype=TERMS)))
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
