"""Scores of generated clips are those that were put in."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.errors import RecipeError
from curate.media import presets, scenes, synth
from curate.media.isolate import Pool


@pytest.fixture(scope="module")
def scores(made: tuple[Path, list[synth.Made]]) -> list[tuple[synth.Made, dict]]:
    with Pool() as pool:
        return [(m, pool.call("analyse", {}, made[0] / m.clip).value) for m in made[1][:12]]


def test_black_frozen_cuts_and_bars(scores: list[tuple[synth.Made, dict]]) -> None:
    for item, got in scores:
        assert got["black"] == pytest.approx(item.black / item.frames, abs=0.01), item
        assert got["frozen"] == pytest.approx(
            (item.frozen and (item.frozen - 2) / item.frames) or (item.black and (item.black - 1) / item.frames), abs=0.06
        ), item
        assert got["letterbox"] == pytest.approx(2 * item.letterbox / synth.HEIGHT, abs=0.03), item
        if item.cut_at:
            assert got["cuts"] == [pytest.approx(item.cut_at / item.fps, abs=0.01)], item
        elif not item.black and not item.frozen and item.copy_of is None:
            assert got["cuts"] == [], item
        assert got["motion"] > 1
        assert got["brightness"] > 20


def test_a_copy_scores_like_its_original(scores: list[tuple[synth.Made, dict]]) -> None:
    by_name = {m.clip: got for m, got in scores}
    for item, got in scores:
        if item.how == "flip":
            assert got["motion"] == pytest.approx(by_name[item.copy_of]["motion"], rel=0.1)
            assert got["brightness"] == pytest.approx(by_name[item.copy_of]["brightness"], abs=2)


def test_presets_apply_only_their_own_scorer() -> None:
    for name in presets.names():
        rules, notes = presets.load(name)
        assert all(r.applies and r.column in presets.REASONS for r in rules), name
        assert all(name in n for n in notes)
    assert any("lpips" in n for n in presets.load("open-sora-plan-1.3")[1])
    with pytest.raises(RecipeError, match="did you mean 'easyanimate'"):
        presets.load("easyanimat")
    with pytest.raises(ValueError, match="does not compare"):
        presets.check("motion", "unimatch-flow")


def test_null_scores_fail_nothing() -> None:
    rules = [presets.Rule("motion", "dis-flow-256", 5.0, None), presets.Rule("cuts", "hsv-adaptive", None, 0)]
    assert presets.verdict({"motion": None, "cuts": []}, rules) is None
    assert presets.verdict({"motion": 1.0, "cuts": []}, rules)[0] == "wrong_motion"
    assert presets.verdict({"motion": 9.0, "cuts": [1.5]}, rules)[0] == "has_cuts"


def test_shots_of_a_clip_with_a_cut(made: tuple[Path, list[synth.Made]], tmp_path: Path) -> None:
    item = next(m for m in made[1] if m.cut_at)
    rows = list(scenes.cut_all(made[0] / item.clip, tmp_path))
    assert [(r["begin_s"], r["end_s"], r["frames"]) for r in rows] == [(0.0, 1.5, 18), (1.5, 3.0, 18)]
    assert all(Path(r["path"]).exists() for r in rows)


@pytest.mark.slow
def test_chinese_text_is_read(made: tuple[Path, list[synth.Made]]) -> None:
    from curate.media.ocr import READER_LIMITS, read_clip

    with Pool() as decoder, Pool(READER_LIMITS) as reader:
        titled = next(m for m in made[1] if m.title and not m.copy_of)
        got = read_clip(str(made[0] / titled.clip), 1.0, decoder, reader)
        assert titled.title[:4] in (got["text_zh"] or "")
        assert 0.01 < got["text_share"] < 0.5
        plain = read_clip(str(made[0] / made[1][0].clip), 1.0, decoder, reader)
        assert plain == {"text_share": 0.0, "text_zh": None, "text_en": None}
