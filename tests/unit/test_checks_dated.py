"""Dated things on people, reigns as periods, and names of things: each wrong one beside its right neighbour."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate import plain
from curate.checks import knowledge
from curate.knowledge.eras import reigns

WRONG = [
    ("anachronism", "商朝的抄写员在纸上写字。", "A Shang dynasty scribe writes on a piece of paper."), ("anachronism", "西周的史官在纸上记录。", ""),
    ("anachronism", "", "A Western Zhou scribe keeps his records on paper."), ("anachronism", "唐代士兵梳着发辫守城。", "Tang soldiers in braids guard the wall."),
    ("anachronism", "宋代书生脑后垂下一条大辫子。", ""), ("anachronism", "", "A Ming scholar with a Manchu queue reads by the window."),
    ("anachronism", "", "A Tang official with his hair in a queue enters the hall."), ("anachronism", "清代男子头上挽着发髻。", "A Qing man with a topknot."),
    ("anachronism", "康熙年间，一名书生束发读书。", ""), ("anachronism", "", "In the Kangxi reign a soldier with his hair in a bun keeps watch."),
    ("anachronism", "唐代新娘戴着白色头纱。", "A Tang bride in a white wedding veil."), ("anachronism", "同治年间，上海路边亮起电灯。", ""),
    ("anachronism", "洪武年间，农民在地头抽旱烟。", ""), ("anachronism", "永乐二年，边关士兵吃着烤红薯。", ""), ("anachronism", "", "A farmer digs sweet potatoes in the Yongle reign."),
    ("anachronism", "王羲之手捧青花瓷瓶。", "Wang Xizhi holds a blue-and-white vase."), ("anachronism", "颜真卿点起一支香烟。", "Yan Zhenqing lights a cigarette."),
    ("anachronism", "陶渊明在篱边抽香烟。", ""), ("anachronism", "", "Emperor Huizong smokes a cigarette."), ("anachronism", "沈括用手机拍照。", ""),
    ("anachronism", "康熙年间，李白举杯邀月。", ""), ("confusion", "唐代女子在廊下品抹茶。", ""), ("confusion", "苏州园林里摆着几盆盆景。", "Bonsai stand in a Suzhou garden."),
]  # fmt: skip
RIGHT = [
    ("汉代学者在纸上写字。", "A Han scholar writes on paper."), ("战国时赵括纸上谈兵。", "Zhao Kuo of the Warring States, a strategist on paper."),
    ("今天的学生在宣纸上临摹商代文字。", "Today students copy Shang characters on xuan paper."), ("唐代男子看着梳辫子的女孩。", "A Tang man watches a girl with braids."),
    ("唐代少女梳着两条辫子。", "A Tang girl wears two braids."), ("元代男子梳着辫子骑马。", "A Yuan dynasty man with braids rides."), ("", "A female Tang warrior with braids rides to war."),
    ("吐蕃使者梳着发辫觐见唐太宗。", "A Tibetan envoy with braided hair before the Tang emperor."), ("", "A Song man sells buns to people with a queue of customers behind them."),
    ("清代女子梳着高髻。", "A Qing lady wears a topknot."), ("清代道士挽着发髻。", "A Qing Daoist priest with a topknot."), ("清代太平军士兵束发作战。", ""),
    ("宋代新娘蒙着红盖头。", "A Song bride under a red veil."), ("唐代仙女披着白纱飞舞。", "A Tang fairy dances in white gauze."), ("明代男子束发戴冠。", "A Ming man with a topknot."),
    ("光绪年间的上海街头有人力车。", "Rickshaws in Shanghai in the Guangxu reign."), ("万历年间，福建农民收番薯。", "Farmers harvest sweet potatoes in the Wanli reign."),
    ("康熙年间制的青花瓷瓶摆在电灯下。", "A Kangxi period vase stands under an electric lamp."), ("宋代文人在书房里点茶，今人叫它抹茶。", ""), ("1990年代，上海的咖啡馆卖抹茶冰淇淋。", ""),
    ("游客在颜真卿的真迹前举着手机。", "Visitors hold up phones before Yan Zhenqing's manuscript."), ("游客在王羲之故居自拍。", "Selfies at Wang Xizhi's former home."),
    ("青花瓷瓶上画着陶渊明。", "A blue-and-white vase painted with Tao Yuanming."), ("孩子在平板电脑上临摹颜真卿。", "A child copies Yan Zhenqing on a tablet."),
    ("茶室一角，一棵盆景树。", "A bonsai tree in the corner of a tea room."), ("日本庭院里的盆栽。", "Bonsai in a Japanese garden."),
]  # fmt: skip


def verdicts(pairs: list[tuple[str, str]]) -> list[str]:
    return [r["verdict"] for r in plain.check([{"id": str(i), "zh": zh, "en": en} for i, (zh, en) in enumerate(pairs)])]


def test_what_the_time_did_not_know() -> None:
    assert list(zip(verdicts([(zh, en) for _, zh, en in WRONG]), WRONG, strict=True)) == [(kind, row) for row in WRONG for kind in row[:1]]


def test_what_the_time_knew() -> None:
    assert [(v, pair) for v, pair in zip(verdicts(RIGHT), RIGHT, strict=True) if v != "ok"] == []


@pytest.mark.parametrize(
    ("text", "lang", "want"),
    [
        ("贞观年间的长安", "zh", [(627, 649)]), ("乾隆五十八年", "zh", [(1793, 1793)]), ("光绪元年", "zh", [(1875, 1875)]), ("万历初年", "zh", [(1573, 1620)]),
        ("康熙六十二年", "zh", []), ("永平年间", "zh", []), ("康熙字典", "zh", []), ("人工智能元年", "zh", []), ("in the Qianlong era", "en", [(1736, 1795)]),
        ("the Kangxi Emperor", "en", []), ("a Kangxi-period vase", "en", [(1662, 1722)]), ("Qianlong reigned long", "en", []),
    ],
)  # fmt: skip
def test_reigns_are_years(text: str, lang: str, want: list[tuple[int, int]]) -> None:
    assert [span[:2] for span in reigns(text, lang)] == want


def test_every_wearer_is_known() -> None:
    known = knowledge.load()
    kinds = set(known.people.contrary)
    assert {k for names in known.people.contrary.values() for k in names} <= kinds
    whose = {f.whose for table in (known.not_before, known.not_after) for f in table.rows if isinstance(f, knowledge.Fact)} - {""}
    assert whose
    assert whose <= kinds


def test_nobody_wears_it_in_the_next_sentence() -> None:
    people = knowledge.load().people
    text = "男子走过。女孩留着辫子"
    assert not people.fits("men", text, "zh", text.index("辫"), len(text))
    assert people.fits("men", "男子留着辫子", "zh", 4, 6)
    assert not people.fits("men", "留着辫子", "zh", 2, 4)


def test_an_unknown_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        knowledge.load(tmp_path)
