"""Video as it lies about: folders, zips, tables; sidecars in either language, subtitles aligned to clips."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import polars as pl
import pytest

from curate import plain, readers
from curate.errors import DataError
from curate.media import synth
from curate.readers import subtitles
from curate.readers.clips import ClipsParams, read_clips

ZH = "1\n00:00:00,000 --> 00:00:01,400\n<i>唐代的舞者</i>\n\n2\n00:00:01,500 --> 00:00:03,000\n宫灯亮起\n\n3\n00:00:02,000 --> 00:00:01,000\n坏\n"
EN = "WEBVTT\n\n00:00.000 --> 00:01.400\nA Tang dancer\n\n00:01.500 --> 00:03.000 align:start\nLanterns are lit\n"


@pytest.fixture
def folder(made: tuple[Path, list[synth.Made]], tmp_path: Path) -> Path:
    root, items = made
    cutted = next(m for m in items if m.cut_at)
    (tmp_path / "sub").mkdir()
    for name in ("a.mp4", "b.mp4", "sub/c.mp4", "d.mp4"):
        shutil.copyfile(root / cutted.clip, tmp_path / name)
    (tmp_path / "a.zh.srt").write_bytes(ZH.encode("gb18030"))
    (tmp_path / "a.en.vtt").write_text(EN, encoding="utf-8")
    (tmp_path / "b.txt").write_text("端午節龍舟競渡\nDragon boats race", encoding="utf-8")
    (tmp_path / "sub/c.json").write_text('{"caption_zh": "宋代点茶", "license": "CC0-1.0"}', encoding="utf-8")
    return tmp_path


def rows(path: Path, **options: object) -> tuple[list[dict], list]:
    batches = list(read_clips(path, ClipsParams.model_validate(options)))
    return [r for b in batches for r in b.frame.iter_rows(named=True)], [x for b in batches for x in b.bad]


def test_a_folder_with_every_kind_of_sidecar(folder: Path) -> None:
    got, bad = rows(folder)
    said = {(Path(r["uri"]).name, r["start_s"]): r for r in got}
    assert said["a.mp4", 0.0]["zh"] == "唐代的舞者"
    assert said["a.mp4", 0.0]["en"] == "A Tang dancer"
    assert (said["a.mp4", 1.5]["end_s"], said["a.mp4", 1.5]["en"]) == (3.0, "Lanterns are lit")
    assert (said["b.mp4", None]["zh"], said["b.mp4", None]["en"]) == ("端午節龍舟競渡", "Dragon boats race")
    assert (said["c.mp4", None]["zh"], said["c.mp4", None]["license"]) == ("宋代点茶", "CC0-1.0")
    assert sorted((b.reason, Path(b.file).name) for b in bad) == [("bad_cue", "a.zh.srt"), ("no_caption", "d.mp4")]


def test_scenes_take_what_is_said_in_them(folder: Path) -> None:
    got, _ = rows(folder, divide="scenes")
    a = [(r["start_s"], r["end_s"], r["zh"]) for r in got if r["uri"].endswith("a.mp4")]
    assert a == [(0.0, 1.5, "唐代的舞者"), (1.5, 3.0, "宫灯亮起")]
    assert len({r["clip_id"] for r in got}) == len(got)


def test_whole_files_join_their_subtitles(folder: Path) -> None:
    got, _ = rows(folder, divide="whole")
    assert next(r for r in got if r["uri"].endswith("a.mp4"))["zh"] == "唐代的舞者 宫灯亮起"


def test_a_zip_is_read_in_place(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("zip") / "set.zip"
    with zipfile.ZipFile(path, "w") as z:
        for item in sorted(folder.rglob("*.*")):
            z.write(item, item.relative_to(folder).as_posix())
        z.writestr("../../evil.mp4", b"x")
    got, bad = rows(path)
    assert {r["uri"] for r in got} == {f"zip://{path}#{n}" for n in ("a.mp4", "b.mp4", "sub/c.mp4")}
    assert {b.reason for b in bad} == {"bad_cue", "no_caption"}
    assert not (path.parent.parent / "evil.mp4").exists()
    frame = plain.load(path, "clips").frame
    out = plain.apply(frame.filter(pl.col("source_id") == "b.mp4"), ("clip",), plain.default_resources("hash"))
    assert out.select("clip_ok", "frames").row(0) == (True, synth.FRAMES)


def test_a_table_with_bounds_and_subtitles(folder: Path) -> None:
    (folder / "clips.csv").write_text("path,start,end\na.mp4,0,1.4\na.mp4,1.5,3\n", encoding="utf-8")
    got = plain.load(folder / "clips.csv", "clips").frame
    assert got.select("zh", "en", "start_s", "end_s").rows() == [
        ("唐代的舞者", "A Tang dancer", 0.0, 1.4),
        ("宫灯亮起", "Lanterns are lit", 1.5, 3.0),
    ]
    assert Path(got["uri"][0]).is_absolute()


def test_one_file_is_chosen_by_its_ending(folder: Path) -> None:
    assert readers.choose("auto", folder / "a.mp4") == "clips"
    assert len(rows(folder / "a.mp4")[0]) == 2


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK no")
    for path in (tmp_path, tmp_path / "x.zip", tmp_path / "x.exe"):
        with pytest.raises(DataError):
            rows(path)


@pytest.mark.parametrize("raw", [b"\x00\x01\x02", b"1\n00:00:99,999 --> x\n", "字幕".encode("utf-16"), b"[Script Info]\n" * 50])
def test_broken_subtitles_give_a_reason_or_nothing(raw: bytes) -> None:
    reason = ""
    cues: list[subtitles.Cue] = []
    try:
        cues, _ = subtitles.parse(raw, "x.srt")
    except subtitles.SubtitleFault as e:
        reason = e.reason
    assert cues == []
    assert reason in ("", "bad_subtitles", "bad_encoding")
