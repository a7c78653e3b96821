"""The demo, whole: what was planted in the shipped sample is found, and what looks like it is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate import demo
from curate.errors import UsageError
from tests.conftest import SAMPLE

# Least share of rows of a kind that became what the truth file says.
FLOORS = {"exact": 1.0, "twin": 1.0, "near": 0.9, "decoy": 0.95, "anachronism": 0.75, "confusion": 0.7, "mismatch": 0.5, "legit": 0.8}


def test_the_truth_fits_the_sample() -> None:
    rows = [json.loads(x) for x in (SAMPLE / "captions.jsonl").read_text(encoding="utf-8").split("\n") if x]
    truth = [json.loads(x) for x in (SAMPLE / "truth.jsonl").read_text(encoding="utf-8").split("\n") if x]
    assert [r["id"] for r in rows] == [t["id"] for t in truth]
    assert len(rows) >= 600
    assert {r["license"] for r in rows} == {"CC0-1.0"}
    ids = {t["id"] for t in truth}
    for t in truth:
        assert (t["dup_of"] is not None) == (t["expect"] == "dup"), t["id"]
        assert t["dup_of"] is None or t["dup_of"] in ids
        assert t["distinct_from"] is None or t["distinct_from"] in ids
    assert set(FLOORS) <= {t["kind"] for t in truth}


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "important.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="not made by the demo"):
        demo.make(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["important.txt"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> demo.Demo:
    return demo.make(tmp_path_factory.mktemp("示范") / "out")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "floor"), FLOORS.items())
def test_planted_dirt_is_found(made: demo.Demo, kind: str, floor: float) -> None:
    (score,) = [s for s in made.scores if s.kind == kind]
    assert score.rows >= 15
    assert score.share >= floor, f"{kind}: {score.right} of {score.rows}"


@pytest.mark.slow
def test_the_demo_leaves_what_it_names(made: demo.Demo) -> None:
    assert made.result.manifest["status"] == "done"
    for before, after in zip(made.result.manifest["steps"], made.result.manifest["steps"][1:], strict=False):
        assert after["rows_in"] == before["rows_live"]
    assert made.card.is_file()
    assert made.report.is_file()
    assert all(f.is_file() for f in made.figures)
    assert (made.release / "SHA256SUMS").is_file()
    assert made.result.workspace.verify() == []


@pytest.mark.slow
def test_the_release_loads(made: demo.Demo) -> None:
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(made.release))
    assert sum(len(s) for s in loaded.values()) == len(made.result.table([]))
    assert {"train", "validation", "test"} >= set(loaded)
    clips = {name: set(part["clip_id"]) for name, part in loaded.items()}
    assert not clips["train"] & clips.get("test", set())
