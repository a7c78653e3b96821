"""One item at a time: look, read, decide with one key."""

from __future__ import annotations

import time

import streamlit as st
import ui
import writing
from ui import t

from curate import __version__
from curate.errors import CurateError
from curate.review.items import REASONS, Decision

AHEAD = 4
RENEW = 300
S = st.session_state


def me():
    return S.who


def filtered():
    """The tag that narrows the queue, kept in the address."""
    tag = ui.kept("tag")
    ui.in_address("tag")
    return tag or None


def leases():
    """What is leased to me; the store is asked only when nothing is left of it, or after a while, to renew the leases."""
    key = (S.queue, me(), filtered())
    held = S.get("held")
    if not held or held[0] != key or not held[2] or time.monotonic() - held[1] > RENEW:
        S.held = held = (key, time.monotonic(), ui.store().claim(S.queue, me(), AHEAD, tag=filtered()))
    return held[2]


def drop(ident):
    """Take a decided item out of what is held."""
    if S.get("held"):
        key, at, items = S.held
        S.held = (key, at, [i for i in items if i.item_id != ident])


def history():
    """My items of this queue with a decision, the newest first, each once."""
    rows = ui.store().log(reviewer=me(), limit=200, queue=S.queue)
    ids = list(dict.fromkeys(r["item_id"] for r in rows if r["kind"] == "review"))
    newest = {}
    for r in rows:
        newest.setdefault(r["item_id"], r)
    return [i for i in ids if newest[i]["verdict"] != "undo"]


def shown():
    """The item on the screen: one that was opened by name, an earlier one of mine, or the next free one."""
    pinned = S.get("pinned")
    if pinned:
        got = ui.store().get([pinned])
        if got:
            return got[0]
        S.pinned = None
    items = leases()
    at = S.get("ahead", 0)
    if at and at >= len(items):
        S.ahead = at = max(0, len(items) - 1)
    return items[at] if items else None


def show(ident):
    S.pinned, S.ahead, S.mode = ident, 0, None


def forward():
    """J: towards the next undecided item."""
    S.mode = None
    if S.get("pinned"):
        past = history()
        at = past.index(S.pinned) if S.pinned in past else 0
        S.pinned = past[at - 1] if at > 0 else None
        return
    S.ahead = min(S.get("ahead", 0) + 1, AHEAD - 1)
    if S.ahead >= len(leases()):
        S.held = None


def back():
    """K: towards earlier decisions."""
    S.mode = None
    if S.get("ahead", 0) and not S.get("pinned"):
        S.ahead -= 1
        return
    past = history()
    if S.get("pinned") in past:
        at = past.index(S.pinned) + 1
        S.pinned = past[min(at, len(past) - 1)]
    elif past:
        S.pinned = past[0]


def decide(item, verdict, edits=None, labels=()):
    """Store one decision and go on. What the reviewer saw as their newest decision travels along."""
    if S.get("last") == (verdict, item.item_id) and S.get("pinned") != item.item_id:
        # A second press before the next item was on the screen: it is not meant for an item nobody has seen.
        return
    seconds = time.monotonic() - S.get("since", time.monotonic())
    try:
        d = Decision(
            item.item_id,
            me(),
            verdict,
            edits=edits or {},
            labels=labels,
            note=writing.note_now(item),
            seconds=seconds,
            base=S.get("bases", {}).get(item.item_id),
            app_version=__version__,
        )
        receipt = ui.store().record(d)
    except CurateError as e:
        S.said = ("error", t("unsaved", why=e.message))
        return
    drop(item.item_id)
    S.last, S.newcomer = (verdict, item.item_id), False
    S.said = ("warning", t("conflict")) if receipt.conflict else None
    S.mode, S.pinned, S.ahead = None, None, 0


def undo():
    """Backspace: take back the decision on the screen, or else my newest one."""
    past = history()
    ident = S.get("pinned") if S.get("pinned") in past else (past[0] if past else None)
    if ident is None:
        S.said = ("info", t("undo.none"))
        return
    newest = ui.store().newest(ident, me())
    try:
        ui.store().record(Decision(ident, me(), "undo", base=newest["decision_id"], app_version=__version__))
        if newest["note"]:
            ui.store().save_draft(ident, me(), {"note": newest["note"]})
    except CurateError as e:
        S.said = ("error", t("unsaved", why=e.message))
        return
    show(ident)
    S.last, S.said = None, ("info", t("reopened"))


