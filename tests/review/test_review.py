"""Rows to items and decisions back to rows, through real runs."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from curate.checks import knowledge
from curate.cli import build
from curate.errors import DataError, UsageError
from curate.knowledge.lexicon import Lexicon
from curate.review import agreement
from curate.review import decisions as review
from curate.review import facts as reviewfacts
from curate.review import push as reviewpush
from curate.review.items import Decision
from curate.review.push import push
from curate.run import RunResult, run
from curate.text import normalize, to_simplified
from tests.review import demo
from tests.review.conftest import make_items


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return demo.finished(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def ws(made: RunResult, tmp_path: Path) -> Path:
    """A workspace of one's own: the steps are shared, the store is not."""
    import shutil

    shutil.copytree(made.workspace.root, tmp_path / "ws")
    return tmp_path / "ws"


def test_push_shows_flags_terms_clips_and_neighbours(ws: Path) -> None:
    assert push(ws, "demo").new == len(demo.ROWS)
    assert push(ws, "demo").new == 0
    store = review.open_store(ws)
    by_source = {i.shown["from"]["source_id"]: i for i in store.page("demo", limit=99)[1]}
    first = by_source["1"]
    assert first.shown["zh"] == demo.ROWS[0]["zh"], "traditional text is shown as it was read"
    term = next(m for m in first.shown["marks"] if m["kind"] == "term" and m["lang"] == "zh" and m["id"].startswith("festivals-"))
    assert first.shown["zh"][term["start"] : term["end"]] == "端午節"
    assert "theme:festivals" in first.tags
    assert "translated" in first.why.split("|")
    assert (ws / "media" / first.shown["media"]["file"]).read_bytes()[4:8] == b"ftyp"
    assert (ws / "media" / first.shown["media"]["sheet"]).stat().st_size > 1000
    assert by_source["6"].shown["media"]["note"] == "missing"
    assert by_source["4"].shown["media"]["kind"] == "none"
    assert all(len(i.shown["near"]) <= 3 for i in by_source.values())
    flagged = by_source["2"]
    assert flagged.shown["flags"], "a Tang lady in a Qing dress is an anachronism"
    store.close()


def test_flags_on_traditional_text_and_their_rewrites(lexicon: Lexicon) -> None:
    row = {"zh": "唐代的　宮女留著「辮子」。", "en": "A Tang lady with a queue", "terms": []}
    flag = {"check": "anachronism", "severity": "error", "note": "唐代没有辫子", "note_en": "no queue in Tang times"}
    zh, en = normalize(to_simplified(row["zh"])), normalize(row["en"])
    row["flags"] = [
        {**flag, "lang": "zh", "start": zh.index("辫子"), "end": zh.index("辫子") + 2, "suggestion": "高髻 / 发髻"},
        {**flag, "lang": "en", "start": en.index("queue"), "end": en.index("queue") + 5, "suggestion": ""},
    ]
    marks, flags, suggestion = reviewpush._marks(row, lexicon)
    assert [f["text"] for f in flags] == ["辮子", "queue"]
    assert suggestion == {"zh": "唐代的　宮女留著「高髻」。", "agent": "check"}
    fact = knowledge.load().not_before.rows[0]
    row["flags"] = [{**row["flags"][0], "note": fact.note_zh, "note_en": fact.note_en}]  # type: ignore[attr-defined]
    assert [f["source"] for f in flags] == ["", ""], "a note of one's own has no source"
    assert [f["source"] for f in reviewpush._marks(row, lexicon)[1]] == [fact.source], "a shipped fact says where it stands"  # type: ignore[attr-defined]
    assert [(m["kind"], m["severity"]) for m in marks] == [("flag", "error")] * 2


