"""The server of the review app: Streamlit behind a token, and the clips of one workspace with range requests.

Started by ``curate review serve``, which passes everything in the environment.
"""

from __future__ import annotations

import hmac
import os
import re
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

HERE = Path(__file__).resolve().parent
# Names that curate/review/media.py gives; nothing else is looked for on the disk.
CLIP = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}(?:-[0-9.e+]{1,24}-[0-9.e+]{1,24})?\.(?:mp4|m4v|webm|mov|jpe?g|png|webp|gif)")
# Whatever a caption holds: nothing is loaded from or sent to anywhere else.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob: data:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' blob: data:; worker-src 'self' blob:; "
    "frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)

DENIED = """403
请打开 curate review serve 打印出来的完整网址（里面有 token=…），只用地址和端口进不来。
Open the whole address that curate review serve has printed, with its token=…; the address and port alone let nobody in.
"""


class Guard:
    """Let in who has the token (in the address once, then in a cookie), and add the headers that keep pages at home."""

    def __init__(self, app, token, port):
        self.app, self.token, self.cookie = app, token, f"leishu_{port}"

    def _same(self, given):
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def _cookie(self, scope):
        raw = next((v for k, v in scope["headers"] if k == b"cookie"), b"").decode("latin-1")
        try:
            found = SimpleCookie(raw).get(self.cookie)
        except CookieError:
            return ""
        return found.value if found else ""

    async def __call__(self, scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if scope["path"] == "/_stcore/health" or (self._same(self._cookie(scope))):
            return await self.app(scope, receive, self._with_headers(send) if scope["type"] == "http" else send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if self._same(query.pop("token", [""])[0]):
            rest = urlencode(query, doseq=True)
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), status_code=303)
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="lax", path="/")
        else:
            answer = PlainTextResponse(DENIED, status_code=403)
        return await answer(scope, receive, self._with_headers(send))

    @staticmethod
    def _with_headers(send):
        async def wrapped(message):
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", POLICY)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        return wrapped


def clips(folder):
    """Return the route that serves the clips below a folder, and nothing else."""
    root = Path(folder).resolve()

    async def clip(request):
        name = request.path_params["name"]
        if not CLIP.fullmatch(name):
            return Response(status_code=404)
        path = (root / name).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            return Response(status_code=404)
        return FileResponse(path, headers={"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, max-age=3600"})

    return Route("/clips/{name:path}", clip, methods=["GET", "HEAD"])


def config(environment):
    """Return Streamlit's options: this machine only, nothing reported, nothing watched."""
    return {
        "server.address": environment.get("LEISHU_ADDRESS", "127.0.0.1"),
        "server.port": int(environment.get("LEISHU_PORT", "8501")),
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        # Dark enough to be read on its own pale shade.
        "theme.light.primaryColor": "#a8243a",
        "logger.level": "warning",
        # Streamlit would print an address without the token, which lets nobody in.
        "logger.hideWelcomeMessage": True,
    }


def build(environment):
    """Return the whole application.

    Args:
        environment: ``LEISHU_WORKSPACE``, ``LEISHU_TOKEN``, ``LEISHU_PORT``.
    """
    token, port = environment["LEISHU_TOKEN"], environment.get("LEISHU_PORT", "8501")
    media = Path(environment["LEISHU_WORKSPACE"]) / "media"
    return st.App(HERE / "streamlit_app.py", routes=[clips(media)], middleware=[Middleware(Guard, token=token, port=port)])


if __name__ == "__main__":
    app = build(os.environ)
    app.run(config=config(os.environ))
