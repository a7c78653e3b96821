"""The trainers' own loaders, opt-in: set LEISHU_LOADERS to a folder with checkouts named as in ``NAMES`` (see loaders.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate.export import export
from curate.export.base import load_release

NAMES = {
    "musubi-tuner": "musubi-tuner", "cogvideox": "CogVideo", "diffsynth-studio": "site", "simpletuner": "site", "open-sora-2": "Open-Sora",
    "open-sora-plan": "Open-Sora-Plan", "videotuna": "VideoTuna", "capcut": "capcut-cli", "open-sora-1": "Open-Sora-1",
    "videox-fun": "VideoX-Fun", "ltx-video": "LTX-Video-Trainer", "ltx-2": "LTX-2", "diffusion-pipe": "diffusion-pipe", "ai-toolkit": "ai-toolkit",
    "data-juicer": "data-juicer",
}  # fmt: skip


@pytest.mark.parametrize("target", list(NAMES))
def test_loader_takes_every_exported_clip(with_clips: Path, tmp_path: Path, target: str) -> None:
    root = os.environ.get("LEISHU_LOADERS")
    if not root or not (Path(root) / NAMES[target]).exists():
        pytest.skip(f"no checkout of {NAMES[target]} (set LEISHU_LOADERS)")
    got = export("ltx-video" if target == "ltx-2" else target, with_clips, tmp_path / target)
    env = {**os.environ, "PYTHONPATH": f"{root}/site:{Path(__file__).parents[2]}", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "tests.publish.loaders", target, str(got.path), str(Path(root) / NAMES[target])]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr[-1500:]
    said = json.loads(done.stdout.splitlines()[-1])
    out = {n.clip_id for n in got.left_out}
    if target == "musubi-tuner":
        assert sum(n for shape, n in said["dataset_zh.toml"].items() if shape.endswith(" 81)")) == got.clips
    elif target in ("videox-fun", "ai-toolkit"):
        assert said["zh"]["rows"] == sum(1 for c in load_release(with_clips, ["train"]) if c.file and c.captions["zh"] and c.clip_id not in out)
    elif target in ("open-sora-2", "open-sora-plan", "videotuna", "open-sora-1", "ltx-video", "ltx-2", "diffusion-pipe", "data-juicer"):
        assert said["rows"] == got.clips
    elif target == "cogvideox":
        assert said["pairs"] == got.clips
    elif target == "capcut":
        assert json.loads(said["said"])["summary"]["errors"] == 0 if said["said"].endswith("}") else said["exit"] < 2
