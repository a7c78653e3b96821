"""A queue of 100,000 items: how long from a decision to the next item, in the store and in a real browser.

python -m tests.benchmarks.review_app [--items 100000] [--decisions 100]
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from curate.review.items import Decision, Item, item_id
from curate.review.store import ReviewStore
from tests.e2e import conftest as e2e

THEMES = ("festivals", "cuisine", "costume", "crafts", "architecture", "history")


def items(n: int) -> list[Item]:
    """Items as `push` makes them."""
    out = []
    for i in range(n):
        zh, en = f"第{i}个元宵节的花灯照亮长街，孩子们提着兔子灯走过。", f"Lantern {i} lights the long street; children pass with rabbit lanterns."
        theme = THEMES[i % 6]
        mark = {
            "lang": "zh",
            "start": len(str(i)) + 3,
            "end": len(str(i)) + 6,
            "kind": "term",
            "id": "festivals-lantern-festival",
            "label": "元宵节",
            "gloss": "g",
        }
        shown = {"zh": zh, "en": en, "zh_origin": "human", "en_origin": "translated", "marks": [mark], "flags": [], "near": [], "themes": [theme], "eras": ["tang"],
                 "media": {"kind": "none"}, "from": {"source": "bench", "source_id": str(i)}}  # fmt: skip
        tags = (f"theme:{theme}", "era:tang", f"cell:{theme}|tang", "why:translated")
        out.append(Item(item_id("big", str(i), zh, en), "big", str(i), str(i), shown, {}, "translated", float(n - i), 2, tags))
    return out


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile and maximum in milliseconds."""
    ms = sorted(s * 1000 for s in seconds)
    return {
        "p50_ms": round(ms[len(ms) // 2], 1),
        "p95_ms": round(ms[int(len(ms) * 0.95)], 1),
        "p99_ms": round(ms[int(len(ms) * 0.99)], 1),
        "max_ms": round(ms[-1], 1),
    }


def in_store(store: ReviewStore, name: str, n: int, decided: int) -> dict[str, Any]:
    """Decision and next claim, after a reviewer has decided a good part of the queue."""
    todo = store.claim("big", name, decided)
    store.record_many([Decision(i.item_id, name, "accept") for i in todo])
    times = []
    for _ in range(n):
        item = store.claim("big", name, 3)[0]
        began = time.perf_counter()
        store.record(Decision(item.item_id, name, "accept"))
        store.claim("big", name, 3)
        times.append(time.perf_counter() - began)
    return {"where": "store", "decided_before": decided, **quantiles(times)}


def in_browser(app: e2e.App, n: int) -> dict[str, Any]:
    """Key pressed to next caption on the screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=e2e.chromium(), headless=True, args=e2e.FLAGS)
        person = e2e.Person(browser.new_context(viewport={"width": 1280, "height": 900}).new_page(), app, "bench")
        person.open(queue="big")
        times = []
        for _ in range(n):
            before = person.page.locator(".cap").first.inner_text()
            began = time.perf_counter()
            person.page.keyboard.press("a")
            person.page.wait_for_function("t => { const c = document.querySelector('.cap'); return c && c.innerText !== t; }", arg=before, polling=10)
            times.append(time.perf_counter() - began)
            person.settle()
        browser.close()
    return {"where": "browser", **quantiles(times)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--decisions", type=int, default=100)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        app = e2e.App(Path(name))
        began = time.perf_counter()
        new = app.store.add_items(items(args.items)).new
        print(json.dumps({"where": "push", "items": new, "seconds": round(time.perf_counter() - began, 1)}))
        print(json.dumps(in_store(app.store, "a", args.decisions, 0)))
        print(json.dumps(in_store(app.store, "b", args.decisions, min(20_000, args.items // 3))))
        app.start()
        try:
            print(json.dumps(in_browser(app, args.decisions)))
            status = Path(f"/proc/{app.process.pid}/status").read_text() if app.process else ""
            print(
                json.dumps(
                    {"where": "server", "rss_mb": next((int(x.split()[1]) // 1024 for x in status.splitlines() if x.startswith("VmRSS")), None)}
                )
            )
        finally:
            app.kill()
        print(json.dumps({"where": "this process", "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
