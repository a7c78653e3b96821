"""Write the generated parts of the documents anew: ``python -m tests.docs_update [--demo]``.

Generated are, in README.md and README.zh.md, the table of commands, the table of export targets and the output of every command in a
``console`` block under ``<!-- output … -->``; in ARCHITECTURE.md the table of stages. ``--demo`` runs the demo as well and takes its ledger,
its table of planted dirt and the sample's card. ``tests/test_docs.py`` compares all of it, except what the demo prints.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from curate.cli import build

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh.md")
DEMO_TABLES = ("ledger: rows in = live + dropped", "planted dirt: found as the truth file says")
_FILE = re.compile(r"<!-- file: (?P<name>[\w.-]+) -->\n+```\w*\n(?P<body>.*?)```", re.S)
_OUTPUT = re.compile(
    r"(?P<head><!-- output(?: lines=(?P<lines>\d+))?(?: width=(?P<width>\d+))? -->\n+```console\n\$ (?P<command>[^\n]+)\n)(?P<body>.*?)(?P<foot>```)",
    re.S,
)
_ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<text>.*) \|$", re.M)


@dataclass(frozen=True)
class Block:
    """A command in a document with the output that stands there."""

    command: str
    lines: int
    width: int
    shown: str


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def part(text: str, name: str) -> str:
    """Return what stands between ``<!-- name -->`` and ``<!-- /name -->``."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.S)
    if found is None:
        raise SystemExit(f"no part <!-- {name} --> … <!-- /{name} -->")
    return found[1]


def with_part(text: str, name: str, body: str) -> str:
    old = part(text, name)
    return text.replace(f"<!-- {name} -->\n{old}<!-- /{name} -->", f"<!-- {name} -->\n{body}<!-- /{name} -->")


def commands() -> dict[str, str]:
    """Return every command with the first sentence of its help."""
    root: Any = typer.main.get_command(build())
    out: dict[str, str] = {}
    for name, command in root.commands.items():
        for path, leaf in [(f"{name} {k}", v) for k, v in command.commands.items()] if hasattr(command, "commands") else [(name, command)]:
            out[path] = " ".join((leaf.help or "").split("\n\n")[0].split())
    return out


def command_table(text: str) -> str:
    """Return the table of commands; in the Chinese document the rows that are there keep their words."""
    chinese = "命令" in text
    have = {m["name"].removeprefix("curate "): m["text"] for m in _ROW.finditer(part(text, "commands"))} if chinese else {}
    head = "| 命令 | 作用 |\n|---|---|\n" if chinese else "| command | what it does |\n|---|---|\n"
    return head + "".join(f"| `curate {name}` | {have.get(name, words).replace('|', chr(92) + '|')} |\n" for name, words in commands().items())


def export_table(text: str) -> str:
    """Return the table of export targets."""
    from curate.export import profiles

    head = "| 目标 | 用于 | 种类 | 描述语言 |\n|---|---|---|---|\n" if "命令" in text else "| target | for | kind | captions |\n|---|---|---|---|\n"
    return head + "".join(f"| `{k}` | {p['title']} | {p['kind']} | {_captions(p['captions'], '命令' in text)} |\n" for k, p in profiles().items())


def _captions(spec: dict[str, Any], chinese: bool) -> str:
    modes = {"one": ("one a clip", "每片段一条"), "list": ("all of a clip", "片段的全部"), "per_language": ("one set per language", "每种语言一份")}
    limit = next(
        (f"{spec[unit]} {words[chinese]}" for unit, words in (("tokens", ("tokens", "词元")), ("chars", ("characters", "字符"))) if unit in spec), ""
    )
    parts = [" + ".join(spec["langs"]), modes[spec["mode"]][chinese], limit]
    return ("，" if chinese else ", ").join(p for p in parts if p)


