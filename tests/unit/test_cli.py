"""The command line: help, formats, exit codes, and what a newcomer sees when something is wrong."""

from __future__ import annotations

import importlib
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer

from curate import cli
from curate.cli import examples, pipeline
from curate.errors import CurateError, DataError, PublishRefused, RecipeError, StageError
from tests.conftest import ROOT, SAMPLE

Run = Callable[..., tuple[int, str, str]]

ROWS = [
    {"id": "a", "caption_zh": "唐代舞者在宫殿里跳舞。", "caption_en": "A Tang dynasty dancer performs in the palace."},
    {"id": "b", "caption_zh": "唐代舞者，在宮殿裡跳舞！", "caption_en": "A Tang dynasty dancer performs in the palace"},
    {"id": "丙", "caption_zh": "端午節的早晨，江面上龍舟競渡。", "caption_en": None},
    {"id": "d", "caption_zh": None, "caption_en": "a man is slicing a tomato"},
]


@pytest.fixture
def curate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["curate", *map(str, args)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as e:
            code = int(e.code or 0)
        got = capsys.readouterr()
        return code, got.out, got.err

    return run


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "字幕 表.jsonl"
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in ROWS), encoding="utf-8")
    return path


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(x) for x in path.read_text(encoding="utf-8").split("\n") if x]


def commands() -> list[tuple[str, ...]]:
    out: list[tuple[str, ...]] = []

    def walk(command: Any, path: tuple[str, ...]) -> None:
        subs = getattr(command, "commands", None)
        for name in sorted(subs or {}):
            walk(subs[name], (*path, name))
        if not subs:
            out.append(path)

    walk(typer.main.get_command(cli.build()), ())
    return out


# Commands that print one line at most, and commands whose only output is rows (JSON Lines on stdout as it is).
SILENT = {("lexicon", "add"), ("review", "serve"), ("score",), ("prompts", "localize")}


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    command: Any = typer.main.get_command(cli.build())
    for name in path:
        command = command.commands[name]
    assert (command.help or "").strip().endswith((".", ")")), f"{path}: help is a sentence"
    options = {o for p in command.params for o in p.opts}
    assert "--json" in options or path in SILENT, f"{path} has no --json"


def test_the_commands_of_the_design_are_there() -> None:
    names = {p[0] for p in commands()}
    assert {
        "init",
        "plan",
        "run",
        "explain",
        "columns",
        "verify",
        "gc",
        "status",
        "tag",
        "check",
        "dedup",
        "search",
        "coverage",
        "balance",
        "doctor",
    } <= names


def test_help_and_version(curate: Run) -> None:
    code, out, _ = curate("--help")
    assert code == 0
    assert "dedup" in out
    assert curate("--version")[1].startswith("leishu ")
    assert curate("dedup", "--help")[0] == 0


@pytest.mark.parametrize("code", ["import curate", "import curate.cli; curate.cli.build()", "import curate; curate.CurateError"])
def test_importing_is_light(code: str) -> None:
    heavy = ["torch", "faiss", "streamlit", "ray", "datasets", "av", "cv2", "matplotlib", "sqlalchemy", "jieba", "onnxruntime"]
    check = f"{code}\nimport sys\nprint([m for m in {heavy!r} if m in sys.modules])"
    got = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert got.stdout.strip() == "[]"


def test_the_installed_command_helps_without_heavy_imports() -> None:
    code = "import sys\nsys.argv = ['curate', '--help']\nfrom curate.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\nprint([m for m in ('torch', 'faiss', 'streamlit', 'ray', 'datasets', 'polars') if m in sys.modules], file=sys.stderr)"
    got = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert got.stderr.strip() == "[]"
    assert "Usage" in got.stdout


# -- formats of the issue


