"""Duplicates of short Chinese captions: small edits are found, decisive words are not edits, and the order of rows does not matter."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest

from curate import plain, stages
from curate.duplicates import cuts as dedupcuts
from curate.errors import RecipeError
from curate.stage import Resources, call
from curate.text import to_traditional

DISTINCT = [
    "唐代仕女在御花园里荡秋千", "宋代文人在竹林里点茶闲谈", "川剧演员在戏台上表演变脸", "苗族姑娘戴着银冠跳芦笙舞", "端午节的江面上龙舟竞渡",
    "老艺人在煤油灯下捏一个面人", "敦煌壁画上的飞天反弹琵琶", "元宵节孩子们提着兔子灯上街", "紫禁城的红墙映着今年的初雪", "匠人用竹篾扎一只沙燕风筝",
    "茶农在云雾里的梯田采摘龙井", "少林寺的武僧在塔林前练棍", "绍兴的乌篷船穿过一座石拱桥", "蒙古族骑手在辽阔的草原上套马", "书法家用狼毫写一副大红春联",
    "景德镇的窑工把瓷坯送进窑口", "西安古城墙上有游客骑自行车", "广东早茶端上一笼晶莹的虾饺", "皮影艺人在幕布后面操纵武松", "黄土高坡上的窑洞升起袅袅炊烟",
]  # fmt: skip
EDITS = [
    (0, "唐代仕女在御花园里荡秋迁"), (1, "宋代文人，在竹林里点茶、闲谈。"), (3, to_traditional(DISTINCT[3])), (5, "老艺人在煤油灯下捏一个面人！！"),
    (6, to_traditional(DISTINCT[6])), (9, "匠人用竹篾扎一支沙燕风筝"), (12, "绍兴的乌蓬船穿过一座石拱桥"), (15, "景德镇的窑工把瓷坯送进了窑口"),
]  # fmt: skip
TRIAL = [{"id": f"d{i}", "zh": t} for i, t in enumerate(DISTINCT)] + [{"id": f"e{i}", "zh": t} for i, t in EDITS]


def rows_of(*captions: str, lang: str = "zh", **more: Any) -> list[dict[str, Any]]:
    return [{"id": str(i), lang: c, **{k: v[i] for k, v in more.items()}} for i, c in enumerate(captions)]


def merged(rows: list[dict[str, Any]], res: Resources, **params: Any) -> set[str]:
    return {r["id"] for r in plain.dedup(rows, res, params) if r["dup_of"] is not None}


def test_the_trial_of_28_captions(res: Resources) -> None:
    assert all(11 <= len(t) <= 18 for t in DISTINCT)
    got = plain.dedup(TRIAL, res)
    assert [r["id"] for r in got] == [r["id"] for r in TRIAL]
    pairs = {frozenset((r["id"], r["dup_of"])) for r in got if r["dup_of"]}
    assert pairs == {frozenset((f"d{i}", f"e{i}")) for i, _ in EDITS}
    kinds = {next(iter({r["id"], r["dup_of"]} - {r["id"] if r["id"].startswith("d") else r["dup_of"]})): r["dup_kind"] for r in got if r["dup_of"]}
    assert {k for k, v in kinds.items() if v == "exact"} == {"e1", "e3", "e5", "e6"}
    assert {k for k, v in kinds.items() if v == "near"} == {"e0", "e9", "e12", "e15"}


def test_the_trial_with_the_built_in_encoder() -> None:
    """The defaults of a user: the real encoder and its semantic step may merge nothing more."""
    got = plain.dedup(TRIAL, plain.default_resources())
    assert {frozenset((r["id"], r["dup_of"])) for r in got if r["dup_of"]} == {frozenset((f"d{i}", f"e{i}")) for i, _ in EDITS}


@pytest.mark.parametrize("seed", range(5))
def test_survivors_do_not_depend_on_the_order_of_rows(res: Resources, seed: int) -> None:
    frame = plain.apply(plain.from_rows(TRIAL), ("normalize", "language", "match", "embed", "sign"), res)
    # Ids come from the content, not from the place, as in a run.
    frame = frame.with_columns(id=pl.col("source_id"))
    stage = stages.load()["dedup"]
    want = call(stage, frame, stage.parse({}), res, "dedup").sort("id")
    order = list(range(len(frame)))
    random.Random(seed).shuffle(order)
    assert call(stage, frame[order], stage.parse({}), res, "dedup").sort("id").equals(want)
    assert want.get_column("drop").drop_nulls().len() == len(EDITS)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("唐代舞者在宫殿里跳舞", "宋代舞者在宫殿里跳舞"), ("川剧演员在台上表演绝活", "京剧演员在台上表演绝活"), ("三个孩子在院子里放风筝", "五个孩子在院子里放风筝"),
        ("3个孩子在院子里放风筝", "5个孩子在院子里放风筝"), ("一个女孩穿着红色的旗袍走来", "一个女孩穿着蓝色的旗袍走来"), ("清晨的苏州园林里有人在画画", "清晨的杭州园林里有人在画画"),
        ("北京的胡同里卖糖葫芦的老人", "上海的胡同里卖糖葫芦的老人"), ("端午节全家人围坐在桌边", "中秋节全家人围坐在桌边"), ("老人在院子里拉二胡给孩子听", "老人在院子里弹古筝给孩子听"),
        ("苗族姑娘在台上跳舞唱歌", "侗族姑娘在台上跳舞唱歌"), ("春天的长城上游客很多", "冬天的长城上游客很多"), ("明代青花瓷瓶摆在展柜里", "清代青花瓷瓶摆在展柜里"),
        ("唐代舞者在宫殿里跳舞", to_traditional("宋代舞者在宫殿里跳舞")),
    ],
)  # fmt: skip
def test_decisive_chinese_words_never_merge(res: Resources, a: str, b: str) -> None:
    assert merged(rows_of(a, b), res) == set()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("a woman in a red dress walks along the river", "a woman in a blue dress walks along the river"), ("three boys fly kites in the park", "five boys fly kites in the park"),
        ("a street in Beijing at night with lanterns", "a street in Shanghai at night with lanterns"), ("a Tang dynasty lady at her mirror", "a Song dynasty lady at her mirror"),
        ("an old man plays the erhu on a bench in the park", "an old man plays the guzheng on a bench in the park"),
    ],
)  # fmt: skip
def test_decisive_english_words_never_merge(res: Resources, a: str, b: str) -> None:
    assert merged(rows_of(a, b, lang="en"), res) == set()


@pytest.mark.parametrize(
    ("a", "b", "lang"),
    [
        ("三個人，在長城上拍照。", "3个人在长城上拍照", "zh"), ("唐代舞者在跳舞", "唐代舞者，在跳舞！", "zh"), ("ＡＢＣ 唐代的舞者在跳舞", "abc唐代的舞者在跳舞", "zh"),
        ("A Man, Cooking in the Kitchen.", "a man cooking in the kitchen", "en"), ("a man is cooking noodles in the kitchen", "a man is cooking noodles in the kichen", "en"),
    ],
)  # fmt: skip
def test_small_edits_merge(res: Resources, a: str, b: str, lang: str) -> None:
    assert len(merged(rows_of(a, b, lang=lang), res)) == 1


def test_two_languages_must_agree(res: Resources) -> None:
    zh = ["唐代舞者在宫殿里跳舞"] * 2
    assert (
        merged(
            [{"id": "a", "zh": zh[0], "en": "A dancer performs in the hall"}, {"id": "b", "zh": zh[1], "en": "Horses run over a frozen lake"}], res
        )
        == set()
    )
    assert merged([{"id": "a", "zh": zh[0], "en": "A dancer performs in the hall"}, {"id": "b", "zh": zh[1]}], res) == {"b"}


def test_within_one_clip(res: Resources) -> None:
    same = rows_of("唐代舞者在宫殿里跳舞", "唐代舞者在宫殿里跳舞。", "唐代舞者在宫殿里跳着舞", clip_id=["c", "c", "c"])
    assert len(merged(same, res, within_clip="none")) == 0
    assert len(merged(same, res)) == 1
    assert len(merged(same, res, within_clip="all")) == 2


def test_across_clips(res: Resources) -> None:
    apart = rows_of("唐代舞者在宫殿里跳舞", "唐代舞者在宫殿里跳舞。", "唐代舞者在宫殿里跳着舞", clip_id=["c", "d", "e"])
    assert len(merged(apart, res)) == 2
    assert len(merged(apart, res, across_clips=False)) == 0
    mixed = rows_of("唐代舞者在宫殿里跳舞", "唐代舞者在宫殿里跳舞。", "唐代舞者在宫殿里跳舞", clip_id=["c", "d", "c"])
    assert len(merged(mixed, res, across_clips=False)) == 1


def test_a_persons_caption_stays(res: Resources) -> None:
    rows = [
        {"id": "m", "zh": "唐代舞者在宫殿里跳舞", "zh_origin": "machine"}, {"id": "h", "zh": "唐代舞者在宫殿里跳舞", "zh_origin": "human"},
        {"id": "t", "zh": "唐代舞者在宫殿里跳舞", "zh_origin": "translated"},
    ]  # fmt: skip
    assert merged(rows, res) == {"m", "t"}


def test_every_drop_has_its_evidence(res: Resources) -> None:
    frame = plain.apply(plain.from_rows(TRIAL), ("normalize", "language", "match", "embed", "sign"), res)
    stage = stages.load()["dedup"]
    out = call(stage, frame, stage.parse({}), res, "dedup")
    ids = set(frame.get_column("id"))
    alive = set(out.filter(pl.col("drop").is_null()).get_column("id"))
    for row in out.filter(pl.col("drop").is_not_null()).iter_rows(named=True):
        assert row["drop"] == f"dedup.{row['dup_kind']}"
        assert row["drop_note"].startswith(f"dup_of={row['dup_of']} score={row['dup_score']:.4f}")
        assert row["dup_of"] in alive
        assert row["dup_group"] in ids
    assert out.filter(pl.col("drop").is_null()).select("dup_of", "dup_kind", "dup_score").null_count().row(0) == (20, 20, 20)


def test_unknown_steps_are_refused(res: Resources) -> None:
    with pytest.raises(RecipeError, match="exakt"):
        plain.dedup(TRIAL, res, {"steps": ["exakt"]})
    with pytest.raises(RecipeError, match="at least one step"):
        plain.dedup(TRIAL, res, {"steps": []})


def test_cuts_agree_with_running_at_them(res: Resources) -> None:
    frame = plain.from_rows(TRIAL)
    found = dedupcuts.survey(frame, res, {"semantic": 0.9})
    assert found.now == 0.9
    for cut in found.cuts:
        got = plain.dedup(TRIAL, res, {"semantic": cut.cosine})
        assert sum(r["dup_kind"] == "semantic" for r in got) == cut.dropped
    assert [c.dropped for c in found.cuts] == sorted((c.dropped for c in found.cuts), reverse=True)
    assert "0.90" in "\n".join(found.lines())


def test_one_language_alone_may_need_to_be_surer() -> None:
    res = plain.default_resources()
    first, second = "李白举杯邀月，衣袖扫翻酒壶，盛唐的月光洒满花间。", "月下花丛中，盛唐诗人李白向天举杯，袖子带倒了酒壶。"
    a, b = res.need_embedder().encode([first, second])
    cosine = float(a @ b)
    rows = [{"id": "a", "zh": first}, {"id": "b", "zh": second}]
    low = {"semantic": cosine - 0.05}
    assert {r["dup_kind"] for r in plain.dedup(plain.from_rows(rows), res, low)} == {None, "semantic"}
    assert {r["dup_kind"] for r in plain.dedup(plain.from_rows(rows), res, {**low, "semantic_single": cosine + 0.05})} == {None}
