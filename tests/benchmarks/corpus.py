"""A seeded generator of bilingual captions with planted exact and near duplicates, for speed and recall at any size."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import polars as pl

from curate.data import data_path
from curate.knowledge.tsv import read_tsv

WHO = "老人 an old man|女孩 a girl|匠人 a craftsman|厨师 a cook|孩子们 children|游客 tourists|舞者 a dancer|僧人 a monk|农民 a farmer|画家 a painter|武士 a warrior|学者 a scholar"
LOOK = "穿着汉服的 in hanfu|戴着斗笠的 in a bamboo hat|穿旗袍的 in a qipao|系着围裙的 in an apron|披着蓑衣的 in a straw cape|戴眼镜的 with glasses|白发的 with white hair|年轻的 of young age"
DOES = "正在包饺子 is making dumplings|在写春联 is writing spring couplets|弹奏古琴 plays the guqin|表演皮影戏 performs a shadow play|打太极拳 practises tai chi|放孔明灯 releases a sky lantern|划龙舟 rows a dragon boat|烧制青花瓷 fires blue and white porcelain|泡龙井茶 brews Longjing tea|剪窗花 cuts paper for the windows|下围棋 plays go|绣苏绣 embroiders Suzhou silk|舞狮子 dances the lion dance|逛庙会 strolls through the temple fair|刻印章 carves a seal|拉二胡 plays the erhu"
CITY = "北京 Beijing|西安 Xi'an|苏州 Suzhou|成都 Chengdu|杭州 Hangzhou|洛阳 Luoyang|南京 Nanjing|广州 Guangzhou|拉萨 Lhasa|泉州 Quanzhou|平遥 Pingyao|大理 Dali|敦煌 Dunhuang|开封 Kaifeng|绍兴 Shaoxing|丽江 Lijiang"
PLACE = "胡同里 in an alley|古桥上 on an old bridge|茶馆里 in a teahouse|城墙下 below the city wall|园林中 in a garden|河边 by the river|庙前 before a temple|作坊里 in a workshop|戏台上 on a stage|市集上 at a market|院子里 in a courtyard|山路上 on a mountain path"
TIME = "清晨 early in the morning|黄昏 at dusk|春节 at Spring Festival|端午 at Dragon Boat Festival|中秋之夜 on Mid-Autumn night|雨后 after the rain|大雪中 in heavy snow|夏夜 on a summer night|元宵 at the Lantern Festival|秋天 in autumn"
MORE = "灯笼高挂 red lanterns hang high|炊烟袅袅 smoke curls up|人山人海 the crowd is large|细雨蒙蒙 a light drizzle falls|桌上摆满菜肴 the table is full of dishes|远处是群山 mountains stand far away|水面倒映古塔 the water mirrors a pagoda|孩子在旁边看 a child looks on|猫趴在窗台 a cat lies on the sill|旧木门半开 an old wooden door stands half open|墙上贴着福字 the character for luck is on the wall|香炉里冒着烟 smoke rises from a censer"
SHOT = "特写 close-up|航拍 aerial view|慢动作 slow motion|全景 panorama|低角度 low angle|跟拍 tracking shot"
FILLER_ZH = "的一了在有这上着到大里下看天时过出多好小家生前面头后见进成回边工安定平光明近远新长高白青木水火山石风云"
FILLER_EN = "slowly quietly there together nearby alone again calmly today often happily softly outside".split()


def _table(text: str) -> list[tuple[str, str]]:
    return [(a, b) for a, b in (row.split(" ", 1) for row in text.split("|"))]


TABLES = {
    n: _table(t) for n, t in {"who": WHO, "look": LOOK, "does": DOES, "city": CITY, "place": PLACE, "time": TIME, "more": MORE, "shot": SHOT}.items()
}


@lru_cache(maxsize=1)
def _terms() -> list[tuple[str, str]]:
    """Names of the lexicon in both languages: without them templates would make captions that differ in one word by the thousand."""
    rows = [row for path in sorted((data_path("lexicons") / "terms").glob("*.tsv")) for _, row in read_tsv(path)]
    return [(row["zh_hans"], row["en"]) for row in rows if row["zh_hans"] and row["en"]]


def _name(r: random.Random) -> tuple[str, str]:
    return r.choice(_terms())


def _base(r: random.Random) -> tuple[str, str]:
    pick = {n: r.choice(t) for n, t in TABLES.items()}
    number, other = r.randint(2, 999), r.choice(TABLES["more"])
    who = pick["look"][0] + pick["who"][0], f"{pick['who'][1]} {pick['look'][1]}"
    zh = f"{pick['time'][0]},{who[0]}在{pick['city'][0]}{pick['place'][0]}{pick['does'][0]}"
    en = f"{pick['time'][1]} {who[1]} {pick['does'][1]} {pick['place'][1]} in {pick['city'][1]}"
    extras = [pick["more"], other if other != pick["more"] else ("", ""), (f"共{number}人", f"{number} people are there"), pick["shot"]]
    one, two = _name(r), _name(r)
    zh, en = f"{zh},旁边是{one[0]}和{two[0]}", f"{en} beside {one[1]} and {two[1]}"
    r.shuffle(extras)
    for a, b in extras[: r.randint(1, 4)]:
        if a:
            zh, en = f"{zh},{a}", f"{en}, {b}"
    return zh + "。", en[0].upper() + en[1:] + "."


def _edited(zh: str, en: str, r: random.Random) -> tuple[str, str]:
    letters, words = list(zh), en.split()
    for _ in range(r.randint(1, 2)):
        letters.insert(r.randrange(len(letters)), r.choice(FILLER_ZH))
    words.insert(r.randrange(len(words)), r.choice(FILLER_EN))
    return "".join(letters), " ".join(words)


def _short(r: random.Random) -> tuple[str, str]:
    who, does, more = r.choice(TABLES["who"]), r.choice(TABLES["does"]), _name(r)
    return f"{more[0]}的{who[0]}{does[0]}", f"{who[1]} of {more[1]} {does[1]}"


def pairs(rows: int, seed: int = 7, short: bool = False) -> Iterator[dict[str, str]]:
    """Yield caption pairs: 80 % of their own, 10 % exact copies and 10 % near copies, in random order.

    Args:
        rows: how many.
        seed: the same seed gives the same pairs.
        short: about a dozen characters each.

    Returns:
        ``id``, ``zh``, ``en``, ``kind`` (base, exact, near) and ``of`` (id of the row it was made from).
    """
    r = random.Random(seed)
    make = _short if short else _base
    bases: list[tuple[str, tuple[str, str]]] = []
    for i in range(rows):
        draw = r.random()
        ident = f"g{i:07d}"
        if draw < 0.8 or not bases:
            text = make(r)
            if len(bases) < 50_000:
                bases.append((ident, text))
            yield {"id": ident, "zh": text[0], "en": text[1], "kind": "base", "of": ident}
            continue
        of, text = r.choice(bases)
        kind = "exact" if draw < 0.9 else "near"
        zh, en = text if kind == "exact" else _edited(*text, r)
        yield {"id": ident, "zh": zh, "en": en, "kind": kind, "of": of}


def write(rows: int, path: Path, seed: int = 7, short: bool = False) -> Path:
    """Write a corpus as parquet.

    Args:
        rows: how many pairs.
        path: where to.
        seed: the same seed gives the same pairs.
        short: cut to the first words, about ten characters or six words.
    """
    columns: dict[str, list[str]] = {n: [] for n in ("id", "zh", "en", "kind", "of")}
    for row in pairs(rows, seed, short):
        for name, value in row.items():
            columns[name].append(value)
    pl.DataFrame(columns).write_parquet(path)
    return path
