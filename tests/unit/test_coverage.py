"""The coverage report reads as a summary: the surest examples first, what is dated, what is missing per theme."""

from __future__ import annotations

import polars as pl
import pytest

from curate import report
from curate.coverage import Coverage, measure, sentences
from curate.knowledge.taxonomy import Taxonomy
from curate.schema import LABELS


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return Taxonomy.load()


@pytest.fixture(scope="module")
def cov(taxonomy: Taxonomy) -> Coverage:
    def label(name: str, score: float, by: str) -> list[dict[str, object]]:
        return [{"id": name, "score": score, "by": by}]

    themes = [label("costume", 0.9, "both"), [], label("festivals", 0.99, "vector"), label("festivals", 0.5, "both")]
    eras = [label("tang", 0.95, "term"), [], [], []]
    columns = {
        "clip_id": ["a", "b", "c", "d"], "zh": ["唐代仕女", "猫", "像过节", ""], "en": ["Tang lady", "cat", "a feast", "Temple fair"],
        "themes": pl.Series(themes, dtype=LABELS), "eras": pl.Series(eras, dtype=LABELS), "regions": pl.Series([[]] * 4, dtype=LABELS),
    }  # fmt: skip
    return measure(pl.DataFrame(columns), taxonomy)


def test_a_named_thing_is_shown_before_a_likeness(cov: Coverage) -> None:
    assert cov.examples["festivals"] == ["Temple fair", "像过节"]


def test_the_summary_says_how_many_clips_can_be_dated(cov: Coverage, taxonomy: Taxonomy) -> None:
    assert cov.dated == 1
    assert any("1 of the 3 cultural clips can be dated" in s for s in sentences(cov, taxonomy, "en"))
    assert any("22 个完全缺失" in s for s in sentences(cov, taxonomy, "zh"))


def test_a_theme_with_one_period_does_not_lack_every_period(cov: Coverage, taxonomy: Taxonomy) -> None:
    lines = report.markdown(cov, taxonomy, "t").split("\n")
    costume = next(line for line in lines if line.startswith("- 服饰 —"))
    assert "任何时代" not in costume
    assert "宋" in costume
    assert "唐、" not in costume
    assert next(line for line in lines if line.startswith("- 节庆 —")) == "- 节庆 — 没有: 任何时代"
