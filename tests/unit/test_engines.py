"""Engines change how parts are run, not what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curate import engines
from curate.errors import RecipeError
from curate.run import run
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


def test_processes_are_started_for_many_rows_only() -> None:
    with engines.Workers(0) as crew:
        assert crew.count(100) == 1
        assert crew.count(engines.WORTH) >= 1
    with engines.Workers(3) as crew:
        assert crew.count(100) == 3


def test_unknown_engine(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="rey"):
        run(project(tmp_path), engine="rey")