def test_tag(curate: Run, captions: Path, tmp_path: Path) -> None:
    code, out, err = curate("tag", captions, "-o", tmp_path / "标.jsonl", "--embedder", "hash", "--json")
    assert code == 0, err
    assert json.loads(out) == {"rows": 4, "out": str(tmp_path / "标.jsonl")}
    assert "zh ← caption_zh" in err
    rows = jsonl(tmp_path / "标.jsonl")
    assert [r["id"] for r in rows] == ["a", "b", "丙", "d"]
    for row, source in zip(rows, ROWS, strict=True):
        assert list(row) == ["id", "eras", "themes", "regions", "terms"]
        for t in row["terms"]:
            assert list(t) == ["id", "lang", "start", "end", "text"]
            assert str(source[f"caption_{t['lang']}"])[t["start"] : t["end"]] == t["text"]
    assert rows[0]["eras"] == rows[1]["eras"] == ["tang"]
    assert "festivals" in rows[2]["themes"]
    assert {t["text"] for t in rows[2]["terms"]} >= {"端午節"}
    assert rows[3]["terms"] == []
    assert "\\u" not in (tmp_path / "标.jsonl").read_text(encoding="utf-8")


def test_dedup(curate: Run, captions: Path, tmp_path: Path) -> None:
    code, out, _ = curate("dedup", captions, "--embedder", "hash", "--steps", "exact,near", "-o", tmp_path / "d.jsonl", "--json")
    assert code == 0
    assert json.loads(out) == {"rows": 4, "duplicates": 1}
    rows = jsonl(tmp_path / "d.jsonl")
    assert [r["id"] for r in rows] == ["a", "b", "丙", "d"]
    assert all(list(r) == ["id", "dup_of", "dup_kind", "dup_score", "dup_group"] for r in rows)
    (gone,) = [r for r in rows if r["dup_of"]]
    assert {gone["id"], gone["dup_of"]} == {"a", "b"}
    assert gone["dup_kind"] == "exact"
    assert gone["dup_score"] == 1.0
    assert rows[0]["dup_group"] == rows[1]["dup_group"] != rows[2]["dup_group"]


def test_dedup_pairs(curate: Run, tmp_path: Path) -> None:
    pairs = [
        {"id": "1", "a_zh": "唐代舞者在宫殿里跳舞", "a_en": None, "b_zh": "唐代舞者，在宮殿裡跳舞！", "b_en": None},
        {"id": "2", "a_zh": None, "a_en": "a man slices a tomato", "b_zh": None, "b_en": "horses run over the frozen lake"},
    ]
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in pairs), encoding="utf-8")
    code, _, err = curate("dedup", "--pairs", source, "--embedder", "hash", "-o", tmp_path / "o.jsonl")
    assert code == 0, err
    rows = jsonl(tmp_path / "o.jsonl")
    assert [list(r)[:3] for r in rows] == [["id", "score", "label"]] * 2
    assert [r["id"] for r in rows] == ["1", "2"]
    assert rows[0]["score"] > rows[1]["score"]
    assert rows[0]["label"] != rows[1]["label"]


def test_pairs_under_other_names_are_no_pairs(curate: Run, captions: Path, tmp_path: Path) -> None:
    source = tmp_path / "对.jsonl"
    source.write_text('{"id": "1", "a": "赛龙舟", "b": "划龙船"}\n', encoding="utf-8")
    code, _, err = curate("dedup", "--pairs", source, "--embedder", "hash")
    assert code == 3, err
    assert "对.jsonl: no pair has a caption" in err
    assert "a_zh" in err
    code, _, err = curate("dedup", captions, "--pairs", source, "--embedder", "hash")
    assert code != 0
    assert "would not be looked at" in err


def test_search(curate: Run, captions: Path, tmp_path: Path) -> None:
    queries = tmp_path / "问.jsonl"
    queries.write_text('{"id": "q1", "query": "龙舟"}\n{"id": "q2", "query": "Tang dynasty dancer"}\n', encoding="utf-8")
    assert curate("search", captions, "--queries", queries, "-k", 2, "--embedder", "hash", "-o", tmp_path / "r.jsonl")[0] == 0
    rows = jsonl(tmp_path / "r.jsonl")
    assert [r["id"] for r in rows] == ["q1", "q2"]
    for row in rows:
        assert list(row) == ["id", "ranked", "scores"]
        assert len(row["ranked"]) == len(row["scores"]) == 2
        assert row["scores"] == sorted(row["scores"], reverse=True)
    assert rows[0]["ranked"][0] == "丙"
    assert rows[1]["ranked"][0] in ("a", "b")
    code, out, _ = curate("search", captions, "-q", "龙舟", "--embedder", "hash")
    assert code == 0
    assert "端午節的早晨" in out


