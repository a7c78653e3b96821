"""Stage ``theme``: themes, eras and regions of each caption, with a score and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from pydantic import Field

from curate.checks import knowledge
from curate.embed import unit
from curate.knowledge import abroad, head, tagging
from curate.knowledge.eras import NAMED
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


# Shoulder poles, markets and terraced fields are at home in all of East Asia.
_SHARED_THEME = "daily-life"


def _unproved(terms: Sequence[Mapping[str, object]], zh: str, en: str, res: Resources) -> bool:
    """Whether nothing shows a scene of another country to be Chinese: no place or thing of China that every language of the caption names."""
    lexicon, vocabulary = res.need_lexicon(), head.Vocabulary.of(res.need_taxonomy())
    kinds = [(str(t["lang"]), e.kind) for t in terms if (e := lexicon.by_id.get(str(t["term_id"])))]
    if all((lang, "region") in kinds for lang, text in (("zh", zh), ("en", en)) if text.strip()):
        return False
    sure = head.sure_themes([terms], [(zh, en)], lexicon, vocabulary)[0]
    return not any(sure[i] for theme, i in vocabulary.themes.items() if theme != _SHARED_THEME)


def _context_abroad(zh: str, en: str) -> bool:
    table = knowledge.load().exceptions
    for lang, text in (("zh", zh), ("en", en)):
        for found in table.find(text, lang):
            row = table.rows[found.row]
            if isinstance(row, knowledge.Context) and row.kind == "place" and row.id != "overseas-chinatown":
                return True
    return False


def _at_home(
    themes: dict[str, tuple[float, str]], named: tagging.Tags, terms: Sequence[Mapping[str, object]], zh: str, en: str, res: Resources
) -> tagging.Tags:
    """A scene that is said to be in another country keeps its labels only if something shows it to be Chinese all the same."""
    kept = tagging.Tags(themes, named.eras, named.regions)
    if not (themes or named.eras):
        return kept
    shared = abroad.shared_eras(zh, en)
    if shared is None:
        # Other words of foreign places count where likeness alone gave the themes.
        alone = not (named.themes or named.eras or named.regions) and _context_abroad(zh, en)
        return tagging.Tags({}, {}, {}) if alone else kept
    if not _unproved(terms, zh, en, res):
        return kept
    eras = {k: v for k, v in named.eras.items() if k not in shared and v[0] >= NAMED}
    return tagging.Tags(themes, eras, named.regions) if eras else tagging.Tags({}, {}, {})


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
    captions = df.select("zh_norm", "en_norm").iter_rows()
    tags = [_at_home(got, n, t, zh or "", en or "", res) for got, n, t, (zh, en) in zip(themes, named, terms, captions, strict=True)]
    rows = [(_labels(t.themes, params.max_themes), _labels(t.eras, 23), _labels(t.regions, 3)) for t in tags]
    columns = {n: pl.Series(n, [r[i] for r in rows], dtype=LABELS) for i, n in enumerate(("themes", "eras", "regions"))}
    out = pl.DataFrame({"id": df.get_column("id"), **columns})
    if params.require_theme:
        out = out.with_columns(drop=pl.when(pl.col("themes").list.len() == 0).then(pl.lit("no_theme")))
    return out


STAGE = Stage(
    name="theme",
    version=6,
    scope="rows",
    params=ThemeParams,
    needs=("zh_norm", "en_norm", "terms", "zh_vector", "en_vector"),
    adds=pl.Schema({"themes": LABELS, "eras": LABELS, "regions": LABELS}),
    reasons=("no_theme",),
    uses=frozenset({"lexicon", "taxonomy", "embedder", "models"}),
    fn=theme,
    help="themes, eras and regions with scores",
)
