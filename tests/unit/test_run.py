"""Runs: the ledger, caching, resuming, the same bytes however it is run, and nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import explain, stages
from curate.errors import CurateError, DataError, RecipeError, SchemaError, StageError
from curate.knowledge.lexicon import Lexicon
from curate.plain import shipped_lexicon
from curate.planning import plan
from curate.run import RunResult, run
from curate.stage import Params, Resources, Stage
from curate.workspace import Workspace, sha256_file
from tests.conftest import ROOT

LIGHT = ("normalize", "language", "quality", "embed", "{split: {test: 0.3, validation: 0.2}}")
DEEP = ("normalize", "language", "quality", "match", "embed", "sign", "dedup", "{split: {test: 0.3, validation: 0.2}}")


def captions(n: int = 60) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for i in range(n):
        zh = f"第{i}条龙舟在江面上竞渡，岸边站着看热闹的人" if i % 3 else None
        en = f"Boat number {i} races on the river while people watch" if i % 4 or not zh else None
        rows.append({"id": f"r{i}", "clip": f"{i // 2}.mp4", "zh": zh, "en": en})
    rows += [
        {"id": "short", "zh": "龙"},
        {"id": "foreign", "zh": "Старик медленно идёт по улице и кормит голубей"},
        {"id": "empty", "zh": "\u200b\u200b"},
    ]
    rows += [{"id": "none"}, {"id": "nul", "zh": "唐\0代"}]
    return rows


def project(folder: Path, rows: list[dict[str, Any]] | None = None, steps: tuple[str, ...] = LIGHT, part_rows: int = 10) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(r, ensure_ascii=False) for r in (captions() if rows is None else rows)]
    (folder / "字幕.jsonl").write_text("\n".join([*lines[:5], "{broken", *lines[5:]]) + "\n", encoding="utf-8")
    mapped = ", map: {uri: clip}" if rows is None else ""
    recipe = f"""\
        recipe: 1
        name: t
        seed: 3
        part_rows: {part_rows}
        inputs: [{{name: a, path: 字幕.jsonl{mapped}}}]
        resources: {{embedder: {{name: hash}}}}
        steps:
        """
    path = folder / "recipe.yaml"
    path.write_text(textwrap.dedent(recipe) + "".join(f"  - {s}\n" for s in steps), encoding="utf-8")
    return path


def part_bytes(ws: Workspace) -> dict[str, str]:
    return {str(p.relative_to(ws.root)): sha256_file(p) for p in sorted((ws.root / "steps").rglob("*.parquet"))}


@pytest.fixture(scope="module", autouse=True)
def one_lexicon() -> Iterator[None]:
    """Runs of this process share the lexicon that the session has read already."""

    class Shipped:
        @staticmethod
        def load(extra: object = ()) -> Lexicon:
            assert not extra
            return shipped_lexicon()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("curate.resources.Lexicon", Shipped)
        yield


@pytest.fixture(scope="module")
def done(one_lexicon: None, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run(project(tmp_path_factory.mktemp("项目"), steps=DEEP))


def test_the_ledger_adds_up(done: RunResult) -> None:
    steps = done.manifest["steps"]
    assert [s["step_id"] for s in steps] == ["ingest", "normalize", "language", "quality", "match", "embed", "sign", "dedup", "split"]
    lines = (done.workspace.root.parent / "字幕.jsonl").read_text(encoding="utf-8").count("\n")
    assert steps[0]["rows_in"] + steps[0]["rows_quarantined"] == lines
    for before, after in zip(steps, steps[1:], strict=False):
        assert after["rows_in"] == before["rows_live"]
        assert after["rows_in"] == after["rows_live"] + sum(after["reasons"].values())
    assert {"quality.too_short", "language.wrong_language", "normalize.empty"} <= {r for s in steps for r in s["reasons"]}
    assert done.manifest["status"] == "done"
    saved = json.loads((done.workspace.root / "runs" / done.run_id / "manifest.json").read_text(encoding="utf-8"))
    assert saved == json.loads(json.dumps(done.manifest))


def test_every_id_is_live_or_dropped_or_quarantined(done: RunResult) -> None:
    read = done.workspace.table(done.records[0].key, ["source_id"])
    live, drops = done.table(["split"]), done.drops()
    assert Counter(read.get_column("id")) == Counter([*live.get_column("id"), *drops.get_column("id")])
    bad = done.workspace.quarantine(done.key)
    assert bad is not None
    assert sorted(bad.select("line", "reason").rows()) == [(6, "bad_json"), (65, "no_caption"), (66, "nul_byte")]
    assert bad.get_column("file").unique().to_list() == ["字幕.jsonl"]
    assert all(d.split(".")[0] == s for d, s in drops.select("drop", "step").iter_rows())


def test_manifest_copies_the_recipe(done: RunResult) -> None:
    recipe = done.workspace.root.parent / "recipe.yaml"
    assert (done.workspace.root / "runs" / done.run_id / "recipe.yaml").read_bytes() == recipe.read_bytes()
    assert done.manifest["inputs"][0]["files"][0]["sha256"] == sha256_file(recipe.parent / "字幕.jsonl")


def test_a_second_run_is_cached_and_changes_nothing(tmp_path: Path) -> None:
    recipe = project(tmp_path)
    first = run(recipe)
    before = part_bytes(first.workspace)
    assert all(s.cached for s in plan(recipe, first.workspace.root))
    second = run(recipe)
    assert all(s["cached"] for s in second.manifest["steps"])
    assert part_bytes(second.workspace) == before
    assert second.run_id != first.run_id


def test_the_newest_run_is_the_one_that_started_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also within one second, and when the clock went back."""
    tokens = iter(["ffff", "cccc", "bbbb", "aaaa"])
    stamps = iter(["20260102-000000", "20260101-000000", "20260101-000000", "20260101-000000"])

    class Clock(datetime):
        def strftime(self, format: str) -> str:
            return next(stamps)

    recipe = project(tmp_path, rows=[{"zh": "江上赛龙舟"}], steps=("normalize",))
    module = sys.modules["curate.run"]
    monkeypatch.setattr(module, "datetime", Clock)
    monkeypatch.setattr(module.secrets, "token_hex", lambda _n: next(tokens))
    started = [run(recipe).run_id for _ in range(4)]
    ws = Workspace(recipe.parent / "recipe-ws")
    assert [r["run_id"] for r in ws.runs()] == started
    assert ws.last_run()["run_id"] == started[-1]


