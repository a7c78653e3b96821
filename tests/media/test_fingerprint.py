"""Copies are found with their offset, different shots are not merged, and hashes turn like pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from curate import index
from curate.media import bench, dedupe, synth
from curate.media.cutting import cut
from curate.media.fingerprint import TURNS, hash_pictures, turned


def test_turned_hashes_are_the_hashes_of_turned_pictures() -> None:
    rng = np.random.default_rng(3)
    pictures = np.stack([np.kron(rng.integers(0, 256, (8, 8)), np.ones((4, 4))) for _ in range(5)])
    signs, sure = hash_pictures(pictures)
    for turn in range(TURNS):
        want = np.swapaxes(pictures, 1, 2) if turn >= 4 else pictures
        want = want[:, ::-1] if turn & 2 else want
        want = want[:, :, ::-1] if turn & 1 else want
        got = turned(signs, sure, turn)
        assert np.array_equal(got[0], hash_pictures(want)[0]), turn
        assert np.array_equal(got[1], hash_pictures(want)[1]), turn


def test_flat_pictures_have_no_hash() -> None:
    signs, sure = hash_pictures(np.full((2, 32, 32), 77))
    assert not signs.any()
    assert not sure.any()


@pytest.mark.parametrize("limit", [10, 10**9])
def test_binary_search_is_exact_both_ways(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BINARY_FLAT_LIMIT", limit)
    rng = np.random.default_rng(1)
    base = rng.integers(0, 2**63, 300, dtype=np.uint64)
    flips = np.uint64(1) << rng.integers(0, 63, (40, 12), dtype=np.uint64)
    queries = np.array([base[i] ^ np.bitwise_xor.reduce(flips[i, : i % 13]) for i in range(40)], np.uint64)
    got = index.binary_near(base, queries, 10)
    want = np.argwhere(np.bitwise_count(queries[:, None] ^ base[None]) <= 10)
    assert np.array_equal(np.stack([got.query, got.base], axis=1), want)


def test_the_planted_copies_and_only_they(made: tuple[Path, list[synth.Made]], tmp_path: Path) -> None:
    folder, items = made
    paths = [str(folder / m.clip) for m in items]
    part = tmp_path / "part.mp4"
    cut(folder / items[1].clip, part, 1.0, 2.5)
    paths.append(str(part))
    rows = {r["path"]: r for r in dedupe.dedup(paths, dedupe.fingerprints(paths))}
    copies = {str(folder / m.clip): str(folder / m.copy_of) for m in items if m.copy_of} | {str(part): str(folder / items[1].clip)}
    groups: dict[str, set[str]] = {}
    for path, row in rows.items():
        groups.setdefault(row["dup_group"], set()).add(path)
    assert {frozenset(g) for g in groups.values() if len(g) > 1} == {frozenset(p) for p in copies.items()}
    assert rows[str(part)]["dup_of"] == str(folder / items[1].clip)
    assert rows[str(part)]["offset_s"] == pytest.approx(1.0, abs=0.2)
    flipped = next(m for m in items if m.how == "flip")
    assert "flip" in {rows[str(folder / flipped.clip)]["turned"], rows[str(folder / flipped.copy_of)]["turned"]}


def test_order_of_files_does_not_matter(made: tuple[Path, list[synth.Made]]) -> None:
    paths = [str(made[0] / m.clip) for m in made[1][:7]]
    outcomes = list(dedupe.fingerprints(paths))
    one = dedupe.dedup(paths, outcomes)
    two = dedupe.dedup(paths[::-1], outcomes[::-1])
    assert one == two[::-1]


def test_an_unreadable_file_gets_its_reason(tmp_path: Path, made: tuple[Path, list[synth.Made]]) -> None:
    good, bad = tmp_path / "good.mp4", tmp_path / "bad.mp4"
    shutil.copyfile(made[0] / made[1][0].clip, good)
    bad.write_text("not a video")
    rows = dedupe.dedup([good, bad, tmp_path / "none.mp4"], dedupe.fingerprints([str(good), str(bad), str(tmp_path / "none.mp4")]))
    assert [(r["ok"], r["reason"], r["dup_of"]) for r in rows] == [(True, None, None), (False, "not_media", None), (False, "not_found", None)]


def test_the_bench_finds_what_it_made(made: tuple[Path, list[synth.Made]], tmp_path: Path) -> None:
    paths = [str(made[0] / made[1][k].clip) for k in (0, 1, 2)]
    got = bench.run(paths, tmp_path, names=("low quality", "letterbox", "flip", "middle half"))
    assert (got.clips, got.recall, got.precision) == (3, 1.0, 1.0)
    assert got.offsets == 1.0


@pytest.mark.real
def test_the_groups_of_the_real_clips(shared: Path) -> None:
    folder = shared / "data" / "videos"
    names = ("gradio_b.avi", "gradio_b.mp4", "gradio_muted_b.mp4", "gradio_world.mp4", "torchcodec_nasa_13013.mp4",
             "torchcodec_nasa_13013_rotated.mp4", "cogvideo_1.mp4", "cogvideo_horse.mp4", "cogvideo_kitten.mp4", "scikitvideo_bikes.mp4",
             "nemo_test_video.mp4", "torchcodec_test_non_zero_start.mp4")  # fmt: skip
    paths = [str(folder / n) for n in names]
    rows = dedupe.dedup(paths, dedupe.fingerprints(paths, workers=2))
    groups = [Path(r["dup_group"]).name for r in rows]
    assert groups == ["gradio_b.avi"] * 4 + ["torchcodec_nasa_13013.mp4"] * 2 + list(names[6:])
    assert rows[5]["turned"] == "turn"
