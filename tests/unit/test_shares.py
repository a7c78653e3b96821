"""Shares of ``dedup`` and ``balance`` done elsewhere give the bytes that one process gives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from curate import stages
from curate.duplicates import neighbours
from curate.run import RunResult, run
from curate.shares import Stored
from curate.stage import Resources, call
from tests.benchmarks.corpus import pairs
from tests.unit.test_run import one_lexicon, part_bytes, project

__all__ = ["one_lexicon"]

STEPS = ("normalize", "language", "match", "embed", "theme", "coverage", "sign")
ROWS = 400


@dataclass
class Elsewhere:
    """Does shares one after another; what goes in and comes out is copied, as between machines."""

    table: Stored
    count: int
    tasks: int = 0

    def map(self, work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
        self.tasks += len(tasks)
        return [copy.deepcopy(work(*copy.deepcopy(task))) for task in tasks]


def captions() -> list[dict[str, Any]]:
    rows = pairs(ROWS)
    # Some rows have one language only, so that both searches have work.
    return [{"id": r["id"], **({"zh": r["zh"]} if i % 5 != 1 else {}), **({"en": r["en"]} if i % 5 != 2 else {})} for i, r in enumerate(rows)]


@pytest.fixture(scope="module")
def done(one_lexicon: None, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run(project(tmp_path_factory.mktemp("shares"), rows=captions(), steps=STEPS, part_rows=64))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "FLAT_LIMIT", 50)


def both(done: RunResult, name: str, params: dict[str, Any], count: int) -> tuple[pl.DataFrame, pl.DataFrame, Elsewhere]:
    """Outcome here, outcome in shares, and who did them."""
    stage = stages.load()[name]
    parts = done.records[-1].parts
    whole = done.table([c for c in (*stage.needs, *stage.optional) if c != "id"])
    chain = done.workspace.chain(done.key)
    sizes = tuple(len(done.workspace.part(chain, i, [])) for i in range(len(parts)))
    assert len(sizes) > 4
    there = Elsewhere(Stored(str(done.workspace.root), done.key, sizes), count)
    res = Resources(seed=3)
    alone = call(stage, whole, stage.parse(params), res, name)
    shared = call(stage, whole.drop(stage.apart or ()), stage.parse(params), replace(res, spread=there), name)
    return alone, shared, there


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("count", [2, 5, 40])
def test_dedup_in_shares(done: RunResult, count: int) -> None:
    alone, shared, there = both(done, "dedup", {"semantic": 0.7, "veto": False}, count)
    assert {"near", "semantic"} <= {d.split(".")[1] for d in alone.get_column("drop").drop_nulls().to_list()}
    assert there.tasks > 4
    assert shared.equals(alone)


def test_a_small_set_is_one_task(done: RunResult) -> None:
    alone, shared, _ = both(done, "dedup", {}, 3)
    assert shared.equals(alone)


def test_rows_are_read_in_the_order_asked(done: RunResult) -> None:
    chain = done.workspace.chain(done.key)
    sizes = tuple(len(done.workspace.part(chain, i, [])) for i in range(len(done.records[-1].parts)))
    whole = done.table(["zh_vector"]).get_column("zh_vector").to_numpy()
    at = np.array([300, 5, 299, 64, 0, 5])
    assert np.array_equal(Stored(str(done.workspace.root), done.key, sizes).rows("zh_vector", at), whole[at])


@pytest.mark.parametrize("params", [{"cap": 3}, {"by_language": True, "on": "themes", "tail": 0.4}])
def test_counts_for_balance_in_shares(done: RunResult, params: dict[str, Any]) -> None:
    alone, shared, there = both(done, "balance", params, 3)
    assert there.tasks == 3
    assert alone.get_column("drop").is_not_null().any()
    assert shared.equals(alone)


@pytest.mark.timeout(300)
def test_ray_does_the_shares(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    rows = captions()[:120]
    local = run(project(tmp_path / "local", rows=rows, steps=(*STEPS, "dedup", "{balance: {cap: 3}}")))
    try:
        remote = run(project(tmp_path / "ray", rows=rows, steps=(*STEPS, "dedup", "{balance: {cap: 3}}")), engine="ray", workers=2)
    finally:
        ray.shutdown()
    assert local.drops().height > 5
    assert part_bytes(remote.workspace) == part_bytes(local.workspace)
