"""The stages, one file each, in the order in which a recipe usually runs them."""

from __future__ import annotations

from curate import plugins
from curate.stage import Stage
from curate.stages import (
    balance,
    check,
    clip,
    clipdedup,
    coverage,
    decide,
    dedup,
    embed,
    fingerprint,
    language,
    leakage,
    match,
    normalize,
    quality,
    sample,
    sign,
    split,
    theme,
    tokens,
)

BUILTIN: tuple[Stage, ...] = (
    normalize.STAGE,
    language.STAGE,
    quality.STAGE,
    tokens.STAGE,
    match.STAGE,
    embed.STAGE,
    theme.STAGE,
    check.STAGE,
    sign.STAGE,
    dedup.STAGE,
    clip.STAGE,
    fingerprint.STAGE,
    clipdedup.STAGE,
    coverage.STAGE,
    balance.STAGE,
    leakage.STAGE,
    sample.STAGE,
    decide.STAGE,
    split.STAGE,
)


def load() -> dict[str, Stage]:
    """Return all stages by name, those of plugins too."""
    return plugins.merged("curate.stages", {s.name: s for s in BUILTIN}, Stage)
