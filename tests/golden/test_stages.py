"""A stage whose source changed must say so by its version, or cached steps of users would be stale."""

from __future__ import annotations

import json

import pytest

from tests.golden.stages import FILE, current, fingerprint

GOLDEN = json.loads(FILE.read_text(encoding="utf-8"))
NOW = current()


@pytest.mark.parametrize("name", sorted(NOW))
def test_a_changed_stage_raises_its_version(name: str) -> None:
    was, now = GOLDEN.get(name), NOW[name]
    assert was is not None, f"the stage {name!r} is new: run `make golden`"
    if was == now:
        return
    assert now["version"] >= was["version"], f"the version of {name!r} went down"
    changed = ["its own source"] if was["source"] != now["source"] else []
    changed += [f"curate/{m.replace('.', '/')}.py" for m in {**was["ground"], **now["ground"]} if was["ground"].get(m) != now["ground"].get(m)]
    advice = "run `make golden`" if now["version"] > was["version"] else "raise `version`, or run `make golden` if the output cannot differ"
    pytest.fail(f"stage {name!r}: {', '.join(changed) or 'version'} changed: {advice}")


def test_no_stage_was_forgotten() -> None:
    assert sorted(GOLDEN) == sorted(NOW)


def test_the_fingerprint_sees_code_and_not_comments() -> None:
    plain = 'def f(x):\n    """Doc."""\n    return x + 1\n'
    assert fingerprint(plain) == fingerprint('def f(x):\n    """Other."""\n    # why\n    return (x + 1)\n')
    assert fingerprint(plain) != fingerprint(plain.replace("+ 1", "+ 2"))


def test_the_rules_of_the_checks_are_seen_behind_the_stage() -> None:
    ground = NOW["check"]["ground"]
    assert isinstance(ground, dict)
    assert {
        "checks.anachronism",
        "checks.confusion",
        "checks.reading",
        "checks.knowledge",
        "checks.mismatch",
        "knowledge.eras",
        "knowledge.matcher",
    } <= set(ground)
