import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import langid
from tests.benchmarks.corpus import pairs

CASES = [
    ("唐代长安城的夜市", "zh"), ("端午節龍舟競渡", "zh"), ("學而時習之不亦說乎", "zh"), ("茶馆", "zh"), ("唐三彩", "zh"), ("Palace", "en"),
    ("A Tang dynasty woman", "en"), ("hanfu girl, dancing", "en"), ("Un vieil homme peint des caractères sur du papier rouge", "fr"),
    ("東京の桜を見る人々", "ja"), ("서울의 거리", "ko"), ("12345 !!", "und"), ("", "und"), ("Быстрая лиса", "other"),
    ("一位女子穿着汉服 a woman in hanfu walks", "mixed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "want"), CASES)
def test_detect(text: str, want: str) -> None:
    assert langid.detect(text) == want


def test_many_is_the_same_as_one_by_one() -> None:
    texts = [t for t, _ in CASES] * 3 + [
        "Le chat et la souris",
        "THE a_the the-a",
        "é the",
        "l'eau d",
        *[t for p in pairs(300, 4) for t in (p["zh"], p["en"])],
    ]
    assert langid.detect_many(pl.Series("t", texts)).to_list() == [langid.detect(t) for t in texts]


@given(st.lists(st.text(alphabet=st.sampled_from("the a1_'-, 唐か가éЖſ\u0301\U00020000"), max_size=20), max_size=8))
def test_many_odd_texts_are_the_same_as_one_by_one(texts: list[str]) -> None:
    assert langid.detect_many(pl.Series("t", texts, dtype=pl.String)).to_list() == [langid.detect(t) for t in texts]


def test_every_character_is_of_one_script() -> None:
    chars = [chr(c) for c in (*range(0x40, 0x3200), *range(0x9F00, 0xAC10), *range(0xFF60, 0x10000), 0x20000, 0x323AF, 0x323B0)]
    want = [list(langid.script_counts(c).values()) for c in chars]
    assert langid._counted(chars).tolist() == want


def test_langdetect_is_stable() -> None:
    text = "hanfu girl dancing palace gardens lantern"
    assert len({langid.detect(text) for _ in range(20)}) == 1


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("龙舟竞渡。Dragon boats race.", "龙舟竞渡。", "Dragon boats race."),
        ("a man plays the erhu (二胡)", "", "a man plays the erhu (二胡)"),
        ("他在弹guitar", "他在弹guitar", ""),
        ("红灯笼高高挂起 | red lanterns hang high", "红灯笼高高挂起", "red lanterns hang high"),
    ],
)
def test_split_mixed(text: str, zh: str, en: str) -> None:
    assert langid.split_mixed(text) == (zh, en)
