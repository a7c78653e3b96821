"""The release folder: complete, equal bytes, refused with a list, loadable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curate.errors import PublishRefused, RecipeError, UsageError
from curate.publish import data as releasedata
from curate.publish.release import ReleaseResult, make, verify
from curate.review import facts as reviewfacts
from curate.run import run
from tests.publish.conftest import PROSE, rows, write_project

Project = Callable[..., Path]


def test_folder_is_complete_and_sums_hold(released: tuple[Path, ReleaseResult]) -> None:
    folder = released[1].path
    for name in ("README.md", "README_zh.md", "LICENSE", "SHA256SUMS", "manifest.json", "card.json", "croissant.json", "coverage.json"):
        assert (folder / name).is_file(), name
    assert verify(folder) == []
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_verify_names_a_changed_an_extra_and_a_missing_file(project: Project) -> None:
    folder = make(project()).path
    (folder / "LICENSE").write_text("other")
    (folder / "notes.txt").write_text("x")
    (folder / "card.json").unlink()
    assert sorted(f.split(":")[0] for f in verify(folder)) == ["LICENSE", "card.json", "notes.txt"]


def test_same_input_same_bytes_in_another_workspace(released: tuple[Path, ReleaseResult], tmp_path: Path) -> None:
    from curate.run import run

    recipe, first = released
    run(recipe, tmp_path / "other-ws")
    second = make(recipe, tmp_path / "other-ws", tmp_path / "copy")
    assert (first.path / "SHA256SUMS").read_bytes() == (second.path / "SHA256SUMS").read_bytes()


def test_no_path_of_this_machine_and_no_clock(released: tuple[Path, ReleaseResult]) -> None:
    recipe, result = released
    for name in result.files:
        if not name.endswith((".png", ".parquet")):
            text = (result.path / name).read_text(encoding="utf-8")
            assert str(recipe.parent) not in text, name
            assert "T0" not in text if name == "manifest.json" else True
    assert "run_id" not in (result.path / "manifest.json").read_text()


def test_every_row_once_captions_as_read(released: tuple[Path, ReleaseResult]) -> None:
    folder = released[1].path
    tables = {s: pl.read_parquet(folder / "data" / s / "captions.parquet") for s in releasedata.SPLITS}
    every = pl.concat(tables.values())
    assert every.get_column("id").is_unique().all()
    assert len(every) == released[1].facts["records"] == sum(s["rows"] for s in released[1].facts["by_split"].values())
    given = {r["id"]: r for r in rows()}
    for row in every.iter_rows(named=True):
        source = given[row["source_id"]]
        assert (row["zh"], row["en"], row["license"], row["attribution"]) == (source["zh"], source["en"], source["license"], source["attribution"])
    assert not [c for c in every.columns if c.endswith("_norm")]
    for split, table in tables.items():
        lines = (folder / "data" / split / "captions.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(x) for x in lines] == table.to_dicts()
        assert "\\u" not in "".join(lines)


def test_load_dataset_offline(released: tuple[Path, ReleaseResult], tmp_path: Path) -> None:
    folder = released[1].path
    code = (
        "import datasets, json, sys; d = datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2]);"
        "print(json.dumps({k: [r for r in v] for k, v in d.items()}, ensure_ascii=False))"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    out = subprocess.run([sys.executable, "-c", code, str(folder), str(tmp_path)], capture_output=True, text=True, env=env, check=True)
    got = json.loads(out.stdout.splitlines()[-1])
    assert {k: len(v) for k, v in got.items()} == {k: v["rows"] for k, v in released[1].facts["by_split"].items()}
    for split, items in got.items():
        assert items == pl.read_parquet(folder / "data" / split / "captions.parquet").to_dicts()


def test_another_release_of_the_same_name_is_not_taken_from_the_cache(tmp_path: Path) -> None:
    code = "import datasets, sys; print(sum(len(s) for s in datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2]).values()))"
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    for name, data in (("one", rows()), ("two", rows()[:-2])):
        recipe = write_project(tmp_path / name, data=data)
        run(recipe)
        made = make(recipe)
        command = [sys.executable, "-c", code, str(made.path), str(tmp_path / "cache")]
        got = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
        assert int(got.stdout.splitlines()[-1]) == sum(v["rows"] for v in made.facts["by_split"].values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": [{**r, "license": "unknown"} if i == 3 else r for i, r in enumerate(rows())]}, "1 rows have the licence 'unknown'"),
        ({"data": [{**r, "license": "free to use"} for r in rows()]}, "licence 'free to use'"),
        ({"publish": {"allow_licenses": ["CC-BY-4.0"]}}, "allow_licenses does not list"),
        ({"publish": {"license": "mine"}}, "is no SPDX id"),
        ({"prose": {**PROSE, "biases": {"zh": "TODO", "en": "fine words"}}}, "still a placeholder"),
        ({"prose": {k: v for k, v in PROSE.items() if k != "summary"}}, "'summary' is empty in zh"),
        ({"prose": {**PROSE, "summary": {"zh": "English only", "en": "English"}}}, "not written in that language"),
        ({"publish": {"prose": None}}, "no prose"),
        ({"data": [{**r, "zh_origin": None} for r in rows()]}, "unknown origin"),
        ({"publish": {"require_review": {"min_reviewed_frac": 0.5}}}, "the recipe asks for 50%"),
        ({"publish": {"require_review": {"min_agreement": 0.6}}}, "agreement is none"),
    ],
)  # fmt: skip
def test_refusals(project: Project, change: dict[str, Any], said: str) -> None:
    recipe = project(**change)
    with pytest.raises(PublishRefused, match="not released") as e:
        make(recipe)
    assert said in str(e.value)
    assert e.value.exit_code == 4
    left = list((recipe.parent / "recipe-ws" / "releases").iterdir())
    assert left == [], "a refused release leaves nothing behind"


def test_all_faults_are_listed_at_once(project: Project) -> None:
    recipe = project(data=[{**r, "license": "unknown"} for r in rows()], publish={"license": "mine"}, prose={})
    with pytest.raises(PublishRefused) as e:
        make(recipe)
    assert all(x in str(e.value) for x in ("licence 'unknown'", "no SPDX id", "'summary' is empty", "creators"))


def test_refused_while_the_data_changed_since_the_run(project: Project) -> None:
    recipe = project()
    with (recipe.parent / "captions.jsonl").open("a", encoding="utf-8") as f:
        f.write('{"id": "new", "zh": "新的一行描述。"}\n')
    with pytest.raises(PublishRefused, match="run is incomplete"):
        make(recipe)


def test_refused_without_publish_block_or_run(project: Project, tmp_path: Path) -> None:
    recipe = project()
    with pytest.raises(PublishRefused, match="was not run"):
        make(recipe, tmp_path / "nowhere")
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text("\n".join(x for x in text.splitlines() if not x.startswith("publish")), encoding="utf-8")
    with pytest.raises(RecipeError, match="no publish: block"):
        make(recipe)


def test_other_content_under_the_same_version_is_refused(project: Project, tmp_path: Path) -> None:
    recipe = project()
    first = make(recipe)
    before = (first.path / "SHA256SUMS").read_bytes()
    assert make(recipe).path == first.path
    (recipe.parent / "prose.yaml").write_text(json.dumps({**PROSE, "creators": ["Others"]}), encoding="utf-8")
    with pytest.raises(PublishRefused, match="released already"):
        make(recipe)
    assert (first.path / "SHA256SUMS").read_bytes() == before
    make(recipe, replace=True)
    assert (first.path / "SHA256SUMS").read_bytes() != before
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("do not delete")
    with pytest.raises(UsageError, match="no release"):
        make(recipe, out=mine, replace=True)
    assert (mine / "thesis.txt").exists()


def test_the_day_comes_from_the_recipe_or_the_build(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = project(publish={"date": None})
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    assert make(recipe).facts["date"] == "2026-01-01"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(UsageError, match="seconds since 1970"):
        make(recipe, replace=True)


def test_cells_of_a_csv_are_no_formulas_and_come_back(project: Project, tmp_path: Path) -> None:
    from curate.run import run

    data = rows(12)
    told = ["=HYPERLINK(1)一条龙舟", "+1 龙舟", "@某人 龙舟", "-龙舟竞渡", "'=已有撇号的龙舟", "'tis 龙舟"]
    for row, text in zip(data, told, strict=False):
        row["zh"] = text
    folder = make(project(data=data, publish={"formats": ["csv"]}, steps="[normalize, {split: {validation: 0, test: 0}}]")).path
    text = (folder / "data/train/captions.csv").read_text(encoding="utf-8")
    assert not [c for line in text.split("\n")[1:] for c in line.split(",") if c.startswith(("=", "+", "@", "-龙"))]
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["csv_guard"] == "'"
    back = tmp_path / "back.yaml"
    back.write_text(
        f"recipe: 1\nname: back\ninputs: [{{name: b, path: {json.dumps(str(folder / 'data/train/captions.csv'))}}}]\nsteps: [normalize]\n"
    )
    assert set(run(back).table(["zh"])["zh"]) == {r["zh"] for r in data}
    alone = tmp_path / "alone.csv"
    alone.write_text("id,zh\n1,'=龙舟竞渡鼓声震天\n", encoding="utf-8")
    back.write_text(f"recipe: 1\nname: back\ninputs: [{{name: b, path: {json.dumps(str(alone))}}}]\nsteps: [normalize]\n")
    assert run(back).table(["zh"])["zh"].to_list() == ["'=龙舟竞渡鼓声震天"], "files of others stay as they are"


def test_media_are_looked_for_where_the_steps_on_clips_found_them(project: Project, tmp_path: Path) -> None:
    from tests.publish.conftest import STEPS, draw

    (tmp_path / "elsewhere").mkdir()
    for i in range(6):
        draw(tmp_path / "elsewhere" / f"{i}.mp4", 6, 64, 48)
    steps = STEPS.replace(", coverage", ", {clip: {root: ../elsewhere, motion: false}}, coverage")
    result = make(project(data=[{**r, "uri": f"{i}.mp4"} for i, r in enumerate(rows(6))], publish={"media": "copy"}, steps=steps))
    assert result.facts["media_rows"] == result.facts["records"]
    assert result.notes == [n for n in result.notes if "media files" not in n]


def test_rows_without_their_clip_stay_where_the_recipe_says_so(project: Project, tmp_path: Path) -> None:
    from tests.publish.conftest import draw

    (tmp_path / "project").mkdir()
    draw(tmp_path / "project" / "here.mp4", 6, 64, 48)
    data = [{**r, "uri": f"{'here' if i % 2 else 'gone'}-{i}.mp4"} for i, r in enumerate(rows(24))]
    for i in range(1, 24, 2):
        (tmp_path / "project" / f"here-{i}.mp4").write_bytes((tmp_path / "project" / "here.mp4").read_bytes())
    with pytest.raises(PublishRefused, match=r"gone-0\.mp4' is missing"):
        make(project(data=data, publish={"media": "copy"}))
    result = make(project(data=data, publish={"media": "copy", "missing_media": "keep"}))
    names = [n for p in sorted(result.path.glob("data/*/metadata.parquet")) for n in pl.read_parquet(p)["file_name"]]
    assert len(names) == result.facts["records"]
    count = sum(n is not None for n in names)
    assert 8 <= count == result.facts["media_rows"] < len(names)
    assert f"Only {count} of" in result.card_path.read_text(encoding="utf-8")
    assert any("gone-0.mp4" in n and str(tmp_path / "project") in n for n in result.notes)
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(result.path), cache_dir=str(tmp_path / "cache"))
    found = [r["video"] for part in loaded.values() for r in part.cast_column("video", datasets.Video(decode=False))]
    assert (len(found), sum(v is not None for v in found)) == (result.facts["records"], count)


def test_draft_is_marked(project: Project) -> None:
    result = make(project(prose={}), placeholder_ok=True)
    assert json.loads((result.path / "manifest.json").read_text())["placeholder"] is True
    assert "not written yet" in (result.path / "README.md").read_text(encoding="utf-8")


def test_copies_of_a_clip_stay_in_one_split() -> None:
    from curate import stages
    from curate.stage import Resources, call

    stage = stages.load()["split"]
    table = pl.DataFrame(
        {"id": [f"r{i}" for i in range(200)], "clip_id": [f"c{i}" for i in range(200)], "clip_group": [f"g{i // 2}" for i in range(200)]}
    )
    out = table.hstack(
        call(stage, table, stage.parse({"validation": 0.3, "test": 0.3}), Resources(), "split").select(pl.col("split").cast(pl.String))
    )
    assert out["split"].n_unique() == 3
    assert out.group_by("clip_group").agg(pl.col("split").n_unique())["split"].max() == 1


def test_leaks_are_found() -> None:
    row = {"id": "1", "clip_id": "a", "media_sha256": None, "uri": None, "start_s": None, "zh": "甲", "en": "a", "split": "train", "dup_group": None}
    clean = pl.DataFrame(
        [row, {**row, "id": "2", "clip_id": "b", "zh": "乙", "split": "test"}], schema_overrides={"dup_group": pl.String, "uri": pl.String}
    )
    assert releasedata.leaks(clean) == []
    for column, value, word in [("clip_id", "same", "clip"), ("dup_group", "g", "duplicates"), ("uri", "x.mp4", "address"), ("zh", "同", "captions")]:
        bad = clean.with_columns(pl.lit(value).alias(column))
        assert any(word in x for x in releasedata.leaks(bad)), column


def test_review_figures() -> None:
    table = pl.DataFrame({"review": ["accepted", "edited", "unseen", "unseen"]})
    said = [("i1", "a", "accept"), ("i1", "b", "accept"), ("i2", "a", "reject"), ("i2", "b", "reject"), ("i3", "a", "accept"), ("i3", "b", "reject")]
    got = reviewfacts.summary(
        table, pl.DataFrame(said, schema=["item_id", "reviewer", "verdict"], orient="row").with_columns(kind=pl.lit("review"), edits=pl.lit("{}"))
    )
    assert (got["reviewed"], got["reviewers"], got["doubly"]) == (2, 2, 3)
    import krippendorff

    values = [[0, 1, 0], [0, 1, 1]]
    assert got["alpha"] == pytest.approx(krippendorff.alpha(reliability_data=values, level_of_measurement="nominal"), abs=1e-4)
    assert reviewfacts.refusals(got, 0.5, 0.0) == []
    assert len(reviewfacts.refusals(got, 0.6, 0.9)) == 2


def test_reviewed_text_is_released_and_the_original_kept() -> None:
    table = pl.DataFrame({"zh": ["原文", "另一", None], "zh_final": ["改后", None, None]})
    got = releasedata._final(table, "zh")
    assert got.get_column("zh").to_list() == ["改后", "另一", None]
    assert got.get_column("zh_as_read").to_list() == ["原文", None, None]
