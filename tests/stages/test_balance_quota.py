"""Choosing by quotas: targets are met, variety counts, caps hold, nothing leaves in a dry run, order does not matter."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate import plain, stages
from curate.balance import balancing, evenness, quota, targets
from curate.errors import DataError, RecipeError
from curate.recipe import check_chain, parse
from curate.stage import Resources, call

STAGE = stages.load()["balance"]
RES = Resources(seed=7)


def pool(n: int = 120) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    # Cuisine: half of the captions say one thing; costume: few and varied.
    vectors = rng.standard_normal((n, 8))
    vectors[: n // 2] = vectors[0] + 0.01 * rng.standard_normal((n // 2, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cells = [["cuisine|living"] if i < n - 20 else ["costume|tang"] for i in range(n)]
    array = pl.Array(pl.Float32, 8)
    return pl.DataFrame({
        "id": [f"r{i:03d}" for i in range(n)], "clip_id": [f"c{i // 2:03d}" for i in range(n)], "cells": cells,
        "source": ["a" if i % 4 < 2 else "b" for i in range(n)], "zh": ["x"] * n, "en": [None if i % 2 else "y" for i in range(n)],
    }).with_columns(
        pl.Series("zh_vector", vectors.astype(np.float32), dtype=array), pl.Series("en_vector", vectors.astype(np.float32), dtype=array),
        pl.Series("regions", [[{"id": "bashu", "score": 1.0, "by": "term"}] if i < 40 else [] for i in range(n)]),
    )  # fmt: skip


def live(frame: pl.DataFrame, **params: object) -> pl.DataFrame:
    out = call(STAGE, frame, STAGE.parse(params), RES, "balance")
    return frame.join(out.filter(pl.col("drop").is_null()).select("id"), on="id", how="semi")


def test_targets_are_met_and_the_rest_leaves() -> None:
    kept = live(pool(), targets={"cuisine|*|bashu": 5, "costume|tang": 4})
    clips = kept.group_by("cells").agg(pl.col("clip_id").n_unique())
    assert dict(zip((c[0] for c in clips["cells"].to_list()), clips["clip_id"].to_list(), strict=True)) == {"cuisine|living": 5, "costume|tang": 4}
    assert len(kept) == 18, "all captions of a clip go with it"


def test_a_varied_choice_has_the_higher_vendi_score() -> None:
    scores = {}
    for diverse in (False, True):
        kept = live(pool(), targets={"cuisine": 20}, diverse=diverse)
        scores[diverse] = evenness.vendi(kept["zh_vector"].to_numpy())
    assert scores[True] > scores[False] + 0.3


def test_order_of_the_pool_does_not_matter() -> None:
    frame = pool()
    for params in ({"targets": {"cuisine": 9, "costume": 3}}, {"per_clip": 1, "per_source": 7}, {"by_language": True, "tail": 0.2}):
        mixed = frame[random.Random(1).sample(range(len(frame)), len(frame))]
        assert sorted(live(mixed, **params)["id"]) == sorted(live(frame, **params)["id"])


def test_caps_per_clip_and_source() -> None:
    kept = live(pool(), per_clip=1, per_source=7)
    assert kept["clip_id"].is_unique().all()
    assert kept.group_by("source").len().sort("source").rows() == [("a", 7), ("b", 7)]


def test_a_dry_run_drops_nothing_and_says_why() -> None:
    frame = pool()
    out = call(STAGE, frame, STAGE.parse({"targets": {"cuisine": 3}, "dry_run": True}), RES, "balance")
    assert out["drop"].null_count() == len(frame)
    assert out.filter(pl.col("would_drop").is_not_null())["would_drop"].str.contains("target").all()
    assert out["would_drop"].null_count() == 6


def test_the_report_compares_before_and_after() -> None:
    frame = pool()
    vectors = dict(zip(frame["id"], frame["zh_vector"].to_numpy(), strict=True))
    before = evenness.measure(frame.select("id", "cells").iter_rows(), vectors)
    after = evenness.measure(live(frame, targets={"cuisine": 10, "costume": 10}).select("id", "cells").iter_rows(), vectors)
    assert after["effective"] > before["effective"]
    assert after["gini"] < before["gini"]
    assert evenness.compare(before, after)[0]["cell"] == "cuisine|living"


def test_what_is_lacking_and_wrong_targets() -> None:
    items = [quota.Item("r", "c", "s", ("cuisine|living|none",))]
    assert quota.lacking(items, {"cuisine": 3, "costume|tang": 1}) == {"cuisine": 2, "costume|tang": 1}
    with pytest.raises(RecipeError, match=r"a\|b\|c\|d"):
        STAGE.parse({"targets": {"a|b|c|d": 1}})


def test_targets_of_a_recipe_are_checked_before_anything_runs() -> None:
    head = "recipe: 1\nname: a\ninputs:\n  - {name: x, path: x.jsonl}\n"
    steps = "steps: [normalize, match, theme, coverage, {balance: {targets: {'cusine|song': 5, 'festivals|tng|*': 3, 'costume|tang|bashuu': 1}}}]\n"
    with pytest.raises(RecipeError) as e:
        check_chain(parse(head + steps), stages.load())
    for said in ("'cusine' in 'cusine|song'", "'cuisine'?", "era 'tng'", "'tang'?", "region 'bashuu'", "'bashu'?"):
        assert said in e.value.message
    assert "Value error" not in e.value.message
    STAGE.parse({"targets": {"*|tang": 1, "none|qing|none": 1, "cuisine|living|*": 0}})


def test_a_pool_is_compared_before_and_after(res: Resources, tmp_path: Path) -> None:
    rows = [{"id": f"f{i}", "zh": f"端午节江面上龙舟竞渡第{i}回"} for i in range(12)] + [
        {"id": f"o{i}", "zh": f"京剧演员在戏台上唱第{i}段"} for i in range(4)
    ]
    frame = plain.from_rows(rows)
    quotas = tmp_path / "quotas.yaml"
    quotas.write_text("festivals: 4\nperforming-arts: 4\n", encoding="utf-8")
    got = balancing.balance(frame, res, {}, str(quotas))
    assert [r["id"] for r in got.rows] == [r["id"] for r in rows]
    assert (got.before["rows"], got.after["rows"]) == (16, sum(r["keep"] for r in got.rows))
    assert got.after["rows"] < 16
    for measured in (got.before, got.after):
        assert measured["effective"] >= 1
        assert 0 <= measured["gini"] <= 1
        assert measured["entropy"] >= 0
    assert all(r["vendi_before"] and r["vendi_after"] for r in got.cells if r["after"])
    assert all(r["why"] for r in got.rows if not r["keep"])
    text = "\n".join(got.lines())
    assert "Gini" in text
    assert "Vendi" in text
    natural = balancing.balance(frame, res, {}, "natural", 8)
    assert sum(r["keep"] for r in natural.rows) < len(rows)
    with pytest.raises(DataError, match="nowhere"):
        balancing.balance(frame, res, {}, str(tmp_path / "nowhere.yaml"))


@pytest.mark.parametrize(
    ("text", "axes", "want"),
    [
        ("cuisine|song: 5\n", 2, {"cuisine|song": 5}), ("cuisine: {song: 5, living: 2}\n", 2, {"cuisine|song": 5, "cuisine|living": 2}),
        ("cuisine: 5\ncostume|tang: 3\n", 3, {"cuisine": 5, "costume|tang": 3}), ("cuisine: {'*': {bashu: 5}}\n", 3, {"cuisine|*|bashu": 5}),
        ("'*|tang': 4\nnone|qing|none: 0\n", 3, {"*|tang": 4, "none|qing|none": 0}), ("\ufeffcuisine | song : 1\n", 2, {"cuisine|song": 1}),
    ],
)  # fmt: skip
def test_targets_of_a_file(tmp_path: Path, text: str, axes: int, want: dict[str, int]) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(text, encoding="utf-8")
    assert targets.read(path, plain.shipped_taxonomy(), axes) == want
    if axes == 3:
        assert balancing.read_targets(str(path), plain.shipped_taxonomy(), {}, 0) == want


@pytest.mark.parametrize(
    ("text", "axes", "said"),
    [
        ("cusine: 5\n", 3, "cuisine"), ("cuisine|sung: 5\n", 3, "song"), ("cuisine|song|bashuu: 5\n", 3, "bashu"), ("costum|tang: 5\n", 2, "costume"),
        ("cuisine: 5\n", 2, "theme|era"), ("cuisine|*: 5\n", 2, "unknown era"), ("a|b|c|d: 1\n", 3, "theme|era|region"), ("cuisine: -1\n", 3, "no count"),
        ("cuisine: true\n", 3, "no count"), ("cuisine: 1.5\n", 3, "no count"), ("- cuisine\n", 3, "no list of targets"), ("", 3, "no list of targets"),
        ("cuisine: 1\ncuisine: 2\n", 3, "cuisine"), ("cuisine: {song: 1}\ncuisine|song: 2\n", 2, "twice"), ("a: [\n", 3, "targets.yaml"),
    ],
)  # fmt: skip
def test_targets_that_name_nothing(tmp_path: Path, text: str, axes: int, said: str) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as e:
        targets.read(path, plain.shipped_taxonomy(), axes)
    assert said in str(e.value)
    assert str(path) in str(e.value)
