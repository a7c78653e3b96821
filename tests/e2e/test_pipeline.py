"""From the shipped recipe to people in a browser and back: decisions reach the next run, its release and its card; gaps become prompts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curate.cli import build
from curate.prompts.pack import pack, read_prompts
from tests.e2e.conftest import App, Person

pytestmark = pytest.mark.browser
Make = Callable[[str], Person]


def curate(*args: object) -> str:
    done = CliRunner().invoke(build(), [str(a) for a in args])
    assert done.exit_code == 0, (args, done.output, done.exception)
    return done.stdout


def test_decisions_reach_the_run_the_release_and_the_card(app: App, project: Path, person: Make) -> None:
    ws = ("--workspace", app.workspace)
    assert "decide: no decisions yet" in curate("run", project, *ws)
    pushed = json.loads(curate("review", "push", *ws, "--json"))
    assert pushed["new"] == pushed["items"] == pushed["open"] > 5
    told = curate("review", "push", *ws, "--overlap", 2)
    assert f"0 new items, {pushed['items']} there already, {pushed['items']} now wanted from more people" in told
    a, b = person("郑"), person("Bea")
    a.open(queue="leishu-sample")
    b.open(lang="en", queue="leishu-sample")
    for who in (a, b):
        who.decide("a")
        who.press("x")
        who.decide("2")
    a.decide("Space")
    b.press("e")
    box = b.page.get_by_label("English", exact=True)
    box.fill("A caption that Bea has mended.")
    with b.rerun():
        box.press("Control+Enter")
    b.stored(lambda: len(app.store.log(reviewer="Bea")) == 3)
    a.decide("a")
    b.settle()
    b.decide("f")
    pulled = json.loads(curate("review", "pull", *ws, "--queue", "leishu-sample", "--json"))
    assert (pulled["decisions"], pulled["unread"]) == (8, "")
    said = curate("run", project, *ws)
    assert "decide: 8 decisions on 4 rows" in said.replace(f"of {_live(said)} ", ""), said
    assert "1 accepted, 1 disputed, 1 edited, 1 rejected" in said
    again = json.loads(curate("review", "push", *ws, "--json"))
    assert (again["new"], again["retired"], again["lowered"]) == (0, 0, 0), "rejected rows stay where their decisions can be changed"
    released = json.loads(curate("release", project, *ws, "--json"))
    facts = released["facts"]["review"]
    assert (facts["reviewed"], facts["reviewers"], facts["doubly"]) == (2, 2, 3)
    assert facts["by_verdict"] == {"accepted": 1, "edited": 1, "unseen": facts["rows"] - 2}
    card = (Path(released["path"]) / "README.md").read_text(encoding="utf-8")
    assert "审核了 2 行" in card or f"Human review: 2 of {facts['rows']} rows" in card
    assert f"{facts['alpha']:.2f}" in card
    assert "A caption that Bea has mended." in "".join(p.read_text(encoding="utf-8") for p in Path(released["path"]).rglob("*.jsonl"))


def _live(said: str) -> str:
    return said.split("decide: ")[1].split(" of ")[1].split(" ", maxsplit=1)[0]


def test_a_gap_becomes_a_prompt_of_a_set(app: App, project: Path, person: Make, tmp_path: Path) -> None:
    li = person("文")
    li.open(page="prompts", p_set="e2e")
    cell = li.page.locator('.heat button[title="节庆 · 唐"]')
    cell.wait_for(timeout=60_000)
    li.click(cell)
    first = li.page.locator('[class*="st-key-p-"]').first
    first.wait_for(timeout=60_000)
    assert "p_cell=festivals%7Ctang" in li.page.url
    assert "唐" in first.inner_text()
    li.shot("14-prompts-zh")
    before = app.store.prompt_set("e2e")
    assert before == [], "a proposal is in no set"
    li.click(first.get_by_role("button", name="收入集合"))
    li.see("已收入“e2e”")
    (machine,) = app.store.prompt_set("e2e")
    assert (machine["cell"], machine["by"], machine["reviewer"]) == ("festivals|tang", "machine", "文")
    li.click(first.get_by_role("button", name="修改文字"))
    box = li.page.get_by_label("中文", exact=True)
    box.wait_for()
    words = box.input_value()
    box.fill(words + "河边有人放灯。")
    drafts = lambda: [d["zh"] for d in app.store.drafts("文", "prompt:").values()]  # noqa: E731
    assert li.stored(lambda: drafts() == [words + "河边有人放灯。"])
    li.page.reload()
    first.get_by_text("河边有人放灯").wait_for(timeout=60_000)
    li.settle()
    li.click(first.get_by_role("button", name="修改文字"))
    box.wait_for()
    assert box.input_value() == words + "河边有人放灯。"
    box.fill("清代北京的街上元宵节挂满花灯。")
    with li.rerun():
        box.press("Control+Enter")
    li.see("看不出是这个时代")
    assert len(app.store.prompt_set("e2e")) == 1, "what does not fit the cell is not taken in silence"
    li.shot("15-prompt-in-doubt")
    box.fill(words + "河边有人放灯。")
    with li.rerun():
        box.press("Control+Enter")
    edited = li.stored(lambda: app.store.prompt_set("e2e")[1:])[0]
    assert (edited["zh"], edited["by"]) == (words + "河边有人放灯。", "person")
    assert li.stored(lambda: not drafts()), "what has been taken is no draft any more"
    li.open(lang="en", page="prompts", p_set="e2e", p_cell="festivals|tang")
    li.page.get_by_text("Set “e2e”: 2").wait_for(timeout=60_000)
    li.shot("16-prompts-en")
    with li.page.expect_download() as got:
        li.page.get_by_role("button", name="Download JSONL").click()
    got.value.save_as(tmp_path / "e2e.jsonl")
    rows = read_prompts(tmp_path / "e2e.jsonl")
    assert [r["zh"] for r in rows] == [machine["zh"], edited["zh"]]
    assert pack("wan", rows, tmp_path / "wan", "zh")["prompts"] == 2
    assert json.loads(curate("review", "prompts", tmp_path / "cli.jsonl", "--workspace", app.workspace, "--set", "e2e", "--json"))["prompts"] == 2
    assert (tmp_path / "cli.jsonl").read_bytes() == (tmp_path / "e2e.jsonl").read_bytes()
    li.click(li.page.locator('[class*="st-key-p_out-"] button').first)
    assert [r["id"] for r in app.store.prompt_set("e2e")] == [machine["id"]]
    assert [r["act"] for r in app.store.prompt_log("e2e")] == ["accept", "accept", "withdraw"]
