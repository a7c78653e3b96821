"""The shipped lexicon as data: in order, complete where a set is closed, findable, and silent on everyday life."""

from __future__ import annotations

import re

import pytest

from curate.knowledge import eras
from curate.knowledge.lexicon import Entry, Lexicon
from curate.knowledge.lint import lint, stats
from curate.knowledge.matcher import zh_fold
from curate.knowledge.taxonomy import Taxonomy

SOLAR = "立春 雨水 惊蛰 春分 清明 谷雨 立夏 小满 芒种 夏至 小暑 大暑 立秋 处暑 白露 秋分 寒露 霜降 立冬 小雪 大雪 冬至 小寒 大寒".split()
GROUPS = (
    "汉族 蒙古族 回族 藏族 维吾尔族 苗族 彝族 壮族 布依族 朝鲜族 满族 侗族 瑶族 白族 土家族 哈尼族 哈萨克族 傣族 黎族 傈僳族 佤族 畲族 高山族 拉祜族 水族 东乡族 "
    "纳西族 景颇族 柯尔克孜族 土族 达斡尔族 仫佬族 羌族 布朗族 撒拉族 毛南族 仡佬族 锡伯族 阿昌族 普米族 塔吉克族 怒族 乌孜别克族 俄罗斯族 鄂温克族 德昂族 保安族 "
    "裕固族 京族 塔塔尔族 独龙族 鄂伦春族 赫哲族 门巴族 珞巴族 基诺族"
).split()
MING = "洪武 建文 永乐 洪熙 宣德 正统 景泰 天顺 成化 弘治 正德 嘉靖 隆庆 万历 泰昌 天启 崇祯".split()
QING = "顺治 康熙 雍正 乾隆 嘉庆 道光 咸丰 同治 光绪 宣统".split()
REIGNS_EN = {
    "ming": "Hongwu Jianwen Yongle Hongxi Xuande Zhengtong Jingtai Tianshun Chenghua Hongzhi Zhengde Jiajing Longqing Wanli Taichang Tianqi Chongzhen",
    "qing": "Shunzhi Kangxi Yongzheng Qianlong Jiaqing Daoguang Xianfeng Tongzhi Guangxu Xuantong",
}
# The 44 elements on the lists of UNESCO at the end of 2024, each by one of its names.
HERITAGE_ICH = (
    "昆曲 古琴 木卡姆 蒙古族长调 桑蚕丝织 南音 云锦 宣纸 侗族大歌 粤剧 格萨尔 龙泉青瓷 热贡艺术 藏戏 玛纳斯史诗 河湟花儿 西安鼓乐 农乐舞 中国书法 篆刻 中国剪纸 雕版印刷 "
    "传统木结构营造技艺 端午节 妈祖信俗 呼麦 针灸 京剧 皮影戏 珠算 二十四节气 藏医药浴 太极拳 送王船 传统制茶技艺 春节 黎锦 羌年 编木拱桥 水密隔舱 木活字 伊玛堪 麦西热甫 "
    "福建木偶戏"
).split()
# The 60 World Heritage properties in China in July 2025, each by one of its names.
WORLD_HERITAGE = (
    "故宫 秦始皇陵 莫高窟 泰山 周口店 长城 黄山 黄龙风景区 九寨沟 武陵源 武当山 曲阜孔庙 避暑山庄 布达拉宫 庐山 峨眉山 平遥古城 苏州园林 丽江古城 颐和园 天坛 大足石刻 武夷山 "
    "青城山 龙门石窟 明清皇家陵寝 西递 云冈石窟 三江并流 高句丽王城 澳门历史城区 殷墟 四川大熊猫栖息地 中国南方喀斯特 开平碉楼 福建土楼 三清山 五台山 登封天地之中 中国丹霞 "
    "杭州西湖 澄江化石地 元上都 红河哈尼梯田 新疆天山 大运河 丝绸之路 土司遗址 左江花山岩画 神农架 可可西里 鼓浪屿 梵净山 良渚古城 黄海候鸟栖息地 泉州宋元海港遗产 景迈山 "
    "北京中轴线 巴丹吉林沙漠 西夏陵"
).split()


