import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.stage import Resources, call
from curate.stages.normalize import STAGE, NormalizeParams, normalize_many
from curate.text import fold, match_key, normalize, normalize_with_map, script_of, to_simplified, to_traditional

CHINESE = st.text(
    alphabet=st.one_of(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), st.sampled_from("，。！ Ａｂc　\u200b１2三")), max_size=60
)


@pytest.mark.parametrize(
    ("raw", "want"),
    [("Ｔａｎｇ　唐代\u200b！", "Tang 唐代!"), ("  多  余  ", "多 余"), ("\ufeff端午", "端午"), ("「龍」", '"龍"'), ("\u202eabc", "abc"), ("", "")],
)
def test_normalize(raw: str, want: str) -> None:
    assert normalize(raw) == want


@given(CHINESE)
def test_normalize_is_idempotent(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@given(st.one_of(CHINESE, st.text(max_size=40)))
def test_map_points_into_the_original(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    norm, starts = normalize_with_map(text)
    assert len(starts) == len(norm) + 1
    assert starts == sorted(starts)
    assert starts[-1] == len(text)


@given(CHINESE)
def test_map_and_normalize_agree_on_captions(text: str) -> None:
    assert normalize_with_map(text)[0] == normalize(text)


@given(st.text(max_size=60))
def test_fold_keeps_the_length(text: str) -> None:
    assert len(fold(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "want"), [("端午節", "hant"), ("端午节", "hans"), ("乾隆皇帝", "hans"), ("dragon", "none"), ("龙舟競渡", "mixed"), ("人大中", "hans")]
)
def test_script(text: str, want: str) -> None:
    assert script_of(text) == want


@pytest.mark.parametrize(("hant", "hans"), [("看著後宮", "看着后宫"), ("岳陽樓", "岳阳楼"), ("乾隆時期", "乾隆时期"), ("頭髮", "头发")])
def test_simplify(hant: str, hans: str) -> None:
    assert to_simplified(hant) == hans


def test_traditional_is_for_display() -> None:
    assert to_traditional("龙舟竞渡") == "龍舟競渡"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("三個人，在長城。", "3个人在长城"),
        ("唐代舞者在跳舞", "唐代舞者，在跳舞！"),
        ("A Man, Cooking.", "a man cooking"),
        ("ＡＢＣ 唐", "abc唐"),
    ],
)
def test_keys_that_are_equal(a: str, b: str) -> None:
    assert match_key(a) == match_key(b)


@pytest.mark.parametrize(("a", "b"), [("唐代舞者", "宋代舞者"), ("三个人", "五个人"), ("a man", "a woman")])
def test_keys_that_differ(a: str, b: str) -> None:
    assert match_key(a) != match_key(b)


ODD = st.text(
    alphabet=st.sampled_from('aB 三，。.\n\r\t\x00\x1c\x85\u2028\u200b\u0301\u3099か汉漢龍两兩　ＡéｶﾞーⅣ"-—_’\u1100\u1161\u11a8'), max_size=14
)


@given(st.lists(st.one_of(st.none(), ODD, CHINESE, st.text(max_size=20)), max_size=9))
def test_the_stage_does_with_many_what_normalize_does_with_each(texts: list[str | None]) -> None:
    want = [normalize(t or "") for t in texts]
    assert normalize_many(texts) == want
    frame = pl.DataFrame(
        {"id": [str(i) for i in range(len(texts))], "zh": texts, "en": [None] * len(texts)}, schema_overrides={"zh": pl.String, "en": pl.String}
    )
    out = call(STAGE, frame, NormalizeParams(), Resources(), "normalize")
    assert out.get_column("zh_norm").to_list() == [to_simplified(t) for t in want]
    assert out.get_column("zh_script").to_list() == [script_of(t) for t in want]
