"""The checks on captions of their own: what is wrong is flagged, what looks like it is left alone."""

from __future__ import annotations

import pytest

from curate import plain, truth
from curate.checks import knowledge
from curate.duplicates import pairscore


def verdicts(*pairs: tuple[str, str]) -> list[str]:
    return [str(r["verdict"]) for r in plain.check([{"id": str(i), "zh": zh, "en": en} for i, (zh, en) in enumerate(pairs)])]


WRONG = {
    "anachronism": [
        ("汉代军营里，士兵们围着收音机听曲。", "In a Han camp soldiers sit around a radio."),
        ("", "A Tang dynasty chef drops chilli peppers into the wok."),
        ("康熙年间的书房里，皇子戴着耳机背书。", "In the Kangxi reign a prince learns by heart with headphones on."),
        ("唐代宫廷里，乐师们唱京剧，皇帝拍手。", "At the Tang court musicians sing Peking opera and the emperor claps."),
        ("明朝大臣头戴花翎，脑后拖着辫子。", "Ming ministers in plumed hats, queues down their backs."),
        ("民国二十三年的上海，太监捧来圣旨。", ""),
        ("西周的市集上，有人用开元通宝买粮。", "At a Western Zhou market somebody pays with Kaiyuan Tongbao coins."),
        ("三国时期的农家，灶上煮着花生。", ""),
        ("宋徽宗用显微镜观察花瓣的纹理。", "Emperor Huizong of Song studies the petals under a microscope."),
        ("1620年，木匠用缝纫机给女儿做嫁衣。", "In 1620 a carpenter makes his daughter's wedding dress on a sewing machine."),
        ("诸葛亮翻看《资治通鉴》寻找计策。", "Zhuge Liang leafs through the Zizhi Tongjian for a stratagem."),
        ("慈禧太后听着京剧，用智能手机录像。", "Empress Dowager Cixi listens to Peking opera and films it with a smartphone."),
    ],
    "confusion": [
        ("奶奶从坛子里捞出自家的泡菜。", "Grandmother lifts her own kimchi from the jar in a Sichuan village."),
        ("除夕前，她剪出一张窗花。", "Before New Year's Eve she makes a red origami flower."),
        ("明代女子身穿日本和服走过长廊。", "A Ming lady in a Japanese kimono walks the gallery."),
        ("宋代官员站在一座天守阁前。", "A Song official stands before a Japanese castle keep."),
        ("位于杭州的法隆寺是中国最古老的木构建筑。", "Horyu-ji in Hangzhou is China's oldest wooden building."),
        ("玄鹤琴就是中国的古琴，为文人所爱。", "The geomungo is the Chinese guqin, loved by literati."),
        ("柔道起源于武当山，是中国道教武术。", "Judo originated on Wudang and is a Chinese Daoist martial art."),
    ],
    "mismatch": [
        ("三名舞者在台上旋转。", "Five dancers whirl on the stage."),
        ("扬州的茶馆里，老人提着鸟笼。", "In a Luoyang teahouse an old man carries his bird cage."),
        ("他没有打开那只木箱。", "He opens the wooden chest."),
        ("清晨，渔船驶出港口。", "At midnight the fishing boats leave the harbour."),
        ("少年放下手里的弓。", "A girl lowers her bow."),
        ("黄梅戏演员在后台上妆。", "A Peking opera actor puts on make-up backstage."),
        ("曹操站在船头吟诗。", "Kangxi writes a poem in the bow of a boat."),
        ("她吹着笛子走过田埂。", "She plays the erhu as she walks along the field."),
        ("凌晨，面点师傅开始和面。", "At high noon the pastry cook begins to knead dough."),
        ("清明那天，全家上山扫墓。", "On the day of the Double Ninth the whole family climbs the hill to sweep graves."),
        ("雍正年间的粉彩碗上画着蝴蝶。", "A famille-rose bowl of the Kangxi reign is painted with butterflies."),
        ("老将军拒绝了敌人的劝降。", "The old general accepts the enemy's offer and surrenders."),
        ("《窦娥冤》在县城剧场上演。", "The Orphan of Zhao is performed in the county theatre."),
    ],
}
RIGHT = [
    ("京剧舞台上，诸葛亮摇着羽扇唱《空城计》。", "On the Peking opera stage Zhuge Liang waves his feather fan and sings The Empty Fort."),
    ("康熙六十一年，皇帝在畅春园驾崩。", "In 1722 the emperor died in the Changchun Garden."),
    ("中国游客在京都金阁寺前合影。", "Chinese tourists take a photo in front of Kinkaku-ji in Kyoto."),
    ("丰臣秀吉派兵攻打朝鲜，明朝万历皇帝出兵援助。", "Toyotomi Hideyoshi invades Korea, and the Wanli Emperor of the Ming sends help."),
    ("女侠女扮男装混进军营。", "The swordswoman slips into the camp dressed as a man."),
    ("皇帝没有接受他的辞呈。", "The emperor declined his resignation."),
    ("《清明上河图》里的虹桥热闹非凡。", "The Rainbow Bridge in Along the River during the Qingming Festival bustles with people."),
    ("游客在明代城墙上用手机拍照。", "Tourists take photos with their phones on the Ming city wall."),
    ("姑娘在唐代古寺前喝咖啡。", "A girl drinks coffee before a Tang temple."),
    ("他戴着耳机在地铁上读李白的诗。", "Headphones on, he reads Li Bai in the subway."),
    ("努尔哈赤的骑兵留着辫子。", "Nurhaci's horsemen wear queues."),
    ("京剧演员扮演唐明皇，水袖一甩。", "A Peking opera actor in the role of Emperor Xuanzong tosses his sleeves."),
    ("黑石号沉船上的唐青花盘。", "A Tang blue-and-white dish of the Belitung wreck."),
    ("京都的茶室里，主人身穿和服点茶。", "In a tea room in Kyoto the host whisks tea in a kimono."),
    ("一位日本游客身穿日本和服走过故宫。", "A Japanese visitor in a Japanese kimono crosses the Forbidden City."),
    ("延边的朝鲜族大娘腌辣白菜。", "An ethnic Korean woman in Yanbian makes kimchi."),
    ("上海一家餐厅的师傅捏寿司。", "A chef shapes sushi in a Shanghai restaurant."),
    ("几百名鼓手在山坡上敲鼓。", "Hundreds of drummers beat their drums on the slope."),
    ("海浪不停地拍打礁石。", "Waves keep beating the reef."),
    ("庙里没有人。", "The temple is empty."),
    ("一对石狮蹲在门前。", "Two stone lions crouch before the gate."),
    ("她哼着唱三国的京韵大鼓，一人一鼓。", "She hums a drum ballad of the Three Kingdoms."),
]


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_called_by_its_name(kind: str) -> None:
    assert verdicts(*WRONG[kind]) == [kind] * len(WRONG[kind])


