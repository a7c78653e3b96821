"""A distribution of somebody else: one stage, one reader, one embedder, and an entry point that names nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from curate.readers.base import Batch, Reader
from curate.stage import Params, Resources, Stage


class ExclaimsParams(Params):
    """No parameters."""


def exclaims(df: pl.DataFrame, params: ExclaimsParams, res: Resources) -> pl.DataFrame:
    """Say whether a caption shouts.

    Args:
        df: normalized captions.
        params: none.
        res: not used.

    Returns:
        ``exclaims``.
    """
    shouts = pl.concat_str("zh_norm", "en_norm", ignore_nulls=True).str.contains("[!！]")
    none = pl.lit(None, pl.String)
    return df.select("id", exclaims=shouts, drop=none, drop_note=none)


STAGE = Stage(
    name="exclaims",
    version=1,
    scope="rows",
    params=ExclaimsParams,
    needs=("zh_norm", "en_norm"),
    adds=pl.Schema({"exclaims": pl.Boolean()}),
    fn=exclaims,
    help="whether a caption shouts",
)


class HaikuParams(Params):
    """No options."""


def read_haiku(path: Path, params: HaikuParams) -> Iterator[Batch]:
    """Read poems of three lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    poems = ["，".join(lines[i : i + 3]) for i in range(0, len(lines), 3)]
    yield Batch(pl.DataFrame({"zh": poems, "_line": list(range(1, len(lines) + 1, 3))}), str(path))


READER = Reader("haiku", 1, HaikuParams, read_haiku, (".haiku",), "poems of three lines")


class Constant:
    """The same vector for every text."""

    dim, sha256, name, revision = 2, "0" * 64, "constant", "1"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.tile(np.array([[1.0, 0.0]], np.float32), (len(texts), 1))


def make_constant(model: str) -> Constant:
    """Build it."""
    return Constant()
