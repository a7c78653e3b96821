"""Numbers in any writing, exchanged roles, synonyms and the fitted score of duplicate pairs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import plain
from curate.duplicates import numbers, pairmodel, pairscore
from curate.duplicates.roles import exchanged
from curate.duplicates.wording import own
from curate.knowledge.tsv import read_tsv
from curate.training.fit_duplicates import PAIRS

_HAN = "零一二三四五六七八九"
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def han(n: int) -> str:
    """Write a number below a hundred million in Han numerals, by another way than the reader."""
    if n >= 10000:
        head, rest = divmod(n, 10000)
        return han(head) + "万" + (("零" if rest < 1000 else "") + han(rest) if rest else "")
    out, zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, n = divmod(n, unit)
        if digit:
            out += ("零" if zero and out else "") + _HAN[digit] + name
            zero = False
        else:
            zero = True
    return out or "零"


def words(n: int) -> str:
    """Write a number below a million in English words."""
    if n >= 1000:
        return words(n // 1000) + " thousand" + (f" {words(n % 1000)}" if n % 1000 else "")
    if n >= 100:
        return words(n // 100) + " hundred" + (f" and {words(n % 100)}" if n % 100 else "")
    return _SMALL[n] if n < 20 else _TENS[n // 10 - 2] + (f"-{_SMALL[n % 10]}" if n % 10 else "")


@given(st.integers(0, 99_999_999))
def test_han_numerals_are_read_back(n: int) -> None:
    assert numbers.chinese(han(n)) == n
    if 10 <= n < 20:
        assert numbers.chinese(han(n)[1:]) == n


@given(st.integers(0, 999_999))
def test_english_numerals_are_read_back(n: int) -> None:
    assert numbers.english(words(n)) == (n, False)


@given(st.integers(2, 999))
def test_one_number_in_every_writing(n: int) -> None:
    found = {f.value for text in (f"{han(n)}个人", f"{n}个人") for f in numbers.numbers(text, "zh")}
    found |= {f.value for text in (f"{words(n)} people", f"{n} people", f"{words(n).upper()} people") for f in numbers.numbers(text, "en")}
    assert found == {str(n)}


@pytest.mark.parametrize(
    "text",
    [
        "三国",
        "七夕",
        "八卦",
        "万里长城",
        "十几个人",
        "三四个人",
        "四面八方",
        "五颜六色",
        "百花齐放",
        "一个个",
        "那一位",
        "三五成群",
        "数十人",
        "三轮车",
    ],
)
def test_names_idioms_and_guesses_count_nothing(text: str) -> None:
    assert list(numbers.numbers(text, "zh")) == []


@pytest.mark.parametrize(
    "text", ["hundreds of people", "five or six", "one of them", "no one", "at first light", "seconds later", "about ten", "someone", "weight"]
)
def test_english_guesses_count_nothing(text: str) -> None:
    assert list(numbers.numbers(text, "en")) == []


@pytest.mark.parametrize(
    ("lang", "a", "b"),
    [
        ("zh", "狼追着一只羊跑进山谷", "羊追着一只狼跑进山谷"), ("zh", "徒弟向师父敬茶", "师父向徒弟敬茶"), ("zh", "母亲把孩子交给邻居", "邻居把孩子交给母亲"),
        ("zh", "哥哥背着弟弟过河", "弟弟背着哥哥过河"), ("zh", "爸爸剥橘子，妈妈切西瓜", "妈妈剥橘子，爸爸切西瓜"), ("en", "A red kite follows a blue kite", "A blue kite follows a red kite"),
        ("en", "The groom feeds the bride a dumpling.", "The bride feeds the groom a dumpling."), ("en", "Aunt Li gives Uncle Wang a ring", "Uncle Wang gives Aunt Li a ring"),
    ],
)  # fmt: skip
def test_exchanged_roles(lang: str, a: str, b: str) -> None:
    assert exchanged(a, b, lang) == exchanged(b, a, lang) == 2


@pytest.mark.parametrize(
    ("lang", "a", "b"),
    [
        ("zh", "傍晚,老人在河边钓鱼", "老人傍晚在河边钓鱼"), ("zh", "猫打碎了花瓶", "花瓶被猫打碎了"), ("zh", "小王和小李在下棋", "小李和小王在下棋"),
        ("zh", "左边是狮子,右边是大象", "右边是大象,左边是狮子"), ("zh", "湖面上漂着一只小船", "一只小船漂在湖面上"), ("en", "The boy kicks the ball", "The ball is kicked by the boy"),
        ("en", "At dawn, a monk sweeps the steps in the temple", "In the temple, a monk sweeps the steps at dawn"), ("en", "On stage stands a singer", "A singer stands on stage"),
    ],
)  # fmt: skip
def test_another_order_alone_exchanges_nothing(lang: str, a: str, b: str) -> None:
    assert exchanged(a, b, lang) < 2
    assert exchanged(b, a, lang) < 2


def test_roles_exchanged_forbid_a_near_or_semantic_match() -> None:
    # Long enough that the letters nearly agree.
    tail = "旁边围着许多看热闹的街坊邻居和几位远道而来的客人,大家一边喝茶一边鼓掌叫好"
    rows = [{"id": "a", "zh": f"徒弟向师父敬茶,{tail}"}, {"id": "b", "zh": f"师父向徒弟敬茶,{tail}"}, {"id": "c", "zh": f"徒弟正向师父敬茶,{tail}"}]
    got = {r["id"]: r["dup_of"] for r in plain.dedup(rows, plain.default_resources())}
    assert sum(v is not None for v in got.values()) == 1
    assert got["b"] is None


def test_synonyms_are_no_words_of_their_own() -> None:
    assert own("小船慢慢漂过水面", "小船缓缓漂过水面", "zh") == ([], [])
    assert own("an old man slowly drinks tea", "an elder unhurriedly sips tea", "en") == ([], [])


def test_scores_are_ordered() -> None:
    pairs = [
        ("same", "二十三位鼓手齐声擂鼓", "23位鼓手齐声擂鼓！", "", ""),
        ("near", "老船工慢慢收起缆绳。", "老船工缓缓收起缆绳。", "", ""),
        ("number", "二十三位鼓手齐声擂鼓", "三十二位鼓手齐声擂鼓", "", ""),
        ("swap", "骑兵追赶强盗", "强盗追赶骑兵", "The horsemen chase the bandits", "The bandits chase the horsemen"),
        ("other", "孩子在雪地里堆雪人", "机器人在工厂里焊接汽车", "", ""),
    ]
    rows = [{"id": i, "a_zh": a, "b_zh": b, "a_en": c, "b_en": d} for i, a, b, c, d in pairs]
    got = {r["id"]: r for r in pairscore.judge(rows, plain.default_resources())}
    assert (got["same"]["score"], got["same"]["label"]) == (1.0, "exact")
    assert got["near"]["score"] > 0.6
    assert max(got[i]["score"] for i in ("number", "swap", "other")) < 0.5
    assert "23" in got["number"]["evidence"]
    assert "roles exchanged" in got["swap"]["evidence"]


def test_training_pairs_come_in_fours_and_the_weights_fit_the_features() -> None:
    groups: dict[str, list[str]] = {}
    for _, row in read_tsv(PAIRS):
        assert row["zh"] or row["en"]
        groups.setdefault(row["group"], []).append(row["kind"])
    assert set(map(tuple, groups.values())) == {("base", "near", "paraphrase", "different")}
    stored = json.loads(pairmodel.MODEL.read_text(encoding="utf-8"))
    assert stored["names"] == list(pairmodel.NAMES)
    assert len(pairmodel.load().weight) == len(pairmodel.NAMES)
