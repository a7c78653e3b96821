"""Stages, readers and embedders of another distribution are found, run, and reported when they fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curate import plugins, readers, stages
from curate.cli import build
from curate.embed import make_embedder
from curate.errors import RecipeError
from curate.run import run

HERE = Path(__file__).parent


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(HERE))
    plugins.found.cache_clear()
    yield
    monkeypatch.undo()
    plugins.found.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_recipe_uses_a_reader_and_a_stage_of_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "poems.haiku").write_text("古池塘\n青蛙跳入\n水声响！\n", encoding="utf-8")
    text = """
recipe: 1
name: poems
inputs: [{name: poems, path: poems.haiku, license: CC0-1.0}]
steps: [normalize, exclaims]
"""
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    result = run(tmp_path / "recipe.yaml", tmp_path / "ws")
    assert result.table(["exclaims"])["exclaims"].to_list() == [True]


@pytest.mark.usefixtures("installed")
def test_plugins_are_listed_with_what_is_wrong() -> None:
    rows = json.loads(CliRunner().invoke(build(), ["plugins", "--json"]).stdout)
    assert {r["name"]: bool(r["fault"]) for r in rows} == {"exclaims": False, "broken": True, "haiku": False, "constant": False}
    assert {r["distribution"] for r in rows} == {"leishu-plugin-example 1.0"}


@pytest.mark.usefixtures("installed")
def test_a_failing_plugin_fails_only_who_uses_it() -> None:
    assert "broken" not in stages.load()
    assert "NOTHING" in plugins.why_not("curate.stages", "broken")
    assert "haiku" in readers.load()
    assert make_embedder("constant").encode(["x", "y"]).shape == (2, 2)
    with pytest.raises(RecipeError, match="unknown embedder 'constnat'") as caught:
        make_embedder("constnat")
    assert "constant" in str(caught.value)


@pytest.mark.usefixtures("installed")
def test_a_name_taken_twice_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = (plugins.Plugin("curate.stages", "normalize", "other 2.0", stages.load()["normalize"]),)
    monkeypatch.setattr(plugins, "found", lambda: twice)
    with pytest.raises(RecipeError, match=r"by leishu and by other 2\.0"):
        stages.load()


def test_without_plugins_nothing_is_listed() -> None:
    assert CliRunner().invoke(build(), ["plugins"]).stdout.strip() == "no plugins are installed"
