"""Stage ``fingerprint``: signs of low DCT coefficients of small pictures over time, for finding copies of clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from curate.media.isolate import Limits, Pool
from curate.media.locate import opened_uri
from curate.media.refused import Refused
from curate.stage import Params, Resources, Stage

FINGERPRINT = pl.Struct(
    {
        "times": pl.List(pl.Float32), "signs": pl.List(pl.UInt64), "sure": pl.List(pl.UInt64), "thumbs": pl.Binary(),
        "thumb_times": pl.List(pl.Float32), "bars": pl.List(pl.Float32), "duration_s": pl.Float64(), "pixels": pl.UInt32(), "aspect": pl.Float32(),
    }
)  # fmt: skip


class FingerprintParams(Params):
    """Where the files are and what they may cost.

    Attributes:
        root: folder that relative paths refer to; the recipe's folder if empty.
        step: seconds between samples; by the length of the clip if 0.
        seconds: time allowed per file; large files get more.
        memory_mb: memory allowed per child.
        workers: child processes at once; 0 is one per core.
    """

    root: str = ""
    step: float = Field(0.0, ge=0, le=10)
    seconds: float = Field(30.0, ge=1, le=3600)
    memory_mb: int = Field(1024, ge=256, le=65536)
    workers: int = Field(1, ge=0, le=256)


def fingerprint(df: pl.DataFrame, params: FingerprintParams, res: Resources) -> pl.DataFrame:
    """Fingerprint the media of each row in child processes; rows without readable media get null.

    Args:
        df: ``id``, ``media``, ``uri``, ``start_s``, ``end_s``.
        params: where and how much.
        res: the recipe's folder.

    Returns:
        ``fingerprint``: times of the samples, their hashes in several crops (row by row), a few 32 × 32 pictures, the bars, the duration.
    """
    root = Path(params.root) if params.root else res.base
    root = res.base / root if res.base and root and not root.is_absolute() else root
    keys = [tuple(r) for r in df.select("media", "uri", "start_s", "end_s").iter_rows()]
    wanted = [k for k in dict.fromkeys(keys) if k[0] != "none" and k[1]]
    found: dict[tuple[Any, ...], dict[str, Any] | None] = {}
    if wanted:
        with Pool(Limits(seconds=params.seconds, memory=params.memory_mb << 20), params.workers) as pool:
            found = dict(zip(wanted, pool.each(lambda key: _one(key, root, params, pool), wanted), strict=True))
    column = pl.Series("fingerprint", [found.get(k) for k in keys], dtype=FINGERPRINT)
    return pl.DataFrame({"id": df.get_column("id"), "fingerprint": column})


def _one(key: tuple[Any, ...], root: Path | None, params: FingerprintParams, pool: Pool) -> dict[str, Any] | None:
    _, uri, start, end = key
    try:
        with opened_uri(str(uri), root) as path:
            got = pool.call("fingerprint", {"start": start, "end": end, "step": params.step or None}, path).value
    except Refused:
        return None
    if got is None:
        return None
    return {
        "times": got["times"].tolist(), "signs": got["signs"].ravel().tolist(), "sure": got["sure"].ravel().tolist(),
        "thumbs": got["thumbs"].tobytes(), "thumb_times": got["thumb_times"].tolist(), "bars": got["bars"], "duration_s": got["duration_s"],
        "pixels": int(got["size"][0] * got["size"][1]), "aspect": got["size"][0] / max(1, got["size"][1]),
    }  # fmt: skip


STAGE = Stage(
    name="fingerprint",
    version=1,
    scope="rows",
    params=FingerprintParams,
    needs=("media", "uri", "start_s", "end_s"),
    adds=pl.Schema({"fingerprint": FINGERPRINT}),
    libs=("av", "opencv-python-headless"),
    fn=fingerprint,
    media=True,
    help="hashes of small pictures over time, for copies of clips",
)