def _eras(lexicon: Lexicon, text: str, lang: str) -> set[str]:
    return {era for s in lexicon.find(text, lang) for era in lexicon.by_id[s.term_id].eras}


def _term_found(lexicon: Lexicon, text: str, lang: str) -> bool:
    return any(lexicon.by_id[s.term_id].kind == "term" for s in lexicon.find(text, lang))


def test_lint_has_no_errors(lexicon: Lexicon, taxonomy: Taxonomy) -> None:
    assert [p for p in lint(lexicon, taxonomy) if p.level == "error"] == []


def test_size(lexicon: Lexicon, taxonomy: Taxonomy) -> None:
    numbers = stats(lexicon, taxonomy)
    assert int(str(numbers["concepts"])) >= 5_000
    assert int(str(numbers["surface_forms"])) >= 20_000


def test_axes_are_complete(lexicon: Lexicon, taxonomy: Taxonomy) -> None:
    assert len(taxonomy.era_ids) == 23
    assert len(taxonomy.region_ids) == 27
    assert len(taxonomy.theme_ids) == 18
    assert {e.eras[0] for e in lexicon.entries if e.kind == "era"} >= set(taxonomy.era_ids)


@pytest.mark.parametrize("name", SOLAR)
def test_solar_terms(lexicon: Lexicon, name: str) -> None:
    assert _term_found(lexicon, f"{name}节气的民俗", "zh")


@pytest.mark.parametrize("name", GROUPS)
def test_groups(lexicon: Lexicon, name: str) -> None:
    named = [e for e in lexicon.terms if name in e.zh_forms()]
    assert any("ethnic-cultures" in e.themes and not e.eras for e in named)


def test_there_are_56_groups() -> None:
    assert len(GROUPS) == len(set(GROUPS)) == 56


@pytest.mark.parametrize("animal", list("鼠牛虎兔龙蛇马羊猴鸡狗猪"))
def test_zodiac(lexicon: Lexicon, animal: str) -> None:
    assert _term_found(lexicon, f"{animal}年春节", "zh")
    assert _term_found(lexicon, f"她属{animal}", "zh")


@pytest.mark.parametrize(("era", "name"), [("ming", z) for z in MING] + [("qing", z) for z in QING])
def test_reigns_in_chinese(lexicon: Lexicon, era: str, name: str) -> None:
    for ending in ("年间", "时期", "帝", "皇帝", "朝", "年制"):
        assert _eras(lexicon, f"{name}{ending}", "zh") == {era}


@pytest.mark.parametrize(("era", "name"), [(era, n) for era, names in REIGNS_EN.items() for n in names.split()])
def test_reigns_in_english(lexicon: Lexicon, era: str, name: str) -> None:
    for wording in (f"the {name} reign", f"the {name} period", f"the {name} Emperor", f"Emperor {name}"):
        assert _eras(lexicon, wording, "en") == {era}


def test_intangible_heritage(lexicon: Lexicon) -> None:
    assert len(HERITAGE_ICH) == 44
    forms = {f for e in lexicon.terms for f in e.zh_forms()}
    assert [n for n in HERITAGE_ICH if n not in forms] == []


def test_world_heritage(lexicon: Lexicon) -> None:
    assert len(WORLD_HERITAGE) == 60
    assert [n for n in WORLD_HERITAGE if not _term_found(lexicon, n, "zh")] == []


def _cued_forms(lexicon: Lexicon) -> set[str]:
    """Forms that traps.tsv lists as ambiguous alone: the listed exceptions of the next test."""
    traps = [e for e in lexicon.entries if e.kind == "trap" and e.context == "needs"]
    return {zh_fold(f) for e in traps for f in (*e.zh_alias, *e.latin_forms())}


def test_every_free_term_is_found_under_its_own_names(lexicon: Lexicon) -> None:
    cued = _cued_forms(lexicon)
    missing = []
    for e in lexicon.terms:
        if e.context != "free":
            continue
        for name, lang in ((e.zh_hans, "zh"), (e.zh_hant, "zh"), (e.en, "en")):
            if zh_fold(name) not in cued and e.id not in {s.term_id for s in lexicon.find(name, lang)}:
                missing.append((e.id, name))
    assert missing == []


