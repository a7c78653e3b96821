"""Input frames for the contract suite: a column of any stage, made by running the stages before it."""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from curate import plain, stages
from curate.stage import Resources, call

ROWS = [
    {"id": "a", "zh": "唐代舞者在宫殿里跳舞。", "en": "A Tang dynasty dancer performs in the palace.", "path": "1.mp4"},
    {"id": "b", "zh": "唐代舞者，在宮殿裡跳舞！", "en": "A Tang dynasty dancer performs in the palace", "path": "2.mp4"},
    {"id": "c", "zh": "端午節的早晨，江面上龍舟競渡。", "en": None, "path": "3.mp4"},
    {"id": "d", "zh": None, "en": "a man is slicing a tomato", "path": "4.mp4"},
    {"id": "e", "zh": "宋代文人点茶赏画", "en": "Song dynasty scholars whisk tea and look at paintings", "path": "5.mp4"},
    {"id": "f", "zh": "一只狗在草地上跑", "en": "a dog runs on the grass", "path": "6.mp4"},
    {"id": "g", "zh": "a cat sleeps", "en": "一只猫在睡觉", "path": "7.mp4"},
    {"id": "h", "zh": "三个孩子放风筝", "en": "three children fly kites", "path": "8.mp4"},
    {"id": "i", "zh": "五个孩子放风筝", "en": "five children fly kites", "path": "8.mp4"},
    {"id": "j", "zh": "Быстрая лиса", "en": None, "path": None},
    {"id": "k", "zh": "\u200b\u200b", "en": "ok", "path": None},
]


@lru_cache(maxsize=1)
def _records() -> pl.DataFrame:
    return plain.from_rows(ROWS)


_CACHE: dict[str, pl.DataFrame] = {}


def before(name: str, res: Resources) -> pl.DataFrame:
    """The live rows that a stage sees in a recipe of all stages in their usual order."""
    if name in _CACHE:
        return _CACHE[name]
    frame = _records()
    for stage in stages.BUILTIN:
        _CACHE[stage.name] = frame
        if stage.name == name:
            return frame
        params = stage.parse({})
        out = call(stage, frame, params, res, stage.name)
        frame = frame.hstack(out.drop("id", "drop", "drop_note").get_columns()).filter(out.get_column("drop").is_null())
    return frame  # a plugin comes last
