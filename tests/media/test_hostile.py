"""Hostile files: the parent lives, each file costs at most its limits and gives a reason; short decodes are never silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.media import probe, synth
from curate.media.isolate import Limits, Pool
from tests.media import hostile


def test_mutated_files(made: tuple[Path, list[synth.Made]]) -> None:
    folder, items = made
    got = hostile.run([folder / m.clip for m in items], 40, ("probe", "analyse", "fingerprint"))
    assert got["slowest_s"] < 30
    assert got["peak_mb"] < 1024
    assert sum(got["outcomes"].values()) == 120
    assert got["outcomes"].get("crashed", 0) == 0


@pytest.mark.real
def test_mutated_real_files(shared: Path) -> None:
    got = hostile.run(sorted((shared / "data" / "videos").iterdir()), 40, largest=100_000)
    assert got["slowest_s"] < 30
    assert got["peak_mb"] < 1024


def test_a_truncated_file_is_never_whole(made: tuple[Path, list[synth.Made]], tmp_path: Path) -> None:
    source = made[0] / made[1][0].clip
    data = source.read_bytes()
    paths = []
    for share in (0.5, 0.7, 0.9):
        paths.append(tmp_path / f"{share}.mp4")
        paths[-1].write_bytes(data[: int(len(data) * share)])
    for row in probe.probe(paths):
        assert row["short_decode"] or not row["ok"], row
        assert row["reason"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.mp4", b"", "empty_file"),
        ("lfs.mp4", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "not_media"),
        ("page.mp4", b"<!DOCTYPE html><html>404</html>", "not_media"),
        ("list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n", "not_media"),
        ("concat.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", "not_media"),
        ("noise.mp4", bytes(range(256)) * 40, "unreadable"),
    ],
)
def test_what_is_no_video(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    (row,) = probe.probe([path])
    assert (row["ok"], row["reason"]) == (False, reason)
    assert row["note"]


def test_too_many_pixels(made: tuple[Path, list[synth.Made]]) -> None:
    with Pool(Limits(max_pixels=1000)) as pool:
        got = pool.call("probe", {}, made[0] / made[1][0].clip)
    assert got.reason == "too_many_pixels"