def test_every_free_term_has_a_form_that_stands_alone(lexicon: Lexicon) -> None:
    def alone(e: Entry) -> bool:
        names = [(f, "zh") for f in (e.zh_hans, *e.zh_alias)] + [(f, "en") for f in (e.en, *e.en_alias)]
        return any(e.id in {s.term_id for s in lexicon.find(f, lang)} for f, lang in names)

    assert [e.id for e in lexicon.terms if e.context == "free" and not alone(e)] == []


def test_one_row_per_headword(lexicon: Lexicon) -> None:
    seen: dict[str, str] = {}
    doubles = [(e.id, seen[e.zh_hans]) for e in lexicon.terms if seen.setdefault(e.zh_hans, e.id) != e.id]
    assert doubles == []


def test_a_term_of_many_eras_dates_nothing(lexicon: Lexicon, taxonomy: Taxonomy) -> None:
    many = [e for e in lexicon.terms if len(e.eras) > eras.MOST_ERAS]
    # Few things are both dated and of more than two eras; more rows of that kind are a slip.
    assert len(many) <= 12
    for e in many:
        terms = [{"term_id": e.id, "lang": "zh", "start": 0, "end": len(e.zh_hans)}]
        assert eras.label(lexicon, taxonomy, terms, e.zh_hans, "") == {}


def test_everyday_sentences_are_silent(lexicon: Lexicon, taxonomy: Taxonomy) -> None:
    assert len(taxonomy.everyday) >= 160
    loud = []
    for lang, sentence in taxonomy.everyday:
        entries = [lexicon.by_id[s.term_id] for s in lexicon.find(sentence, lang)]
        loud += [(sentence, e.id) for e in entries if e.themes or e.eras]
    assert loud == []


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("一个女孩在放风筝", "zh"),
        ("一个男人骑着电动车", "zh"),
        ("一只斑马和两只长颈鹿", "zh"),
        ("桌上有一碗盛满清水的盆", "zh"),
        ("一个人往肉上撒上香料", "zh"),
        ("一个蒙面人的追逐", "zh"),
        ("两个男人在下棋", "zh"),
        ("A man washes some meat.", "en"),
        ("Someone stirs eggs with chopsticks.", "en"),
        ("a bird walking.", "en"),
        ("great song nice", "en"),
        ("going up the mountain", "en"),
    ],
)
def test_ordinary_words_stay_ordinary(lexicon: Lexicon, text: str, lang: str) -> None:
    entries = [lexicon.by_id[s.term_id] for s in lexicon.find(text, lang)]
    assert [e.id for e in entries if e.themes or e.eras] == []


@pytest.mark.parametrize(
    ("text", "lang", "theme"),
    [
        ("潍坊国际风筝会上人们放风筝", "zh", "festivals"),
        ("公园里两位老人在下棋", "zh", "martial-arts-games"),
        ("功夫茶的茶具和盖碗", "zh", "cuisine"),
        ("A panda eating bamboo in Sichuan", "en", "landscape"),
        ("They play mah-jong in a courtyard", "en", "martial-arts-games"),
        ("The Dadu River gorge", "en", "landscape"),
    ],
)
def test_a_cue_brings_the_term_back(lexicon: Lexicon, text: str, lang: str, theme: str) -> None:
    assert theme in {t for s in lexicon.find(text, lang) for t in lexicon.by_id[s.term_id].themes}


def test_names_inside_names(lexicon: Lexicon) -> None:
    assert _eras(lexicon, "Shu Han soldiers guard the pass", "en") == {"three-kingdoms"}
    assert _eras(lexicon, "an inscription of King Wu Ding", "en") == {"shang"}


def test_latin_forms_are_words(lexicon: Lexicon) -> None:
    odd = [(e.id, f) for e in lexicon.terms for f in (e.en, *e.en_alias) if not re.search(r"[A-Za-z0-9]", f) or "\t" in f]
    assert odd == []
