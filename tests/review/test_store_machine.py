"""The store against a model of it: any order of pushes, claims, decisions, undos, expiring leases, restarts and people at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule, run_state_machine_as_test

from curate.errors import DataError, UsageError
from curate.review.items import COUNTED, Added, Decision
from curate.review.store import ReviewStore
from tests.review.conftest import Clock, make_items

PEOPLE = ("a", "b", "c")
TABLES = "item_tags, decisions, claims, drafts, proposals, prompts, reviewers, items"
VERDICTS = st.sampled_from(["accept", "edit", "reject", "skip", "flag"])
UNDO_LEASE = 900


class Desk(RuleBasedStateMachine):
    """What the store must do, said with dictionaries."""

    sent = Bundle("sent")

    def __init__(self, open_: Callable[[Clock], ReviewStore]) -> None:
        super().__init__()
        self.clock = Clock()
        self.open = lambda: open_(self.clock)
        self.store = self.open()
        if not self.store.sqlite:
            with self.store._write() as c:
                self.store._run(c, f"TRUNCATE {TABLES}")
        self.store.set_reviewer("lead", "lead")
        self.items = {i.item_id: i for i in make_items(6)}
        self.overlap: dict[str, int] = {}
        self.retired: set[str] = set()
        self.leases: dict[tuple[str, str], datetime] = {}
        self.log: list[Decision] = []
        self.receipts: dict[str, Any] = {}

    def teardown(self) -> None:
        self.store.close()

    # ---- the model

    def newest(self, item: str, who: str) -> Decision | None:
        return next((d for d in reversed(self.log) if (d.item_id, d.reviewer, d.kind) == (item, who, "review")), None)

    def places(self, item: str) -> int:
        said = [self.newest(item, p) for p in PEOPLE]
        return self.overlap[item] - sum(d is not None and d.verdict in COUNTED for d in said)

    def lease(self, item: str, who: str) -> bool:
        return self.leases.get((item, who), datetime.min.replace(tzinfo=self.clock.at.tzinfo)) > self.clock.at

    def others(self, item: str, who: str) -> int:
        return sum(self.lease(item, p) for p in PEOPLE if p != who)

    def ready(self, who: str) -> set[str]:
        """Items that a claim may give to somebody."""
        out = set()
        for item in self.overlap:
            last = self.newest(item, who)
            if item in self.retired or self.places(item) <= 0 or (last is not None and last.verdict != "undo"):
                continue
            if self.lease(item, who) or self.places(item) > self.others(item, who):
                out.add(item)
        return out

    def noted(self, d: Decision) -> Decision:
        self.log.append(d)
        self.leases.pop((d.item_id, d.reviewer), None)
        return d

    # ---- what happens

    @initialize(overlap=st.integers(1, 3))
    def fill(self, overlap: int) -> None:
        given = list(self.items.values())[:4]
        assert self.store.add_items([replace(i, overlap=overlap) for i in given]) == Added(new=4)
        self.overlap = {i.item_id: overlap for i in given}

    @rule(which=st.sets(st.integers(0, 5), min_size=1), overlap=st.integers(0, 3), retire=st.booleans())
    def push(self, which: set[int], overlap: int, retire: bool) -> None:
        given = [replace(list(self.items.values())[n], overlap=overlap) for n in sorted(which)]
        ids = {i.item_id for i in given}
        usual = max((o for i, o in self.overlap.items() if i not in self.retired), default=1)
        wanted = {i: overlap or self.overlap.get(i, usual) for i in ids}
        there = {i: self.overlap[i] for i in ids if i in self.overlap}
        gone = {i for i in self.overlap if i not in ids and i not in self.retired} if retire else set()
        expected = Added(len(ids) - len(there), len(there), sum(wanted[i] > o for i, o in there.items()),
                         sum(wanted[i] < o for i, o in there.items()), len(gone), len(ids & self.retired))  # fmt: skip
        assert self.store.add_items(given, retire=retire) == expected
        self.overlap |= wanted
        self.retired = (self.retired | gone) - ids

    @rule(who=st.sampled_from(PEOPLE), n=st.integers(1, 4), ttl=st.sampled_from([5, 60, 900]))
    def claim(self, who: str, n: int, ttl: int) -> None:
        ready = self.ready(who)
        got = [i.item_id for i in self.store.claim("q", who, n, ttl)]
        assert len(got) == len(set(got)) == min(n, len(ready)), "nothing that is free is kept back"
        assert set(got) <= ready
        held = {i for i in ready if self.lease(i, who)}
        assert set(got[: len(held)]) <= held or set(got) >= held, "what somebody holds comes first"
        self.leases |= {(i, who): self.clock.at + timedelta(seconds=ttl) for i in got}

    @rule(n=st.integers(1, 3), people=st.permutations(PEOPLE))
    def claim_at_once(self, n: int, people: list[str]) -> None:
        before = {p: {i for i in self.overlap if self.lease(i, p)} for p in PEOPLE}
        ready = {p: self.ready(p) for p in PEOPLE}
        with ThreadPoolExecutor(3) as pool:
            got = dict(zip(people, pool.map(lambda p: [i.item_id for i in self.store.claim("q", p, n)], people), strict=True))
        for who, ids in got.items():
            assert set(ids) <= ready[who]
            assert len(ids) == len(set(ids)) <= n
            self.leases |= {(i, who): self.clock.at + timedelta(seconds=900) for i in ids}
        for item in self.overlap:
            fresh = [p for p in PEOPLE if item in got[p] and item not in before[p]]
            holding = sum(self.lease(item, p) for p in PEOPLE)
            assert not fresh or holding <= self.places(item), "more people hold an item than are wanted"

    @rule(who=st.sampled_from(PEOPLE))
    def release(self, who: str) -> None:
        self.store.release(who)
        self.leases = {k: v for k, v in self.leases.items() if k[1] != who}

    @rule(target=sent, who=st.sampled_from(PEOPLE), n=st.integers(0, 5), verdict=VERDICTS, seen=st.booleans())
    def decide(self, who: str, n: int, verdict: str, seen: bool) -> Any:
        item = list(self.items)[n]
        last = self.newest(item, who)
        d = Decision(
            item, who, verdict, edits={"zh": f"龙{len(self.log)}"} if verdict == "edit" else {}, base=last.decision_id if last and seen else None
        )
        if item not in self.overlap:
            with pytest.raises(DataError, match="no item"):
                self.store.record(d)
            return multiple()
        receipt = self.store.record(d)
        assert not receipt.replayed
        assert receipt.conflict == (last.decision_id if last is not None and not seen else None), "nothing is written over in silence"
        self.receipts[d.decision_id] = receipt
        return self.noted(d)

    @rule(target=sent, who=st.sampled_from(PEOPLE), n=st.integers(0, 5))
    def undo(self, who: str, n: int) -> Any:
        item = list(self.items)[n]
        last = self.newest(item, who)
        if item not in self.overlap:
            return multiple()
        if last is None or last.verdict == "undo":
            with pytest.raises(DataError, match="nothing to undo"):
                self.store.record(Decision(item, who, "undo"))
            return multiple()
        d = Decision(item, who, "undo", base=last.decision_id)
        self.receipts[d.decision_id] = self.store.record(d)
        self.noted(d)
        self.leases[item, who] = self.clock.at + timedelta(seconds=UNDO_LEASE)
        return d

    @rule(d=sent)
    def send_again(self, d: Decision) -> None:
        assert self.store.record(d) == replace(self.receipts[d.decision_id], replayed=True)
        other = replace(d, verdict="skip" if d.verdict != "skip" else "accept", edits={})
        with pytest.raises(DataError, match="another decision"):
            self.store.record(other)

    @rule(n=st.integers(0, 3), who=st.sampled_from(("lead", "a")), verdict=st.sampled_from(["accept", "reject"]))
    def settle(self, n: int, who: str, verdict: str) -> None:
        d = Decision(list(self.items)[n], who, verdict, kind="adjudicate")
        if who != "lead":
            with pytest.raises(UsageError, match="no lead"):
                self.store.record(d)
            return
        self.store.record(d)
        self.log.append(d)
        self.leases.pop((d.item_id, who), None)

    @rule(seconds=st.sampled_from([0.0, 1.0, 6.0, 61.0, 1000.0, -30.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.move(seconds)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self.open()

    @precondition(lambda self: len(self.log) > 2)
    @rule(seed=st.integers(0, 3))
    def export_and_import(self, seed: int) -> None:
        rows = list(self.store.dump())
        random.Random(seed).shuffle(rows)
        assert self.store.load(rows) == 0, "what is there already is left as it is"

    # ---- what always holds

    @invariant()
    def nothing_is_lost_or_changed(self) -> None:
        stored = self.store.log(limit=10_000)
        assert {(r["decision_id"], r["item_id"], r["reviewer"], r["kind"], r["verdict"], r["edits"].get("zh")) for r in stored} == {
            (d.decision_id, d.item_id, d.reviewer, d.kind, d.verdict, d.edits.get("zh")) for d in self.log
        }
        assert len(stored) == len(self.log)

    @invariant()
    def the_newest_word_counts(self) -> None:
        now = self.store.decisions("q").filter(kind="review")
        got = {(r["item_id"], r["reviewer"]): r["decision_id"] for r in now.iter_rows(named=True)}
        expected = {(d.item_id, d.reviewer): d.decision_id for d in self.log if d.kind == "review"}
        assert got == expected
        assert len(now) == len(expected)

    @invariant()
    def places_are_counted(self) -> None:
        rows = self.store.items("q")
        assert dict(rows.select("item_id", "places").iter_rows()) == {i: self.places(i) for i in self.overlap if i not in self.retired}


@pytest.fixture(params=["sqlite", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Callable[[Clock], ReviewStore]]]:
    """Gives every example a store of its own: a new file, or the one database emptied."""
    url = None if request.param == "sqlite" else request.getfixturevalue("pg").url()
    count = iter(range(10**6))

    def make() -> Callable[[Clock], ReviewStore]:
        where = url or str(tmp_path / f"{next(count)}.sqlite")
        return lambda clock: ReviewStore(where, clock)

    return make


def test_any_order_of_events(opener: Callable[[], Callable[[Clock], ReviewStore]], request: pytest.FixtureRequest) -> None:
    few = "postgres" in request.node.name
    run_state_machine_as_test(
        lambda: Desk(opener()),
        settings=settings(
            max_examples=12 if few else 40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
        ),
    )
