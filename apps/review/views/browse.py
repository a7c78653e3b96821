"""Look through a queue: filters in the address, hybrid search, bulk actions with preview and undo."""

from __future__ import annotations

import math

import streamlit as st
import ui
from ui import t

from curate import __version__, plain
from curate.errors import CurateError
from curate.review.items import REASONS, Decision

SIZE = 20
SEARCHED = 20_000
S = st.session_state
STATES = ("all", "open", "done", "flagged")


@st.cache_resource(max_entries=2)
def pool(queue, count):
    """The captions of a queue, ready for search; made again when the queue changes."""
    items = ui.store().page(queue, limit=min(count, SEARCHED))[1]
    rows = [{"id": i.item_id, "zh": i.shown.get("zh"), "en": i.shown.get("en")} for i in items if i.shown.get("zh") or i.shown.get("en")]
    return plain.pool(plain.from_rows(rows)) if rows else None


def show_filters(tags):
    ui.kept("b_q")
    if ui.kept("b_tag") not in ("", *tags):
        S.b_tag = ""
    if ui.kept("b_state", "all") not in STATES:
        S.b_state = "all"
    left, middle, right = st.columns([3, 3, 4])
    left.text_input(t("search"), key="b_q")
    middle.selectbox(t("filter"), ["", *tags], key="b_tag", format_func=lambda x: f"{ui.tag_name(x)} ({tags[x]})" if x else t("filter.all"))
    right.segmented_control(t("state"), STATES, key="b_state", format_func=lambda s: t(f"state.{s}"), required=True)
    for name in ("b_q", "b_tag", "b_state"):
        ui.in_address(name, "all")


def found(page):
    """One page of items and how many there are."""
    tags = [S.b_tag] if S.b_tag else []
    if not S.b_q.strip():
        return ui.store().page(S.queue, tags, S.b_state, SIZE, (page - 1) * SIZE)
    count = ui.store().page(S.queue, limit=1)[0]
    with st.spinner(t("search.slow")):
        ready = pool(S.queue, count)
        ids = ready.search(S.b_q[:200], 200)[0] if ready else []
    items = [i for i in ui.store().get(ids) if all(x in i.tags for x in tags)]
    if S.b_state != "all":
        within = {i.item_id for i in ui.store().page(S.queue, tags, S.b_state, 100_000)[1]}
        items = [i for i in items if i.item_id in within]
    return len(items), items[(page - 1) * SIZE : page * SIZE]


def open_item(ident):
    S.update(pinned=ident, ahead=0, mode=None, goto="queue")


def do_bulk(ids, verdict, reason):
    labels = (reason,) if verdict == "reject" else ()
    newest = {i: ui.store().newest(i, S.who) for i in ids}
    made = [
        Decision(i, S.who, verdict, labels=labels, base=n["decision_id"] if n else None, note="bulk", app_version=__version__)
        for i, n in newest.items()
    ]
    try:
        ui.store().record_many(made)
    except CurateError as e:
        S.b_said = str(e)
        return
    S.b_done, S.b_said = [(d.item_id, d.decision_id) for d in made], t("bulk.done", n=len(made))
    S.b_preview = False
    for i in ids:
        S[f"pick-{i}"] = False


def undo_bulk():
    made = [Decision(i, S.who, "undo", base=d, app_version=__version__) for i, d in S.b_done]
    try:
        ui.store().record_many(made)
        S.b_said = t("bulk.undone", n=len(made))
    except CurateError as e:
        S.b_said = str(e)
    S.b_done = None


def bulk(items):
    picked = [i for i in items if S.get(f"pick-{i.item_id}")]
    with st.expander(t("bulk"), expanded=bool(picked or S.get("b_done"))):
        verdict = st.segmented_control(t("bulk.what"), ["accept", "reject", "flag"], default="accept", format_func=t, key="b_verdict", required=True)
        reason = st.selectbox(t("bulk.why"), REASONS, format_func=lambda r: t(f"reason.{r}"), key="b_reason") if verdict == "reject" else "other"
        st.button(t("bulk.preview"), on_click=lambda: S.update(b_preview=True), disabled=not picked)
        if not picked:
            st.caption(t("bulk.none"))
        if S.get("b_preview") and picked:
            st.text(t("bulk.ask", n=len(picked), verdict=t(f"verdict.{verdict}")))
            for i in picked:
                ui.caption(i.shown.get("zh") or i.shown.get("en"), small=True, lang="zh" if i.shown.get("zh") else "en")
            st.button(t("bulk.do"), type="primary", on_click=do_bulk, args=([i.item_id for i in picked], verdict, reason))
        if S.get("b_said"):
            st.info(S.b_said)
        if S.get("b_done"):
            st.button(t("bulk.undo"), on_click=undo_bulk)


def tick_page(ids):
    for i in ids:
        S[f"pick-{i}"] = S.b_all


def main():
    tags = ui.queue_tags(S.queue)
    show_filters(tags)
    page = int(ui.kept("b_page", 1))
    total, items = found(page)
    pages = max(1, math.ceil(total / SIZE))
    if page > pages:
        S.b_page = page = 1
        total, items = found(1)
    with st.container(horizontal=True):
        st.caption(t("rows", n=ui.number(total), page=page, pages=pages))
        st.checkbox(t("pick.page"), key="b_all", on_change=tick_page, args=([i.item_id for i in items],))
    bulk(items)
    for n, i in enumerate(items, (page - 1) * SIZE + 1):
        with st.container(border=True):
            tick, text, go = st.columns([1, 20, 3])
            tick.checkbox(t("pick", n=n), key=f"pick-{i.item_id}", label_visibility="collapsed")
            with text:
                for lang in ("zh", "en"):
                    if i.shown.get(lang):
                        ui.caption(i.shown[lang], [m for m in i.shown.get("marks", ()) if m["lang"] == lang], small=True, lang=lang)
            go.button(t("open"), key=f"open-{i.item_id}", on_click=open_item, args=(i.item_id,))
    st.number_input(t("page"), 1, pages, key="b_page")
    if S.pop("goto", None):
        st.switch_page(S["_pages"]["queue"])


main()
