"""How well people agree, and settling what they do not agree on."""

from __future__ import annotations

import streamlit as st
import ui
from ui import t

from curate import __version__
from curate.errors import CurateError
from curate.review import decisions as review
from curate.review.items import Decision

S = st.session_state
FIELDS = ("verdict", "zh", "en", "themes")


@st.cache_data(ttl=20)
def figures(queue, field, count):
    """Agreement on a field; counted anew when there is another decision."""
    return {name: a.to_json() for name, a in review.agree(ui.store(), queue, field, "theme").items()}


def figure(value, name=""):
    """A share as percent, a coefficient with two places and a true minus."""
    if value is None:
        return "–"
    return f"{value:.0%}" if name == "percent" else f"{value:.2f}".replace("-", "−")


def interval(f, name=""):
    return "" if f["value"] is None else f"[{figure(f['low'], name)}, {figure(f['high'], name)}]"


def text(f, name=""):
    return f"{figure(f['value'], name)} {interval(f, name)}".strip()


def open_item(ident):
    S.update(pinned=ident, ahead=0, mode=None, goto="queue")


def settle(item, verdict, edits=None):
    newest = ui.store().newest(item.item_id, S.who, "adjudicate")
    d = Decision(
        item.item_id, S.who, verdict, kind="adjudicate", edits=edits or {}, base=newest["decision_id"] if newest else None, app_version=__version__
    )
    try:
        ui.store().record(d)
        S.a_said = t("settled")
    except CurateError as e:
        S.a_said = str(e)


def dispute(item):
    """One item, what everybody said, and the ways to settle it."""
    with st.container(border=True):
        for lang in ("zh", "en"):
            ui.caption(item.shown.get(lang), [m for m in item.shown.get("marks", ()) if m["lang"] == lang], small=True, lang=lang)
        said = {}
        for r in ui.store().log(item.item_id):
            if r["kind"] == "review":
                said.setdefault(r["reviewer"], r)
        for name, r in sorted(said.items()):
            words = [t(f"verdict.{r['verdict']}"), *(t(f"reason.{x}") for x in r["labels"])]
            st.text(ui.named(name, t("comma").join(words) + (f" · {r['note']}" if r["note"] else "")))
            for lang, new in r["edits"].items():
                ui.difference(str(item.shown.get(lang) or ""), str(new), lang)
        with st.container(horizontal=True):
            st.button(t("disputes.open"), key=f"so-{item.item_id}", on_click=open_item, args=(item.item_id,))
            if S["_person"]["role"] != "lead":
                return
            st.button(t("settle.accept"), key=f"sa-{item.item_id}", on_click=settle, args=(item, "accept"))
            for name, r in sorted(said.items()):
                if r["verdict"] == "edit":
                    st.button(t("settle.take", who=name), key=f"se-{item.item_id}-{name}", on_click=settle, args=(item, "edit", r["edits"]))
            st.button(t("settle.reject"), key=f"sr-{item.item_id}", on_click=settle, args=(item, "reject"))


def main():
    queue = S.queue
    field = st.segmented_control(t("field"), FIELDS, default="verdict", format_func=lambda f: t(f"field.{f}"), key="a_field", required=True)
    got = figures(queue, field, review.count(ui.store(), queue))
    every = got[""]
    if not every["items"]:
        st.info(t("agree.none"))
    else:
        with st.container(horizontal=True, gap="large"):
            st.metric(t("agree.items"), ui.number(every["items"]), width="content")
            for name in ("percent", "fleiss", "alpha"):
                f = every[name]
                with st.container(width="content"):
                    st.metric(t(f"agree.{name}"), figure(f["value"], name), width="content")
                    st.caption(interval(f, name))
        st.caption(t("agree.interval"))
        st.caption(t("agree.read"))
        left, right = st.columns(2)
        with left:
            st.text(t("agree.cohen"))
            rows = [{t("col.a"): c["a"], t("col.b"): c["b"], t("col.kappa"): figure(c["kappa"]), t("col.items"): c["items"]} for c in every["cohen"]]
            st.dataframe(rows, hide_index=True)
        with right:
            st.text(t("agree.theme"))
            rows = [
                {
                    t("col.theme"): ui.label("themes", n),
                    t("col.items"): a["items"],
                    t("agree.percent"): text(a["percent"], "percent"),
                    t("agree.alpha"): text(a["alpha"]),
                }
                for n, a in got.items()
                if n and a["items"]
            ]
            st.dataframe(rows, hide_index=True)
    st.subheader(t("disputes"), anchor=False)
    if S.get("a_said"):
        st.info(S.pop("a_said"))
    ids = review.disputes(ui.store(), queue)
    if not ids:
        st.caption(t("disputes.none"))
    elif S["_person"]["role"] != "lead":
        st.caption(t("disputes.lead"))
    for item in ui.store().get(ids[:20]):
        dispute(item)
    if len(ids) > 20:
        st.caption(t("map.count", n=ui.number(len(ids))))
    if S.pop("goto", None):
        st.switch_page(S["_pages"]["queue"])


main()
