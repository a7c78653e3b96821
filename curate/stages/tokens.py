"""Stage ``tokens``: words of both captions; the lexicon's words stay whole."""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from curate.stage import Params, Resources, Stage
from curate.tokenize import Backend, Tokenizer


class TokensParams(Params):
    """Which segmenter.

    Attributes:
        backend: ``jieba``, ``rjieba`` (the same words, faster), or ``auto``.
    """

    backend: Backend = "auto"


@lru_cache(maxsize=2)
def _tokenizer(words: tuple[str, ...], backend: Backend) -> Tokenizer:
    return Tokenizer(words, backend)


def tokens(df: pl.DataFrame, params: TokensParams, res: Resources) -> pl.DataFrame:
    """Segment captions.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm``.
        params: segmenter.
        res: the lexicon's words enter the dictionary.

    Returns:
        ``zh_tokens``, ``en_tokens``.
    """
    tokenizer = _tokenizer(tuple(res.need_lexicon().words()), params.backend)
    zh = [tokenizer.zh(t) for t in df.get_column("zh_norm").to_list()]
    en = [tokenizer.en(t) for t in df.get_column("en_norm").to_list()]
    schema = {"id": pl.String(), "zh_tokens": pl.List(pl.String), "en_tokens": pl.List(pl.String)}
    return pl.DataFrame({"id": df.get_column("id"), "zh_tokens": zh, "en_tokens": en}, schema=schema)


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