def test_a_change_redoes_what_follows_only(tmp_path: Path) -> None:
    recipe = project(tmp_path)
    ws = run(recipe).workspace
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("- quality", "- {use: quality, with: {min_zh_chars: 4}}"), encoding="utf-8")
    assert [s.cached for s in plan(recipe, ws.root)] == [True, True, True, False, False, False]
    recipe.write_text(text.replace("seed: 3", "seed: 4"), encoding="utf-8")
    assert [s.cached for s in plan(recipe, ws.root)] == [True, True, True, True, True, False]
    recipe.write_text(text, encoding="utf-8")
    data = tmp_path / "字幕.jsonl"
    data.write_text(data.read_text(encoding="utf-8").replace("第1条", "第1只"), encoding="utf-8")
    assert not any(s.cached for s in plan(recipe, ws.root))


def test_the_number_of_workers_does_not_matter(tmp_path: Path) -> None:
    one, two = (run(project(tmp_path / str(n), steps=("normalize", "split")), workers=n) for n in (1, 2))
    assert part_bytes(two.workspace) == part_bytes(one.workspace)


@pytest.mark.parametrize("part_rows", [7, 1000])
def test_the_size_of_parts_does_not_matter(tmp_path: Path, done: RunResult, part_rows: int) -> None:
    other = run(project(tmp_path, steps=DEEP, part_rows=part_rows))
    assert other.table().equals(done.table())
    assert other.drops().sort("id").equals(done.drops().sort("id"))


