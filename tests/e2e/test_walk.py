"""What a reviewer who does not program meets on the way: pages, languages, queues, evidence."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from curate.review.items import Decision
from tests.e2e.conftest import App, Person, push

pytestmark = pytest.mark.browser
Make = Callable[..., Person]
NOTE = {
    "check": "anachronism",
    "severity": "error",
    "note": "玉米十六世纪传入。",
    "note_en": "Maize came in the 16th century.",
    "source": "《中国农业史》",
}
FLAGS = [
    {**NOTE, "lang": "zh", "start": 2, "end": 4, "text": "玉米", "suggestion": "粟"},
    {**NOTE, "lang": "en", "start": 7, "end": 12, "text": "maize", "suggestion": "millet"},
]
NEAR = [
    {"id": "n", "why": "exact", "score": 1.0, "zh": "唐代的玉米田里有三个人在劳作", "en": "A Tang maize field"},
    {"id": "m", "why": "near", "score": 0.5, "zh": "江面上龙舟竞渡", "en": "Boats race"},
]
ROWS: list[dict[str, Any]] = [
    {"zh": "唐代的玉米田里有两个人在劳作", "en": "A Tang maize field", "flags": FLAGS, "near": NEAR},
    {"zh": "元宵节的街上挂满花灯", "en": "Lanterns hang over the street"},
]


def test_opening_an_item_keeps_the_language_the_queue_and_the_search(app: App, person: Make) -> None:
    items = push(app, "walk", ROWS)
    push(app, "walk-newer", [{"zh": "放风筝", "en": "Kites"}])
    li = person("钱路过")
    li.open(lang="en", page="browse", queue="walk", b_q="lanterns")
    li.click(li.page.locator(f".st-key-open-{items[1].item_id} button"))
    li.page.locator(f".st-key-item-{items[1].item_id}").wait_for()
    assert "lang=en" in li.page.url
    assert "queue=walk&" in f"{li.page.url}&"
    li.see("Ask a lead")
    li.page.get_by_role("link", name="Browse and search").click()
    li.page.get_by_label("Search").wait_for()
    assert li.page.get_by_label("Search").input_value() == "lanterns"
    li.page.get_by_role("link", name="Review", exact=True).click()
    li.page.locator(f".st-key-item-{items[1].item_id}").wait_for()
    li.settle()
    # Another queue: what was open belongs to the first one.
    li.page.get_by_label("Queue").click()
    li.click(li.page.get_by_role("option", name="walk-newer"))
    li.see("放风筝")
    assert "queue=walk-newer" in li.page.url
    app.store.record(Decision(items[0].item_id, "钱路过", "accept"))
    li.page.wait_for_function("() => document.activeElement.tagName !== 'INPUT'")  # the list gives the keys back
    li.press("Backspace")
    li.see("There is no decision to take back.")


def test_the_page_says_its_language_and_the_evidence_is_in_words(app: App, person: Make) -> None:
    push(app, "evidence", ROWS)
    li = person("郑新手")
    li.open(queue="evidence")
    li.see("第一次来")
    assert li.page.evaluate("document.documentElement.lang") == "zh-Hans"
    assert li.page.locator("h1").inner_text() == "审阅"
    captions = li.page.locator(".cap[lang]")
    assert [captions.nth(n).get_attribute("lang") for n in (0, 1)] == ["zh-Hans", "en"]
    assert li.page.get_by_text("玉米十六世纪传入。").count() == 1, "two places of one fact are one flag"
    li.see("玉米 → 粟")
    li.see("maize → millet")
    li.see("依据：《中国农业史》")
    assert (li.page.locator("del").all_inner_texts(), li.page.locator("ins").all_inner_texts()) == (["两"], ["三"])
    li.see("英文与本条完全相同")
    li.click(li.page.get_by_text("English", exact=True))
    assert li.page.evaluate("document.documentElement.lang") == "en"
    li.decide("a")
    assert not li.page.get_by_text("New here?").count()
    li.open(page="progress", queue="evidence")
    assert li.page.evaluate("document.documentElement.lang") == "zh-Hans"


def test_a_store_that_is_in_the_way_is_told_in_words(app: App, person: Make) -> None:
    push(app, "stuck", ROWS)
    li = person("冯路过")
    li.open(queue="stuck")
    with sqlite3.connect(app.workspace / "review.sqlite") as other:
        other.execute("ALTER TABLE reviewers RENAME TO away")
    try:
        li.page.reload()
        li.see("审阅数据库现在没有回应")
    finally:
        with sqlite3.connect(app.workspace / "review.sqlite") as other:
            other.execute("ALTER TABLE away RENAME TO reviewers")
    li.click("再试一次")
    li.page.locator(".st-key-k-a").wait_for()


def test_a_half_written_edit_is_not_accepted_over_and_a_new_item_begins_at_its_top(app: App, person: Make) -> None:
    items = push(app, "half", [{**ROWS[0], "zh": f"{n}{ROWS[0]['zh']}"} for n in range(2)])
    li = person("褚半截", viewport={"width": 1280, "height": 500})
    li.open(queue="half")
    li.click(li.page.locator(".st-key-k-e button"))
    li.page.get_by_label("英文", exact=True).fill("A field of millet")
    assert li.stored(lambda: (app.store.draft(items[0].item_id, "褚半截") or {}).get("en") == "A field of millet")
    assert not li.page.locator(".st-key-k-a").count(), "no Accept beside what was typed"
    li.click("先不改")
    li.see("没保存的修改草稿")
    main = li.page.get_by_test_id("stMain")
    main.evaluate("m => m.scrollTo(0, 300)")
    li.decide("a")
    li.page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop === 0")
    assert li.verdicts() == ["accept"]
    with sqlite3.connect(app.workspace / "review.sqlite") as other:
        other.execute("ALTER TABLE drafts RENAME TO away")
    try:
        li.page.locator(".st-key-k-a button").click()
        li.see("没有保存成功")
    finally:
        with sqlite3.connect(app.workspace / "review.sqlite") as other:
            other.execute("ALTER TABLE away RENAME TO drafts")
    assert li.verdicts() == ["accept"]


def test_a_lead_opens_a_dispute_with_its_evidence(app: App, person: Make) -> None:
    items = push(app, "evidence-of-dispute", ROWS[:1])
    app.store.record(Decision(items[0].item_id, "尤", "flag"))
    app.store.set_reviewer("卫老师", "lead")
    lead = person("卫老师")
    lead.open(page="agreement", queue="evidence-of-dispute")
    lead.see("交给负责人")
    lead.click("打开看画面和提示")
    lead.see("玉米十六世纪传入。")
    assert "queue=evidence-of-dispute" in lead.page.url
    lead.open(page="browse", queue="evidence-of-dispute")
    assert lead.page.get_by_label("选中第 1 条").count() == 1
