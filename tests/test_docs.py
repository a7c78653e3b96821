"""The documents say what is there: commands, outputs, links, Python."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest
import typer

from curate.cli import build
from curate.stages import BUILTIN
from tests import docs_update as docs

DOCUMENTS = ("README.md", "README.zh.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
AGAIN = "run: python -m tests.docs_update"
_FENCE = re.compile(r"```(?P<lang>\w*)\n(?P<body>.*?)```", re.S)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def fenced(name: str, *languages: str) -> list[str]:
    return [m["body"] for m in _FENCE.finditer(docs.read(name)) if m["lang"] in languages]


def shell_lines(name: str) -> list[str]:
    """Commands of ours in the fenced blocks of a document, comments taken off."""
    out = []
    for body in fenced(name, "sh", "console"):
        for line in body.split("\n"):
            found = re.match(r"(?:\$ )?((?:HF_ENDPOINT=\S+ )?curate .*)", line)
            if found:
                out.append(re.sub(r"^HF_ENDPOINT=\S+ ", "", found[1]))
    return out


@pytest.mark.parametrize("name", docs.READMES)
def test_every_command_is_in_the_table_with_words(name: str) -> None:
    rows = dict(re.findall(r"^\| `curate ([^`]+)` \| (.*) \|$", docs.part(docs.read(name), "commands"), re.M))
    assert list(rows) == list(docs.commands()), AGAIN
    assert all(words.strip() for words in rows.values())


def test_chinese_table_is_chinese() -> None:
    rows = re.findall(r"^\| `curate [^`]+` \| (.*) \|$", docs.part(docs.read("README.zh.md"), "commands"), re.M)
    assert not [r for r in rows if not re.search(r"[\u4e00-\u9fff]", r)]


@pytest.mark.parametrize("name", [*docs.READMES, "ARCHITECTURE.md"])
def test_generated_parts_are_fresh(name: str) -> None:
    text = docs.read(name)
    for key, body in (("stages", docs.stage_table),) if name == "ARCHITECTURE.md" else ():
        assert docs.part(text, key) == body(), AGAIN
    if name in docs.READMES:
        assert docs.part(text, "commands") == docs.command_table(text), AGAIN
        assert docs.part(text, "exports") == docs.export_table(text), AGAIN


@pytest.mark.parametrize("name", docs.READMES)
def test_shown_outputs_are_real(name: str) -> None:
    text = docs.read(name)
    shown = docs.blocks(text)
    assert len(shown) >= 4
    for block in shown:
        assert docs.fresh(block, text) == block.shown, f"{block.command}\n{AGAIN}"


@pytest.mark.parametrize("name", [*docs.READMES, "CONTRIBUTING.md"])
def test_commands_in_blocks_exist(name: str) -> None:
    root = typer.main.get_command(build())
    lines = shell_lines(name)
    assert lines
    for line in lines:
        words = shlex.split(re.split(r"\s[|>]\s", line)[0], comments=True)[1:]
        command = root
        while words and hasattr(command, "commands"):
            head = words[0]
            if head.startswith("-"):
                break
            assert head in command.commands, line
            command, words = command.commands[head], words[1:]
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        for word in words:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0] in known, f"{line}: no option {word}"


@pytest.mark.parametrize("name", docs.READMES)
def test_python_blocks_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = docs.read(name)
    for file, body in docs.files(text).items():
        (tmp_path / file).write_text(body, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    source = "\n".join(fenced(name, "python"))
    assert ">>> " in source
    test = doctest.DocTestParser().get_doctest(source, {}, name, name, 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


@pytest.mark.parametrize("name", docs.READMES)
def test_the_demo_ledger_adds_up(name: str) -> None:
    rows = re.findall(r"^│(\w+)\s*│\s*(\d+) │\s*(\d+) │\s*(\d+) │", docs.part(docs.read(name), "demo"), re.M)
    assert rows[0][0] == "ingest"
    live = None
    for _, came, kept, dropped in rows:
        assert int(came) == int(kept) + int(dropped)
        assert live in (None, int(came))
        live = int(kept)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_local_links_resolve(name: str) -> None:
    for target in _LINK.findall(docs.read(name)):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        assert (docs.ROOT / target.split("#")[0]).exists(), f"{name}: {target}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_in_backticks_exist(name: str) -> None:
    for path in re.findall(r"`((?:curate|tests|lexicons|data_cards|apps)/[\w./-]+)`", docs.read(name)):
        assert (docs.ROOT / path).exists(), f"{name}: {path}"


def test_every_stage_is_described() -> None:
    text = docs.part(docs.read("ARCHITECTURE.md"), "stages")
    assert [s.name for s in BUILTIN] == re.findall(r"^\| `(\w+)` \|", text, re.M)


def test_both_readmes_show_the_same_commands() -> None:
    def strip(name: str) -> list[str]:
        return [re.sub(r"\s+#.*", "", line) for line in shell_lines(name)]

    assert strip("README.md") == strip("README.zh.md")
