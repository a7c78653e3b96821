import pytest

from curate import stages
from curate.errors import RecipeError
from curate.recipe import check_chain, parse

HEAD = "recipe: 1\nname: a\ninputs:\n  - {name: x, path: x.jsonl}\n"


def test_short_and_long_steps_are_the_same() -> None:
    a = parse(HEAD + "steps:\n  - normalize\n  - split: {test: 0.1}\n")
    b = parse(HEAD + "steps:\n  - {use: normalize}\n  - {use: split, id: split, with: {test: 0.1}}\n")
    assert a.steps == b.steps


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "stepss:\n  - normalize\nsteps: []\n", "stepss"),
        (HEAD + "steps:\n  - normalize\nseed: x\n", "seed"),
        ("recipe: 1\nname: a\nname: b\n", "already written"),
        ("recipe: 1\nname: [\n", "recipe:"),
        ("- a\n- b\n", "mapping"),
        (HEAD.replace("name: a", "name: Not A Slug") + "steps: []\n", "slug"),
    ],
)
def test_faults_are_named(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as e:
        parse(text)
    assert message in str(e.value)


def test_our_own_checks_speak_for_themselves() -> None:
    with pytest.raises(RecipeError) as e:
        parse(HEAD.replace("name: a", "name: Not A Slug") + "steps: []\n")
    assert e.value.message == "recipe:2: name: 'Not A Slug' is not a slug (small letters, digits, hyphens)"


def test_did_you_mean() -> None:
    with pytest.raises(RecipeError) as e:
        parse(HEAD + "step:\n  - normalize\nsteps: []\n")
    assert "did you mean 'steps'" in str(e.value)


def test_all_chain_faults_together() -> None:
    recipe = parse(HEAD + "steps:\n  - normalise\n  - match\n  - {use: split, with: {tests: 0.1}}\n")
    with pytest.raises(RecipeError) as e:
        check_chain(recipe, stages.load())
    text = str(e.value)
    assert "did you mean 'normalize'" in text
    assert "zh_norm" in text
    assert "tests" in text


def test_a_column_is_written_once() -> None:
    recipe = parse(HEAD + "steps:\n  - normalize\n  - {use: normalize, id: again}\n")
    with pytest.raises(RecipeError, match="written already"):
        check_chain(recipe, stages.load())
