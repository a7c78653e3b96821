"""A line of JSON Lines or of a prompt list ends at a line feed alone; captions may hold other separators."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.data import json_lines
from curate.duplicates.leakage import read_prompts as read_evaluation
from curate.errors import DataError
from curate.prompts.pack import read_prompts

ODD = "龙舟\u2028竞渡\x85鼓声"


def test_separators_inside_a_caption_end_no_line(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(f'{{"id": "a", "zh": "{ODD}"}}\r\n\n{{"id": "b", "zh": "猫"}}\n', encoding="utf-8", newline="")
    (tmp_path / "p.txt").write_text(f"{ODD}\n猫\n", encoding="utf-8")
    assert [r["zh"] for r in read_prompts(tmp_path / "p.jsonl")] == [ODD, "猫"]
    assert [p.text for p in read_evaluation(tmp_path / "p.txt")] == [ODD, "猫"]
    (tmp_path / "e.jsonl").write_text(f'{{"prompt": "{ODD}"}}\n', encoding="utf-8")
    assert [p.text for p in read_evaluation(tmp_path / "e.jsonl")] == [ODD]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": 1}\n{"id":\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"p\.jsonl:2: no JSON"):
        list(json_lines(tmp_path / "p.jsonl", "the prompts"))