def stage_table() -> str:
    """Return the table of stages."""
    from curate.plain import default_resources
    from curate.stages import BUILTIN

    res = default_resources(embedder="hash")
    rows = []
    for s in BUILTIN:
        adds = ", ".join(f"`{c}`" for c in s.schema(s.params(), res))
        rows.append(f"| `{s.name}` | {s.scope} | {s.help} | {adds} | {', '.join(f'`{r}`' for r in s.reasons) or '–'} |\n")
    return "| stage | scope | what | columns it writes | reasons it may give |\n|---|---|---|---|---|\n" + "".join(rows)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def files(text: str) -> dict[str, str]:
    """Return the input files that a document shows."""
    return {m["name"]: m["body"] for m in _FILE.finditer(text)}


def blocks(text: str) -> list[Block]:
    """Return the commands whose output a document shows."""
    return [Block(m["command"], int(m["lines"] or 0), int(m["width"] or 110), m["body"]) for m in _OUTPUT.finditer(text)]


@lru_cache(maxsize=64)
def play(command: str, inputs: tuple[tuple[str, str], ...]) -> str:
    """Run a command in a folder with these files and return what it prints."""
    words = shlex.split(command)
    if words[0] != "curate":
        raise SystemExit(f"not a command of ours: {command}")
    with tempfile.TemporaryDirectory() as folder:
        for name, body in inputs:
            (Path(folder) / name).write_text(body, encoding="utf-8")
        with _inside(Path(folder)):
            got = CliRunner(env={"COLUMNS": "100", "TERM": "dumb"}).invoke(build(), words[1:], catch_exceptions=False)
    return got.stdout


def cells(text: str) -> int:
    """Return how many places a text takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shorten(text: str, lines: int, width: int) -> str:
    """Cut an output to so many lines (0: all) and places; a cut shows as …."""
    out = []
    for line in text.rstrip("\n").split("\n"):
        kept = line.rstrip()
        while cells(kept) > width:
            kept = kept[:-2].rstrip() + "…"
        out.append(kept)
    return "\n".join([*out[:lines], "…"] if lines and len(out) > lines else out) + "\n"


def fresh(block: Block, text: str) -> str:
    """Return what the block should show."""
    return shorten(play(block.command, tuple(sorted(files(text).items()))), block.lines, block.width)


def with_outputs(text: str) -> str:
    return _OUTPUT.sub(lambda m: m["head"] + fresh(Block(m["command"], int(m["lines"] or 0), int(m["width"] or 110), ""), text) + m["foot"], text)


def table_under(text: str, title: str) -> str:
    """Return the table that a command printed under a title."""
    lines = text.split("\n")
    start = lines.index(title)
    end = next(i for i in range(start, len(lines)) if lines[i].startswith("└"))
    return "\n".join(line.rstrip() for line in lines[start : end + 1])


def demo() -> str:
    """Run the demo and return the tables that the documents show."""
    with tempfile.TemporaryDirectory() as folder, _inside(Path(folder)):
        got = CliRunner(env={"COLUMNS": "100", "TERM": "dumb"}).invoke(build(), ["demo"], catch_exceptions=False)
        take_card(next(Path(folder).glob("demo-out/ws/releases/*")))
    tail = [line.rstrip() for line in got.stdout.split("\n") if line.startswith(("release ", "card ", "figures ", "report ", "review "))]
    return "```text\n" + "\n".join(table_under(got.stdout, t) for t in DEMO_TABLES) + "\n…\n" + "\n".join(tail) + "\n```\n"


def take_card(release: Path) -> None:
    """Keep the card of the sample, as the demo wrote it, beside its prose."""
    card = ROOT / "data_cards" / "leishu-sample"
    (card / "figures").mkdir(exist_ok=True)
    for path in (*release.glob("README*.md"), *release.glob("figures/*.png")):
        shutil.copyfile(path, card / path.relative_to(release))


def updated(name: str) -> str:
    """Return a document with its generated parts written anew."""
    text = read(name)
    if name == "ARCHITECTURE.md":
        return with_part(text, "stages", stage_table())
    text = with_part(text, "commands", command_table(text))
    return with_outputs(with_part(text, "exports", export_table(text)))


def main() -> None:
    shown = demo() if "--demo" in sys.argv else None
    for name in (*READMES, "ARCHITECTURE.md"):
        text = updated(name)
        if shown and name in READMES:
            text = with_part(text, "demo", shown)
        (ROOT / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
