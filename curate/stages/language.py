"""Stage ``language``: which language each caption really is in, and whether the columns are swapped."""

from __future__ import annotations

import polars as pl

from curate import langid
from curate.schema import LANG
from curate.stage import Params, Resources, Stage


class LanguageParams(Params):
    """What to do about captions that are not in their column's language.

    Attributes:
        drop_wrong: drop rows of which no caption is in zh, en or fr.
        drop_mixed: drop rows whose caption mixes Chinese and English.
    """

    drop_wrong: bool = True
    drop_mixed: bool = False


def language(df: pl.DataFrame, params: LanguageParams, res: Resources) -> pl.DataFrame:
    """Detect languages by script counts and function words.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm``.
        params: what to drop.
        res: unused.

    Returns:
        ``zh_lang``, ``en_lang`` (what the text in that column is), ``swapped``.

    Drops:
        wrong_language: no caption is Chinese, English or French.
        mixed_language: a caption mixes languages (only if asked).
    """
    zh = langid.detect_many(df.get_column("zh_norm"))
    en = langid.detect_many(df.get_column("en_norm"))
    out = pl.DataFrame({"id": df.get_column("id"), "zh_lang": zh, "en_lang": en})
    swapped = pl.col("zh_lang").is_in(["en", "fr"]) & (pl.col("en_lang") == "zh")
    known = ["zh", "en", "fr", "mixed"]
    wrong = ~pl.col("zh_lang").is_in(known) & ~pl.col("en_lang").is_in(known)
    mixed = (pl.col("zh_lang") == "mixed") | (pl.col("en_lang") == "mixed")
    verdict = pl.when(wrong & params.drop_wrong).then(pl.lit("wrong_language")).when(mixed & params.drop_mixed).then(pl.lit("mixed_language"))
    note = pl.when(verdict.is_not_null()).then(pl.format("zh column: {}, en column: {}", "zh_lang", "en_lang"))
    return out.with_columns(swapped=swapped, drop=verdict, drop_note=note)


STAGE = Stage(
    name="language",
    version=1,
    scope="rows",
    params=LanguageParams,
    needs=("zh_norm", "en_norm"),
    adds=pl.Schema({"zh_lang": LANG, "en_lang": LANG, "swapped": pl.Boolean()}),
    reasons=("wrong_language", "mixed_language"),
    libs=("langdetect",),
    fn=language,
    help="language by script and function words; swapped columns",
)
