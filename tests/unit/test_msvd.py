"""Real captions: the first rows of the bilingual MSVD captions through a whole recipe."""

from __future__ import annotations

import itertools
import textwrap
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from curate.run import RunResult, run

ROWS = 8_000

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def result(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("msvd")
    source = shared / "data" / "msvd_bilingual.jsonl"
    if not source.is_file():
        pytest.skip("msvd_bilingual.jsonl is not among the shared data")
    with source.open(encoding="utf-8") as f:
        (folder / "msvd.jsonl").write_text("".join(itertools.islice(f, ROWS)), encoding="utf-8")
    recipe = """\
        recipe: 1
        name: msvd
        seed: 1
        part_rows: 3000
        inputs: [{name: msvd, path: msvd.jsonl, map: {uri: media}}]
        resources: {embedder: {name: hash}}
        steps:
          - normalize
          - language
          - quality
          - match
          - sign
          - dedup: {within_clip: exact, across_clips: true}
          - split: {test: 0.1, validation: 0.1}
        """
    (folder / "recipe.yaml").write_text(textwrap.dedent(recipe), encoding="utf-8")
    return run(folder / "recipe.yaml")


def test_the_ledger_adds_up(result: RunResult) -> None:
    steps = result.manifest["steps"]
    assert steps[0]["rows_in"] + steps[0]["rows_quarantined"] == ROWS
    for before, after in itertools.pairwise(steps):
        assert after["rows_in"] == before["rows_live"]
        assert after["rows_in"] == after["rows_live"] + sum(after["reasons"].values())
    read = result.workspace.table(result.records[0].key, [])
    assert Counter(read.get_column("id")) == Counter([*result.table([]).get_column("id"), *result.drops().get_column("id")])


def test_no_clip_is_on_two_sides(result: RunResult) -> None:
    table = result.table(["clip_id", "split", "dup_group"])
    for by in ("clip_id", "dup_group"):
        assert table.group_by(by).agg(pl.col("split").n_unique()).get_column("split").max() == 1
    assert set(table.get_column("split")) == {"train", "validation", "test"}


def test_duplicates_are_found_and_named(result: RunResult) -> None:
    drops = result.drops().filter(pl.col("step") == "dedup")
    # One annotator's sentence about one clip, written by several: MSVD is full of them.
    assert len(drops) > 300
    assert drops.get_column("drop_note").str.starts_with("dup_of=").all()
    live = set(result.table([]).get_column("id"))
    assert all(note.split()[0].removeprefix("dup_of=") in live for note in drops.get_column("drop_note"))
