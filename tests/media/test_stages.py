"""The stages on real clips, and the commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from curate import plain, stages
from curate.errors import RecipeError
from curate.media import synth
from curate.stage import Resources, call


@pytest.fixture(scope="module")
def frame(made: tuple[Path, list[synth.Made]]) -> pl.DataFrame:
    """Two captions of the first clip, then one of each other, one missing, one broken, one without media."""
    folder, items = made
    (folder / "broken.mp4").write_bytes((folder / items[0].clip).read_bytes()[:2000])
    names = [items[0].clip, *[m.clip for m in items[:12]], "clips/none.mp4", "broken.mp4", None]
    rows = [{"id": f"r{i}", "zh": f"第{i}条说明文字", "path": n, "clip_id": n or "bare"} for i, n in enumerate(names)]
    return plain.from_rows(rows)


@pytest.fixture(scope="module")
def here(made: tuple[Path, list[synth.Made]]) -> Resources:
    return replace(Resources(), base=made[0])


def run(name: str, frame: pl.DataFrame, res: Resources, **params: object) -> pl.DataFrame:
    stage = stages.load()[name]
    return call(stage, frame, stage.parse(params), res, name)


def test_clip_measures_and_says_why_not(frame: pl.DataFrame, here: Resources, made: tuple[Path, list[synth.Made]]) -> None:
    out = run("clip", frame, here)
    assert out["clip_ok"].to_list() == [True] * 13 + [False, False, None]
    assert out["frames"][0] == synth.FRAMES
    assert out.row(0)[1:] == out.row(1)[1:]
    assert out["clip_reason"].to_list()[13:] == ["not_found", "no_frames", None]
    assert out["drop"].to_list() == [None] * 14 + ["clip.unreadable", None]
    labelled = [m.labelled for m in made[1][:12]]
    assert out["ai_generated"].to_list()[1:13] == labelled
    assert {x for x in out["ai_label"].to_list() if x} == {"is_ai"}


def test_cut_offs_belong_to_the_recipe(frame: pl.DataFrame, here: Resources) -> None:
    clips = frame[1:13]
    out = run("clip", clips, here, cutoffs={"black": {"max": 0.1}, "cuts": {"max": 0}}, ai_generated="drop")
    assert set(out["drop"].drop_nulls()) == {"clip.has_cuts", "clip.too_black", "clip.ai_generated"}
    out = run("clip", clips[:2], here, preset="easyanimate")
    assert out["drop"].to_list() == ["clip.too_small"] * 2
    with pytest.raises(RecipeError, match="does not compare"):
        run("clip", clips[:1], here, cutoffs={"motion": {"min": 2, "scorer": "unimatch-flow"}})
    with pytest.raises(RecipeError, match="unknown preset"):
        run("clip", clips[:1], here, preset="sora")


def test_copies_leave_with_all_their_captions(frame: pl.DataFrame, here: Resources, made: tuple[Path, list[synth.Made]]) -> None:
    marked = frame.hstack(run("fingerprint", frame, here).select("fingerprint"))
    assert marked["fingerprint"].is_null().to_list() == [False] * 13 + [True] * 3
    out = run("clipdedup", marked, here)
    copies = {m.clip: m.copy_of for m in made[1][:12] if m.copy_of}
    pairs = {frozenset(p) for p in copies.items()}
    gone = {(c, k) for c, k in zip(frame["clip_id"], out["clip_dup_of"], strict=True) if k}
    assert {frozenset(p) for p in gone} == pairs
    by_clip = frame.select("clip_id").hstack(out.select("drop")).group_by("clip_id").agg(pl.col("drop").n_unique())
    assert by_clip["drop"].max() == 1
    assert run("clipdedup", marked, here, copies="mark")["drop"].null_count() == len(frame)


def test_commands_on_plain_files(made: tuple[Path, list[synth.Made]], tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from curate.cli import build

    folder, items = made
    paths = [str(folder / m.clip) for m in items[:3]]
    app, runner = build(), CliRunner()

    def ok(*args: str) -> str:
        got = runner.invoke(app, ["clips", *args], catch_exceptions=False)
        assert got.exit_code == 0, got.output
        return got.stdout

    ok("probe", *paths, "-o", str(tmp_path / "p.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(r["ok"], r["frames"], r["width"], r["height"]) for r in rows] == [(True, m.frames, synth.WIDTH, synth.HEIGHT) for m in items[:3]]
    ok("dedup", *paths, "-o", str(tmp_path / "d.csv"))
    assert pl.read_csv(tmp_path / "d.csv").columns[:1] == ["path"]
    assert json.loads(ok("cut", paths[2], "-o", str(tmp_path / "scenes"), "--scenes", "--json").splitlines()[0])["frames"] == 18
    ok("cut", paths[0], "-o", str(tmp_path / "c.mkv"), "--start", "0.5", "--end", "1.5", "--fps", "8")
    assert json.loads(ok("probe", str(tmp_path / "c.mkv")))["frames"] == 8
    (tmp_path / "t.jsonl").write_text(json.dumps({"clip": items[0].clip, "caption_zh": "唐代"}) + "\n", encoding="utf-8")
    ok("sheet", *paths, "-o", str(tmp_path / "s.png"), "--titles", str(tmp_path / "t.jsonl"))
    ok("sheet", *paths, "-o", str(tmp_path / "page"))
    assert (tmp_path / "page" / "clips.html").exists()
    assert json.loads(ok("provenance", paths[0]))["ai_label"] is None
    assert "easyanimate" in ok("presets")
