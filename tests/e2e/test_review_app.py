"""The review app in a real browser: keys, drafts, crashes, several people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from curate.review.items import Decision
from tests.e2e.conftest import App, Person, push

pytestmark = pytest.mark.browser
FLAG = {"check": "anachronism", "severity": "error", "lang": "zh", "start": 4, "end": 6, "note": "唐代没有辫子。", "note_en": "There was no queue in Tang times.",
        "suggestion": "发髻", "text": "辫子"}  # fmt: skip
MARKS = [
    {"lang": "zh", "start": 0, "end": 2, "kind": "term", "id": "era:tang", "label": "唐代", "gloss": "The Tang dynasty"},
    {"lang": "zh", "start": 4, "end": 6, "kind": "flag", "id": "anachronism", "label": "唐代没有辫子。", "gloss": "", "severity": "error"},
]
ROWS: list[dict[str, Any]] = [
    {"zh": "唐代宫女辫子很长，在龍舟旁起舞𠮷龘。", "en": "A Tang palace lady with a queue dances.", "uri": "a.mp4", "marks": MARKS, "flags": [FLAG],
     "suggestion": {"zh": "唐代宫女发髻很长，在龍舟旁起舞𠮷龘。", "agent": "check"},
     "near": [{"id": "x", "why": "near", "score": 0.81, "zh": "宫女起舞", "en": "A palace lady dances"}]},
    {"zh": "端午节赛龙舟", "en": "Dragon boat race", "uri": "broken.mp4"},
    *({"zh": f"元宵节的花灯{n}", "en": f"Lanterns {n}"} for n in range(6)),
]  # fmt: skip
Make = Callable[[str], Person]


def current(app: App, who: str, queue: str) -> str:
    return app.store.claim(queue, who)[0].item_id


def test_one_person_with_the_keyboard_only(app: App, person: Make) -> None:
    items = push(app, "keys", ROWS)
    li = person("李明")
    li.open(queue="keys")
    li.see("唐代没有辫子")
    video = li.page.locator("video")
    video.wait_for()
    video.evaluate("v => new Promise(done => { const look = () => v.readyState >= 2 ? done() : setTimeout(look, 50); look(); })")
    assert video.evaluate("v => [v.videoWidth, v.loop || !v.paused]") == [320, True]
    li.page.get_by_role("button", name="0.5×").click()
    assert video.evaluate("v => v.playbackRate") == 0.5
    assert li.page.locator(".cap .t").first.get_attribute("title") == "唐代 — The Tang dynasty"
    li.shot("01-queue-zh")
    li.click(li.page.get_by_text("繁体", exact=True))
    assert "唐代宮女" in li.page.locator(".cap").first.inner_text()
    li.click(li.page.get_by_text("拼音", exact=True))
    assert "táng" in li.page.locator("ruby rt").first.inner_text()
    li.shot("02-traditional-pinyin")
    li.decide("a")
    li.see("浏览器放不了 broken.mp4")
    assert li.page.locator("video").count() == 0
    li.shot("03-clip-that-cannot-play")
    li.press("x")
    li.shot("04-reasons")
    li.decide("2")
    li.decide("Space")
    li.decide("f")
    log = app.store.log(reviewer="李明")
    assert [r["verdict"] for r in log] == ["flag", "skip", "reject", "accept"]
    assert log[2]["labels"] == ["wrong_fact"]
    assert [r["item_id"] for r in log] == [i.item_id for i in items[3::-1]]
    li.decide("Backspace")
    assert li.verdicts()[0] == "undo"
    li.see("已撤销")
    li.decide("a")
    assert app.store.newest(items[3].item_id, "李明")["verdict"] == "accept"  # type: ignore[index]
    li.press("k")
    li.press("k")
    li.see("您的决定：跳过")
    li.decide("a")
    assert app.store.newest(items[2].item_id, "李明")["verdict"] == "accept"  # type: ignore[index]
    assert not any(r["conflict"] for r in app.store.log(reviewer="李明"))
    li.press("h")
    li.see("一条一个决定")
    li.press("h")
    li.press("j")
    assert "dēng3" in li.page.locator(".cap").first.inner_text()
    li.click(li.page.get_by_text("English", exact=True))
    li.see("Accept")
    li.shot("05-queue-en")


def test_typing_never_decides(app: App, person: Make) -> None:
    push(app, "typing", ROWS[2:])
    li = person("键")
    li.open(queue="typing")
    li.press("e")
    box = li.page.get_by_label("中文", exact=True)
    box.fill("")
    li.page.keyboard.type("axef jkh 123")
    cdp = li.page.context.new_cdp_session(li.page)
    cdp.send("Input.imeSetComposition", {"text": "long zhou a x", "selectionStart": 5, "selectionEnd": 5})
    li.page.keyboard.press("a")
    cdp.send("Input.insertText", {"text": "龙舟"})
    li.page.keyboard.press("Backspace")
    item = current(app, "键", "typing")
    assert li.stored(lambda: "axef jkh 123" in (app.store.draft(item, "键") or {}).get("zh", ""))
    note = li.page.get_by_label("备注（随决定保存）")
    note.click()
    li.page.keyboard.type("a x f")
    assert li.stored(lambda: (app.store.draft(item, "键") or {}).get("note") == "a x f")
    assert "axef jkh 123" in app.store.draft(item, "键")["zh"]  # type: ignore[index]
    assert li.verdicts() == []


def test_a_note_survives_reload_and_undo(app: App, person: Make) -> None:
    push(app, "note", ROWS[2:5])
    li = person("何")
    li.open(queue="note")
    item = current(app, "何", "note")
    note = li.page.get_by_label("备注（随决定保存）")
    note.click()
    li.page.keyboard.type("兔子灯 not a dragon")
    li.page.reload()  # before the pause after which the store has it
    note.wait_for()
    assert note.input_value() == "兔子灯 not a dragon"
    assert li.page.locator("textarea").count() == 0, "a note alone does not open the editor"
    assert li.stored(lambda: (app.store.draft(item, "何") or {}).get("note") == "兔子灯 not a dragon")
    li.settle()
    li.decide("a")
    assert app.store.newest(item, "何")["note"] == "兔子灯 not a dragon"  # type: ignore[index]
    assert note.input_value() == "", "the next item has a note of its own"
    li.decide("Backspace")
    assert note.input_value() == "兔子灯 not a dragon"
    li.decide("f")
    li.press("k")
    assert note.input_value() == "兔子灯 not a dragon", "an earlier decision shows its note"
    note.fill("a dragon after all")
    note.press("Enter")
    assert li.stored(lambda: (app.store.draft(item, "何") or {}).get("note") == "a dragon after all")
    li.settle()
    li.decide("a")
    assert [r["note"] for r in app.store.log(item) if r["verdict"] != "undo"] == ["a dragon after all", *["兔子灯 not a dragon"] * 2]


def test_an_edit_survives_reload_and_a_dead_server(app: App, person: Make) -> None:
    push(app, "crash", ROWS[2:])
    li = person("王芳")
    li.open(queue="crash")
    item = current(app, "王芳", "crash")
    li.press("e")
    box = li.page.get_by_label("英文", exact=True)
    box.fill("Lanterns light the street")
    assert li.stored(lambda: (app.store.draft(item, "王芳") or {}).get("en") == "Lanterns light the street")
    li.page.reload()
    box = li.page.get_by_label("英文", exact=True)
    box.wait_for(timeout=20_000)
    assert box.input_value() == "Lanterns light the street"
    li.see("没写完的草稿")
    li.shot("06-draft-restored")
    box.press_sequentially(" at night")
    app.kill()  # before the pause after which the draft is sent
    app.start()
    li.page.reload()
    box = li.page.get_by_label("英文", exact=True)
    box.wait_for(timeout=30_000)
    assert box.input_value() == "Lanterns light the street at night"
    box.press("Control+Enter")
    got = li.stored(lambda: app.store.newest(item, "王芳"))
    assert got is not None
    assert (got["verdict"], got["edits"]) == ("edit", {"en": "Lanterns light the street at night"})
    assert app.store.draft(item, "王芳") is None


def test_the_suggestion_can_be_taken(app: App, person: Make) -> None:
    items = push(app, "suggest", ROWS[:1])
    li = person("赵")
    li.open(queue="suggest")
    li.click("采用建议并修改")
    box = li.page.get_by_label("中文", exact=True)
    box.wait_for()
    assert "发髻" in box.input_value()
    li.click("保存修改")
    li.see("没有留给您的条目")
    assert app.store.newest(items[0].item_id, "赵")["edits"] == {"zh": ROWS[0]["suggestion"]["zh"]}  # type: ignore[index]


def test_two_people_disagree_and_a_lead_settles(app: App, person: Make) -> None:
    items = push(app, "pair", ROWS[2:5], overlap=2)
    app.store.set_reviewer("林老师", "lead")
    a, b = person("甲"), person("乙")
    a.open(queue="pair")
    b.open(queue="pair", lang="en")
    a.decide("a")
    b.press("x")
    b.decide("1")
    for who in (a, b):
        who.decide("a")
        who.decide("a")
    a.see("没有留给您的条目")
    assert sorted(r["verdict"] for r in app.store.log(items[0].item_id)) == ["accept", "reject"]
    assert len(app.store.decisions("pair", history=True)) == 6
    b.open(page="agreement", queue="pair", lang="en")
    b.see("Only a lead can settle these.")
    lead = person("林老师")
    lead.open(page="agreement", queue="pair")
    lead.see("Krippendorff")
    lead.see("画面不符")
    lead.shot("07-agreement")
    lead.click("裁决：拒绝")
    lead.see("没有等待裁决的分歧")
    assert app.store.newest(items[0].item_id, "-", "adjudicate")["verdict"] == "reject"  # type: ignore[index]


def test_pages(app: App, person: Make) -> None:
    push(app, "pages", ROWS)
    li = person("孙")
    li.open(page="overview", queue="pages")
    cell = li.page.locator(".heat button").first
    cell.wait_for()
    li.shot("08-overview")
    cell.click()
    li.page.get_by_role("button", name="看整个队列").wait_for()
    li.settle()
    assert "tag=cell%3Afestivals%7Ctang" in li.page.url
    li.open(page="browse", queue="pages", b_q="龙舟比赛")
    li.page.locator(".cap").first.wait_for(timeout=60_000)
    assert "龙舟" in li.page.locator(".cap").first.inner_text()
    li.shot("09-browse")
    li.open(page="browse", queue="pages")
    li.click(li.page.get_by_text("选中本页"))
    li.click("预览")
    assert li.verdicts() == []
    li.click("确认执行")
    assert li.verdicts() == ["accept"] * len(ROWS)
    li.click("撤销这次批量操作")
    assert li.verdicts()[: len(ROWS)] == ["undo"] * len(ROWS)
    li.open(page="progress", queue="pages")
    li.see("还没有人做过决定")  # all was taken back
    li.open(page="lexicon", queue="pages")
    li.page.get_by_label("查词").fill("端午")
    li.press("Enter")
    li.see("duān")
    li.shot("10-lexicon")
    phone = person("孙2", viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)  # type: ignore[call-arg]
    phone.open(queue="pages")
    phone.shot("11-phone")
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_name_is_asked_for(app: App, person: Make) -> None:
    push(app, "names", ROWS[2:])
    li = person("")
    li.page.goto(app.address("", "en"))
    li.see("Who are you?")
    li.page.get_by_role("combobox").first.fill("Ann")
    li.page.keyboard.press("Enter")
    li.click("Start")
    li.see("Reviewer: Ann")
    assert "who=Ann" in li.page.url


def test_a_second_window_is_told(app: App, person: Make) -> None:
    items = push(app, "twice", ROWS[2:4])
    li = person("周")
    li.open(queue="twice")
    app.store.record(Decision(items[0].item_id, "周", "reject", labels=["other"]))
    li.decide("a")
    li.see("两个都已保存")
    assert [r["verdict"] for r in app.store.log(items[0].item_id)] == ["accept", "reject"]
