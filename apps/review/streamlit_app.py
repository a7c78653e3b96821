"""The review app: who is reviewing, in which language, which page."""

from __future__ import annotations

import os

import streamlit as st
import ui
from ui import t

from curate.errors import CurateError
from curate.review.items import reviewer_name

# They lie in `views`: a folder called `pages` would be Streamlit's own, whose files open by address without coming past here.
PAGES = ("queue", "overview", "browse", "agreement", "progress", "lexicon", "prompts", "help")
# These need no queue.
FREE = ("lexicon", "prompts", "help")


def remember(name, default=""):
    """A value that stays in the address and outlives the page."""
    value = ui.kept(name, default)
    ui.in_address(name)
    return value


def other_queue():
    """What was open belongs to the queue that was left."""
    st.session_state.update(pinned=None, ahead=0, mode=None, tag="", last=None, said=None)


def who():
    """The reviewer, or None after the form that asks for the name."""
    if not os.environ.get("LEISHU_NAMES"):
        if not st.user.get("is_logged_in"):
            st.text(t("who.login"))
            st.button(t("who.login.button"), on_click=st.login)
            return None
        return reviewer_name(str(st.user.get("name") or st.user.get("email")))
    name = remember("who")
    if name:
        return name
    st.header(t("who.ask"), anchor=False)
    st.text(t("who.what"))
    known = [r["name"] for r in ui.store().reviewers()]
    with st.form("who-form"):
        typed = st.selectbox(t("who.new"), known, index=None, accept_new_options=True, key="who-typed", placeholder=t("who.type"))
        reads = st.segmented_control(t("who.reads"), ["both", "zh", "en"], default="both", format_func=lambda r: t(f"reads.{r}"), key="who-reads")
        sent = st.form_submit_button(t("who.start"), type="primary")
    st.caption(t("who.local"))
    if sent:
        try:
            st.session_state.who = ui.store().set_reviewer(typed or "", None, reads)["name"]
        except CurateError:
            st.error(t("who.bad"))
            return None
        st.rerun()
    return None


def leave():
    ui.store().release(st.session_state.who)
    for key in list(st.session_state):
        if key != "lang":
            del st.session_state[key]
    st.query_params.clear()


def log_out():
    leave()
    st.logout()


def aside(name, person, queues):
    """The sidebar: who is reviewing, and which queue."""
    with st.sidebar:
        role = t(f"role.{person['role']}")
        st.text(ui.named(t("who"), f"{name}（{role}）" if ui.lang() == "zh" else f"{name} ({role})"))
        if os.environ.get("LEISHU_NAMES"):
            st.button(t("who.change"), on_click=leave)
        else:
            st.button(t("who.logout"), on_click=log_out)
        if queues:
            if ui.kept("queue", queues[0]) not in queues:
                st.session_state["queue"] = queues[0]
            ui.in_address("queue")
            st.selectbox(t("queue"), queues, key="queue", on_change=other_queue)


def work(page):
    """Everything that needs a person."""
    name = who()
    if name is None:
        return
    st.session_state.who = name
    person = next((r for r in ui.store().reviewers() if r["name"] == name), None) or ui.store().set_reviewer(name)
    st.session_state["_person"] = person
    queues = [q["queue"] for q in ui.queues()]
    wanted = st.session_state.get("queue") or st.query_params.get("queue")
    if not queues or (wanted and wanted not in queues):
        # It may have been pushed a moment ago.
        ui.queues.clear()
        queues = [q["queue"] for q in ui.queues()]
    aside(name, person, queues)
    if not queues and page.url_path not in FREE:
        st.info(t("queue.none"))
        return
    page.run()


def main():
    locale = (st.context.locale or "zh").lower()
    if st.query_params.get("lang") not in (*ui.LANGUAGES, None):
        del st.query_params["lang"]
    remember("lang", "zh" if locale.startswith("zh") else "en")
    st.set_page_config(page_title=t("app"), layout="wide")
    st.html(ui.CSS)
    pages = {name: st.Page(f"views/{name}.py", title=t(f"page.{name}"), url_path=name, default=name == "queue") for name in PAGES}
    st.session_state["_pages"] = pages
    page = st.navigation(list(pages.values()))
    with st.container(key="title"):
        st.title(page.title, anchor=False)
    with st.sidebar:
        st.segmented_control(t("language"), list(ui.LANGUAGES), format_func=ui.LANGUAGES.get, key="lang", required=True)
    try:
        work(page)
    except CurateError as e:
        st.error(t("trouble"))
        st.text(e.message)
        st.button(t("trouble.again"))
    ui.page_set_up()


main()
