"""Stage ``sign``: what dedup needs of each row: comparison keys, MinHash signatures and decisive words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from curate.duplicates import minhash
from curate.duplicates.decisive import Terms, decisive_all
from curate.duplicates.keys import match_keys
from curate.stage import Params, Resources, Stage


class SignParams(Params):
    """Size of the signatures.

    Attributes:
        hashes: length of a signature; a multiple of the bands of ``dedup``.
    """

    hashes: int = Field(96, ge=8, le=512)


def _schema(params: SignParams, res: Resources) -> pl.Schema:
    sig = pl.Array(pl.UInt32, params.hashes)
    return pl.Schema({"zh_key": pl.String(), "en_key": pl.String(), "zh_sig": sig, "decisive": pl.List(pl.String)})


def sign(df: pl.DataFrame, params: SignParams, res: Resources) -> pl.DataFrame:
    """Compute keys, signatures and decisive words.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm``, ``terms``.
        params: size.
        res: the lexicon.

    Returns:
        ``zh_key``, ``en_key`` (equal for captions that are the same but for script, width, case, punctuation and digits),
        ``zh_sig`` (uint32 MinHash; English is signed by ``dedup`` where a row has no Chinese), ``decisive``.
    """
    lexicon = res.need_lexicon()
    schema = _schema(params, res)
    zh, en = df.get_column("zh_norm").to_list(), df.get_column("en_norm").to_list()
    keys = {f"{c}_key": match_keys(df.get_column(f"{c}_norm")) for c in ("zh", "en")}
    sigs = pl.Series("zh_sig", minhash.signatures(keys["zh_key"].to_list(), params.hashes), dtype=schema["zh_sig"])
    decisive = _nested(*decisive_all(lexicon, zh, en, _terms(df)), len(df))
    return pl.DataFrame({"id": df.get_column("id"), **keys, "zh_sig": sigs, "decisive": decisive})


def _terms(df: pl.DataFrame) -> Terms:
    """Return the terms of all rows; polars gives out columns several times quicker than lists of dicts."""
    flat = df.select("terms").with_row_index("row").explode("terms").filter(pl.col("terms").is_not_null()).unnest("terms")
    return Terms(*(flat.get_column(name).to_list() for name in Terms._fields))


def _nested(rows: npt.NDArray[np.int64], words: list[str], count: int) -> pl.Series:
    """Gather words into one list per row; polars takes lists of lists apart many times slower."""
    flat = pl.DataFrame({"row": rows, "decisive": pl.Series(words, dtype=pl.String)}).group_by("row", maintain_order=True).agg("decisive")
    every = pl.DataFrame({"row": np.arange(count)}).join(flat, on="row", how="left", maintain_order="left")
    return every.get_column("decisive").fill_null(pl.Series([[]], dtype=pl.List(pl.String)))


STAGE = Stage(
    name="sign",
    version=5,
    scope="rows",
    params=SignParams,
    needs=("zh_norm", "en_norm", "terms"),
    adds=_schema,
    uses=frozenset({"lexicon"}),
    libs=("opencc",),
    fn=sign,
    help="comparison keys, MinHash signatures, decisive words",
)