def test_what_only_looks_wrong_is_left_alone() -> None:
    assert verdicts(*RIGHT) == ["ok"] * len(RIGHT)


def test_captions_of_two_periods_contradict_each_other_and_are_no_anachronism() -> None:
    assert verdicts(("秦始皇巡游天下。", "The Kangxi Emperor tours the empire.")) == ["mismatch"]


def test_a_flag_explains_itself_in_both_languages_and_points_at_its_words() -> None:
    got = plain.check([{"id": "1", "zh": "唐代宴会上摆着一盘辣椒。", "en": "A plate of chili peppers at a Tang banquet."}])[0]
    for flag in got["flags"]:
        assert flag["note"]
        assert flag["note_en"]
        assert flag["text"] in ("辣椒", "chili peppers")


def test_a_sure_year_never_weakens_a_fact() -> None:
    known = knowledge.load()
    for row in known.not_before.rows:
        assert isinstance(row, knowledge.Fact)
        assert row.sure is None or row.severity == "error" or row.sure <= row.year + 10, row.id
    for row in known.not_after.rows:
        assert isinstance(row, knowledge.Fact)
        assert row.sure is None or row.sure >= row.year - 25, row.id


def test_hard_negatives_score_below_small_edits_and_paraphrases() -> None:
    pairs = [
        ("same", "他会写毛笔字，爷爷在一旁看着。", "爷爷在旁边看着他写毛笔字，他写得很好。"),
        ("edit", "渔民收起网，船舱里全是小银鱼。", "渔民收了网，船舱里都是银鱼。"),
        ("not", "他会写毛笔字，爷爷在一旁看着。", "他不会写毛笔字，爷爷在一旁看着。"),
        ("word", "男孩第一次站上梅花桩，腿有点抖。", "女孩第一次站上梅花桩，腿有点抖。"),
    ]
    got = {r["id"]: r["score"] for r in pairscore.judge([{"id": i, "a_zh": a, "b_zh": b} for i, a, b in pairs], plain.default_resources())}
    assert max(got["not"], got["word"]) < 0.5 < min(got["same"], got["edit"])


def test_a_row_that_left_for_its_planted_copy_is_right() -> None:
    rows = {"a": {"kind": "clean", "dup_of": None}, "b": {"kind": "near", "dup_of": "a"}, "c": {"kind": "clean", "dup_of": None}}
    gone = {"drop": "dedup.near", "dup_of": "b", "verdict": "ok", "swapped": False}
    kept = {"drop": None, "dup_of": None, "verdict": "ok", "swapped": False}
    got = {s.kind: (s.rows, s.right) for s in truth.score(rows, {"a": gone, "b": kept, "c": {**gone}})}
    assert got == {"clean": (2, 1), "near": (1, 1)}
