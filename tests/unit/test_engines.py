"""Engines change how parts are run, not what is in them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curate import engines
from curate.errors import RecipeError
from curate.run import run
from curate.stage import Resources
from tests.unit.test_run import part_bytes, project


@pytest.fixture
def ray() -> Iterator[None]:
    module = pytest.importorskip("ray")
    yield
    module.shutdown()


@pytest.mark.usefixtures("ray")
@pytest.mark.timeout(300)
def test_ray_writes_the_same_bytes(tmp_path: Path) -> None:
    steps = ("normalize", "language", "quality", "split")
    local = run(project(tmp_path / "local", steps=steps))
    remote = run(project(tmp_path / "ray", steps=steps), engine="ray", workers=2)
    assert len(part_bytes(local.workspace)) > 4
    assert part_bytes(remote.workspace) == part_bytes(local.workspace)


@pytest.mark.usefixtures("ray")
@pytest.mark.timeout(300)
def test_ray_tries_a_part_again_after_an_oserror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system is away when the second step of part 1 is written; the first step of it is not done twice."""
    real, failed = engines.do_part, tmp_path / "failed"

    def flaky(task: engines.PartTask, res: Resources | None = None) -> list[engines.PartResult]:
        from curate import engines as there

        write = there.write_part

        def away(folder: Path, index: int, frame: pl.DataFrame, seconds: float) -> engines.PartResult:
            if folder.name == task.links[1].key:
                failed.write_text(str((folder.parent / task.links[0].key / there.part_name(index)).stat().st_mtime_ns))
                raise OSError("stale file handle")
            return write(folder, index, frame, seconds)

        if task.part != 1 or failed.exists():
            return real(task, res)
        there.write_part = away
        try:
            return real(task, res)
        finally:
            there.write_part = write

    steps = ("normalize", "language", "quality", "split")
    local = run(project(tmp_path / "local", steps=steps))
    monkeypatch.setattr(engines, "do_part", flaky)
    remote = run(project(tmp_path / "ray", steps=steps), engine="ray", workers=1)
    assert part_bytes(remote.workspace) == part_bytes(local.workspace)
    first = remote.workspace.step_dir(remote.records[1].key) / engines.part_name(1)
    assert failed.read_text() == str(first.stat().st_mtime_ns)


def test_this_process_works_beside_those_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, mine = engines.do_part, []

    def here(task: engines.PartTask, res: Resources | None = None) -> list[engines.PartResult]:
        mine.append(task.part)
        return real(task, res)

    class Pool(ThreadPoolExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            return super().submit(real if fn is here else fn, *args, **kwargs)

    steps = ("normalize", "language", "quality")
    alone = run(project(tmp_path / "one", steps=steps, part_rows=5))
    monkeypatch.setattr(engines, "do_part", here)
    with Pool(1) as pool:
        crew = engines.Workers(2)
        monkeypatch.setattr(crew, "pool", lambda _count: pool)
        monkeypatch.setattr(engines, "Workers", lambda _wanted: crew)
        shared = run(project(tmp_path / "two", steps=steps, part_rows=5), workers=2)
    parts = len(shared.records[0].parts)
    assert 0 < len(mine) < parts
    assert part_bytes(shared.workspace) == part_bytes(alone.workspace)


def test_a_fault_in_another_process_ends_the_run(tmp_path: Path) -> None:
    recipe = project(tmp_path, steps=("normalize",), part_rows=5)
    result = run(recipe)
    lost = engines.Link("k", "language", "lost", "{}")
    task = engines.PartTask(str(result.workspace.root), result.key, (lost,), 0, "{}", 0, ".", (), None)
    with ThreadPoolExecutor(1) as pool, pytest.raises(KeyError, match="lost"):
        list(engines._shared(deque(replace(task, part=i) for i in range(9)), pool, 2, None))


def test_started_processes_have_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    with engines.Workers(2) as crew:
        assert crew.pool(2).submit(pl.thread_pool_size).result() == 1
        assert crew.pool(2).submit(os.getenv, "OMP_NUM_THREADS").result() == "3"
    assert "POLARS_MAX_THREADS" not in os.environ


def test_processes_that_rest_start_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "MANY", 1)
    rested: list[engines.Workers] = []

    def rest(self: engines.Workers) -> None:
        rested.append(self)

    monkeypatch.setattr(engines.Workers, "rest", rest)
    run(project(tmp_path, steps=("normalize", "split")))
    assert len(rested) == 2  # before the table step and at the end
    monkeypatch.undo()
    with engines.Workers(2) as crew:
        first = crew.pool(2)
        crew.rest()
        assert crew.pool(2) is not first
        assert crew.pool(2).submit(abs, -1).result() == 1


def test_processes_are_started_for_many_rows_only() -> None:
    with engines.Workers(0) as crew:
        assert crew.count(100) == 1
        assert crew.count(engines.WORTH) >= 1
    with engines.Workers(3) as crew:
        assert crew.count(100) == 3


def test_unknown_engine(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="rey"):
        run(project(tmp_path), engine="rey")
