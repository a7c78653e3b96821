"""One suite for every stage: what DESIGN promises of them."""

from __future__ import annotations

import inspect
from multiprocessing.reduction import ForkingPickler

import polars as pl
import pytest

from curate import stages
from curate.errors import RecipeError
from curate.stage import Resources, Stage, call
from tests.contract.frames import before
from tests.plugin import leishu_plugin_example

ALL = [*stages.BUILTIN, leishu_plugin_example.STAGE]
ROWS = [s for s in ALL if s.scope == "rows"]


@pytest.fixture(params=ALL, ids=lambda s: s.name)
def stage(request: pytest.FixtureRequest) -> Stage:
    return request.param


def run(stage: Stage, frame: pl.DataFrame, res: Resources) -> pl.DataFrame:
    return call(stage, frame, stage.parse({}), res, stage.name)


def test_same_ids_in_order(stage: Stage, res: Resources) -> None:
    frame = before(stage.name, res)
    assert run(stage, frame, res).get_column("id").to_list() == frame.get_column("id").to_list()


def test_empty_frame_has_the_full_schema(stage: Stage, res: Resources) -> None:
    full = run(stage, before(stage.name, res), res)
    empty = run(stage, before(stage.name, res).clear(), res)
    assert empty.schema == full.schema
    assert len(empty) == 0


def test_two_calls_give_equal_frames(stage: Stage, res: Resources) -> None:
    frame = before(stage.name, res)
    assert run(stage, frame, res).equals(run(stage, frame, res))


def test_input_is_unchanged(stage: Stage, res: Resources) -> None:
    frame = before(stage.name, res)
    copy = frame.clone()
    run(stage, frame, res)
    assert frame.equals(copy)


def test_order_of_rows_does_not_matter(stage: Stage, res: Resources) -> None:
    frame = before(stage.name, res)
    turned = run(stage, frame.reverse(), res).reverse()
    assert turned.equals(run(stage, frame, res))


@pytest.mark.parametrize("stage", ROWS, ids=lambda s: s.name)
def test_rows_stages_do_not_look_at_other_rows(stage: Stage, res: Resources) -> None:
    frame = before(stage.name, res)
    parts = pl.concat([run(stage, frame[:3], res), run(stage, frame[3:], res)])
    assert parts.equals(run(stage, frame, res))


def test_reads_nothing_undeclared(stage: Stage, res: Resources) -> None:
    frame = before(stage.name, res)
    seen = ["id", *stage.needs, *(c for c in stage.optional if c in frame.columns)]
    assert run(stage, frame.select(list(dict.fromkeys(seen))), res).equals(run(stage, frame, res))


def test_unknown_parameter_is_refused(stage: Stage) -> None:
    with pytest.raises(RecipeError, match="no_such_parameter"):
        stage.parse({"no_such_parameter": 1})


def test_pickles(stage: Stage) -> None:
    assert ForkingPickler.loads(ForkingPickler.dumps(stage)).name == stage.name


def test_docstring_has_its_sections(stage: Stage) -> None:
    doc = inspect.getdoc(stage.fn) or ""
    assert "Args:" in doc
    assert "Returns:" in doc
    assert ("Drops:" in doc) == bool(stage.reasons)
    for reason in stage.reasons:
        assert reason in doc
    assert stage.help


def test_needs_are_written_by_somebody() -> None:
    from curate.recipe import parse

    steps = "".join(f"  - {s.name}\n" for s in ALL)
    text = f"recipe: 1\nname: all\ninputs: [{{name: a, path: a.jsonl}}]\nresources: {{embedder: {{name: hash}}}}\nsteps:\n{steps}"
    from curate.recipe import check_chain

    assert len(check_chain(parse(text), {s.name: s for s in ALL})) == len(ALL)
