import pytest

from curate.tokenize import Tokenizer

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
