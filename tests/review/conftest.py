"""Stores of both kinds, with a clock that the tests move."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from curate.review.items import Item, item_id
from curate.review.store import ReviewStore
from tests.review import postgres


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def pg() -> Iterator[postgres.Server]:
    try:
        with postgres.server() as running:
            yield running
    except FileNotFoundError as e:
        pytest.skip(str(e))
    except subprocess.CalledProcessError as e:
        pytest.skip(f"PostgreSQL does not start here: {e.stderr.decode(errors='replace')[-300:]}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "review.sqlite") if request.param == "sqlite" else request.getfixturevalue("pg").url()


@pytest.fixture
def open_store(url: str, clock: Clock) -> Iterator[Callable[[], ReviewStore]]:
    opened: list[ReviewStore] = []

    def make() -> ReviewStore:
        opened.append(ReviewStore(url, clock))
        return opened[-1]

    yield make
    for s in opened:
        s.close()


@pytest.fixture
def store(open_store: Callable[[], ReviewStore]) -> ReviewStore:
    return open_store()


def make_items(n: int, queue: str = "q", overlap: int = 1) -> list[Item]:
    """Items in order of priority, the first one first."""
    return [
        Item(item_id(queue, f"r{i}", f"龙舟{i}", f"boat {i}"), queue, f"r{i}", f"c{i // 2}", {"zh": f"龙舟{i}", "en": f"boat {i}"}, {}, "random",
             float(n - i), overlap, (f"theme:{'festivals' if i % 2 else 'crafts'}",))
        for i in range(n)
    ]  # fmt: skip
