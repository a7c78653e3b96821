"""The table of exports is what the last runs gave, and claims no more."""

from __future__ import annotations

import json

from curate.export import profiles
from tests.publish.exports_table import LIBRARIES, LOADERS, PAGE, RUNS, level, table


def test_the_page_is_the_runs() -> None:
    runs = json.loads(RUNS.read_text(encoding="utf-8"))
    assert set(runs["targets"]) == set(profiles())
    assert table(runs) in PAGE.read_text(encoding="utf-8"), "python -m tests.publish.exports_table CHECKOUTS"


def test_levels_are_those_of_the_profiles() -> None:
    for name, profile in profiles().items():
        known = {"loader": ("B", "C"), "library": ("A",), "rules": ("own",), "loader+library": ("A",)}
        assert profile["tier"] in known[level(name)], name
    assert set(LOADERS) | set(LIBRARIES) <= set(profiles())
