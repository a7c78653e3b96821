"""What a child looks at travels as one object: file, seconds and limits."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from pathlib import Path

import pytest

from curate.media.child import TASKS, answer
from curate.media.isolate import Limits, Pool
from curate.media.piece import Piece, taken
from tests.review.demo import clip

OF_FILES = sorted(set(TASKS) - {"ocr", "sleep", "hog", "crash"})


@pytest.mark.parametrize("task", OF_FILES)
def test_every_task_on_a_file_takes_the_same_piece(task: str) -> None:
    module, name = TASKS[task]
    names = list(inspect.signature(getattr(importlib.import_module(module), name)).parameters)
    assert names[0] == "piece"
    assert not {f.name for f in dataclasses.fields(Piece)} & set(names)


def test_a_piece_cannot_be_changed() -> None:
    piece = taken({"path": "a.mp4", "max_pixels": 4, "max_frames": 2, "start": 1.5})["piece"]
    assert not piece.whole
    with pytest.raises(dataclasses.FrozenInstanceError):
        piece.start = 0.0
    assert taken({"seconds": 1.0}) == {"seconds": 1.0}


def test_bounds_reach_the_work(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    clip(path, seconds=2)
    limits = Limits()
    args = {"path": str(path), "max_pixels": limits.max_pixels, "max_frames": limits.max_frames}
    whole, part = answer("analyse", {**args, "flow": False})["value"], answer("analyse", {**args, "start": 0.5, "end": 1.0, "flow": False})["value"]
    assert 0 < part["frames"] < whole["frames"]
    with Pool(limits) as pool:
        assert pool.call("fingerprint", {"start": 0.5, "end": 1.0}, path).value["frames"] == part["frames"]
