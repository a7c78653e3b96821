"""Stage ``leakage``: captions that are near a prompt of an evaluation, flagged or dropped."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from curate.duplicates import leakage as leaks
from curate.embed import Embedder, Vectors, encode_unique
from curate.errors import DataError
from curate.stage import Params, Resources, Stage


class LeakageParams(Params):
    """What counts as a leak.

    Attributes:
        files: files of prompts (txt, json or jsonl), seen from where the command runs; without any nothing leaks.
        near: least similarity of the characters, 0 to 1.
        semantic: least cosine, 0 to 1, to a prompt in the caption's language; needs the step ``embed`` before; none looks at the text only.
        cross: least cosine to a prompt in another language.
        drop: drop what leaks instead of only naming it.
        digest: hash of the files; filled in.
    """

    files: tuple[str, ...] = ()
    near: float = Field(0.85, ge=0.5, le=1)
    semantic: float | None = Field(0.85, ge=0.5, le=1)
    cross: float = Field(0.8, ge=0.5, le=1)
    drop: bool = False
    digest: str = ""

    @model_validator(mode="after")
    def _hash(self) -> LeakageParams:
        digest = hashlib.sha256()
        for name in self.files:
            try:
                digest.update(hashlib.sha256(Path(name).read_bytes()).digest())
            except OSError as e:
                raise ValueError(f"no file of prompts at {name!r}: {e.strerror}") from e
        found = digest.hexdigest()
        if self.digest not in ("", found):
            raise ValueError("a file of prompts changed while the run was going on")
        # The contents shape the outcome, so they belong into the step's key.
        object.__setattr__(self, "digest", found)
        return self


@lru_cache(maxsize=2)
def _prompt_vectors(files: tuple[str, ...], digest: str, embedder: Embedder) -> Vectors:
    return encode_unique(embedder, [leaks.prepare(p.text) for p in leaks.load(files, digest).prompts])


def leakage(df: pl.DataFrame, params: LeakageParams, res: Resources) -> pl.DataFrame:
    """Compare captions with prompts.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm`` and, if there are, ``zh_vector`` and ``en_vector``.
        params: files and thresholds.
        res: the embedder, if the step ``embed`` ran.

    Returns:
        ``leak_of`` (file, number and text of the prompt), ``leak_kind`` (exact, near, semantic), ``leak_score``.

    Drops:
        leak: the caption is near a prompt (only if ``drop``).
    """
    prompts = leaks.load(params.files, params.digest)
    found = leaks.Leaks.none(len(df))
    for column, words in (("zh_norm", False), ("en_norm", True)):
        found = found.better(leaks.find_text(df.get_column(column).to_list(), prompts, params.near, words))
    if prompts.prompts and params.semantic is not None and "zh_vector" in df.columns:
        if res.embedder is None:
            raise DataError("vectors are compared with prompts, but the recipe names no embedder", hint="set semantic: null, or resources.embedder")
        vectors = _prompt_vectors(params.files, params.digest, res.embedder)
        for column in ("zh_vector", "en_vector"):
            mine = np.asarray(df.get_column(column).to_numpy(), np.float32).reshape(len(df), -1)
            found = found.better(leaks.find_meaning(mine, vectors, prompts.least(column == "zh_vector", params.semantic, params.cross)))
    rows: list[tuple[str | float | None, ...]] = []
    for ident, at, kind, score in zip(df.get_column("id").to_list(), found.prompt.tolist(), found.kind.tolist(), found.score.tolist(), strict=True):
        if at < 0:
            rows.append((ident, None, None, None, None, None))
            continue
        p = prompts.prompts[at]
        note = f"{p.file}#{p.number}: {p.text}"
        rows.append(
            (
                ident,
                note,
                leaks.KINDS[kind],
                score,
                "leak" if params.drop else None,
                f"{leaks.KINDS[kind]} {score:.4f} {note}" if params.drop else None,
            )
        )
    names = {
        "id": pl.String(),
        "leak_of": pl.String(),
        "leak_kind": pl.String(),
        "leak_score": pl.Float32(),
        "drop": pl.String(),
        "drop_note": pl.String(),
    }
    return pl.DataFrame(rows, schema=names, orient="row")


STAGE = Stage(
    name="leakage",
    version=1,
    scope="rows",
    params=LeakageParams,
    needs=("zh_norm", "en_norm"),
    optional=("zh_vector", "en_vector"),
    adds=pl.Schema({"leak_of": pl.String(), "leak_kind": pl.String(), "leak_score": pl.Float32()}),
    reasons=("leak",),
    uses=frozenset({"embedder"}),
    libs=("opencc", "rapidfuzz"),
    fn=leakage,
    help="captions near the prompts of an evaluation, across languages",
)