def test_decisions_come_back_as_a_stage(made: RunResult, ws: Path) -> None:
    recipe = Path(made.manifest["base"]) / "recipe.yaml"
    push(ws, "demo")
    store = review.open_store(ws)
    ids = {i.shown["from"]["source_id"]: i.item_id for i in store.page("demo", limit=99)[1]}
    store.record(Decision(ids["1"], "a", "edit", edits={"en": "Dragon boats race at the Dragon Boat Festival."}))
    store.record(Decision(ids["2"], "a", "reject", labels=["wrong_fact"]))
    store.record(Decision(ids["3"], "a", "accept"))
    store.record(Decision(ids["4"], "a", "accept"))
    store.record(Decision(ids["4"], "b", "reject", labels=["too_vague"]))
    store.record(Decision(ids["5"], "a", "accept"))
    store.record(Decision(ids["5"], "a", "undo"))
    pulled = review.pull(ws, "demo")
    assert pulled.decisions == 5
    assert review.pull(ws, "demo").sha256 == pulled.sha256, "the same decisions give the same file"
    again = run(recipe, ws)
    cached = {s["step_id"]: s["cached"] for s in again.manifest["steps"]}
    assert cached["sample"]
    assert not cached["decide"]
    table = {r["source_id"]: r for r in again.table(["source_id", "review", "zh_final", "en_final", "en"]).to_dicts()}
    assert table["1"]["review"] == "edited"
    assert table["1"]["en_final"] == "Dragon boats race at the Dragon Boat Festival."
    assert table["1"]["en"] == demo.ROWS[0]["en"], "the original stays"
    assert table["3"]["review"] == "accepted"
    assert table["5"]["review"] == "unseen"
    assert again.records[-2].reasons == {"decide.disputed": 1, "decide.rejected": 1}
    facts = review.facts(ws, "demo")
    assert (facts["reviewed"], facts["disputed"], facts["reviewers"], facts["items"]) == (4, 1, 2, 8)
    assert review.disputes(store, "demo") == [ids["4"]]
    store.set_reviewer("Lin", "lead")
    store.record(Decision(ids["4"], "Lin", "accept", kind="adjudicate"))
    assert review.disputes(store, "demo") == []
    store.close()


def test_a_changed_caption_is_asked_again(tmp_path: Path) -> None:
    rows = [{**r, "video": None} for r in demo.ROWS[:3]]
    demo.finished(tmp_path, rows, check=False)
    ws = tmp_path / "ws"
    assert push(ws).new == 3
    store = review.open_store(ws)
    for item in store.page("demo")[1]:
        store.record(Decision(item.item_id, "a", "accept"))
    rows[0] = {**rows[0], "en": "Dragon boats."}
    demo.finished(tmp_path, rows, check=False)
    assert push(ws).new == 1
    assert [i.shown["en"] for i in store.claim("demo", "a", 9)] == ["Dragon boats."]
    assert review.state(store, "demo")["reviewed"] == 2
    assert len(store.decisions("demo")) == 3, "the decision on the old caption is kept"
    review.pull(ws)
    table = run(tmp_path / "recipe.yaml", ws).table(["source_id", "review"])
    assert dict(table.select("source_id", "review").iter_rows()) == {"1": "unseen", "2": "accepted", "3": "accepted"}
    store.close()


def test_pull_says_when_the_recipe_reads_another_queue(ws: Path) -> None:
    push(ws, "demo")
    assert review.pull(ws, "demo").unread == ""
    push(ws, "second-look", overlap=2)
    assert "reads the queue 'demo'; write decisions: second-look there" in review.pull(ws, "second-look").unread


def test_a_settlement_is_no_second_opinion() -> None:
    said = [("i1", "a", "review", "accept"), ("i1", "Lin", "adjudicate", "reject"), ("i2", "a", "review", "accept"), ("i2", "b", "review", "accept")]
    frame = pl.DataFrame(said, schema=["item_id", "reviewer", "kind", "verdict"], orient="row").with_columns(edits=pl.lit("{}"))
    got = reviewfacts.summary(pl.DataFrame({"review": ["rejected", "accepted"]}), frame)
    assert (got["reviewers"], got["doubly"]) == (2, 1), "neither a reviewer nor a double review"


def test_pull_without_a_queue_says_what_to_do(tmp_path: Path) -> None:
    tmp_path.joinpath("ws").mkdir()
    with pytest.raises(DataError, match="no queue"):
        review.pull(tmp_path / "ws")
    with pytest.raises(UsageError, match="overlap"):
        push(tmp_path / "ws", overlap=0)


def test_figures_equal_those_of_the_krippendorff_package() -> None:
    krippendorff = pytest.importorskip("krippendorff")
    rng = random.Random(4)
    values = ["accept", "edit", "reject", "flag"]
    units = []
    for _ in range(80):
        truth = rng.choice(values)
        units.append({p: truth if rng.random() < 0.7 else rng.choice(values) for p in "abcd" if rng.random() < 0.8})
    data = [[u.get(p) for u in units] for p in "abcd"]
    coded = [[float(values.index(v)) if v else float("nan") for v in row] for row in data]
    got = agreement.measure(units)
    assert got.alpha.value == pytest.approx(krippendorff.alpha(coded, level_of_measurement="nominal"), abs=1e-4)
    assert got.alpha.low < got.alpha.value < got.alpha.high  # type: ignore[operator]
    assert len(got.cohen) == 6