def test_coverage(curate: Run, captions: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "报告"
    code, out, err = curate("coverage", captions, "-o", folder, "--embedder", "hash", "--json", "--fail-under", "0.9")
    # The report is written all the same.
    assert code == 1
    assert "less than 0.9" in err
    value = json.loads(out)
    assert value["files"]
    assert {p.suffix for p in folder.iterdir()} >= {".md", ".html", ".json", ".png", ".svg"}
    assert "节庆" in (folder / "coverage.md").read_text(encoding="utf-8")
    assert json.loads((folder / "coverage.json").read_text(encoding="utf-8"))


def test_check(curate: Run, tmp_path: Path) -> None:
    source = tmp_path / "c.csv"
    source.write_text(
        "id,zh,en\nx,唐代诗人坐在书房里打电话,A Tang poet makes a phone call in his study\ny,一只狗在草地上跑,a dog runs on the grass\n",
        encoding="utf-8",
    )
    code, out, _ = curate("check", source, "--embedder", "hash", "-o", tmp_path / "o.jsonl", "--json")
    assert code == 0
    counts = json.loads(out)
    assert counts["rows"] == 2
    assert counts["anachronism"] == 1
    rows = jsonl(tmp_path / "o.jsonl")
    assert list(rows[0]) == ["id", "verdict", "flags", "pair_score"]
    flag = rows[0]["flags"][0]
    assert list(flag) == ["check", "severity", "lang", "start", "end", "text", "note", "note_en", "suggestion"]
    assert "唐代诗人坐在书房里打电话"[flag["start"] : flag["end"]] == flag["text"] or flag["lang"] == "en"
    assert rows[1]["verdict"] != "anachronism"


def test_balance(curate: Run, captions: Path, tmp_path: Path) -> None:
    code, out, _ = curate("balance", captions, "--embedder", "hash", "--cap", "1", "-o", tmp_path / "b.jsonl", "--json")
    assert code == 0
    rows = jsonl(tmp_path / "b.jsonl")
    assert all(list(r) == ["id", "cell", "keep_prob", "keep", "why"] for r in rows)
    assert json.loads(out)["kept"] == sum(r["keep"] for r in rows)
    assert all(r["why"] for r in rows if not r["keep"])
    code, _, err = curate("balance", captions, "--cap", "many")
    assert code == 2
    assert "--cap 'many'" in err


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet"])
def test_outputs_by_ending(curate: Run, captions: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"出{ending}"
    assert curate("dedup", captions, "--embedder", "hash", "--steps", "exact", "-o", out)[0] == 0
    read = {".jsonl": pl.read_ndjson, ".json": pl.read_json, ".csv": pl.read_csv, ".parquet": pl.read_parquet}[ending]
    assert read(out).get_column("id").to_list() == ["a", "b", "丙", "d"]


def test_csv_for_spreadsheets_runs_no_formula(tmp_path: Path) -> None:
    from curate.cli.show import write_rows

    write_rows([{"a": "=1+1", "b": "@x", "c": "好", "d": -1}], str(tmp_path / "f.csv"))
    text = (tmp_path / "f.csv").read_text(encoding="utf-8-sig")
    assert text.splitlines()[1] == "'=1+1,'@x,好,-1"


def test_stdout_is_data_and_nothing_else(curate: Run, captions: Path) -> None:
    code, out, err = curate("dedup", captions, "--embedder", "hash", "--steps", "exact")
    assert code == 0
    assert len([json.loads(x) for x in out.splitlines()]) == 4
    assert "4 rows" in err


# -- exit codes and messages


@pytest.mark.parametrize(
    ("error", "code"),
    [(CurateError, 1), (StageError, 1), (RecipeError, 2), (DataError, 3), (PublishRefused, 4)],
    ids=lambda v: getattr(v, "__name__", str(v)),
)
def test_exit_codes_are_those_of_the_errors(curate: Run, monkeypatch: pytest.MonkeyPatch, error: type[CurateError], code: int) -> None:
    def fail(*args: object) -> None:
        raise error("坏了：端午.csv", hint="看这里")

    monkeypatch.setattr(importlib.import_module("curate.planning"), "plan", fail)
    got, out, err = curate("plan", "x.yaml")
    assert (got, out) == (code, "")
    assert err == "error: 坏了：端午.csv\n  Hint: 看这里\n"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["tag", "没有的文件.csv"], 3, "没有的文件.csv"), (["tag"], 2, "IN"), (["run", "没有.yaml"], 2, "no recipe at 没有.yaml"), (["frobnicate"], 2, "frobnicate"),
        (["dedup"], 2, "no IN and no --pairs"), (["status", "--workspace", "没有"], 3, "no workspace at 没有"), (["tag", ".", "--read", "csvv"], 2, "did you mean 'csv'"),
        (["lexicon", "show", "没有这个词"], 3, "没有这个词"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None,
)  # fmt: skip
def test_wrong_use(curate: Run, args: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    got, _, err = curate(*args)
    assert got == code, err
    assert message in err
    assert "Traceback" not in err


def test_errors_quote_chinese_file_names_and_text(curate: Run, tmp_path: Path) -> None:
    path = tmp_path / "《端午》 “字幕”.jsonl"
    path.write_text('{"id": "1", "标题文字": "龙舟"}\n', encoding="utf-8")
    code, _, err = curate("tag", path, "--embedder", "hash")
    assert code == 3
    assert "the columns are: id, 标题文字" in err
    missing = tmp_path / "《端午》 “字慕”.jsonl"
    code, _, err = curate("tag", missing, "--embedder", "hash")
    assert code == 3
    assert "《端午》 “字慕”.jsonl" in err
    assert "《端午》 “字幕”.jsonl" in err


def test_bad_rows_are_told_and_kept(curate: Run, tmp_path: Path) -> None:
    path = tmp_path / "坏.jsonl"
    path.write_text('{"id": "1", "zh": "江面上龙舟竞渡"}\n{坏掉的一行\n', encoding="utf-8")
    code, _, err = curate("tag", path, "--embedder", "hash", "-o", tmp_path / "o.jsonl", "--quarantine", tmp_path / "q.jsonl")
    assert code == 0
    assert "1 rows could not be read" in err
    (bad,) = jsonl(tmp_path / "q.jsonl")
    assert (bad["line"], bad["reason"], bad["raw"].strip()) == (2, "bad_json", "{坏掉的一行")


def test_an_unknown_ending_is_refused(curate: Run, captions: Path, tmp_path: Path) -> None:
    code, _, err = curate("dedup", captions, "--embedder", "hash", "--steps", "exact", "-o", tmp_path / "o.jsnl")
    assert code == 2
    assert "did you mean '.jsonl'" in err


# -- the pipeline from a terminal


def test_a_project_from_init_to_gc(curate: Run, tmp_path: Path) -> None:
    code, out, _ = curate("init", tmp_path / "项目", "--data", SAMPLE / "messy.csv", "--json")
    assert code == 0
    (recipe,) = json.loads(out)
    light = Path(recipe)
    text = light.read_text(encoding="utf-8")
    assert curate("init", tmp_path / "项目")[0] == 2
    light.write_text(text.split("steps:")[0] + "steps:\n  - normalize\n  - language\n  - quality\n  - split\n", encoding="utf-8")
    states = [s["cached"] for s in json.loads(curate("plan", recipe, "--json")[1])]
    assert states == [False] * 5
    code, out, err = curate("run", recipe)
    assert code == 0, err
    assert "ledger: rows in = live + dropped" in out
    assert "中文描述" in err
    assert [s["cached"] for s in json.loads(curate("plan", recipe, "--json")[1])] == [True] * 5
    assert len(json.loads(curate("status", recipe, "--json")[1])) == 1
    story = json.loads(curate("explain", "m001", "--recipe", recipe, "--json")[1])
    assert story[0]["values"]["source_id"] == "m001"
    assert "雨刷" in curate("explain", "m001", "--recipe", recipe)[1]
    assert json.loads(curate("verify", recipe, "--json")[1]) == []
    assert json.loads(curate("gc", recipe, "--json")[1]) == []
    part = next((tmp_path / "项目").rglob("part-00000.parquet"))
    part.write_bytes(b"x")
    code, out, err = curate("verify", recipe)
    assert code == 1
    assert str(part) in out
    assert {c["column"] for c in json.loads(curate("columns", "--json")[1])} >= {"zh", "split"}
    light.write_text(text.replace("steps:", "stepps:"), encoding="utf-8")
    code, _, err = curate("run", recipe)
    assert code == 2
    assert "did you mean 'steps'" in err
    assert "recipe.yaml:" in err


def test_doctor(curate: Run) -> None:
    code, out, _ = curate("doctor", "--json")
    checks = json.loads(out)
    assert code == (0 if all(c["ok"] for c in checks if c["required"]) else 1)
    assert {"polars", "lexicons"} <= {c["check"] for c in checks}


def test_captions_come_from_stdin(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from curate.cli import main; main()", "dedup", "-", "--embedder", "hash"]
    for data in ('{"id": "a", "zh": "端午节的龙舟竞渡"}\n', '[{"id": "a", "zh": "端午节的龙舟竞渡"}]', "id,zh\na,端午节的龙舟竞渡\n"):
        done = subprocess.run(command, input=data.encode(), capture_output=True, check=True)
        assert json.loads(done.stdout)["id"] == "a"


def test_an_output_that_cannot_be_written_is_refused_first(curate: Run, tmp_path: Path) -> None:
    code, _, err = curate("tag", tmp_path / "missing.csv", "-o", "out.xlsx")
    assert code == 2
    assert "'.xlsx'" in err


def test_an_empty_question_is_refused(curate: Run, captions: Path, tmp_path: Path) -> None:
    code, _, err = curate("search", captions, "-q", " ", "--embedder", "hash")
    assert (code, "the question is empty" in err) == (2, True)
    asked = tmp_path / "q.jsonl"
    asked.write_text('{"id": 1, "query": ""}\n', encoding="utf-8")
    code, _, err = curate("search", captions, "--queries", asked, "--embedder", "hash")
    assert (code, "q.jsonl:1" in err) == (3, True)


def test_an_interrupt_says_what_is_kept(curate: Run, captions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("curate.plain.load", stop)
    code, _, err = curate("tag", captions)
    assert code == 130
    assert "run again to go on" in err


def test_a_folder_is_no_recipe(curate: Run, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("recipe: 1\n", encoding="utf-8")
    code, _, err = curate("run", tmp_path)
    assert code == 2
    assert "Errno" not in err
    assert f"did you mean '{tmp_path / 'recipe.yaml'}'" in err


def test_init_names_the_data_that_may_have_been_meant(curate: Run, captions: Path, tmp_path: Path) -> None:
    code, _, err = curate("init", tmp_path / "new", "--data", tmp_path / "字幕表.jsonl")
    assert code == 2
    assert f"did you mean '{captions.name}'" in err


def test_targets_that_cannot_be_met_are_told(curate: Run, captions: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    steps = "[normalize, language, match, embed, theme, coverage, {balance: {targets: {'festivals': 1, 'cuisine|song': 500}, rest: true}}]"
    recipe.write_text(
        f"recipe: 1\nname: t\ninputs: [{{name: c, path: '{captions.name}'}}]\nresources: {{embedder: {{name: hash}}}}\nsteps: {steps}\n",
        encoding="utf-8",
    )
    code, out, err = curate("run", recipe)
    assert code == 0, err
    assert "targets lack clips: cuisine|song has 0 of 500" in out + err


def test_the_usual_names_need_not_be_said(curate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no workspace in this folder" in curate("status")[2]
    (tmp_path / "my.jsonl").write_text('{"id": "a", "zh": "江面上龙舟竞渡，鼓声阵阵。"}\n', encoding="utf-8")
    code, _, err = curate("init", "my.jsonl")
    assert code == 2
    assert "curate init --data my.jsonl" in err
    assert curate("init", "--data", "my.jsonl")[0] == 0
    assert 'path: "my.jsonl"' in (tmp_path / "recipe.yaml").read_text(encoding="utf-8")
    assert curate("plan")[0] == 0
    (tmp_path / "one-ws" / "runs").mkdir(parents=True)
    (tmp_path / "two-ws" / "runs").mkdir(parents=True)
    assert "2 workspaces in this folder: one-ws, two-ws" in curate("verify")[2]


def leaves(command: Any, name: str = "") -> list[tuple[str, Any]]:
    if hasattr(command, "commands"):
        return [x for n, c in sorted(command.commands.items()) for x in leaves(c, f"{name} {n}".strip())]
    return [(name, command)]


def test_every_command_shows_an_example_that_it_would_take() -> None:
    commands = dict(leaves(typer.main.get_command(cli.build())))
    assert not set(commands) - set(examples.EXAMPLES)
    for name, command in commands.items():
        for line in examples.EXAMPLES[name]:
            words = shlex.split(line)
            assert words[: 1 + len(name.split())] == ["curate", *name.split()]
            command.make_context(name, words[1 + len(name.split()) :])


def test_help_keeps_an_example_on_its_line(curate: Run) -> None:
    code, out, _ = curate("prompts", "gaps", "--help")
    assert code == 0
    assert "  curate prompts gaps ws -n 50 -o gaps.jsonl\n" in out


def test_columns_are_named_on_the_command_line(curate: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("nr,甲,乙\n7,江面上龙舟竞渡,Dragon boats race on the river\n", encoding="utf-8")
    code, _, err = curate("dedup", path)
    assert code == 3
    assert "--map zh=COLUMN" in err
    code, out, err = curate("dedup", path, "--map", "zh=甲", "--map", "source_id=nr")
    assert (code, json.loads(out)["id"]) == (0, "7")
    assert "kept aside in extra: 乙" in err
    for wrong, said in (("zh", "RECORD=COLUMN"), ("zhh=甲", "did you mean 'zh'"), ("zh=丙", "no column '丙'")):
        code, _, err = curate("dedup", path, "--map", wrong)
        assert code in (2, 3)
        assert said in err


def test_a_bad_row_names_the_option_that_keeps_it(curate: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,zh\n1,江面上龙舟竞渡\n2,\n", encoding="utf-8")
    assert "--quarantine" in curate("tag", path, "--embedder", "hash")[2]
    assert "--quarantine" not in curate("dedup", path, "--embedder", "hash")[2]
    assert "--quarantine bad" not in curate("tag", path, "--embedder", "hash", "--quarantine", tmp_path / "q.jsonl")[2]
    assert jsonl(tmp_path / "q.jsonl")[0]["reason"] == "no_caption"


def test_a_run_says_where_the_rows_are_that_could_not_be_read(curate: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,zh\n1,江面上龙舟竞渡\n2,\n", encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("recipe: 1\nname: few\ninputs: [{name: a, path: a.csv, license: CC0-1.0}]\nsteps: [normalize]\n", encoding="utf-8")
    code, _, err = curate("run", recipe)
    assert code == 0
    said = next(line for line in err.splitlines() if line.startswith("quarantined: 1 rows; the first: a.csv:3: no_caption"))
    assert len(pl.read_parquet(said.rsplit(" ", 1)[1])) == 1
    assert said in curate("status", recipe)[2]
    out = curate("explain", "1", "--recipe", recipe)[1]
    assert "  zh             江面上龙舟竞渡\n" in out


def test_explain_tells_lists_without_noise() -> None:
    assert pipeline._told([{"id": "costume", "score": 0.9243999719619751}, {"id": "唐", "score": 1.0}]) == (
        '[{"id": "costume", "score": 0.9244}, {"id": "唐", "score": 1.0}]'
    )
    assert pipeline._told("唐代") == "唐代"


def test_coverage_says_why_it_drew_nothing(curate: Run, captions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    importlib.import_module("curate.plots")._pyplot.cache_clear()
    code, _, err = curate("coverage", captions, "-o", tmp_path / "report", "--embedder", "hash")
    assert code == 0
    assert "no figures" in err
    assert "leishu[plots]" in err
    assert not list((tmp_path / "report").glob("*.png"))


def test_an_unknown_term_is_not_answered_with_thousands(curate: Run) -> None:
    code, out, _ = curate("lexicon", "show", "端午节")
    assert code == 0
    assert "zh_hans          端午节\n" in out
    assert json.loads(curate("lexicon", "show", "端午节", "--json")[1])[0]["zh_hans"] == "端午节"
    assert "did you mean '端午节'" in curate("lexicon", "show", "端午节节")[2]
    err = curate("lexicon", "show", "qqqq")[2]
    assert "curate lexicon lookup" in err
    assert len(err) < 200
