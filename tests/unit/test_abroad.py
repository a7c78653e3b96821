"""Scenes of other countries keep a label only if something shows them to be Chinese."""

from __future__ import annotations

import pytest

from curate import plain
from curate.knowledge.abroad import shared_eras


@pytest.mark.parametrize(
    ("zh", "en", "eras"),
    [
        ("武田信玄的骑兵冲下山坡", "", {"warring-states"}),
        ("", "Samurai wait for dawn", {"warring-states"}),
        ("里斯本的电车，莫斯科的雪", "", set()),
        ("大名府的城门，幕府里的参军", "", None),
        ("泡菜坛子", "Pickle jars in Sichuan", None),
        ("", "", None),
    ],
)
def test_countries_are_known_by_places_people_and_things(zh: str, en: str, eras: set[str] | None) -> None:
    assert shared_eras(zh, en) == eras


@pytest.mark.parametrize(
    ("zh", "en", "themes", "eras"),
    [
        ("战国末年，德川家康坐在帐前，等雾散去", "In the age of the warring states Tokugawa Ieyasu waits for the mist to lift", False, False),
        ("河内的紫禁城茶馆，几个老人在下棋", "Old men over a board in a Hanoi tea shop", False, False),
        ("日本遣唐使抵达长安，唐朝官员在明德门迎接", "Japanese envoys reach Chang'an; Tang officials receive them at the gate", True, True),
        ("大英博物馆里的青花瓷，一圈人围着看", "Blue-and-white porcelain in the British Museum, a ring of visitors", True, False),
        ("赵国的戍卒守着长城", "Frontier men of Zhao guard the wall in the Warring States period", True, True),
    ],
)
def test_a_scene_abroad_needs_proof(zh: str, en: str, themes: bool, eras: bool) -> None:
    got = plain.tag([{"id": "a", "zh": zh, "en": en}])[0]
    assert (bool(got["themes"]), bool(got["eras"])) == (themes, eras)


@pytest.mark.parametrize(
    ("zh", "eras"),
    [
        ("宋真宗登上城楼，辽军在对岸扎营", ["liao", "song"]),
        ("明成祖召见使臣", ["ming"]),
        ("契丹骑兵过河", ["liao"]),
    ],
)
def test_the_title_of_an_emperor_names_his_dynasty(zh: str, eras: list[str]) -> None:
    assert sorted(plain.tag([{"id": "a", "zh": zh, "en": ""}])[0]["eras"]) == eras
