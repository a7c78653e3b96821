"""The contract of the review store, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from curate.errors import CurateError, DataError, UsageError
from curate.review import database
from curate.review import schema as storeschema
from curate.review.items import REASONS, Added, Decision
from curate.review.store import ReviewStore
from tests.review.conftest import Clock, make_items


def test_pushing_twice_adds_nothing_and_keeps_decisions(store: ReviewStore) -> None:
    items = make_items(5)
    assert store.add_items(items).new == 5
    store.record(Decision(items[0].item_id, "a", "accept"))
    assert store.add_items(items) == Added(there=5)
    assert len(store.decisions("q")) == 1
    assert store.items("q").filter(item_id=items[0].item_id)["places"].to_list() == [0]


def test_what_was_decided_on_stays_as_it_was_shown(store: ReviewStore) -> None:
    items = make_items(2)
    store.add_items(items)
    store.record(Decision(items[0].item_id, "a", "accept"))
    store.add_items([replace(i, shown={**i.shown, "flags": ["new"]}) for i in items])
    assert [("flags" in i.shown) for i in store.get([i.item_id for i in items])] == [False, True]


def test_retired_items_leave_the_queue_and_come_back_with_their_decisions(store: ReviewStore) -> None:
    items = make_items(4)
    store.add_items(items)
    store.record(Decision(items[0].item_id, "a", "accept"))
    store.add_items(items[2:], retire=True)
    assert store.page("q")[0] == 2
    assert [i.item_id for i in store.claim("q", "b", 9)] == [i.item_id for i in items[2:]]
    assert len(store.decisions("q")) == 1
    store.add_items(items, retire=True)
    assert store.page("q")[0] == 4
    assert store.page("q", state="done")[0] == 1


def test_pushing_again_with_another_overlap_says_so(store: ReviewStore) -> None:
    items = make_items(4)
    store.add_items(items[:3])
    store.record(Decision(items[0].item_id, "a", "accept"))
    assert store.claim("q", "b", 9)[0].record_id == "r1"
    store.release("b")
    assert store.add_items([replace(i, overlap=2) for i in items[:3]]) == Added(there=3, raised=3)
    assert store.claim("q", "b", 9)[0].record_id == "r0", "an item that one person has decided waits for a second one"
    assert store.add_items([replace(i, overlap=0) for i in items]) == Added(new=1, there=3)
    assert set(store.items("q")["overlap"]) == {2}, "no overlap given: as it was; a new item as the others"
    assert store.add_items(items[1:], retire=True) == Added(there=3, lowered=3, retired=1)
    assert store.add_items(items[:1]) == Added(there=1, lowered=1, returned=1)
    assert store.items("q").filter(record_id="r0")["places"].to_list() == [0]


def test_claims_come_by_priority_and_nobody_gets_the_same(store: ReviewStore) -> None:
    items = make_items(6)
    store.add_items(items)
    assert [i.record_id for i in store.claim("q", "a", 2)] == ["r0", "r1"]
    assert [i.record_id for i in store.claim("q", "b", 2)] == ["r2", "r3"]
    assert [i.record_id for i in store.claim("q", "a", 2)] == ["r0", "r1"], "asking again gives the same leases"


def test_overlap_gives_an_item_to_that_many_people(store: ReviewStore) -> None:
    items = make_items(1, overlap=2)
    store.add_items(items)
    assert len(store.claim("q", "a")) == len(store.claim("q", "b")) == 1
    assert store.claim("q", "c") == []
    store.record(Decision(items[0].item_id, "a", "accept"))
    assert store.claim("q", "a") == []
    assert store.claim("q", "c") == [], "b still holds the second place"
    store.record(Decision(items[0].item_id, "b", "reject", labels=["wrong_fact"]))
    assert store.claim("q", "c") == []


def test_a_lease_ends(store: ReviewStore, clock: Clock) -> None:
    store.add_items(make_items(1))
    assert store.claim("q", "a", ttl_s=900)
    clock.move(899)
    assert store.claim("q", "b") == []
    clock.move(2)
    assert store.claim("q", "b")
    assert store.claim("q", "a") == []


def test_release_frees_leases(store: ReviewStore) -> None:
    store.add_items(make_items(2))
    store.claim("q", "a", 2)
    assert store.release("a") == 2
    assert len(store.claim("q", "b", 2)) == 2


def test_more_urgent_items_are_found_though_the_search_goes_on_where_it_was(store: ReviewStore, clock: Clock) -> None:
    items = make_items(6)
    store.add_items(items[2:])
    store.record(Decision(store.claim("q", "a")[0].item_id, "a", "accept"))
    store.add_items(items)
    clock.move(61)
    store.release("a")
    assert [i.record_id for i in store.claim("q", "a", 3)] == ["r0", "r1", "r3"]
    for i in store.claim("q", "a", 9):
        store.record(Decision(i.item_id, "a", "accept"))
    assert store.claim("q", "a", 9) == []


def test_claim_by_tag(store: ReviewStore) -> None:
    store.add_items(make_items(6))
    assert [i.record_id for i in store.claim("q", "a", 9, tag="theme:crafts")] == ["r0", "r2", "r4"]
    assert store.tags("q") == {"theme:crafts": 3, "theme:festivals": 3}


def test_a_decision_sent_twice_is_stored_once(store: ReviewStore) -> None:
    item = make_items(1)[0]
    store.add_items([item])
    d = Decision(item.item_id, "a", "edit", edits={"en": "a dragon boat"})
    first, again = store.record(d), store.record(d)
    assert not first.replayed
    assert again.replayed
    assert (first.decision_id, first.created_at) == (again.decision_id, again.created_at)
    assert len(store.decisions("q", history=True)) == 1
    with pytest.raises(DataError, match="another decision"):
        store.record(replace(d, verdict="accept", edits={}))


def test_a_decision_in_between_is_kept_and_told(store: ReviewStore, clock: Clock) -> None:
    item = make_items(1)[0]
    store.add_items([item])
    first = store.record(Decision(item.item_id, "a", "accept"))
    clock.move(1)
    second = store.record(Decision(item.item_id, "a", "reject", labels=["other"]))
    assert second.conflict == first.decision_id
    clock.move(1)
    third = store.record(Decision(item.item_id, "a", "accept", base=second.decision_id))
    assert third.conflict is None
    assert len(store.decisions("q", history=True)) == 3
    assert store.decisions("q")["decision_id"].to_list() == [third.decision_id]


def test_order_holds_when_the_clock_stands_still_or_goes_back(store: ReviewStore, clock: Clock) -> None:
    item = make_items(1)[0]
    store.add_items([item])
    for verdict in ("accept", "reject", "skip"):
        clock.move(-10)
        store.record(Decision(item.item_id, "a", verdict))
    assert store.decisions("q")["verdict"].to_list() == ["skip"]


def test_undo_opens_the_item_again_and_the_log_keeps_all(store: ReviewStore) -> None:
    item = make_items(1)[0]
    store.add_items([item])
    with pytest.raises(DataError, match="nothing to undo"):
        store.record(Decision(item.item_id, "a", "undo"))
    store.claim("q", "a")
    store.record(Decision(item.item_id, "a", "accept"))
    store.record(Decision(item.item_id, "a", "undo"))
    with pytest.raises(DataError, match="nothing to undo"):
        store.record(Decision(item.item_id, "a", "undo"))
    assert [i.item_id for i in store.claim("q", "a")] == [item.item_id]
    assert [r["verdict"] for r in store.log(reviewer="a")] == ["undo", "accept"]


def test_a_skip_leaves_the_place_to_others(store: ReviewStore) -> None:
    item = make_items(1)[0]
    store.add_items([item])
    store.record(Decision(item.item_id, "a", "skip"))
    assert store.claim("q", "a") == []
    assert len(store.claim("q", "b")) == 1


def test_only_a_lead_settles(store: ReviewStore) -> None:
    item = make_items(1)[0]
    store.add_items([item])
    settle = Decision(item.item_id, "Lin", "accept", kind="adjudicate")
    with pytest.raises(UsageError, match="no lead"):
        store.record(settle)
    store.set_reviewer("Lin", "lead", "zh")
    store.set_reviewer("Lin")
    assert store.reviewers() == [{"name": "Lin", "role": "lead", "reads": "zh"}]
    store.record(settle)
    assert store.newest(item.item_id, "anybody", "adjudicate")["reviewer"] == "Lin"  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "acept"}, "did you mean 'accept'"),
        ({"labels": ["wrong"]}, "unknown reason"),
        ({"verdict": "edit"}, "changes nothing"),
        ({"edits": {"id": "x"}}, "cannot edit"),
        ({"decision_id": "x'; DROP"}, "no decision id"),
        ({"item_id": "nowhere"}, "no item"),
    ],
)
def test_a_wrong_decision_is_refused(store: ReviewStore, change: dict[str, object], message: str) -> None:
    item = make_items(1)[0]
    store.add_items([item])
    with pytest.raises(DataError, match=message):
        store.record(replace(Decision(item.item_id, "a", "accept"), **change))  # type: ignore[arg-type]
    assert len(store.decisions("q")) == 0


HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE decisions; --",
    "a\x00b",
    "\ud800龙",
    "\u202egnol\u202c",
    "𠮷" * 3,
    "x" * 100_000,
    "%s {0} :name",
    "\r\n\t",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_goes_in_and_comes_back(store: ReviewStore, text: str) -> None:
    base = make_items(1)[0]
    item = replace(base, shown={"zh": text.replace("\ud800", ""), "en": ""}, why=text)
    store.add_items([item])
    assert store.get([item.item_id])[0].shown["zh"] == text.replace("\ud800", "")
    store.record(Decision(item.item_id, "a", "edit", edits={"zh": f"龙{text}龙"}, note=text))
    got = store.log(item.item_id)[0]
    assert got["edits"]["zh"] == f"龙{text}龙".replace("\x00", "").replace("\ud800", "").replace("\r", "")
    store.save_draft(item.item_id, "a", {"zh": text.replace("\ud800", "")})
    assert store.draft(item.item_id, "a") == {"zh": text.replace("\ud800", "")}


def test_a_draft_lives_until_the_decision(open_store: Callable[[], ReviewStore]) -> None:
    store = open_store()
    item = make_items(1)[0]
    store.add_items([item])
    store.save_draft(item.item_id, "a", {"en": "half a sen"})
    store.save_draft(item.item_id, "a", {"en": "half a sentence"})
    assert open_store().draft(item.item_id, "a") == {"en": "half a sentence"}
    assert store.draft(item.item_id, "b") is None
    assert len(store.decisions("q")) == 0, "a draft is no decision"
    store.record(Decision(item.item_id, "a", "accept"))
    assert store.draft(item.item_id, "a") is None


def test_page_filters(store: ReviewStore) -> None:
    items = make_items(30)
    store.add_items(items)
    store.record(Decision(items[3].item_id, "a", "flag", note="?"))
    total, rows = store.page("q", limit=10, offset=20)
    assert (total, [r.record_id for r in rows]) == (30, [f"r{i}" for i in range(20, 30)])
    assert store.page("q", ["theme:crafts"])[0] == 15
    assert store.page("q", state="done")[0] == store.page("q", state="flagged")[0] == 1
    assert store.page("q", state="open")[0] == 29
    assert [q["queue"] for q in store.queues()] == ["q"]


def test_bulk_is_all_or_nothing(store: ReviewStore) -> None:
    items = make_items(3)
    store.add_items(items)
    with pytest.raises(DataError):
        store.record_many([Decision(items[0].item_id, "a", "accept"), Decision("nowhere", "a", "accept")])
    assert len(store.decisions("q")) == 0
    assert len(store.record_many([Decision(i.item_id, "a", "accept") for i in items])) == 3


def test_export_and_import_give_the_same_store(store: ReviewStore, tmp_path: Path, clock: Clock) -> None:
    items = make_items(8, overlap=2)
    store.add_items(items)
    store.set_reviewer("Lin", "lead")
    for i in items[:5]:
        for who in ("a", "b"):
            clock.move(1)
            store.record(Decision(i.item_id, who, "accept"))
    store.record(Decision(items[0].item_id, "a", "edit", edits={"zh": "龙舟赛"}, labels=["other"]))
    store.propose("a", {"zh_hans": "云锦"})
    lines = [json.dumps(r, ensure_ascii=False) for r in store.dump()]
    other = ReviewStore(tmp_path / "other.sqlite", clock)
    assert other.load(json.loads(x) for x in lines) == 11
    assert other.load(json.loads(x) for x in lines) == 0
    assert [json.dumps(r, ensure_ascii=False) for r in other.dump()] == lines
    assert other.decisions("q").equals(store.decisions("q"))
    assert other.items("q").equals(store.items("q"))
    with pytest.raises(DataError, match="unknown table"):
        other.load([{"table": "decision"}])
    other.close()


def test_prompts_are_taken_changed_and_taken_out_without_losing_a_word(store: ReviewStore, tmp_path: Path, clock: Clock) -> None:
    first = {"id": "p1", "zh": "龙舟\u2028竞渡", "en": " Dragon boats ", "cell": "festivals|tang", "slots": {"act": "a"}}
    store.accept_prompt("mine", "a", first)
    store.accept_prompt("mine", "b", {"id": "p2", "zh": "花灯", "en": ""})
    store.accept_prompt("mine", "b", {**first, "zh": "龙舟", "slots": None})
    assert [(r["id"], r["zh"], r["en"], r["reviewer"]) for r in store.prompt_set("mine")] == [
        ("p1", "龙舟", "Dragon boats", "b"),
        ("p2", "花灯", "", "b"),
    ]
    assert [r["body"].get("zh") for r in store.prompt_log("mine")] == ["龙舟 竞渡", "花灯", "龙舟"], "the first words stay in the log"
    store.withdraw_prompt("mine", "a", "p2")
    assert [r["id"] for r in store.prompt_set("mine")] == ["p1"]
    with pytest.raises(DataError, match="no prompt"):
        store.withdraw_prompt("mine", "a", "p2")
    store.accept_prompt("mine", "a", {"id": "p2", "zh": "花灯"})
    assert len(store.prompt_log("mine")) == 5
    assert store.prompt_sets() == ["mine"]
    for bad in ({"id": "", "zh": "x"}, {"id": "x", "zh": " "}):
        with pytest.raises(DataError, match="id and a text"):
            store.accept_prompt("mine", "a", bad)
    with pytest.raises(UsageError, match="no name for a queue"):
        store.accept_prompt("../x", "a", first)
    other = ReviewStore(tmp_path / "other.sqlite", clock)
    rows = list(store.dump())
    other.load(rows)
    other.load(rows)
    assert other.prompt_log("mine") == store.prompt_log("mine")
    other.close()


def test_drafts_are_found_by_the_beginning_of_their_name(store: ReviewStore) -> None:
    store.save_draft("prompt:a_b", "a", {"zh": "x"})
    store.save_draft("prompt:c", "b", {"zh": "y"})
    store.save_draft("promptXd", "a", {"zh": "z"})
    assert store.drafts("a", "prompt:") == {"prompt:a_b": {"zh": "x"}}


def test_two_stores_merge(open_store: Callable[[], ReviewStore], tmp_path: Path, clock: Clock) -> None:
    here, there = open_store(), ReviewStore(tmp_path / "there.sqlite", clock)
    items = make_items(2)
    for s in (here, there):
        s.add_items(items)
    there.record(Decision(items[0].item_id, "a", "reject", labels=["other"]))
    clock.move(5)
    here.record(Decision(items[0].item_id, "a", "accept"))
    assert here.load(there.dump()) == 1
    assert here.decisions("q")["verdict"].to_list() == ["accept"], "the later one counts, whatever the order of arrival"
    there.close()


def test_threads_never_share_an_item(store: ReviewStore) -> None:
    """Six people at once over an overlap of two: every item exactly twice, nobody the same item twice."""
    items = make_items(40, overlap=2)
    store.add_items(items)
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            while got := store.claim("q", name, random.choice([1, 2])):
                for item in got:
                    store.record(Decision(item.item_id, name, "accept"))
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(f"p{i}",)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not errors
    done = store.decisions("q", history=True)
    assert len(done) == 80
    assert done.group_by("item_id", "reviewer").len()["len"].max() == 1
    assert set(done.group_by("item_id").len()["len"]) == {2}


def test_a_newer_store_is_not_opened(open_store: Callable[[], ReviewStore]) -> None:
    store = open_store()
    with store._write() as c:
        store._run(c, "INSERT INTO schema_version VALUES (99, 'x')")
    with pytest.raises(CurateError, match="version 99"):
        open_store()


def _version_1(path: Path) -> None:
    with sqlite3.connect(path) as c:
        c.execute(storeschema.SCHEMA_TABLE)
        for statement in storeschema.MIGRATIONS[0]:
            c.execute(statement)
        c.execute("INSERT INTO schema_version VALUES (1, '2026')")
        for i in (1, 2):
            c.execute("INSERT INTO items VALUES (?, 'q', 'r', 'c', '{\"zh\": \"龙\"}', '{}', '', 0, '2026')", (f"i{i}",))
        c.execute("INSERT INTO decisions VALUES ('D1', 'i1', 'a', 'accept', '{}', '[]', '', 1, '', '2026')")
    c.close()


def test_an_old_store_is_brought_up_to_date(tmp_path: Path) -> None:
    _version_1(tmp_path / "old.sqlite")
    store = ReviewStore(tmp_path / "old.sqlite")
    assert store.decisions("q")["decision_id"].to_list() == ["D1"]
    assert store.items("q")["places"].to_list() == [0, 1]
    store.accept_prompt("s", "a", {"id": "1", "zh": "龙"})
    assert len(store.prompt_set("s")) == 1
    store.close()


@pytest.mark.parametrize("at", range(len(storeschema.MIGRATIONS[1])))
def test_a_migration_that_dies_leaves_the_old_store(tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.sqlite"
    _version_1(path)
    broken = list(storeschema.MIGRATIONS[1])
    broken[at] = "SELECT no_such_function()"
    with monkeypatch.context() as m:
        m.setattr(database, "MIGRATIONS", (storeschema.MIGRATIONS[0], tuple(broken), *storeschema.MIGRATIONS[2:]))
        with pytest.raises(CurateError):
            ReviewStore(path)
    store = ReviewStore(path)
    assert store.decisions("q")["decision_id"].to_list() == ["D1"]
    store.close()


def test_backup_while_people_write(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "a.sqlite")
    items = make_items(60)
    store.add_items(items)
    writer = threading.Thread(target=lambda: [store.record(Decision(i.item_id, "a", "accept")) for i in items])
    writer.start()
    for n in range(5):
        store.backup(tmp_path / f"b{n}.sqlite")
        copy = sqlite3.connect(tmp_path / f"b{n}.sqlite")
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        copy.close()
    writer.join()
    store.close()


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_network_mount", lambda path: "nfs4")
    with pytest.raises(CurateError, match="nfs4"):
        ReviewStore(tmp_path / "r.sqlite")


def test_another_database_is_refused() -> None:
    with pytest.raises(UsageError, match="mysql"):
        ReviewStore("mysql://localhost/x")


def test_there_are_nine_reasons_for_nine_keys() -> None:
    assert len(REASONS) == len(set(REASONS)) == 9


def test_the_log_of_one_queue(store: ReviewStore) -> None:
    store.add_items([*make_items(1, "a"), *make_items(1, "b")])
    for queue in ("a", "b"):
        store.record(Decision(make_items(1, queue)[0].item_id, "李", "accept"))
    assert [r["item_id"] for r in store.log(reviewer="李", queue="a")] == [make_items(1, "a")[0].item_id]


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "review.sqlite").write_text("notes")
    with pytest.raises(DataError, match="no review store"):
        ReviewStore(tmp_path / "review.sqlite")
