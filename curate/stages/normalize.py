"""Stage ``normalize``: the text that the other stages read. The captions themselves stay as they are."""

from __future__ import annotations

import polars as pl

from curate import text
from curate.schema import SCRIPT
from curate.stage import Params, Resources, Stage


class NormalizeParams(Params):
    """No parameters: what counts as the same character is not a matter of taste."""


def normalize(df: pl.DataFrame, params: NormalizeParams, res: Resources) -> pl.DataFrame:
    """Normalize width, compatibility forms, invisible characters and spaces; simplify Chinese for matching only.

    Args:
        df: ``id``, ``zh``, ``en``.
        params: none.
        res: unused.

    Returns:
        ``zh_norm``, ``en_norm`` (never null, possibly empty), ``zh_script``.

    Drops:
        empty: nothing visible is left in either caption.
    """
    zh = _clean(df.get_column("zh"))
    en = [_sentence_case(t) for t in _clean(df.get_column("en"))]
    scripts = [text.script_of(t) for t in zh]
    simple = [text.to_simplified(t) if s in ("hant", "mixed") else t for t, s in zip(zh, scripts, strict=True)]
    out = pl.DataFrame(
        {"id": df.get_column("id"), "zh_norm": simple, "en_norm": en, "zh_script": scripts},
        schema={"id": pl.String(), "zh_norm": pl.String(), "en_norm": pl.String(), "zh_script": SCRIPT},
    )
    empty = (pl.col("zh_norm") == "") & (pl.col("en_norm") == "")
    return out.with_columns(drop=pl.when(empty).then(pl.lit("empty")))


def _sentence_case(caption: str) -> str:
    """A caption written in capitals throughout says nothing by its capitals, and encoders read it badly."""
    return caption.capitalize() if len(caption) > 12 and caption.isupper() else caption


def _clean(column: pl.Series) -> list[str]:
    return [text.normalize(v) if v else "" for v in column.to_list()]


STAGE = Stage(
    name="normalize",
    version=2,
    scope="rows",
    params=NormalizeParams,
    needs=("zh", "en"),
    adds=pl.Schema({"zh_norm": pl.String(), "en_norm": pl.String(), "zh_script": SCRIPT}),
    reasons=("empty",),
    libs=("opencc",),
    fn=normalize,
    help="width, compatibility forms, invisible characters; simplified for matching only",
)
