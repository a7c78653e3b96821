"""A team logs in: OpenID Connect against a provider on this machine; the name comes from there, the lead stays a lead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import App, Person, push
from tests.e2e.oidc import CLIENT, SECRET, Provider

pytestmark = pytest.mark.browser


def test_people_log_in_and_their_decisions_carry_their_name(tmp_path: Path, person: Callable[..., Person]) -> None:
    pytest.importorskip("authlib", reason="streamlit[auth] is not installed")
    provider = Provider()
    app = App(tmp_path / "ws")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(
        f'[auth]\nredirect_uri = "{app.url}/oauth2callback"\ncookie_secret = "{"c" * 40}"\nclient_id = "{CLIENT}"\nclient_secret = "{SECRET}"\n'
        f'server_metadata_url = "{provider.url}/.well-known/openid-configuration"\n',
        encoding="utf-8",
    )
    push(app, "team", [{"zh": f"元宵节的花灯{n}", "en": f"Lanterns {n}"} for n in range(3)])
    app.store.set_reviewer("林老师", "lead")
    app.start(cwd=tmp_path, LEISHU_NAMES="")
    try:
        li = person("林老师", app)
        li.page.goto(app.address("somebody-else", "zh", "lexicon"))  # the very first page of this server
        li.see("请先登录")
        assert li.page.locator(".cap").count() == 0, "a name in the address lets nobody in"
        li.shot("17-login")
        li.page.goto(app.address("somebody-else", "zh"))
        li.page.get_by_role("button", name="登录").click()
        li.page.locator(".st-key-k-k").wait_for(timeout=60_000)
        li.settle()
        li.see("林老师（负责人）")
        li.decide("a")
        assert [r["reviewer"] for r in app.store.log()] == ["林老师"]
        li.page.get_by_role("button", name="退出登录").click()
        li.see("请先登录")
    finally:
        app.kill()
        app.store.close()
        provider.shutdown()
