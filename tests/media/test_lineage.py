"""A changed clip file behind an unchanged table is decoded again; an unchanged one is not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from curate.media import synth
from curate.planning import plan
from curate.run import run


@pytest.fixture
def recipe(made: tuple[Path, list[synth.Made]], tmp_path: Path) -> Path:
    for name, item in (("a.mp4", made[1][5]), ("b.mp4", made[1][8])):
        (tmp_path / name).write_bytes((made[0] / item.clip).read_bytes())
    rows = [{"id": n, "path": n, "zh": f"一段短片，编号{n}。"} for n in ("a.mp4", "b.mp4", "gone.mp4")]
    (tmp_path / "captions.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "recipe: 1\nname: lineage\ninputs: [{name: c, path: captions.jsonl}]\nsteps: [normalize, {clip: {motion: false}}, {split: {validation: 0}}]\n",
        encoding="utf-8",
    )
    return path


def cached(recipe: Path, ws: Path) -> dict[str, bool]:
    return {s.step_id: s.cached for s in plan(recipe, ws)}


def test_a_changed_file_reruns_what_opened_it(recipe: Path, made: tuple[Path, list[synth.Made]], tmp_path: Path) -> None:
    ws = tmp_path / "ws"
    first = run(recipe, ws)
    assert first.table(["height"])["height"].to_list() == [144, 180, None]
    assert all(cached(recipe, ws).values())
    os.utime(tmp_path / "a.mp4")
    assert all(cached(recipe, ws).values()), "only the time of change differs, not a byte"
    (tmp_path / "a.mp4").write_bytes((made[0] / made[1][8].clip).read_bytes())
    assert cached(recipe, ws) == {"ingest": True, "normalize": True, "clip": False, "split": False}
    second = run(recipe, ws)
    assert second.table(["height"])["height"].to_list() == [180, 180, None]
    (tmp_path / "gone.mp4").write_bytes(b"")
    assert not cached(recipe, ws)["clip"], "a file that was not there is there now"


def test_the_same_files_elsewhere_give_the_same_key(recipe: Path, tmp_path: Path) -> None:
    assert run(recipe, tmp_path / "one").key == run(recipe, tmp_path / "two").key
