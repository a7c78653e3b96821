"""A small round of the durability benchmark: killed writers, nothing lost, doubled or changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.review import run
from tests.review import postgres


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_killed_writers_lose_nothing(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server: postgres.Server | None = request.getfixturevalue("pg") if kind == "postgres" else None
    out = run(server.url() if server else str(tmp_path / "r.sqlite"), 3, 100, 4, server)
    assert (out["lost"], out["doubled"], out["changed"]) == (0, 0, 0)
    assert out["acknowledged"] == out["decisions"] == 300
    assert out["kills"] == 4
