"""Stage ``theme``: themes, eras and regions of each caption, with a score and where it comes from."""

from __future__ import annotations

import numpy as np
import polars as pl
from pydantic import Field

from curate.checks import knowledge
from curate.embed import unit
from curate.knowledge import head, tagging
from curate.schema import LABELS
from curate.stage import Params, Resources, Stage


class ThemeParams(Params):
    """How labels are decided.

    Attributes:
        max_themes: most themes a caption gets.
        margin: without a trained head for the encoder: how much nearer a theme's sentences must be than everyday ones (cosine).
        vector: without a trained head: least cosine to a theme's sentence for a label by meaning alone.
        require_theme: drop rows without a theme.
    """

    max_themes: int = Field(3, ge=1, le=18)
    margin: float = Field(0.06, ge=0, le=1)
    vector: float = Field(0.5, ge=0, le=1)
    require_theme: bool = False


def _labels(items: dict[str, tuple[float, str]], most: int) -> list[dict[str, object]]:
    ranked = sorted(items.items(), key=lambda x: (-x[1][0], x[0]))[:most]
    return [{"id": k, "score": s, "by": by} for k, (s, by) in ranked]


def _abroad(zh: str, en: str, named: tagging.Tags) -> bool:
    """A scene that is said to be in another country and names nothing Chinese gets no theme by likeness alone."""
    if named.themes or named.eras or named.regions:
        return False
    table = knowledge.load().exceptions
    for lang, text in (("zh", zh), ("en", en)):
        for found in table.find(text, lang):
            row = table.rows[found.row]
            if isinstance(row, knowledge.Context) and row.kind == "place" and row.id != "overseas-chinatown":
                return True
    return False


def theme(df: pl.DataFrame, params: ThemeParams, res: Resources) -> pl.DataFrame:
    """Label captions by terms and by meaning.

    Themes come from the trained head where its weights fit the encoder, else from the nearest of the sentences that show each sub-theme. Eras and
    regions come from what the caption names.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm``, ``terms``, ``zh_vector``, ``en_vector``.
        params: thresholds.
        res: lexicon, taxonomy, embedder.

    Returns:
        ``themes``, ``eras``, ``regions``: lists of ``{id, score 0..1, by}``, best first.

    Drops:
        no_theme: no theme was found (only if required).
    """
    lexicon, taxonomy, embedder = res.need_lexicon(), res.need_taxonomy(), res.need_embedder()
    zh_vectors, en_vectors = (df.get_column(c).to_numpy().astype(np.float32) for c in ("zh_vector", "en_vector"))
    vectors = unit(zh_vectors + en_vectors)
    terms = df.get_column("terms").to_list()
    named = [tagging.by_terms(lexicon, taxonomy, t, zh, en) for t, zh, en in df.select("terms", "zh_norm", "en_norm").iter_rows()]
    weights = head.load()
    if weights is not None and weights.encoder == embedder.sha256:
        texts = [(zh or "", en or "") for zh, en in df.select("zh_norm", "en_norm").iter_rows()]
        themes = tagging.by_head(weights, taxonomy, lexicon, vectors, terms, named, texts)
    else:
        themes = tagging.by_prototypes(taxonomy, embedder, vectors, named, params.margin, params.vector)
    abroad = [_abroad(zh, en, n) for zh, en, n in zip(df.get_column("zh_norm"), df.get_column("en_norm"), named, strict=True)]
    themes = [{} if away else t for away, t in zip(abroad, themes, strict=True)]
    rows = [(_labels(t, params.max_themes), _labels(n.eras, 23), _labels(n.regions, 3)) for t, n in zip(themes, named, strict=True)]
    columns = {n: pl.Series(n, [r[i] for r in rows], dtype=LABELS) for i, n in enumerate(("themes", "eras", "regions"))}
    out = pl.DataFrame({"id": df.get_column("id"), **columns})
    if params.require_theme:
        out = out.with_columns(drop=pl.when(pl.col("themes").list.len() == 0).then(pl.lit("no_theme")))
    return out


STAGE = Stage(
    name="theme",
    version=5,
    scope="rows",
    params=ThemeParams,
    needs=("zh_norm", "en_norm", "terms", "zh_vector", "en_vector"),
    adds=pl.Schema({"themes": LABELS, "eras": LABELS, "regions": LABELS}),
    reasons=("no_theme",),
    uses=frozenset({"lexicon", "taxonomy", "embedder", "models"}),
    fn=theme,
    help="themes, eras and regions with scores",
)
