"""Exports: every clip arrives or is named, and what is written is read by the tools' own code where that is on PyPI."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tomllib
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from curate.cli import build
from curate.errors import DataError, UsageError
from curate.export import Exported, base, capcut, export, profiles, prompts
from curate.publish import card, croissant
from curate.publish.release import ReleaseResult, make, verify
from curate.run import run
from tests.publish.conftest import STEPS, draw, rows, write_project

TRAINERS = [k for k, p in profiles().items() if p["kind"] == "training"]
Export = Callable[..., Exported]


@pytest.fixture(scope="session")
def done(with_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Export once per target and keep it."""
    kept: dict[str, Exported] = {}
    root = tmp_path_factory.mktemp("exports")

    def get(target: str) -> Exported:
        if target not in kept:
            kept[target] = export(target, with_clips, root / target)
        return kept[target]

    return get


def captions(release: Path) -> set[str]:
    tables = [pl.read_parquet(p) for p in release.glob("data/*/captions.parquet")]
    return {base.clean(t) for table in tables for c in ("zh", "en") for t in table[c].drop_nulls()}


@pytest.mark.parametrize("target", list(profiles()))
def test_every_clip_arrives_or_is_named(done: Export, with_clips: Path, target: str) -> None:
    got = done(target)
    splits = ["train"] if profiles()[target]["kind"] == "training" else ["train", "validation", "test"]
    total = sum(pl.read_parquet(with_clips / "data" / s / "captions.parquet")["clip_id"].n_unique() for s in splits)
    assert got.clips + len({n.clip_id for n in got.left_out}) == total
    notes = [json.loads(x) for x in (got.path / "export/notes.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(notes) == len(got.notes)
    readme = (got.path / ("export/README.md" if target == "videofolder" else "README.md")).read_text(encoding="utf-8")
    for note in got.left_out:
        assert note.clip_id in readme
        assert note.detail
    assert profiles()[target]["start"].split("  ")[0] in readme
    for name in got.files:
        assert (got.path / name).exists(), f"{name} is a dangling link or missing"
    assert all(len(row) == 3 for row in csv.reader((got.path / "export/attribution.csv").open(encoding="utf-8")))


@pytest.mark.parametrize("target", list(profiles()))
def test_files_are_plain_utf8_with_lf(done: Export, target: str) -> None:
    for name in done(target).files:
        path = done(target).path / name
        if path.suffix in (".json", ".jsonl", ".txt", ".toml", ".yaml", ".srt", ".md"):
            data = path.read_bytes()
            data.decode("utf-8")
            assert b"\r" not in data
            assert not data.startswith(b"\xef\xbb\xbf")
            if profiles()[target].get("ascii_json") and path.suffix == ".json":
                data.decode("ascii")


def test_english_only_targets_get_no_chinese(done: Export) -> None:
    for target, p in profiles().items():
        if p["captions"]["langs"] == ["en"]:
            got = done(target)
            assert "clip-009" in {n.clip_id for n in got.left_out if n.reason == "no_caption"} or target in TRAINERS
            for name in got.files:
                if name.endswith((".txt", ".json", ".jsonl")) and not name.startswith("export/"):
                    assert not base.han_count((got.path / name).read_text(encoding="utf-8")), (target, name)


def test_short_clip_is_named_with_its_numbers(done: Export) -> None:
    left = {t: {n.clip_id: n.detail for n in done(t).left_out} for t in TRAINERS}
    if not any("clip-005" in v for v in left.values()):
        pytest.skip("the short clip is not in train with this seed")
    assert left["musubi-tuner"]["clip-005"] == "13 frames at 16 fps, at least 25 are needed"


def test_open_sora_plan(done: Export, with_clips: Path) -> None:
    got = done("open-sora-plan")
    root, anno = (got.path / "data.txt").read_text(encoding="utf-8").strip().split(",")
    rows = json.loads(Path(anno).read_text(encoding="utf-8"))
    assert len(rows) == got.clips
    for row in rows:
        assert (Path(root) / row["path"]).suffix == ".mp4"
        assert set(row["cap"]) <= captions(with_clips)
        assert row["resolution"] == {"height": 480, "width": 832}
        assert (row["num_frames"], row["fps"]) == (144, 24.0)
        assert "aesthetic" not in row
    assert max(len(r["cap"]) for r in rows) >= 2
    with pytest.raises(DataError, match="comma"):
        export("open-sora-plan", with_clips, got.path.parent / "a,b")


def test_open_sora_columns(done: Export) -> None:
    rows = list(csv.DictReader((done("open-sora-2").path / "train.csv").open(encoding="utf-8")))
    assert list(rows[0]) == ["path", "text", "num_frames", "height", "width", "aspect_ratio", "resolution", "fps"]
    assert float(rows[0]["aspect_ratio"]) == pytest.approx(480 / 832, abs=1e-6)
    assert int(rows[0]["resolution"]) == 480 * 832
    assert all(Path(r["path"]).is_absolute() and Path(r["path"]).exists() for r in rows)


def test_videotuna_header_has_no_spaces(done: Export) -> None:
    assert (done("videotuna").path / "train.csv").read_text().splitlines()[0] == "path,caption,fps,frames,height,width"


def test_musubi_is_strict_about_keys_and_types(done: Export) -> None:
    folder = done("musubi-tuner").path
    general = {"resolution", "caption_extension", "batch_size", "enable_bucket", "bucket_no_upscale"}
    video = {"video_jsonl_file", "cache_directory", "target_frames", "frame_extraction", "source_fps", "num_repeats"}
    caches = set()
    for lang in ("zh", "en"):
        config = tomllib.loads((folder / f"dataset_{lang}.toml").read_text(encoding="utf-8"))
        assert set(config["general"]) == general
        block = config["datasets"][0]
        assert set(block) <= video
        assert isinstance(block["source_fps"], float)
        assert all((f - 1) % 4 == 0 for f in block["target_frames"])
        caches.add(block["cache_directory"])
        rows = [json.loads(x) for x in Path(block["video_jsonl_file"]).read_text(encoding="utf-8").splitlines()]
        assert all(set(r) == {"video_path", "caption"} and Path(r["video_path"]).exists() for r in rows)
        assert len({Path(r["video_path"]).stem for r in rows}) == len(rows)
    assert len(caches) == 2


def test_diffusion_pipe_lists_and_clean_folder(done: Export) -> None:
    folder = done("diffusion-pipe").path
    captions_json = json.loads((folder / "clips/captions.json").read_text())
    assert all(isinstance(v, list) and v for v in captions_json.values())
    assert {p.name for p in (folder / "clips").iterdir()} == {*captions_json, "captions.json"}
    config = tomllib.loads((folder / "dataset.toml").read_text(encoding="utf-8"))
    assert Path(config["directory"][0]["path"]) == folder / "clips"


def test_diffsynth_read_by_pandas(done: Export) -> None:
    import pandas

    folder = done("diffsynth-studio").path
    for lang in ("zh", "en"):
        table = pandas.read_csv(folder / lang / "metadata.csv")
        assert list(table.columns) == ["video", "prompt"]
        assert not table["prompt"].isna().any()
        assert all((folder / lang / v).exists() for v in table["video"])


def test_cogvideox_lines_match(done: Export) -> None:
    folder = done("cogvideox").path
    texts = (folder / "prompts.txt").read_text(encoding="utf-8").splitlines()
    paths = (folder / "videos.txt").read_text(encoding="utf-8").splitlines()
    assert len(texts) == len(paths) == done("cogvideox").clips
    assert all(t.strip() for t in texts)
    for text, path in zip(texts, paths, strict=True):
        assert (folder / path).exists()
        assert (folder / "labels" / (Path(path).stem + ".txt")).read_text(encoding="utf-8").strip() == text


def test_ltx_videox_simpletuner_aitoolkit(done: Export) -> None:
    ltx = json.loads((done("ltx-video").path / "dataset.json").read_text())
    assert all(not Path(r["media_path"]).is_absolute() and r["video"] == r["media_path"] for r in ltx)
    fun = json.loads((done("videox-fun").path / "metadata_zh.json").read_text())
    assert all(r["type"] == "video" and r["width"] and r["height"] for r in fun)
    backends = json.loads((done("simpletuner").path / "multidatabackend.json").read_text())
    assert backends[0]["video"]["min_frames"] >= backends[0]["video"]["num_frames"]
    clips = done("simpletuner").path / "clips"
    assert all(p.with_suffix(".txt").read_text(encoding="utf-8").strip() for p in clips.glob("*.mp4"))
    assert all(not p.read_text(encoding="utf-8").endswith("\n") for p in done("ai-toolkit").path.glob("*/*.txt")), "its loader keeps line ends"
    config = yaml.safe_load((done("ai-toolkit").path / "config_zh.yaml").read_text(encoding="utf-8"))["datasets"][0]
    assert config["shuffle_tokens"] is False
    assert all(p.with_suffix(".txt").exists() for p in Path(config["folder_path"]).glob("*.mp4"))


def _load(kind: str, folder: Path, cache: Path) -> dict[str, list[dict[str, Any]]]:
    code = (
        "import datasets, json, sys\n"
        "d = datasets.load_dataset(sys.argv[1], data_dir=sys.argv[2], cache_dir=sys.argv[3]) if sys.argv[1] else datasets.load_dataset(sys.argv[2], cache_dir=sys.argv[3])\n"
        "d = {k: v.cast_column('video', datasets.Video(decode=False)) if 'video' in v.features else v for k, v in d.items()}\n"
        "print(json.dumps({k: list(v) for k, v in d.items()}, default=lambda b: len(b)))"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    out = subprocess.run([sys.executable, "-c", code, kind, str(folder), str(cache)], capture_output=True, text=True, env=env, check=False)
    assert out.returncode == 0, out.stderr[-1500:]
    loaded: dict[str, list[dict[str, Any]]] = json.loads(out.stdout.splitlines()[-1])
    return loaded


def test_videofolder_by_datasets(done: Export, with_clips: Path, tmp_path: Path) -> None:
    got = done("videofolder")
    loaded = _load("videofolder", got.path, tmp_path)
    assert sum(len(v) for v in loaded.values()) == got.clips
    every = [r["clip_id"] for items in loaded.values() for r in items]
    assert len(every) == len(set(every)), "no clip is in two splits"
    for items in loaded.values():
        for row in items:
            assert row["zh"] or row["en"]
            assert set(row["zh"] + row["en"]) <= captions(with_clips)
            assert row["video"]["path"].endswith(".mp4")


def test_finetrainers_by_datasets(done: Export, tmp_path: Path) -> None:
    folder = done("finetrainers").path
    for lang in ("zh", "en"):
        config = json.loads((folder / f"training_{lang}.json").read_text(encoding="utf-8"))["datasets"][0]
        loaded = _load("videofolder", Path(config["data_root"]), tmp_path)
        lines = (folder / lang / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        assert [r["caption"] for r in loaded["train"]] == [json.loads(x)["caption"] for x in lines]


def test_release_with_an_unreadable_clip_loads_as_captions(with_clips: Path, tmp_path: Path) -> None:
    """One file is a .webm, which ``datasets`` does not read: no row may get lost for it."""
    loaded = _load("", with_clips, tmp_path)
    for split, items in loaded.items():
        table = pl.read_parquet(with_clips / "data" / split / "captions.parquet")
        assert items == table.to_dicts()


@pytest.mark.parametrize("mode", ["copy", "link", "cut"])
def test_release_with_clips_loads_as_clips(with_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Every split has its rows, captions and clips, none is in two, and several captions of a clip stay several rows."""
    folder = tmp_path / "project"
    (folder / "clips").mkdir(parents=True)
    draw(folder / "clips" / "one.mp4", 60, 96, 64)
    data = rows(5 if mode == "cut" else 12)
    for i, row in enumerate(data):
        row["uri"] = f"clips/{i}.mp4"
        shutil.copyfile(folder / "clips" / "one.mp4", folder / row["uri"])
        if mode == "cut":
            row.update(start_s=0.5, end_s=1.5)
    data.append({**data[1], "id": "more", "zh": "一位唐代女子缓缓走过回廊，裙摆轻摇。", "en": "A woman of the Tang court strolls past pillars."})
    recipe = write_project(folder, data, {"media": mode}, steps=STEPS.replace("cap: 3", "cap: 90"))
    run(recipe)
    monkeypatch.setattr(card, "draw", lambda *_: ([], "no figures in this test"))
    release = make(recipe).path
    assert verify(release) == []
    assert croissant.check(release) == []
    loaded = _load("", release, tmp_path / "cache")
    seen: dict[str, str] = {}
    for split, items in loaded.items():
        table = pl.read_parquet(release / "data" / split / "captions.parquet")
        assert sorted((r["id"], r["zh"], r["en"]) for r in items) == sorted(table.select("id", "zh", "en").iter_rows())
        for row in items:
            assert seen.setdefault(row["clip_id"], split) == split
            assert Path(row["video"]["path"]).read_bytes()[4:8] == b"ftyp"
    assert sum(len(v) for v in loaded.values()) == len(data)
    first = next(release.glob("data/*/clips/*/*"))
    assert first.is_symlink() is (mode == "link")
    if mode == "cut":
        from curate.media.probe import probe

        assert next(iter(probe([first])))["duration_s"] == pytest.approx(1.0, abs=0.05)


def test_webdataset_by_webdataset(done: Export, with_clips: Path, tmp_path: Path) -> None:
    import webdataset

    got = done("webdataset")
    count = 0
    for shard in got.path.glob("*.tar"):
        for sample in webdataset.WebDataset(str(shard), shardshuffle=False):
            count += 1
            meta = json.loads(sample["json"])
            assert "." not in sample["__key__"]
            assert sample["txt"].decode().splitlines() == meta["zh"] + meta["en"]
            assert len(sample.get("mp4") or sample.get("webm")) > 1000
    assert count == got.clips
    again = export("webdataset", with_clips, tmp_path / "again")
    for shard in got.path.glob("*.tar"):
        assert shard.read_bytes() == (again.path / shard.name).read_bytes()


def test_sora_by_the_clients_types(done: Export, with_clips: Path, tmp_path: Path) -> None:
    from openai.types import VideoCreateParams, VideoSeconds, VideoSize

    for line in (done("sora").path / "requests.jsonl").read_text(encoding="utf-8").splitlines():
        body = json.loads(line)["body"]
        assert set(body) <= set(VideoCreateParams.__annotations__)
        assert set(body) >= VideoCreateParams.__required_keys__
        assert body["seconds"] in typing.get_args(VideoSeconds)
        assert body["size"] in typing.get_args(VideoSize)
    rule = profiles()["sora"]["request"]
    assert set(rule["seconds"]) == set(typing.get_args(VideoSeconds))
    assert set(rule["sizes"]) == set(typing.get_args(VideoSize))
    for bad in ({"seconds": "5"}, {"size": "1920x1080"}, {"size": "1792x1024"}, {"duration": "8"}):
        with pytest.raises(UsageError):
            export("sora", with_clips, tmp_path / "x" / next(iter(bad)), options=bad)


GOOD = {"prompt": "龙舟竞渡", "model": "v5", "duration": 5, "quality": "720p", "aspect_ratio": "16:9"}


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True), ({"duration": 8}, True), ({"model": "v6", "duration": 15, "aspect_ratio": "21:9"}, True), ({"model": "v5.5", "duration": 10}, True),
        ({"duration": "5"}, False), ({"duration": 6}, False), ({"model": "v9"}, False), ({"model": "v5.5", "duration": 10, "quality": "1080p"}, False),
        ({"model": "v3.5", "duration": 8, "quality": "1080p"}, False), ({"aspect_ratio": "21:9"}, False), ({"prompt": ""}, False),
        ({"prompt": "x" * 2049}, False), ({"quality": "4k"}, False), ({"model": "v6", "duration": 16}, False),
    ],
)  # fmt: skip
def test_pixverse_rules_and_schema_agree(change: dict[str, Any], good: bool) -> None:
    body = {**GOOD, **change}
    valid = jsonschema.Draft202012Validator(prompts.pixverse_schema()).is_valid(body)
    assert valid is good
    assert (prompts.pixverse_faults(body) == []) is good


@pytest.mark.parametrize(
    "more", [{"api_key": "x"}, {"style": "anime"}, {"camera_movement": "zoom_in"}, {"motion_mode": "fast"}, {"seed": -1}, {"seed": 1.5}]
)
def test_pixverse_schema_refuses(more: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(prompts.pixverse_schema()).is_valid({**GOOD, **more})


def test_pixverse_requests_fit_the_schema(done: Export, with_clips: Path, tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(prompts.pixverse_schema())
    check = jsonschema.Draft202012Validator(prompts.pixverse_schema())
    for line in (done("pixverse").path / "requests.jsonl").read_text(encoding="utf-8").splitlines():
        check.validate(json.loads(line))
    got = export("pixverse", with_clips, tmp_path / "v6", options={"model": "v6", "duration": "12", "aspect_ratio": "21:9"})
    check.validate(json.loads((got.path / "requests.jsonl").read_text(encoding="utf-8").splitlines()[0]))
    with pytest.raises(UsageError, match="did you mean 'duration'"):
        export("pixverse", with_clips, tmp_path / "bad", options={"durations": "5"})


def test_capcut_subtitles_by_pysubs2(done: Export) -> None:
    import pysubs2

    folder = done("capcut").path
    for lang in ("zh", "en"):
        subs = pysubs2.load(str(folder / f"captions_{lang}.srt"), encoding="utf-8")
        end = 0
        for event in subs:
            assert event.start >= end
            assert 0 < event.end - event.start <= 7000
            lines = event.plaintext.split("\n")
            assert len(lines) <= 2
            assert all(len(x) <= profiles()["capcut"]["line_chars"][lang] for x in lines)
            end = event.end
    rows = list(csv.DictReader((folder / "script.csv").open(encoding="utf-8-sig")))
    assert len(rows) == done("capcut").clips


def test_capcut_draft_lints_clean_and_the_linter_sees_faults(done: Export, tmp_path: Path) -> None:
    folder = done("capcut").path / "draft"
    assert capcut.lint(folder) == []
    content = json.loads((folder / "draft_content.json").read_text(encoding="utf-8"))
    assert content["materials"]["videos"][0]["duration"] == 6_000_000
    spoils: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
        (lambda d: d["tracks"][0]["segments"][0].update(material_id="nope"), "material that is not there"),
        (lambda d: d["tracks"][0]["segments"][1]["target_timerange"].update(start=7_000_000), "gap of"),
        (lambda d: d["tracks"][0]["segments"][1]["target_timerange"].update(start=1), "begins before"),
        (lambda d: d["materials"]["videos"][0].update(path="/nowhere/x.mp4"), "media file missing"),
        (lambda d: d["tracks"][0]["segments"][0].update(extra_material_refs=["x"]), "refers to x"),
        (lambda d: d["tracks"][0]["segments"][0]["source_timerange"].update(duration=9_000_000), "beyond the end"),
        (lambda d: d.update(duration=1), "duration is 1"),
    ]
    for number, (spoil, said) in enumerate(spoils):
        copy = tmp_path / f"d{number}"
        shutil.copytree(folder, copy, symlinks=True)
        bad = json.loads(json.dumps(content))
        spoil(bad)
        for name in ("draft_content.json", "draft_info.json"):
            (copy / name).write_text(json.dumps(bad), encoding="utf-8")
        assert any(said in x for x in capcut.lint(copy)), said


def test_kohya_pairs_are_read_back_by_our_reader(done: Export, with_clips: Path) -> None:
    from curate.readers.folder import FolderParams, read_folder

    batch = next(iter(read_folder(done("kohya").path / "zh", FolderParams())))
    texts = batch.frame.get_column("zh" if "zh" in batch.frame.columns else "caption").to_list()
    assert len(texts) == 24
    assert set(texts) <= captions(with_clips)
    assert not batch.bad


def test_usage(with_clips: Path, released: tuple[Path, ReleaseResult], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="musubi-tuner"):
        export("musubi", with_clips, tmp_path / "a")
    with pytest.raises(UsageError, match="does not read 'zh'"):
        export("cogvideox", with_clips, tmp_path / "a", lang="zh")
    with pytest.raises(DataError, match="no_media"):
        export("musubi-tuner", released[1].path, tmp_path / "a")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(UsageError, match="not empty"):
        export("sora", with_clips, tmp_path / "full")
    assert not (tmp_path / "a").exists()


def test_command(with_clips: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(build(), ["export", "musubi-tuner", str(with_clips), "--out", str(tmp_path / "m"), "--lang", "zh", "--copy"])
    assert ran.exit_code == 0, ran.output
    assert (tmp_path / "m" / "dataset_zh.toml").exists()
    assert not (tmp_path / "m" / "dataset_en.toml").exists()
    assert not any(p.is_symlink() for p in (tmp_path / "m" / "videos").iterdir())
    shown = CliRunner().invoke(build(), ["export", "list", "--json"])
    assert set(json.loads(shown.output)) == set(profiles())


def test_command_groups_who_was_left_out(with_clips: Path, tmp_path: Path) -> None:
    short = tmp_path / "short"
    shutil.copytree(with_clips, short)
    gone = sorted((short / "data" / "train").rglob("*.mp4"))[1:]
    for path in gone:
        path.unlink()
    ran = CliRunner().invoke(build(), ["export", "musubi-tuner", str(short), "--out", str(tmp_path / "m")])
    assert ran.exit_code == 0, ran.output
    lines = [line for line in ran.stderr.splitlines() if line.startswith("left out: no_media")]
    assert len(lines) == 1, "one line per reason, not one per clip"
    assert len(lines[0].rsplit(":", 1)[1].split(",")) <= 3
    assert str(tmp_path / "m" / "export" / "notes.jsonl") in ran.stdout
    told = [json.loads(line) for line in (tmp_path / "m" / "export" / "notes.jsonl").read_text(encoding="utf-8").splitlines()]
    missing = {n["clip_id"] for n in told if n["reason"] == "no_media" and n["left_out"]}
    assert len(missing) >= len(gone)
    assert f"× {len(missing)}:" in lines[0]
    out = json.loads(CliRunner().invoke(build(), ["export", "musubi-tuner", str(short), "--out", str(tmp_path / "j"), "--json"]).stdout)
    group = next(g for g in out["left_out"] if g["reason"] == "no_media")
    assert group["clips"] == len(missing)
    assert len(group["examples"]) <= 10
    assert {n["clip_id"] for n in out["notes"] if n["reason"] == "no_media"} == missing


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["wan-prompts"], "which release"),
        (["wan-promts"], "wan-prompts"),
        (["wan-prompts", "RELEASE", "--set", "model"], "no KEY=VALUE"),
        (["wan-prompts", "RELEASE", "--set", "model=v6"], "takes no option 'model'"),
        (["open-sora-plan", "RELEASE", "--set", "batsh=2"], "batch"),
    ],
)
def test_command_says_what_is_missing(with_clips: Path, tmp_path: Path, args: list[str], said: str) -> None:
    ran = CliRunner().invoke(build(), ["export", *[str(with_clips) if a == "RELEASE" else a for a in args], "-o", str(tmp_path / "x")])
    assert isinstance(ran.exception, UsageError) or ran.exit_code == 2
    assert said in f"{ran.exception} {getattr(ran.exception, 'hint', '')} {ran.output}"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("text", "want"),
    [("龙舟　竞渡\n鼓声", "龙舟 竞渡 鼓声"), ("a\u200bb\u00a0c", "a b c"), ("e\u0301", "é"), ("《红楼梦》·林黛玉", "《红楼梦》·林黛玉")],
)
def test_clean(text: str, want: str) -> None:
    assert base.clean(text) == want
