"""Generated clips: as many as asked, equal bytes each time, and inside the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.errors import DataError
from curate.media import probe, synth
from tests.conftest import SAMPLE


def test_clips_are_whole_and_have_every_kind(made: tuple[Path, list[synth.Made]]) -> None:
    folder, items = made
    rows = list(probe.probe([folder / m.clip for m in items], workers=2))
    assert len(rows) == 24
    assert all(r["ok"] and r["constant_fps"] and not r["short_decode"] for r in rows)
    assert [(r["frames"], round(r["fps"])) for r in rows] == [(m.frames, m.fps) for m in items]
    assert sum(m.frames >= 129 and m.copy_of is None for m in items) >= 6, "trainers want long clips"
    kinds = [bool(m.cut_at) for m in items], [m.black > 0 for m in items], [m.frozen > 0 for m in items], [m.letterbox > 0 for m in items]
    assert all(any(k) for k in kinds)
    assert {m.how for m in items} == {"", "smaller", "subtitle", "flip"}
    assert any(m.labelled for m in items)
    assert not list(folder.rglob("*.tmp*"))


def test_equal_names_give_equal_bytes(captions: Path, made: tuple[Path, list[synth.Made]], tmp_path: Path) -> None:
    synth.make_clips(captions, tmp_path, 6)
    for item in made[1][:6]:
        assert (tmp_path / item.clip).read_bytes() == (made[0] / item.clip).read_bytes(), item


def test_a_name_that_leads_out_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_text(json.dumps({"clip": "../../evil.mp4", "caption_zh": "唐"}) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="leads out"):
        synth.make_clips(path, tmp_path / "out")
    path.write_text(json.dumps({"caption_zh": "唐"}) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="no row"):
        synth.make_clips(path, tmp_path / "out")


@pytest.mark.skipif(not (SAMPLE / "captions.jsonl").exists(), reason="the sample is not there")
def test_the_sample_names_enough_clips() -> None:
    rows = [json.loads(line) for line in (SAMPLE / "captions.jsonl").read_text(encoding="utf-8").split("\n") if line.strip()]
    assert len(synth.plan(rows, 24)) == 24
