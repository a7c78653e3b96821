"""A workspace survives the way through object storage: steps are folders that never change, so copying them is enough."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curate.run import run
from tests.unit.test_run import part_bytes, project


def test_a_workspace_comes_back_from_a_bucket(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    recipe = project(tmp_path, steps=("normalize", "split"))
    ws = run(recipe).workspace
    before = part_bytes(ws)
    bucket = fsspec.filesystem("memory")
    bucket.put(str(ws.root), "/bucket/ws", recursive=True)
    shutil.rmtree(ws.root)
    bucket.get("/bucket/ws/", str(ws.root), recursive=True)
    again = run(recipe)
    assert all(s["cached"] for s in again.manifest["steps"])
    assert part_bytes(again.workspace) == before