def turn(mode):
    S.mode = None if S.get("mode") == mode else mode


def reject_with_ticked(item):
    ticked = [r for r in REASONS if S.get(f"reason-{r}")]
    if S.get("mode") == "reject" and ticked:
        decide(item, "reject", labels=ticked)
    else:
        turn("reject")


def begin_edit(item, draft):
    ui.store().save_draft(item.item_id, me(), {**(ui.store().draft(item.item_id, me()) or {}), **draft})
    S.mode = "edit"


def leave_edit():
    S.mode = "left"


def controls(item):
    """The keys. Each has a button that says so; no key is used twice."""
    with st.container(horizontal=True, key="decide"):
        st.button(t("accept"), key="k-a", shortcut="A", type="primary", on_click=decide, args=(item, "accept"))
        st.button(t("reject"), key="k-x", shortcut="X", on_click=reject_with_ticked, args=(item,))
        st.button(t("edit"), key="k-e", shortcut="E", on_click=turn, args=("edit",))
        st.button(t("skip"), key="k-space", shortcut="Space", on_click=decide, args=(item, "skip"))
        st.button(t("flag"), key="k-f", shortcut="F", on_click=decide, args=(item, "flag"))
    if S.get("mode") == "reject":
        with st.container(border=True):
            st.text(t("reject.ask"))
            with st.container(horizontal=True):
                for n, reason in enumerate(REASONS, 1):
                    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall", width="content"):
                        st.button(t(f"reason.{reason}"), key=f"k-{n}", shortcut=str(n), on_click=decide, args=(item, "reject", None, (reason,)))
                        st.checkbox(t(f"reason.{reason}"), key=f"reason-{reason}", label_visibility="collapsed")


def moves():
    with st.container(horizontal=True):
        st.button(t("prev"), key="k-k", shortcut="K", on_click=back)
        st.button(t("next"), key="k-j", shortcut="J", on_click=forward)
        st.button(t("undo"), key="k-back", shortcut="Backspace", on_click=undo)
        st.button(t("help"), key="k-h", shortcut="H", on_click=turn, args=("help",))


def texts(item):
    """Both captions side by side, in the script the reader wants."""
    with st.container(horizontal=True):
        ui.kept("script", "as_read")
        script = st.segmented_control(t("script"), ["as_read", "hans", "hant"], key="script", format_func=lambda s: t(f"script.{s}"), required=True)
        ui.kept("pinyin", False)
        pinyin = st.toggle(t("pinyin"), key="pinyin")
    left, right = st.columns(2)
    for column, lang in ((left, "zh"), (right, "en")):
        with column:
            st.caption(f"{t(lang)} · {t('origin.' + str(item.shown.get(f'{lang}_origin') or 'unknown'))}")
            marks = [m for m in item.shown.get("marks", ()) if m["lang"] == lang]
            chinese = lang == "zh"
            ui.caption(
                item.shown.get(lang), marks, script if chinese else "as_read", pinyin and chinese, lang=lang, written=item.shown.get("zh_script")
            )


def flags(item):
    st.subheader(t("flags.title"), anchor=False)
    together = {}
    for f in item.shown.get("flags", ()):
        note = (f["note"] if ui.lang() == "zh" else f["note_en"]) or f["note"] or ""
        together.setdefault((f["severity"], f["check"], note, f.get("source") or ""), []).append((f["text"] or "", str(f["suggestion"] or "")))
    if not together:
        st.caption(t("flag.none"))
    for (severity, check, note, source), found in together.items():
        with st.container(border=True):
            ui.tags([t(f"severity.{severity}"), ui.check_name(check)])
            st.text(note)
            if any(new for _, new in found):
                st.caption(t("suggest"))
            ui.places(found)
            if source:
                st.text(ui.named(t("flag.source"), source))
    changed = {k: v for k, v in item.suggestion.items() if k in ("zh", "en")}
    if changed:
        st.caption(t("suggest.diff"))
        for lang, text in changed.items():
            ui.difference(item.shown.get(lang) or "", text, lang)
        start = {lang: changed.get(lang, item.shown.get(lang) or "") for lang in ("zh", "en")}
        st.button(t("suggest.use"), key="use", on_click=begin_edit, args=(item, start))


