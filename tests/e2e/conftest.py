"""A real server and a real Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from curate.review.items import Item, item_id
from curate.review.media import MediaFolder
from curate.review.store import ReviewStore
from curate.run import run
from tests.conftest import SAMPLE
from tests.review import demo

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
TOKEN = "a-token-for-the-tests"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Counts how often the page's script has come to its end, so that a test can wait for the run that its key has started.
COUNT = """() => { window.leishuRuns = 0; let busy = false; const look = () => {
  const now = document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState !== 'notRunning';
  if (busy && !now) window.leishuRuns += 1; busy = now; };
  new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-test-script-state']}); }"""
RUNNING = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def chromium() -> str | None:
    """The path of an installed Chromium, or None."""
    return os.environ.get("LEISHU_CHROMIUM") or next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)


class App:
    """The review app on a workspace; can be killed and started again on the same port."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        workspace.mkdir(exist_ok=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.store = ReviewStore(workspace / "review.sqlite")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, cwd: Path | None = None, **more: str) -> None:
        environment = {
            **os.environ, "LEISHU_WORKSPACE": str(self.workspace), "LEISHU_STORE": str(self.workspace / "review.sqlite"), "LEISHU_TOKEN": TOKEN,
            "LEISHU_PORT": str(self.port), "LEISHU_NAMES": "1", **more,
        }  # fmt: skip
        self.log = (self.workspace / "server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "apps/review/server.py")], env=environment, stdout=self.log, stderr=self.log, cwd=cwd
        )
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, (self.workspace / "server.log").read_text()[-3000:]
                time.sleep(0.2)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.log.close()

    def address(self, who: str, lang: str = "zh", page: str = "", **more: str) -> str:
        from urllib.parse import urlencode

        return f"{self.url}/{page}?" + urlencode({"token": TOKEN, "who": who, "lang": lang, **more})


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium fonts-noto-cjk)")
    with sync_api.sync_playwright() as p:
        running = p.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    made = App(tmp_path_factory.mktemp("review") / "ws")
    made.start()
    yield made
    made.kill()
    made.store.close()


@pytest.fixture(scope="session")
def project(app: App) -> Path:
    """The shipped recipe, run on a part of the shipped sample in the app's workspace; returns the recipe."""
    folder = app.workspace.parent / "project"
    folder.mkdir()
    shutil.copyfile(SAMPLE / "recipe.yaml", folder / "recipe.yaml")
    rows = (SAMPLE / "captions.jsonl").read_text(encoding="utf-8").split("\n")
    (folder / "captions.jsonl").write_text("\n".join(rows[:90]) + "\n", encoding="utf-8")
    run(folder / "recipe.yaml", app.workspace)
    return folder / "recipe.yaml"


