"""Stage ``tokens``: words of both captions; the lexicon's words stay whole."""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from curate.knowledge.lexicon import Lexicon
from curate.stage import Params, Resources, Stage
from curate.tokenize import WORD, Backend, Tokenizer


class TokensParams(Params):
    """Which segmenter.

    Attributes:
        backend: ``jieba``, ``rjieba`` (the same words, faster), or ``auto``.
    """

    backend: Backend = "auto"


class _Of:
    """A lexicon as a key, by identity: comparing and sorting tens of thousands of entries for every part would take longer than cutting it."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def __hash__(self) -> int:
        return id(self.lexicon)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Of) and other.lexicon is self.lexicon


@lru_cache(maxsize=2)
def _tokenizer(of: _Of, backend: Backend) -> Tokenizer:
    return Tokenizer(of.lexicon.words(), backend)


def tokens(df: pl.DataFrame, params: TokensParams, res: Resources) -> pl.DataFrame:
    """Segment captions.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm``.
        params: segmenter.
        res: the lexicon's words enter the dictionary.

    Returns:
        ``zh_tokens``, ``en_tokens``.
    """
    tokenizer = _tokenizer(_Of(res.need_lexicon()), params.backend)
    # Lists are built by polars; taking a million Python lists apart would take longer than the segmenter.
    zh = pl.Series("zh_tokens", tokenizer.zh_lines(df.get_column("zh_norm").to_list()), dtype=pl.String)
    none = pl.lit([], dtype=pl.List(pl.String))
    return df.select(
        "id",
        zh_tokens=pl.when(zh == "").then(none).otherwise(zh.str.split("\n")),
        en_tokens=pl.col("en_norm").str.extract_all(WORD).list.eval(pl.element().str.to_lowercase()),
    )


STAGE = Stage(
    name="tokens",
    version=1,
    scope="rows",
    params=TokensParams,
    needs=("zh_norm", "en_norm"),
    adds=pl.Schema({"zh_tokens": pl.List(pl.String), "en_tokens": pl.List(pl.String)}),
    uses=frozenset({"lexicon"}),
    libs=("jieba",),
    fn=tokens,
    help="words by jieba with the lexicon's words",
)
