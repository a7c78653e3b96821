"""What a reviewer writes: the edit of the captions and the note. Both are drafts, in the browser and in the store, until they are decided on."""

from __future__ import annotations

import streamlit as st
import ui
from ui import t

S = st.session_state
LANGUAGES = ("zh", "en")


def keep(item, part):
    """Add a part of a draft to what is kept."""
    ui.store().save_draft(item.item_id, S.who, {**(ui.store().draft(item.item_id, S.who) or {}), **part})


def has_edit(draft):
    """Whether a draft holds captions or themes, not only a note."""
    return bool(draft) and any(part in draft for part in (*LANGUAGES, "themes"))


@st.fragment
def editor(item, decide, leave):
    """The text boxes; what is typed is a draft until it is saved."""
    draft = ui.store().draft(item.item_id, S.who) or {}
    start = {lang: draft.get(lang, item.shown.get(lang) or "") for lang in LANGUAGES}
    if has_edit(draft):
        st.caption(t("editor.restored"))
    key = f"editor-{item.item_id}"

    def kept():
        text = (S.get(key) or {}).get("text")
        if text:
            keep(item, text)

    def chosen():
        keep(item, {"themes": list(S[f"themes-{item.item_id}"])})

    def themes_now():
        value = S.get(f"themes-{item.item_id}")
        return None if value is None or list(value) == list(item.shown.get("themes", ())) else list(value)

    def saved():
        text = (S.get(key) or {}).get("saved") or {}
        edits = {k: v for k, v in text.items() if v.strip() != (item.shown.get(k) or "").strip()}
        if themes_now() is not None:
            edits["themes"] = themes_now()
        decide(item, "edit" if edits else "accept", edits)
        if not edits:
            S.said = ("info", t("editor.same"))
        S.finished = True

    def left():
        kept()
        leave()
        S.finished = True

    words = {name: t(f"editor.{name}") for name in ("save", "cancel", "kept", "typing", "keys")}
    data = {"item": item.item_id, "who": S.who, **start, "first": "en" if S["_person"]["reads"] == "en" else "zh"}
    mount = ui.component("editor", '<div class="editor"></div>', ui.EDITOR_CSS)
    mount(data={**data, "labels": {"zh": t("zh"), "en": t("en"), **words}}, key=key, on_text_change=kept, on_saved_change=saved, on_left_change=left)
    names = ui.taxonomy().theme_ids
    st.multiselect(
        t("themes"),
        names,
        default=[x for x in draft.get("themes", item.shown.get("themes", ())) if x in names],
        format_func=lambda x: ui.label("themes", x),
        key=f"themes-{item.item_id}",
        placeholder=t("choose"),
        on_change=chosen,
    )
    if S.pop("finished", False):
        st.rerun()


def _note_before(item):
    """The unsaved note, else the one of my decision that is on the screen."""
    draft = ui.store().draft(item.item_id, S.who) or {}
    past = S.get("past") or {}
    return draft.get("note", past.get("note", "") if past.get("item_id") == item.item_id else "")


def note_now(item):
    """The note as it is at this moment."""
    text = (S.get(f"note-{item.item_id}") or {}).get("text")
    return _note_before(item) if text is None else text


@st.fragment
def note(item):
    """The note, kept while it is typed."""
    key = f"note-{item.item_id}"

    def kept():
        text = (S.get(key) or {}).get("text")
        if text is not None:
            keep(item, {"note": text})

    data = {"item": item.item_id, "who": S.who, "text": _note_before(item)}
    labels = {"note": t("note"), "kept": t("editor.kept"), "typing": t("editor.typing")}
    mount = ui.component("note", '<div class="editor"></div>', ui.EDITOR_CSS)
    mount(data={**data, "labels": labels}, key=key, on_text_change=kept)
