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
    texts = zip(df.get_column("zh_norm").to_list(), df.get_column("en_norm").to_list(), strict=True)
    found = [find_terms(lexicon, zh, en) for zh, en in texts]
    out = pl.DataFrame({"id": df.get_column("id"), "terms": pl.Series("terms", found, dtype=TERMS)})
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