def background(item):
    """Neighbours and provenance."""
    with st.expander(t("near"), expanded=any(n["why"] != "near" for n in item.shown.get("near", ()))):
        for n in item.shown.get("near", ()):
            st.caption(f"{t('near.' + n['why'])} · {t('near.score', score=n['score'])}")
            for lang in ("zh", "en"):
                if n[lang]:
                    ui.beside(item.shown.get(lang) or "", n[lang], lang)
        st.caption(t("near.marks" if item.shown.get("near") else "near.none"))
    with st.expander(t("from")):
        for name, value in {**item.shown.get("from", {}), "record": item.record_id}.items():
            st.text(ui.named(t(f"from.{name}"), value if value is not None else "–"))


def newcomer():
    """Whether the reviewer has not decided anything yet; asked once."""
    if "newcomer" not in S:
        S.newcomer = not ui.store().log(reviewer=me(), limit=1)
    return S.newcomer


def head(item):
    tag = filtered()
    if item is None:
        # At the end the count is not a few seconds old.
        ui.queues.clear()
    info = next((q for q in ui.queues() if q["queue"] == S.queue), {"open": 0, "items": 0})
    with st.container(horizontal=True):
        st.caption(t("left", open=ui.number(int(info["open"])), items=ui.number(int(info["items"]))))
        if S.get("last"):
            st.caption(t("last", verdict=t(f"verdict.{S.last[0]}")))
    if tag:
        with st.container(horizontal=True):
            ui.tags([ui.tag_name(tag)], t("filter"))
            st.button(t("queue.all"), key="all", on_click=lambda: S.update(tag="", ahead=0))
    said = S.get("said")
    if said:
        getattr(st, said[0])(said[1])
        S.said = None
    if item is not None and S.get("pinned"):
        newest = ui.store().newest(item.item_id, me())
        if newest and newest["verdict"] != "undo":
            st.info(f"{t('past')} {t('past.was', verdict=t('verdict.' + newest['verdict']))}")
            if newest["edits"]:
                for lang, text in newest["edits"].items():
                    ui.difference(str(item.shown.get(lang) or ""), str(text), lang)


def draw(item):
    """Everything about one item."""
    media = item.shown.get("media") or {"kind": "none"}
    seen = media.get("file") or media.get("sheet")
    left, right = st.columns([5, 7]) if seen else (st.container(), st.container())
    with left:
        ui.clip(media, f"clip-{item.item_id}")
    with right:
        texts(item)
        if S.get("mode") == "edit":
            # No other decision beside it: who presses Accept after typing means what they have typed.
            writing.editor(item, decide, leave_edit)
        else:
            if writing.has_edit(ui.store().draft(item.item_id, me())):
                st.caption(t("editor.waiting"))
            controls(item)
        moves()
        writing.note(item)
    left, right = st.columns([7, 5])
    with left:
        flags(item)
    with right:
        background(item)
        for axis in ("themes", "eras"):
            if item.shown.get(axis):
                ui.tags([ui.label(axis, x) for x in item.shown[axis]], t(axis))


def main():
    item = shown()
    head(item)
    if S.get("mode") == "help":
        st.info(t("guide") if ui.lang() == "zh" else t("guide.en"))
    if item is None:
        st.success(t("queue.done.filter" if filtered() else "queue.done"))
        moves()
        return
    if S.get("current") != item.item_id:
        S.current, S.since = item.item_id, time.monotonic()
        newest = ui.store().newest(item.item_id, me())
        # A bulk action's mark is no note of this item.
        S.past = newest if newest and newest["verdict"] != "undo" and newest["note"] != "bulk" else None
        S.bases = {item.item_id: newest["decision_id"] if newest else None}
        for reason in REASONS:
            S[f"reason-{reason}"] = False
        if S.get("mode") is None and writing.has_edit(ui.store().draft(item.item_id, me())):
            S.mode = "edit"
    if not S.get("last") and newcomer():
        st.caption(t("first"))
    ui.tags([t(f"why.{w}") for w in item.why.split("|") if w], t("why"))
    with st.container(key=f"item-{item.item_id}"):
        draw(item)


main()
