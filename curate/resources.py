"""Build what stages may use, once per process, from the recipe's specification."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from curate.data import PACKAGE
from curate.embed import Embedder, make_embedder
from curate.errors import RecipeError
from curate.knowledge.lexicon import Lexicon
from curate.knowledge.taxonomy import Taxonomy
from curate.recipe import ResourceSpec
from curate.stage import Resources, Stage


def build(spec: ResourceSpec, seed: int, base: Path, uses: Iterable[str], decisions: Path | None = None) -> Resources:
    """Build resources.

    Args:
        spec: the recipe's ``resources`` block.
        seed: the recipe's seed.
        base: folder that relative paths in the recipe refer to.
        uses: which resources the steps need; others are not built.
        decisions: frozen snapshot of decisions, if there is one.

    Raises:
        RecipeError: a lexicon path does not exist.
    """
    wanted = set(uses)
    lexicon: Lexicon | None = None
    taxonomy: Taxonomy | None = None
    embedder: Embedder | None = None
    digests: dict[str, str] = {}
    if "lexicon" in wanted and spec.lexicon is not None:
        extra = [base / p for p in spec.lexicon]
        for path in extra:
            if not path.is_file():
                raise RecipeError(f"resources.lexicon: no file at {path}", hint="paths are relative to the recipe")
        lexicon = Lexicon.load(extra=extra)
        digests["lexicon"] = lexicon.sha256
    if "taxonomy" in wanted and spec.taxonomy:
        taxonomy = Taxonomy.load()
        digests["taxonomy"] = taxonomy.sha256
    if "embedder" in wanted and spec.embedder is not None:
        embedder = make_embedder(spec.embedder.name, spec.embedder.model, spec.embedder.revision, spec.embedder.prompt)
        digests["embedder"] = embedder.sha256
    if "models" in wanted:
        digests["models"] = _models_digest()
    frame: pl.DataFrame | None = None
    if "decisions" in wanted and decisions is not None:
        frame = pl.read_parquet(decisions)
        digests["decisions"] = decisions.stem
    return Resources(seed, lexicon, taxonomy, embedder, frame, digests, base)


def _models_digest() -> str:
    """Digest of the small trained models: their weights shape labels and verdicts."""
    total = hashlib.sha256()
    for path in sorted((PACKAGE / "models").glob("*")):
        total.update(path.name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def lib_versions(stage: Stage) -> dict[str, str]:
    """Return the installed versions of the distributions that can change a stage's output."""
    out = {}
    for name in stage.libs:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "absent"
    return out


def step_key_parts(stage: Stage, params: dict[str, Any], res: Resources, upstream: str, media: str = "") -> list[Any]:
    """Return everything that shapes a step, for its lineage key.

    Args:
        stage: the stage.
        params: its parameters.
        res: resources.
        upstream: key of the step before.
        media: hash of the media files, for stages that open them.
    """
    used = {u: res.digests.get(u, "") for u in sorted(stage.uses - {"seed"})}
    parts = [stage.name, stage.version, params, used, lib_versions(stage), res.seed if "seed" in stage.uses else None, upstream]
    return [*parts, media] if stage.media else parts
