"""Stage ``check``: anachronisms, cross-culture confusions, zh/en mismatches and sensitive topics, each flag explained."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

import numpy as np
import polars as pl

from curate.checks.verdict import check_all
from curate.schema import FLAGS
from curate.stage import Params, Resources, Stage

VERDICT = pl.Enum(["anachronism", "confusion", "mismatch", "ok"])


class CheckParams(Params):
    """Which findings drop a row; by default none do, people decide.

    Attributes:
        drop: verdicts that drop a row.
    """

    drop: tuple[Literal["anachronism", "confusion", "mismatch"], ...] = ()


def check(df: pl.DataFrame, params: CheckParams, res: Resources) -> pl.DataFrame:
    """Check caption pairs.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm``, ``terms``, ``zh_vector``, ``en_vector``.
        params: what drops a row.
        res: lexicon and embedder.

    Returns:
        ``flags`` (offsets are code points into the normalized text), ``verdict``, ``pair_score`` (0 to 1; 1 where a caption is missing).

    Drops:
        failed_check: the verdict is one of those named in ``drop``. Sensitive topics never drop.
    """
    zh, en = df.get_column("zh_norm").to_list(), df.get_column("en_norm").to_list()
    vectors = [df.get_column(c).to_numpy().astype(np.float32) for c in ("zh_vector", "en_vector")]
    got = check_all(zh, en, df.get_column("terms").to_list(), vectors[0], vectors[1], res) if len(df) else []
    flags = [[asdict(f) for f in c.flags] for c in got]
    out = pl.DataFrame(
        {
            "id": df.get_column("id"),
            "flags": pl.Series("flags", flags, dtype=FLAGS),
            "verdict": pl.Series("verdict", [c.verdict for c in got], dtype=VERDICT),
            "pair_score": pl.Series("pair_score", [c.pair_score for c in got], dtype=pl.Float32()),
        }
    )
    gone = pl.col("verdict").cast(pl.String()).is_in(list(params.drop))
    note = pl.col("flags").list.filter(pl.element().struct.field("severity") == "error").list.first().struct.field("note_en")
    return out.with_columns(drop=pl.when(gone).then(pl.lit("failed_check")), drop_note=pl.when(gone).then(note))


STAGE = Stage(
    name="check",
    version=4,
    scope="rows",
    params=CheckParams,
    needs=("zh_norm", "en_norm", "terms", "zh_vector", "en_vector"),
    adds=pl.Schema({"flags": FLAGS, "verdict": VERDICT, "pair_score": pl.Float32()}),
    reasons=("failed_check",),
    uses=frozenset({"lexicon", "embedder", "models"}),
    fn=check,
    help="anachronism, confusion, mismatch, sensitive topics",
)
