"""The app's files: every word in both languages, no key twice, captions never as markup, only public names of the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

APP = Path(__file__).resolve().parents[2] / "apps" / "review"
FILES = sorted(APP.rglob("*.py"))
STRINGS = yaml.safe_load((APP / "strings.yaml").read_text(encoding="utf-8"))


def test_every_word_is_there_in_both_languages() -> None:
    for key, value in STRINGS.items():
        assert isinstance(value, str) or (len(value) == 2 and all(isinstance(x, str) and x for x in value)), key
        if not isinstance(value, str):
            fields = [set(re.findall(r"{(\w+)}", x)) for x in value]
            assert fields[0] == fields[1], key


def test_every_word_that_is_used_exists() -> None:
    for path in FILES:
        for key in re.findall(r'\bt\("([a-z_.]+)"', path.read_text(encoding="utf-8")):
            assert key in STRINGS, f"{path.name}: {key}"
        for prefix in re.findall(r'\bt\(f"([a-z_.]+)\{', path.read_text(encoding="utf-8")):
            assert any(k.startswith(prefix) for k in STRINGS), f"{path.name}: {prefix}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_no_key_is_used_twice_on_a_page(path: Path) -> None:
    keys = re.findall(r'shortcut="([^"]+)"', path.read_text(encoding="utf-8"))
    assert len(keys) == len(set(keys))
    assert not {"C", "R"} & {k.upper() for k in keys}, "Streamlit keeps these for itself"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_pages_draw_no_markup_and_import_only_public_names(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("markdown", "write", "html"):
            assert node.attr == "html" or (node.attr == "markdown" and path.name == "help.py"), f"{path.name}:{node.lineno}"
            assert node.attr != "html" or path.name in ("ui.py", "streamlit_app.py"), f"{path.name}:{node.lineno}"
        if isinstance(node, ast.keyword):
            assert not str(node.arg).startswith("unsafe_"), f"{path.name}:{node.value.lineno}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("curate"):
            assert not any(a.name.startswith("_") and a.name != "__version__" for a in node.names)
    assert "innerHTML" not in "".join(p.read_text(encoding="utf-8") for p in APP.glob("*.js"))
