"""Hostile captions in every widget: nothing runs, nothing leaves; and nobody gets a file or a page who should not."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import TOKEN, App, Person, push

EVIL = "http://evil.example"
SHAPES = [
    "![x]({u}/a.png)", "[click]({u})", "<img src={u}/b.png>", "<img src=x onerror=\"fetch('{u}');window.pwned=1\">", "<script>window.pwned=1;fetch('{u}')</script>",
    "<svg onload=window.pwned=1>", "<iframe src={u}></iframe>", "<a href='javascript:window.pwned=1'>x</a>", "<style>@import '{u}/c.css';</style>",
    "<div style=\"background:url({u}/d.png)\">", "<link rel=stylesheet href={u}/e.css>", "<video src={u}/f.mp4 autoplay></video>", "<object data={u}></object>",
    "<base href={u}>", "<meta http-equiv=refresh content='0;url={u}'>", "\"><script>window.pwned=1</script>", "' onmouseover='window.pwned=1", "</div></span><script>window.pwned=1</script>",
    ":red[:material/delete:] **bold** $\\href{{{u}}}{{x}}$", "`{u}`", "<ruby>x<rt><img src={u}/g.png></rt></ruby>", "<math><mtext><img src={u}/h.png onerror=window.pwned=1></mtext></math>",
    "<form action={u}><input autofocus onfocus=window.pwned=1>", "<details open ontoggle=window.pwned=1>", "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "\u202e<gpj.exe\u202c 龙舟", "a\u200b\u200c\u200d\u2060\ufefff", "\u0000\u0001\u001b[31m\u0085", "\U000e0041\U000e0042 tag", "Z\u0301\u0302\u0303" * 200, "龙" * 20_000, "x" * 20_000,
    "{{7*7}} {u} ${{7*7}} %s {0}", "<!--{u}-->", "\n\n# head\n\n---\n\n- list\n", "|a|b|\n|-|-|\n|![x]({u})|2|", "<details><summary>x</summary></details>", "\u2028\u2029line", "👨‍👩‍👧‍👦🏳️‍🌈", "='1'+cmd|' /C calc'!A0",
]  # fmt: skip
TEXTS = [s.replace("{{", "{").replace("}}", "}").replace("{u}", f"{EVIL}/{n}") for n, s in enumerate((SHAPES * 3)[:100])]


@pytest.mark.browser
def test_hostile_captions_do_nothing(app: App, project: Path, person: Callable[[str], Person]) -> None:
    assert len(TEXTS) == 100
    rows: list[dict[str, Any]] = []
    for n in range(0, 100, 4):
        a, b, c, d = TEXTS[n : n + 4]
        flag = {"check": c[:300], "severity": "error", "lang": "zh", "start": 0, "end": 5, "note": c, "note_en": c, "suggestion": d, "text": a[:50]}
        mark = {"lang": "zh", "start": 0, "end": max(1, len(a) // 2), "kind": "term", "id": c[:300], "label": c, "gloss": d}
        near = [{"id": "n", "why": "exact", "score": 1.0, "zh": c, "en": d}]
        rows.append(
            {"zh": a, "en": b, "flags": [flag], "marks": [mark, {**mark, "lang": "en"}], "near": near, "suggestion": {"zh": c, "en": d, "agent": a}}
        )
    items = push(app, "hostile", rows, overlap=3)
    app.store.set_reviewer("负责人", "lead")
    li = person("负责人")
    asked: list[str] = []
    li.page.on("request", lambda r: asked.append(r.url))
    li.page.on("dialog", lambda d: asked.append(f"dialog {d.message}"))
    li.page.on("popup", lambda p: asked.append(f"popup {p.url}"))
    li.open(queue="hostile")
    for n in range(len(items)):
        li.page.locator(".cap").nth(3).wait_for()
        if n < 3:
            li.press("e")
            li.page.locator("textarea").first.wait_for()
            li.page.keyboard.press("Escape")
            li.page.locator("textarea").first.wait_for(state="detached")
            li.settle()
            app.store.save_draft(items[n].item_id, "负责人", None)
        if n in (0, 6):
            li.shot(f"12-hostile-{n}")
        li.decide("a")
    assert len(app.store.decisions("hostile")) == len(items)
    from curate.review.items import Decision

    for n, i in enumerate(items[:20]):
        app.store.record(Decision(i.item_id, "乙", "edit", edits={"zh": TEXTS[n] + "改", "en": TEXTS[-n - 1] + "!"}, note=TEXTS[n + 20]))
    app.store.propose("乙", {"zh_hans": TEXTS[3], "en": TEXTS[4], "gloss_en": TEXTS[5], "theme": "festivals"})
    for n in range(0, 40, 2):
        app.store.accept_prompt("evil", "乙", {"id": TEXTS[n + 1], "zh": TEXTS[n] + "龙", "en": TEXTS[n + 1] + "x", "cell": TEXTS[n]})
    for page in ("agreement", "browse", "overview", "progress", "lexicon", "prompts"):
        li.open(page=page, queue="hostile", p_set="evil")
        if page == "prompts":
            li.page.locator('[class*="st-key-p_out-"]').first.wait_for(timeout=60_000)
        if page == "browse":
            li.click(li.page.get_by_text("选中本页"))
            li.click("预览")
        li.shot(f"13-hostile-{page}")
    li.page.mouse.move(500, 400)
    assert li.page.evaluate("window.pwned") is None
    strange = [u for u in asked if not u.startswith((app.url, f"ws://127.0.0.1:{app.port}", "data:", "blob:"))]
    assert strange == []


SECRETS = [
    "review.sqlite",
    "../review.sqlite",
    "..%2freview.sqlite",
    "%2e%2e/review.sqlite",
    "%2e%2e%2freview.sqlite",
    "....//review.sqlite",
    "..\\review.sqlite",
    "..%5creview.sqlite",
]
ROOTS = [
    "/etc/passwd",
    "../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2fetc%2fpasswd",
    "file:///etc/passwd",
    "//etc/passwd",
    "..%252f..%252fetc/passwd",
    "%c0%ae%c0%ae/etc/passwd",
]
ODD = ["", ".", "..", "%00", "ab/%00.mp4", "aa/../../review.sqlite", "aa/..%2f..%2freview.sqlite", "aa/link.mp4", "~/.ssh/id_rsa", "secret.mp4"]
PATHS = [f"/clips/{x}" for x in (*SECRETS, *ROOTS, *ODD)]
PATHS += [f"/media/{x}" for x in ("../review.sqlite", "..%2freview.sqlite", "%2e%2e/review.sqlite", "/etc/passwd", "../../etc/passwd")]
PATHS += [f"/app/static/{x}" for x in ("../server.py", "../../server.py", "..%2fserver.py", "/etc/passwd", "server.py")]
PATHS += [f"/static/{x}" for x in ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "../server.py")]
PATHS += [f"/component/{x}" for x in ("../server.py", "leishu_player/../../server.py", "..%2f..%2fetc%2fpasswd")]
PATHS += [f"/_stcore/{x}" for x in ("../etc/passwd", "bidi-components/../../server.py", "bidi-components/..%2f..%2fetc%2fpasswd")]
PATHS += ["/clips/" + "../" * 40 + "etc/passwd", "/clips/" + "a" * 5000, "/..%2f..%2fetc/passwd", "/../../etc/passwd"]


def ask(app: App, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
    connection.putrequest("GET", path, skip_host=False, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_fifty_traversals_get_no_file(app: App) -> None:
    assert len(PATHS) >= 50
    media = app.workspace / "media"
    (media / "aa").mkdir(parents=True, exist_ok=True)
    secret = app.workspace / "secret.txt"
    secret.write_text("the secret")
    name = "aa/" + "a" * 64 + ".mp4"
    (media / name).unlink(missing_ok=True)
    (media / name).symlink_to(secret)
    cookie = {"Cookie": f"leishu_{app.port}={TOKEN}"}
    for path in [*PATHS, f"/clips/{name}"]:
        status, body = ask(app, path, cookie)
        assert b"root:" not in body, path
        assert b"SQLite format" not in body, path
        assert b"the secret" not in body, path
        assert b"class Guard" not in body, path
        # Streamlit answers an address it does not know with its own start page.
        assert status in (400, 403, 404, 414, 431) or (status in (200, 301, 307) and (b"<title>Streamlit</title>" in body or not body)), (
            path,
            status,
            body[:200],
        )


def test_ranges(app: App) -> None:
    items = push(app, "ranges", [{"zh": "龙舟", "en": "boat", "uri": "a.mp4"}])
    path = f"/clips/{items[0].shown['media']['file']}"
    cookie = {"Cookie": f"leishu_{app.port}={TOKEN}"}
    status, body = ask(app, path, {**cookie, "Range": "bytes=4-7"})
    assert (status, body) == (206, b"ftyp")
    assert ask(app, path, {**cookie, "Range": "bytes=99999999-"})[0] == 416


def test_nobody_enters_without_the_token(app: App) -> None:
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
    for path, headers in (("/", {}), ("/?token=wrong", {}), ("/clips/aa/x.mp4", {}), ("/_stcore/host-config", {}), ("/", {"Cookie": f"leishu_{app.port}=x"}),
                          ("/_stcore/stream", handshake), ("/?token=" + TOKEN + "x", {}), ("/", {"Cookie": "\xff=;;,"})):  # fmt: skip
        assert ask(app, path, headers)[0] == 403, path
    assert ask(app, f"/?token={TOKEN}", {})[0] == 303
    assert ask(app, "/_stcore/health", {})[0] == 200