def test_fleiss_gives_the_figure_of_his_paper() -> None:
    """The table of 10 subjects and 14 raters that Fleiss' kappa is always explained with gives 0.210."""
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    units = [{f"p{k}": str(v) for k, v in enumerate(v for v, n in enumerate(row) for _ in range(n))} for row in counts]
    assert agreement.measure(units).fleiss.value == pytest.approx(0.210, abs=5e-4)


def test_agreement_where_it_is_not_defined() -> None:
    assert agreement.measure([]).alpha.value is None
    assert agreement.measure([{"a": "x"}]).items == 0
    same = agreement.measure([{"a": "x", "b": "x"}] * 5)
    assert same.percent.value == 1
    assert same.alpha.value is None
    assert agreement.cohen([("x", "x")]) is None


def test_agreement_per_theme_and_field(tmp_path: Path) -> None:
    store = review.open_store(tmp_path)
    items = make_items(20, overlap=2)
    store.add_items(items)
    for n, i in enumerate(items):
        store.record(Decision(i.item_id, "a", "accept"))
        store.record(Decision(i.item_id, "b", "reject" if n % 2 else "edit", edits={} if n % 2 else {"zh": "新"}, labels=["other"] if n % 2 else []))
    got = review.agree(store, "q", by="theme")
    assert set(got) == {"", "crafts", "festivals"}
    assert got[""].percent.value == 0
    assert review.agree(store, "q", "zh")[""].items == 10
    assert review.agree(store, "q", "en")[""].percent.value == 1
    assert json.loads(json.dumps(got[""].to_json()))["cohen"][0]["items"] == 20
    with pytest.raises(UsageError, match="did you mean 'verdict'"):
        review.agree(store, "q", "verdicts")
    store.close()


def test_agreement_says_why_there_is_none(tmp_path: Path) -> None:
    def ask(*more: str) -> Any:
        ran = CliRunner().invoke(build(), ["review", "agreement", "--workspace", str(tmp_path), *more])
        assert ran.exit_code == 0, ran.output
        return ran

    store = review.open_store(tmp_path)
    items = make_items(4, overlap=2)
    store.add_items(items)
    ran = ask()
    assert "nobody has decided anything yet" in ran.stderr
    assert f"curate review serve --workspace {tmp_path}" in ran.stderr
    assert "Krippendorff" not in ran.stdout, "no empty table"
    store.record(Decision(items[0].item_id, "ann", "accept"))
    assert "1 items decided by ann alone" in ask().stderr
    assert "--overlap 2" in ask().stderr
    store.record(Decision(items[1].item_id, "ben", "reject", labels=["other"]))
    assert "none by two of them" in ask().stderr
    store.record(Decision(items[0].item_id, "ben", "reject", labels=["other"]))
    assert "nothing to compare on zh" in ask("--field", "zh").stderr
    assert json.loads(ask("--json", "--field", "zh").stdout)["all"]["items"] == 0
    ran = ask()
    assert "Krippendorff" in ran.stdout
    assert ran.stderr == ""
    store.close()


def test_state_counts_only_what_is_asked_now(tmp_path: Path) -> None:
    store = review.open_store(tmp_path)
    items = make_items(4)
    store.add_items(items)
    store.record(Decision(items[0].item_id, "a", "skip"))
    store.record(Decision(items[1].item_id, "a", "flag"))
    store.record(Decision(items[2].item_id, "a", "accept"))
    store.add_items(items[1:], retire=True)
    got = review.state(store, "q")
    assert (got["items"], got["reviewed"], got["disputed"], got["accepted"], got["open"]) == (3, 2, 1, 1, 1)
    assert isinstance(review.snapshot(store, "q"), pl.DataFrame)
    store.close()


@pytest.mark.parametrize("command", [["agreement"], ["pull"], ["progress"], ["push"], ["export", "out.jsonl"], ["prompts", "out.jsonl"]])
def test_a_mistyped_workspace_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(build(), ["review", *command, "--workspace", "nowhere"])
    assert isinstance(ran.exception, DataError)
    assert "nowhere" in str(ran.exception)
    assert not list(tmp_path.iterdir())


def test_a_store_elsewhere_needs_no_workspace(tmp_path: Path) -> None:
    store = review.open_store(tmp_path / "nowhere", str(tmp_path / "team.sqlite"))
    assert store.queues() == []
    store.close()
