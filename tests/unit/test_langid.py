import polars as pl
import pytest

from curate import langid

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
    texts = [t for t, _ in CASES] * 3
    assert langid.detect_many(pl.Series("t", texts)).to_list() == [langid.detect(t) for t in texts]


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
