"""Prompts from the app: proposals for a cell, a person's words looked at again, the set as a file that `prompts pack` takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curate.cli import build
from curate.prompts import gaps, pack
from curate.review import prompts as reviewprompts
from curate.review.decisions import open_store
from tests.review import demo


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.finished(tmp_path_factory.mktemp("gaps"), [{**r, "video": None} for r in demo.ROWS]).workspace.root


def test_from_a_gap_to_a_pack(ws: Path, tmp_path: Path) -> None:
    found = reviewprompts.lacking(ws)
    name = "festivals|tang"
    assert name in found.writable
    assert {c["zh"] for c in found.captions["festivals"]} >= {demo.ROWS[0]["zh"]}
    got = reviewprompts.propose(found, name, [], n=3)
    assert len(got) == 3
    assert {r["cell"] for r in got} == {name}
    assert reviewprompts.propose(found, name, [], n=3) == got, "the same seed gives the same proposals"
    more = reviewprompts.propose(found, name, got[:1], n=3)
    assert got[0]["id"] not in {r["id"] for r in more}, "what is in the set is not proposed again"
    store = open_store(ws)
    plain, reason = reviewprompts.judged(got[0], got[0]["zh"], got[0]["en"])
    assert (reason, plain["by"], plain["slots"]) == ("", "machine", got[0]["slots"])
    store.accept_prompt("first", "李", plain)
    edited, reason = reviewprompts.judged(got[1], got[1]["zh"] + "河边有人放灯。", got[1]["en"] + " People float lamps on the river.")
    assert (reason, edited["by"], edited["slots"]) == ("", "person", None), "the slots would bring the machine's words back into a pack"
    store.accept_prompt("first", "李", edited)
    store.close()
    out = tmp_path / "first.jsonl"
    done = CliRunner().invoke(build(), ["review", "prompts", str(out), "-w", str(ws), "--set", "first", "--json"])
    assert json.loads(done.stdout) == {"prompts": 2, "path": str(out)}
    rows = pack.read_prompts(out)
    assert [r["id"] for r in rows] == [got[0]["id"], got[1]["id"]]
    made = pack.pack("wan", rows, tmp_path / "wan", "zh")
    assert made["prompts"] == 2
    assert "河边有人放灯" in "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "wan").rglob("*") if p.is_file())


def test_words_of_another_period_are_noticed() -> None:
    row = {
        "id": "1",
        "zh": "唐代长安的街上挂满花灯。",
        "en": "Lanterns hang over a street of Tang Chang'an at the Lantern Festival.",
        "cell": "festivals|tang",
        "slots": {},
    }
    assert reviewprompts.judged(row, row["zh"] + "元宵节到了。", row["en"])[1] == ""
    assert reviewprompts.judged(row, "清代北京的街上元宵节挂满花灯。", "Lanterns at the Lantern Festival in Qing Beijing.")[1] == "other_era"
    assert reviewprompts.judged(row, "唐代，一匹马在跑。", "A horse runs in Tang China.")[1] == "other_theme"


def test_an_unknown_set_names_those_there_are(ws: Path, tmp_path: Path) -> None:
    store = open_store(ws)
    store.accept_prompt("second", "李", {"id": "1", "zh": "龙舟"})
    store.close()
    done = CliRunner().invoke(build(), ["review", "prompts", str(tmp_path / "x.jsonl"), "-w", str(ws), "--set", "secondd"])
    assert done.exit_code != 0
    assert "second" in str(done.exception)
    assert not (tmp_path / "x.jsonl").exists()
    assert gaps.Cell("a", "b", 0, 1).name == "a|b"
