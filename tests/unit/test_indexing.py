"""``curate index``: built part by part from a run, merged, mapped, measured, searched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from curate import index, indexing
from curate.cli import build
from curate.errors import DataError
from curate.run import RunResult, run
from tests.unit.test_run import one_lexicon, part_bytes, project

__all__ = ["one_lexicon"]


@pytest.fixture(scope="module")
def done(one_lexicon: None, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run(project(tmp_path_factory.mktemp("index"), steps=("normalize", "embed")))


def cli(*args: object) -> Any:
    answer = CliRunner().invoke(build(), [str(a) for a in args])
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


@pytest.mark.parametrize(("kind", "shards"), [("flat", 0), ("ivf", 0), ("ivf_sq8", 0), ("hnsw", 1)])
def test_an_index_of_a_run(kind: str, shards: int, done: RunResult, tmp_path: Path) -> None:
    before = part_bytes(done.workspace)
    made = cli("index", "build", tmp_path / "i", "-w", done.workspace.root, "--kind", kind, "--json")
    live = done.table(["zh_norm", "zh_vector"])
    assert (made["kind"], made["vectors"]) == (kind, len(live))
    assert made["shards"] == (shards or len([p for p in done.records[-1].parts if p.rows]))
    assert made["recall"] >= 0.9
    assert made["top10"] >= (0.999 if kind == "flat" else 0.6)
    assert sorted(p.name for p in (tmp_path / "i").iterdir()) == sorted([indexing.INDEX, indexing.IDS, indexing.NOTE])
    vectors = live.get_column("zh_vector").to_numpy().astype(np.float32)
    at = int(np.flatnonzero(np.abs(vectors).sum(axis=1) > 0)[3])
    answers = indexing.search(tmp_path / "i", vectors[at : at + 1], 3)[0]
    assert answers[0][1] == pytest.approx(1, abs=0.02)
    found = cli("index", "search", tmp_path / "i", "-q", live.get_column("zh_norm")[at], "-k", "2", "--embedder", "hash", "--json")
    assert [f["id"] for f in found][:1] == [answers[0][0]]
    assert part_bytes(done.workspace) == before


def test_shards_give_the_index_that_one_pass_gives(done: RunResult, tmp_path: Path) -> None:
    table = indexing.stored(done.workspace)
    indexing.build(table, "zh", tmp_path, "flat")
    vectors = done.table(["zh_vector"]).get_column("zh_vector").to_numpy().astype(np.float32)
    whole, mapped = index.build(vectors, kind="flat"), index.load(tmp_path / indexing.INDEX, mmap=True)
    for a, b in zip(index.top(whole, vectors, 5), index.top(mapped, vectors, 5), strict=True):
        assert np.array_equal(a, b)


def test_a_run_without_vectors(tmp_path: Path) -> None:
    bare = run(project(tmp_path / "p", steps=("normalize",)))
    with pytest.raises(DataError, match="zh_vector"):
        indexing.build(indexing.stored(bare.workspace), "zh", tmp_path / "i")
    with pytest.raises(DataError, match="fr"):
        indexing.language("fr")
