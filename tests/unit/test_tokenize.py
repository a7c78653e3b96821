import polars as pl
import pytest

from curate.knowledge.lexicon import Lexicon
from curate.stage import Resources, call
from curate.stages.tokens import STAGE, TokensParams
from curate.tokenize import Backend, Tokenizer
from tests.benchmarks.corpus import pairs

WORDS = ["龙舟竞渡", "齐胸襦裙", "飞鱼服", "点茶", "茶筅", "鸡缸杯", "侗族大歌"]
TEXTS = [
    "江面上龙舟竞渡",
    "她穿着齐胸襦裙点茶",
    "锦衣卫穿飞鱼服配绣春刀",
    "侗族大歌在鼓楼里响起",
    "桌上放着鸡缸杯和茶筅",
    "他说的确实在理",
    "一个小男孩在公园里放风筝",
]


def test_lexicon_words_stay_whole() -> None:
    cut = Tokenizer(WORDS)
    for text in TEXTS[:5]:
        found = cut.zh(text)
        for word in WORDS:
            if word in text:
                assert word in found


@pytest.mark.parametrize("text", TEXTS)
def test_rjieba_equals_jieba(text: str) -> None:
    pytest.importorskip("rjieba")
    assert Tokenizer(WORDS, "rjieba").zh(text) == Tokenizer(WORDS, "jieba").zh(text)


def test_dictionaries_do_not_leak() -> None:
    Tokenizer(["江面上龙舟"], "jieba")
    assert "江面上龙舟" not in Tokenizer([], "jieba").zh("江面上龙舟竞渡")


@pytest.mark.parametrize("backend", ["jieba", "rjieba"])
def test_many_captions_are_cut_as_each(backend: Backend) -> None:
    pytest.importorskip(backend)
    texts = [*TEXTS, "", "！", "三3 2,5。", "a\nb\r\nc", "\r", "唐\x1e代", "ＡİΣς", *[t for p in pairs(200, 5) for t in (p["zh"], p["en"])]]
    cut = Tokenizer(WORDS, backend)
    assert [line.split("\n") if line else [] for line in cut.zh_lines(texts)] == [cut.zh(t) for t in texts]
    assert cut.zh_lines([]) == []


def test_the_stage_gives_the_words_of_each_caption() -> None:
    texts = ["", "A woman's Ming-style hat, 1610.", "1,000.5 ÉTÉ İsTANBUL ẞ d’eau", "٣٤ x", *[p["en"] for p in pairs(100, 6)]]
    frame = pl.DataFrame({"id": [str(i) for i in range(len(texts))], "zh_norm": texts[::-1], "en_norm": texts})
    res = Resources(lexicon=Lexicon(()))
    out = call(STAGE, frame, TokensParams(), res, "tokens")
    cut = Tokenizer()
    assert out.get_column("en_tokens").to_list() == [cut.en(t) for t in texts]
    assert out.get_column("zh_tokens").to_list() == [cut.zh(t) for t in texts[::-1]]
