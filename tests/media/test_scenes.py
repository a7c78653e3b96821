"""A long video of many shots: our cuts are where the shots meet, and another detector puts them there too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curate.cli import build
from curate.media import synth
from curate.media.encode import write_video

LENGTHS = (40, 26, 55, 31, 24, 60, 33, 28, 45, 30)


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    write_video(path, (frame for i, n in enumerate(LENGTHS) for frame in synth._shot(100 + 17 * i, n, 12)), 12, options={"preset": "ultrafast"})
    return path


def test_every_shot_becomes_a_clip(long_video: Path, tmp_path: Path) -> None:
    got = CliRunner().invoke(build(), ["clips", "cut", str(long_video), "-o", str(tmp_path), "--scenes", "--json"], catch_exceptions=False)
    rows = [json.loads(line) for line in got.stdout.splitlines()]
    assert [r["frames"] for r in rows] == list(LENGTHS)
    assert len(list(tmp_path.glob("long-*.mp4"))) == len(LENGTHS)


def test_another_detector_agrees(long_video: Path, tmp_path: Path) -> None:
    scenedetect = pytest.importorskip("scenedetect")
    scenes = scenedetect.detect(str(long_video), scenedetect.AdaptiveDetector(min_scene_len=6))
    theirs = [scene[0].frame_num for scene in scenes[1:]]
    edges = [sum(LENGTHS[:i]) for i in range(1, len(LENGTHS))]
    assert theirs == edges
