"""The real clips: true properties or a clear reason."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from curate.media import probe

pytestmark = pytest.mark.real

# Properties of the files that the list gives as other programs guess them from headers; decoding says otherwise.
BY_HEADER = {
    "torchcodec_test_non_zero_start.mp4": "its first frame is at 8.33 s; the list counts from zero",
    "torchcodec_nasa_13013.mp4": "the list gives the longest of six streams",
    "gradio_screenshot.gif": "frames of different length; the mean rate of all of them is 33 / 4.17 s",
}


@pytest.fixture(scope="module")
def truth(shared: Path) -> dict[str, dict]:
    lines = (shared / "data" / "videos.jsonl").read_text(encoding="utf-8").splitlines()
    return {r["media"]: r["labels"] for r in map(json.loads, lines)}


def test_every_clip_gives_its_true_properties_or_a_reason(shared: Path, truth: dict[str, dict]) -> None:
    rows = list(probe.probe([shared / "data" / name for name in truth], workers=2))
    assert len(rows) == 31
    for row, (name, want) in zip(rows, truth.items(), strict=True):
        base = Path(name).name
        if want["vcodec"] is None:
            assert (row["ok"], row["reason"]) == (False, "not_media")
            assert "LFS" in row["note"]
            continue
        assert row["ok"], base
        got = {k: row[k] for k in ("container", "codec", "pix_fmt", "width", "height", "frames", "audio_codecs", "streams", "bytes")}
        names = ("container", "vcodec", "pix_fmt", "width", "height", "frames_decoded", "acodecs", "n_streams", "bytes")
        assert got == dict(zip(got, (want[n] for n in names), strict=True)), base
        assert row["rotation"] == (want["rotation"] or 0), base
        assert not row["short_decode"], base
        assert row["decode_errors"] == 0, base
        if base not in BY_HEADER:
            assert row["fps"] == pytest.approx(float(Fraction(want["avg_frame_rate"])), rel=1e-5), base
            # A sound track may be longer than the picture.
            assert row["duration_s"] == pytest.approx(want["duration_s"], abs=0.55 if want["acodecs"] else 0.01), base
        assert row["constant_fps"] == (base not in ("gradio_screenshot.gif", "gradio_b.avi")), base


def test_times_that_do_not_start_at_zero(shared: Path) -> None:
    (row,) = probe.probe([shared / "data" / "videos" / "torchcodec_test_non_zero_start.mp4"])
    assert row["start_s"] == pytest.approx(8.333, abs=1e-3)
    assert row["duration_s"] == pytest.approx(0.4)