class Person:
    """One reviewer with a browser window of their own."""

    def __init__(self, page: Any, app: App, name: str) -> None:
        self.page, self.app, self.name = page, app, name

    def settle(self) -> None:
        self.page.wait_for_selector(RUNNING, timeout=60_000)
        # The page listens for its keys only once it has been painted.
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0))))")

    def runs(self) -> int:
        return int(self.page.evaluate("window.leishuRuns"))

    @contextmanager
    def rerun(self) -> Iterator[None]:
        """Wait until what is done inside has run the page's script once more, to its end."""
        before = self.runs()
        yield
        self.page.wait_for_function("n => window.leishuRuns > n", arg=before, timeout=60_000)
        self.settle()

    def click(self, what: Any) -> None:
        """Click a button by its name, or any other element, and wait for the page.

        Streamlit may draw a button anew between press and release, and the click is lost; people click again, and so does this, once.
        """
        from playwright.sync_api import TimeoutError as TookTooLong

        target = self.page.get_by_role("button", name=what) if isinstance(what, str) else what
        before = self.runs()
        target.click()
        try:
            self.page.wait_for_function("n => window.leishuRuns > n", arg=before, timeout=30_000)
        except TookTooLong:
            target.click()
            self.page.wait_for_function("n => window.leishuRuns > n", arg=before, timeout=60_000)
        self.settle()

    def stored(self, look: Callable[[], Any]) -> Any:
        """Wait until the store says so; returns what it says."""
        end = time.monotonic() + 30
        while not (got := look()) and time.monotonic() < end:
            self.page.wait_for_timeout(20)
        return got

    def open(self, lang: str = "zh", page: str = "", **more: str) -> None:
        self.page.goto(self.app.address(self.name, lang, page, **more))
        self.page.wait_for_selector(RUNNING, timeout=60_000)
        self.page.get_by_text("审阅人" if lang == "zh" else "Reviewer", exact=False).first.wait_for(timeout=60_000)
        if not page:
            self.page.locator(".st-key-k-k").wait_for(timeout=60_000)
        # Drawn last of all: what comes before it has been mounted and listens.
        self.page.wait_for_function("() => window.leishuKeys", timeout=60_000)
        self.settle()

    def press(self, key: str) -> None:
        with self.rerun():
            self.page.keyboard.press(key)

    def decide(self, key: str) -> None:
        """Press a key that decides, and wait until the store has the decision and the next item is there."""
        marker = '[class*="st-key-item-"]'
        shown = self.page.locator(marker).first.get_attribute("class")
        before = len(self.app.store.log(reviewer=self.name, limit=10_000))
        with self.rerun():
            self.page.keyboard.press(key)
        self.page.wait_for_function(
            "([m, c]) => { const e = document.querySelector(m); return !e || e.className !== c; }", arg=[marker, shown], timeout=60_000
        )
        assert len(self.app.store.log(reviewer=self.name, limit=10_000)) == before + 1

    def see(self, text: str) -> None:
        self.page.get_by_text(text, exact=False).first.wait_for(timeout=15_000)

    def shot(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=str(ARTIFACTS / f"{name}.png"))

    def verdicts(self) -> list[str]:
        return [r["verdict"] for r in self.app.store.log(reviewer=self.name)]


SCREEN = {"viewport": {"width": 1280, "height": 900}, "locale": "zh-CN"}


@pytest.fixture(scope="session")
def windows(browser: Any) -> Iterator[Any]:
    """One profile for all who sit at a laptop: each has a window of their own, and the app's scripts are loaded once."""
    context = browser.new_context(**SCREEN)
    context.add_init_script(f"({COUNT})()")
    yield context
    context.close()


@pytest.fixture
def person(browser: Any, windows: Any, app: App) -> Iterator[Callable[..., Person]]:
    """Makes a reviewer; with options of a browser or another app, one with a profile of their own."""
    opened = []

    def make(name: str, other: App | None = None, **options: Any) -> Person:
        if other is None and not options:
            page = windows.new_page()
            opened.append(page)
        else:
            context = browser.new_context(**{**SCREEN, **options})
            context.add_init_script(f"({COUNT})()")
            opened.append(context)
            page = context.new_page()
        return Person(page, other or app, name)

    yield make
    for x in opened:
        x.close()


def push(app: App, queue: str, rows: list[dict[str, Any]], overlap: int = 1) -> list[Item]:
    """Put rows into a queue as `curate review push` would, with a clip where one is named."""
    items = []
    base = app.workspace / "source"
    if not (base / "a.mp4").exists():
        demo.clip(base / "a.mp4")
        (base / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 200)
    with MediaFolder(app.workspace, base) as media:
        for n, row in enumerate(rows):
            zh, en = row.get("zh"), row.get("en")
            uri = row.get("uri")
            shown = {
                "zh": zh, "en": en, "zh_origin": "human", "en_origin": "translated", "marks": row.get("marks", []), "flags": row.get("flags", []),
                "near": row.get("near", []), "themes": ["festivals"], "eras": ["tang"], "from": {"source": "demo", "source_id": str(n), "license": "CC0-1.0"},
                "media": media.add({"media": "video" if uri else "none", "uri": uri}),
            }  # fmt: skip
            tags = ("theme:festivals", "era:tang", "cell:festivals|tang", "why:translated")
            ident = item_id(queue, str(n), zh, en)
            items.append(Item(ident, queue, str(n), str(n), shown, row.get("suggestion", {}), "translated", float(len(rows) - n), overlap, tags))
    app.store.add_items(items)
    return items