SLOW = """
import os, signal, sys
from pathlib import Path
from curate import engines
from curate.run import run
real, count = engines.write_part, 0
def write_part(*args):
    global count
    count += 1
    out = real(*args)
    if count == int(sys.argv[2]):
        if sys.argv[3] == "tmp":
            (args[0] / ".part-00009.parquet.1.tmp").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    return out
engines.write_part = write_part
run(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("at", [3, 9, 24])
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path, at: int, clean: dict[str, str]) -> None:
    recipe = project(tmp_path)
    got = subprocess.run([sys.executable, "-c", SLOW, str(recipe), str(at), "tmp"], cwd=ROOT, capture_output=True, check=False)
    assert got.returncode == -signal.SIGKILL, got.stderr.decode()
    ws = Workspace(tmp_path / "recipe-ws")
    assert ws.runs()[0]["status"] == "running"
    halves = list(ws.root.rglob("*.tmp"))
    assert halves
    done_before = {p: p.stat().st_mtime_ns for p in (ws.root / "steps").rglob("part-*.parquet")}
    again = run(recipe)
    assert part_bytes(again.workspace) == clean
    assert again.manifest["status"] == "done"
    if at > 7:
        # The parts of the killed step that were whole were not done twice.
        assert sum(p.stat().st_mtime_ns == t for p, t in done_before.items()) == len(done_before)
    assert set(halves) <= set(ws.gc())
    assert not list(ws.root.rglob("*.tmp"))
    assert part_bytes(ws) == clean


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return part_bytes(run(project(tmp_path_factory.mktemp("clean"))).workspace)


def test_damaged_and_missing_parts_are_redone(tmp_path: Path, clean: dict[str, str]) -> None:
    recipe = project(tmp_path)
    first = run(recipe)
    ws = first.workspace
    parts = [ws.step_dir(r.key) / r.parts[1].file for r in first.records]
    data = bytearray(parts[1].read_bytes())
    data[len(data) // 2] ^= 1
    parts[1].write_bytes(bytes(data))
    parts[0].write_bytes(parts[0].read_bytes()[:100])
    parts[3].unlink()
    assert len(ws.verify()) == 3
    assert any("missing" in f for f in ws.verify())
    second = run(recipe)
    assert [s["cached"] for s in second.manifest["steps"]] == [False, False, True, False, True, True]
    assert part_bytes(ws) == clean
    assert ws.verify() == []


def test_a_broken_step_record_is_named(tmp_path: Path) -> None:
    recipe = project(tmp_path)
    first = run(recipe)
    record = first.workspace.step_dir(first.records[2].key) / "step.json"
    record.write_text("{", encoding="utf-8")
    assert any("step.json is broken" in f for f in first.workspace.verify())
    with pytest.raises(DataError, match=r"step\.json is broken") as e:
        run(recipe)
    assert "delete the folder" in str(e.value)


def test_two_runs_on_one_workspace_are_refused(tmp_path: Path) -> None:
    recipe = project(tmp_path)
    ws = tmp_path / "ws"
    holder = "import sys, time\nfrom pathlib import Path\nfrom curate.workspace import Workspace\nwith Workspace(Path(sys.argv[1])).locked():\n    print('held', flush=True)\n    time.sleep(60)\n"
    with subprocess.Popen([sys.executable, "-c", holder, str(ws)], cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        try:
            with pytest.raises(CurateError, match="another run is using the workspace"):
                run(recipe, ws)
            with pytest.raises(CurateError, match="another run is using the workspace"):
                Workspace(ws).gc()
        finally:
            other.kill()
    assert run(recipe, ws).manifest["status"] == "done"


def test_gc_removes_only_what_no_run_needs(tmp_path: Path) -> None:
    recipe = project(tmp_path)
    ws = run(recipe).workspace
    stray = ws.root / "steps" / "0" / "part-00000.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    assert ws.verify() == [f"{stray.parent}: unfinished (no step.json)"]
    assert ws.gc(dry_run=True) == [stray.parent]
    assert stray.exists()
    assert ws.gc() == [stray.parent]
    assert ws.gc() == []
    assert all(s.cached for s in plan(recipe, ws.root))


def test_explain_tells_the_story(done: RunResult) -> None:
    told = explain.story(done.workspace, "short")
    assert [s["step"] for s in told] == ["ingest", "normalize", "language", "quality"]
    assert told[-1]["drop"] == "quality.too_short"
    assert told[-1]["drop_note"]
    assert told[0]["values"]["zh"] == "龙"
    live = explain.story(done.workspace, "r1")
    assert live[-1]["step"] == "split"
    assert live[-1]["values"]["split"] in ("train", "validation", "test")
    assert explain.story(done.workspace, live[0]["values"]["id"]) == live
    with pytest.raises(DataError, match="no record 'r999'"):
        explain.story(done.workspace, "r999")
    with pytest.raises(DataError, match="fits"):
        explain.story(done.workspace, "")


def test_columns_have_one_owner_each() -> None:
    rows = explain.owners(stages.load())
    assert len({r["column"] for r in rows}) == len(rows)
    assert {"zh_vector", "terms", "dup_of", "split"} <= {r["column"] for r in rows}


def test_no_clip_is_on_two_sides(done: RunResult) -> None:
    table = done.table(["clip_id", "split", "dup_group"])
    for by in ("clip_id", "dup_group"):
        assert table.group_by(by).agg(pl.col("split").n_unique()).get_column("split").max() == 1
    assert table.get_column("split").n_unique() > 1


def test_all_rows_may_be_dropped(tmp_path: Path) -> None:
    rows = [{"id": "1", "zh": "龙"}, {"id": "2", "zh": "凤"}]
    result = run(project(tmp_path, rows=rows, steps=DEEP))
    assert len(result.table()) == 0
    assert len(result.drops()) == 2
    assert result.manifest["steps"][-1]["rows_in"] == 0


# -- stages that break their contract


def _bad(df: pl.DataFrame, params: Params, res: Resources) -> pl.DataFrame:
    mode = df.get_column("zh").drop_nulls()[0].split("|")[1]
    out = df.select("id", mark=pl.lit("x"))
    return {
        "loses": out[:-1], "doubles": pl.concat([out, out[:1]]), "swaps": out.with_columns(id=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("f" * 20)).otherwise("id")),
        "reason": out.with_columns(drop=pl.lit("mood")), "column": out.with_columns(other=pl.lit(1)), "type": df.select("id", mark=pl.lit([1])), "missing": df.select("id"),
        "trades": pl.concat([out[1:], out[1:2]]),
    }[mode]  # fmt: skip


@pytest.mark.parametrize("scope", ["rows", "table"])
@pytest.mark.parametrize(
    ("mode", "error", "message"),
    [
        ("loses", StageError, "lost 1 of"), ("doubles", StageError, "twice"), ("swaps", StageError, "lost 1 of"), ("trades", StageError, "twice"),
        ("reason", StageError, "undeclared reason 'mood'"), ("column", SchemaError, "undeclared column 'other'"), ("type", SchemaError, "'mark' should be String"),
        ("missing", SchemaError, "'mark' is missing"),
    ],
)  # fmt: skip
def test_a_stage_that_breaks_its_contract_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, error: type[CurateError], message: str, scope: Any
) -> None:
    bad = Stage(name="bad", version=1, scope=scope, params=Params, needs=("zh",), adds=pl.Schema({"mark": pl.String()}), fn=_bad, reasons=("fine",))
    monkeypatch.setattr(stages, "BUILTIN", (*stages.BUILTIN, bad))
    rows = [{"id": str(i), "zh": f"第{i}条龙舟|{mode}|"} for i in range(4)]
    recipe = project(tmp_path, rows=rows, steps=("normalize", "bad"), part_rows=3)
    with pytest.raises(error, match=message) as e:
        run(recipe)
    assert "'bad'" in str(e.value)
    ws = Workspace(tmp_path / "recipe-ws")
    assert ws.runs()[-1]["status"] == "failed"
    assert ws.runs()[-1]["error"]
    # Row steps go part by part: a fault in the second step shows in the first part, and "normalize" is not done for the others.
    assert [s["step_id"] for s in ws.runs()[-1]["steps"]] == (["ingest"] if scope == "rows" else ["ingest", "normalize"])
    with pytest.raises(DataError, match="no finished run"):
        ws.last_key()


def test_a_lexicon_that_changes_in_mid_run_is_noticed(tmp_path: Path) -> None:
    from curate import engines

    result = run(project(tmp_path, steps=("normalize",)))
    link = engines.Link("k", "match", "match", "{}", (("lexicon", "old"),))
    task = engines.PartTask(str(result.workspace.root), result.key, (link,), 0, "{}", 0, ".", ("lexicon",), None)
    with pytest.raises(StageError, match="the lexicon changed while the run was going on"):
        engines.do_part(task, Resources(digests={"lexicon": "new"}))


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    recipe = project(tmp_path)
    with pytest.raises(RecipeError, match="unknown engine 'locl'") as e:
        run(recipe, engine="locl")
    assert "did you mean 'local'" in str(e.value)
    with pytest.raises(RecipeError, match="no recipe at") as e:
        run(tmp_path / "recip.yaml")
    assert "did you mean 'recipe.yaml'" in str(e.value)


# -- nothing is lost, whatever comes in

TEXT = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.sampled_from(
        [
            "唐代舞者在宫殿里跳舞",
            "唐代舞者，在宮殿裡跳舞！",
            "a man is slicing a tomato",
            "\u200b",
            "唐\0代",
            "唐\ufffd",
            "IMG_1234.jpg",
            "Быстрая лиса бежит",
        ]
    ),
)
ROW = st.fixed_dictionaries({"id": st.sampled_from("abcde"), "zh": TEXT, "en": TEXT})
LINE = st.one_of(
    ROW.map(lambda r: json.dumps(r, ensure_ascii=True).encode()),
    st.sampled_from([b"{", b"[]", b'{"zh": "\\ud800"}', b"\xff\xfe\xfa", b'{"zh": 1}', b"null", b'{"zh": "a", "zh": "b"}']),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=25))
def test_rows_in_are_live_or_dropped_or_quarantined(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recipe = project(Path(folder), rows=[], steps=("normalize", "language", "quality", "split"), part_rows=4)
        good = json.dumps({"id": "last", "zh": "宋代文人在竹林里点茶"}).encode()
        (Path(folder) / "字幕.jsonl").write_bytes(b"\n".join([good, *lines]) + b"\n")
        result = run(recipe)
        bad = result.workspace.quarantine(result.key)
        quarantined = [] if bad is None else bad.get_column("line").to_list()
        assert len(set(quarantined)) == len(quarantined)
        assert set(quarantined) <= set(range(1, len(lines) + 2))
        read = result.workspace.table(result.records[0].key, []).get_column("id").to_list()
        assert len(read) + len(quarantined) == len(lines) + 1
        left = [*result.table([]).get_column("id"), *result.drops().get_column("id")]
        assert sorted(left) == sorted(read)
        assert len(set(read)) == len(read)


def test_locks_are_let_go(tmp_path: Path) -> None:
    ws = Workspace(tmp_path)
    for _ in range(2):
        with ws.locked():
            assert os.path.exists(tmp_path / ".lock")
