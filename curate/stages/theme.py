"""Stage ``theme``: themes, eras and regions of each caption, with a score and where it comes from."""

from __future__ import annotations

import numpy as np
import polars as pl
from pydantic import Field

from curate.embed import unit
from curate.schema import LABELS
from curate.stage import Params, Resources, Stage
from curate.tagging import Prototypes, by_terms


class ThemeParams(Params):
    """How labels are decided.

    Attributes:
        margin: how much nearer a theme's sentences must be than everyday ones (cosine).
        vector: least cosine to a theme's sentence for a label by meaning alone.
        max_themes: most themes a caption gets.
        require_theme: drop rows without a theme.
    """

    margin: float = Field(0.06, ge=0, le=1)
    vector: float = Field(0.5, ge=0, le=1)
    max_themes: int = Field(3, ge=1, le=18)
    require_theme: bool = False


def _labels(items: dict[str, tuple[float, str]], most: int) -> list[dict[str, object]]:
    ranked = sorted(items.items(), key=lambda x: (-x[1][0], x[0]))[:most]
    return [{"id": k, "score": s, "by": by} for k, (s, by) in ranked]


def theme(df: pl.DataFrame, params: ThemeParams, res: Resources) -> pl.DataFrame:
    """Label captions by terms and by meaning.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm``, ``terms``, ``zh_vector``, ``en_vector``.
        params: thresholds.
        res: lexicon, taxonomy, embedder.

    Returns:
        ``themes``, ``eras``, ``regions``: lists of ``{id, score 0..1, by}``, best first.

    Drops:
        no_theme: no theme was found (only if required).
    """
    lexicon, taxonomy = res.need_lexicon(), res.need_taxonomy()
    prototypes = Prototypes.cached(taxonomy, res.need_embedder())
    zh = df.get_column("zh_vector").to_numpy().astype(np.float32)
    en = df.get_column("en_vector").to_numpy().astype(np.float32)
    near, everyday = prototypes.scores(unit(zh + en), taxonomy.theme_ids)
    rows = []
    texts = df.select("terms", "zh_norm", "en_norm").iter_rows()
    for i, (terms, zh_text, en_text) in enumerate(texts):
        tags = by_terms(lexicon, taxonomy, terms, zh_text, en_text)
        themes = dict(tags.themes)
        for j, name in enumerate(taxonomy.theme_ids):
            cosine = float(near[i, j])
            if cosine < params.vector or cosine - float(everyday[i]) < params.margin:
                continue
            by_term = themes.get(name)
            themes[name] = (round(min(1.0, (by_term[0] if by_term else 0.0) * 0.5 + cosine), 4), "both" if by_term else "vector")
        rows.append((_labels(themes, params.max_themes), _labels(tags.eras, 23), _labels(tags.regions, 3)))
    columns = {n: pl.Series(n, [r[i] for r in rows], dtype=LABELS) for i, n in enumerate(("themes", "eras", "regions"))}
    out = pl.DataFrame({"id": df.get_column("id"), **columns})
    if params.require_theme:
        out = out.with_columns(drop=pl.when(pl.col("themes").list.len() == 0).then(pl.lit("no_theme")))
    return out


STAGE = Stage(
    name="theme",
    version=1,
    scope="rows",
    params=ThemeParams,
    needs=("zh_norm", "en_norm", "terms", "zh_vector", "en_vector"),
    adds=pl.Schema({"themes": LABELS, "eras": LABELS, "regions": LABELS}),
    reasons=("no_theme",),
    uses=frozenset({"lexicon", "taxonomy", "embedder"}),
    fn=theme,
    help="themes, eras and regions with scores",
)
