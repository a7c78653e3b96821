"""Clips generated once for the whole area."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.media import synth

NAMES = [f"clips/t{i:04d}.mp4" for i in range(1, 25)]


@pytest.fixture(scope="session")
def captions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("captions") / "captions.jsonl"
    rows = [{"id": f"t{i}", "clip": n, "caption_zh": f"唐代第{i}幅画卷，慢慢展开。", "caption_en": f"Scroll {i}."} for i, n in enumerate(NAMES, 1)]
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def made(captions: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[synth.Made]]:
    """Folder and descriptions of 24 generated clips."""
    folder = tmp_path_factory.mktemp("made")
    return folder, synth.make_clips(captions, folder, 24)
