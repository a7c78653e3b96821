"""A released folder is input again: the same captions, licences, origins, splits and decisions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from curate.publish.release import ReleaseResult
from curate.run import run

COLUMNS = ["clip_id", "zh", "en", "zh_origin", "en_origin", "license", "attribution"]


def again(folder: Path, path: str, read: str, options: str = "{}", columns: str = "{}") -> pl.DataFrame:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"recipe: 1\nname: again\ninputs:\n  - {{name: back, read: {read}, path: {json.dumps(path)}, map: {columns}, options: {options}}}\nsteps: [normalize]\n",
        encoding="utf-8",
    )
    result = run(recipe)
    assert result.records[0].rows_quarantined == 0
    return result.table([*COLUMNS, "extra", "source_id", "uri"])


def same(got: pl.DataFrame, folder: Path, split: str = "*") -> None:
    want = pl.concat([pl.read_parquet(p) for p in sorted(folder.glob(f"data/{split}/captions.parquet"))])
    text = [pl.col(c).cast(pl.String) for c in COLUMNS]
    assert sorted(got.select(text).iter_rows(), key=str) == sorted(want.select(text).iter_rows(), key=str)
    extra = {json.loads(e).get("source_id", json.loads(e).get("id")): json.loads(e) for e in got["extra"]}
    assert len(extra) == len(want)


@pytest.mark.parametrize(("read", "pattern"), [("parquet", "data/*/captions.parquet"), ("jsonl", "data/*/captions.jsonl")])
def test_tables(released: tuple[Path, ReleaseResult], tmp_path: Path, read: str, pattern: str) -> None:
    folder = released[1].path
    got = again(tmp_path / "p", str(folder / pattern), read)
    same(got, folder)
    splits = {json.loads(e)["split"] for e in got["extra"]}
    assert splits == {p.name for p in (folder / "data").iterdir()}


def test_hugging_face_reader(released: tuple[Path, ReleaseResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "release"
    shutil.copytree(released[1].path, folder)
    same(again(tmp_path / "p", str(folder), "hf"), folder)


def test_decisions_and_edited_captions_come_back(released: tuple[Path, ReleaseResult], tmp_path: Path) -> None:
    folder = released[1].path
    table = pl.read_parquet(folder / "data/train/captions.parquet")
    edited = table.with_columns(review=pl.lit("edited"), zh_as_read=pl.col("zh"), zh=pl.col("zh") + "。")
    (tmp_path / "data/train").mkdir(parents=True)
    edited.write_parquet(tmp_path / "data/train/captions.parquet")
    got = again(tmp_path / "p", str(tmp_path / "data/*/captions.parquet"), "parquet")
    extra = [json.loads(e) for e in got["extra"]]
    assert {e["review"] for e in extra} == {"edited"}
    assert sorted(e["zh_as_read"] for e in extra) == sorted(table["zh"])
    assert sorted(got["zh"]) == sorted(edited["zh"])


def test_clips_come_back(with_clips: Path, tmp_path: Path) -> None:
    got = again(tmp_path / "p", str(with_clips / "data/train/metadata.parquet"), "parquet")
    assert all((with_clips / "data/train" / u).is_file() for u in got["uri"])
