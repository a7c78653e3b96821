"""Captions near evaluation prompts: same, nearly same, across languages; files of any usual form."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from curate import stages
from curate.duplicates import leakage
from curate.embed import make_embedder
from curate.errors import DataError, RecipeError
from curate.stage import Resources, call

STAGE = stages.load()["leakage"]


def frame(zh: list[str], en: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"id": [f"r{i}" for i in range(len(zh))], "zh_norm": zh, "en_norm": en})


def test_exact_and_near_are_named_and_dropped_on_request(tmp_path: Path, res: Resources) -> None:
    (tmp_path / "p.txt").write_text("A panda eats bamboo in the snow\n一位少女在西湖边弹奏古琴\n", encoding="utf-8")
    rows = frame(["", "一位少女在西湖边上弹奏古琴", "厨师在包饺子"], ["a panda eats bamboo in the snow!", "", "a cook makes dumplings"])
    for drop in (False, True):
        params = STAGE.parse({"files": [str(tmp_path / "p.txt")], "drop": drop})
        out = call(STAGE, rows, params, res, "leakage")
        assert out.get_column("leak_kind").to_list() == ["exact", "near", None]
        assert out.get_column("leak_of")[1] == "p.txt#2: 一位少女在西湖边弹奏古琴"
        assert out.get_column("drop").to_list() == (["leakage.leak", "leakage.leak", None] if drop else [None] * 3)


def test_a_translation_is_found_by_meaning(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt_en": "A cat is sleeping on the sofa"}) + "\n", encoding="utf-8")
    embedder = make_embedder("use")
    zh = ["一只猫在沙发上睡觉", "士兵守卫长城"]
    vectors = pl.Array(pl.Float32, 512)
    rows = frame(zh, ["", ""]).with_columns(
        pl.Series("zh_vector", embedder.encode(zh), dtype=vectors), pl.Series("en_vector", embedder.encode(["", ""]), dtype=vectors)
    )
    params = STAGE.parse({"files": [str(tmp_path / "p.jsonl")], "cross": 0.7})
    out = call(STAGE, rows, params, Resources(embedder=embedder), "leakage")
    assert out.get_column("leak_kind").to_list() == ["semantic", None]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '["x y", "z"]'),
        ("a.json", '{"data": [{"prompt": "x y"}, {"prompt_zh": "z"}]}'),
        ("a.jsonl", '"x y"\n{"text": "z"}'),
        ("a.txt", "x y\n\nz\n"),
    ],
)
def test_files_of_any_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [p.text for p in leakage.read_prompts(tmp_path / name)] == ["x y", "z"]


def test_faults_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    (tmp_path / "b.json").write_text("{}", encoding="utf-8")
    for name in ("a.json", "b.json", "c.txt", "d.csv"):
        with pytest.raises(DataError):
            leakage.read_prompts(tmp_path / name)
    with pytest.raises(RecipeError, match="no file of prompts"):
        STAGE.parse({"files": [str(tmp_path / "c.txt")]})


def test_the_contents_of_the_files_enter_the_parameters(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("one", encoding="utf-8")
    first = STAGE.parse({"files": [str(path)]}).model_dump()
    path.write_text("two", encoding="utf-8")
    assert STAGE.parse({"files": [str(path)]}).model_dump() != first
    with pytest.raises(RecipeError, match="changed"):
        STAGE.parse(first)
