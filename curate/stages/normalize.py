"""Stage ``normalize``: the text that the other stages read. The captions themselves stay as they are."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

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
    zh = normalize_many(df.get_column("zh").to_list())
    en = [_sentence_case(t) for t in normalize_many(df.get_column("en").to_list())]
    out = df.select("id", zh_norm=pl.Series(zh, dtype=pl.String), en_norm=pl.Series(en, dtype=pl.String)).with_columns(zh_script=_script("zh_norm"))
    other = out.get_column("zh_script").is_in(["hant", "mixed"]).arg_true().to_list()
    for i in other:
        zh[i] = text.to_simplified(zh[i])
    if other:
        out = out.with_columns(zh_norm=pl.Series(zh, dtype=pl.String))
    empty = (pl.col("zh_norm") == "") & (pl.col("en_norm") == "")
    return out.with_columns(drop=pl.when(empty).then(pl.lit("empty")))


def _script(column: str) -> pl.Expr:
    """``text.script_of`` of a column."""
    hans, hant = (f"[{chars}]" for chars in text.script_characters())
    old, new = pl.col(column).str.contains(hant), pl.col(column).str.contains(hans)
    name = pl.when(old & new).then(pl.lit("mixed")).when(old).then(pl.lit("hant"))
    return name.when(pl.col(column).str.contains(f"[{text.HAN}]")).then(pl.lit("hans")).otherwise(pl.lit("none")).cast(SCRIPT)


def normalize_many(captions: Sequence[str | None]) -> list[str]:
    """Return ``text.normalize`` of every caption, ``""`` for none; those beyond plain ASCII go through each step as one text, on a line each.

    Args:
        captions: captions as read.

    Example:
        >>> normalize_many(["Ｔａｎｇ　唐代\\u200b！", None, "a  man "])
        ['Tang 唐代!', '', 'a man']
    """
    # Plain ASCII has nothing but spaces to put right.
    out = [" ".join(c.split()) if c and c.isascii() and c.isprintable() else "" for c in captions]
    rest = [i for i, c in enumerate(captions) if c and not (c.isascii() and c.isprintable())]
    # Each by itself: most are in this form already, which is seen at once.
    lines = "\n".join([unicodedata.normalize("NFKC", str(captions[i]).replace("\n", " ")) for i in rest])
    for char in set(lines) - {"\n"}:
        # A Han character composes with nothing, and keeps spaces from being stripped.
        new = text.normalize(f"一{char}一")[1:-1]
        if new != char:
            lines = lines.replace(char, new)
    while "  " in lines:
        lines = lines.replace("  ", " ")
    for i, line in zip(rest, lines.split("\n") if rest else (), strict=True):
        out[i] = line.strip(" ")
    return out


def _sentence_case(caption: str) -> str:
    """A caption written in capitals throughout says nothing by its capitals, and encoders read it badly."""
    return caption.capitalize() if len(caption) > 12 and caption.isupper() else caption


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
