"""Numbered years of reigns date a caption; what merely looks like one does not."""

from __future__ import annotations

import pytest

from curate.knowledge.eras import by_reign


@pytest.mark.parametrize(
    ("zh", "era"),
    [
        ("洪武三年的界碑", "ming"),
        ("康熙六十一年冬", "qing"),
        ("光绪26年的照片", "qing"),
        ("永和九年，兰亭", "jin"),
        ("建武十二年的铜镜", "han"),
        ("民国廿三年的课本", "republic"),
        ("元和十二年雪夜", "tang"),
    ],
)
def test_a_numbered_year_of_a_reign_dates(zh: str, era: str) -> None:
    assert by_reign(zh) == {era}


@pytest.mark.parametrize("zh", ["大中三年级的学生", "乾隆九十年", "建武元年", "开元棋牌", "三年以后", ""])
def test_impossible_shared_or_missing_years_do_not(zh: str) -> None:
    assert by_reign(zh) == set()
