"""Prompts for what the data set lacks: pick a cell, read proposals, change them, take them into a set."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st
import ui
from ui import t

from curate import plain
from curate.errors import CurateError
from curate.prompts.slots import Book
from curate.review import prompts as reviewprompts

S = st.session_state
SHOWN = 4
DRAFT = "prompt:"


@st.cache_resource
def resources():
    return plain.default_resources(), Book.shipped()


@st.cache_resource(ttl=60, max_entries=1)
def lacking():
    """The gaps of the last run; looked up again after a minute."""
    return reviewprompts.lacking(Path(os.environ["LEISHU_WORKSPACE"]), resources()[1])


def cell_name(name):
    theme, _, era = name.partition("|")
    return f"{ui.label('themes', theme)} × {ui.label('eras', era)}"


def fresh():
    S.update(p_edit=None, p_doubt=None, p_seed=0)


def heat(found, taken):
    """Themes by periods: how many clips there are, with those the set would add, of how many."""
    more = {}
    for r in taken:
        more[r.get("cell")] = more.get(r.get("cell"), 0) + 1
    values = {}
    for name in found.writable:
        cell = found.cells[name]
        have = cell.count + more.get(name, 0)
        values[name] = [have, cell.target, max(0.0, 1 - have / max(1, cell.target))]
    axes = ui.taxonomy()
    themes, eras = {n.split("|")[0] for n in values}, {n.split("|")[1] for n in values}
    rows = [{"id": x, "label": ui.label("themes", x)} for x in axes.theme_ids if x in themes]
    columns = [{"id": x, "label": ui.label("eras", x)} for x in [*axes.era_ids, *sorted(eras - set(axes.era_ids))] if x in eras]

    def opened():
        cell = (S.get("p_heat") or {}).get("cell")
        if cell:
            S.p_cell = cell

    mount = ui.component("heatmap", '<div class="heat"></div>', ui.HEAT_CSS)
    mount(data={"rows": rows, "columns": columns, "cells": values}, key="p_heat", on_cell_change=opened)


def proposals(found, name, taken):
    """What the machine proposes for a cell, made once per cell, seed and set; unfinished work of mine first."""
    res, book = resources()
    mine = [d["row"] for d in ui.store().drafts(S.who, DRAFT).values() if d.get("row", {}).get("cell") == name]
    have = {r["id"] for r in [*mine, *taken]}
    while True:
        key = (name, S.get("p_seed", 0), S.p_set)
        if S.get("p_made", (None,))[0] != key:
            with st.spinner(t("prompts.wait")):
                S.p_made = (key, reviewprompts.propose(found, name, taken, SHOWN, key[1], res, book))
        left = [r for r in S.p_made[1] if r["id"] not in have]
        if left or mine or not S.p_made[1]:
            return [*mine, *left]
        # All of these have been taken: the next ones.
        S.p_seed = key[1] + 1


def take(row, zh, en, sure=False):
    """Take a prompt into the set, unless our own checks find something in what a person wrote."""
    new, reason = reviewprompts.judged(row, zh, en, resources()[0])
    if reason and not sure:
        S.p_doubt = (row["id"], zh, en, reason)
        keep(row, zh, en)
        return
    try:
        ui.store().accept_prompt(S.p_set, S.who, {**new, "doubt": reason} if reason else new)
    except CurateError as e:
        S.p_said = ("error", str(e))
        return
    ui.store().save_draft(DRAFT + row["id"], S.who, None)
    S.update(p_edit=None, p_doubt=None, p_said=("success", t("prompts.taken", name=S.p_set)))


def keep(row, zh, en):
    ui.store().save_draft(DRAFT + row["id"], S.who, {"zh": zh, "en": en, "row": row})


def drop(row):
    """Throw unfinished work away."""
    ui.store().save_draft(DRAFT + row["id"], S.who, None)
    S.update(p_edit=None, p_doubt=None)


def words_of(reason):
    kind, _, check = reason.partition(".")
    return t("prompts.reason.flag", check=ui.check_name(check)) if kind == "flag" else t(f"prompts.reason.{reason}")


def editor(row):
    """The two texts; kept while they are written, like the edit of a caption."""
    draft = ui.store().draft(DRAFT + row["id"], S.who) or {}
    key = f"p_editor-{row['id']}"

    def now(name):
        text = (S.get(key) or {}).get(name) or {}
        return text.get("zh", row["zh"]), text.get("en", row["en"])

    def kept():
        if (S.get(key) or {}).get("text"):
            keep(row, *now("text"))

    def left():
        kept()
        S.p_edit = None

    words = {name: t(f"editor.{name}") for name in ("kept", "typing", "keys")}
    labels = {"zh": t("zh"), "en": t("en"), "save": t("prompts.take"), "cancel": t("editor.cancel"), **words}
    data = {"item": DRAFT + row["id"], "who": S.who, "zh": draft.get("zh", row["zh"]), "en": draft.get("en", row["en"]), "labels": labels}
    mount = ui.component("editor", '<div class="editor"></div>', ui.EDITOR_CSS)
    first = "en" if S["_person"]["reads"] == "en" else "zh"
    mount(data={**data, "first": first}, key=key, on_text_change=kept, on_saved_change=lambda: take(row, *now("saved")), on_left_change=left)


def proposal(row):
    """One proposal with what can be done with it."""
    draft = ui.store().draft(DRAFT + row["id"], S.who)
    doubt = S.get("p_doubt") if (S.get("p_doubt") or (None,))[0] == row["id"] else None
    with st.container(border=True, key=f"p-{row['id']}"):
        if S.get("p_edit") == row["id"]:
            editor(row)
        else:
            left, right = st.columns(2)
            for column, lang in ((left, "zh"), (right, "en")):
                with column:
                    ui.caption((draft or row).get(lang), small=True)
        terms = [e for x in row.get("terms", ()) if (e := ui.lexicon().by_id.get(x))]
        ui.tags([f"{e.zh_hans} {e.en}" for e in terms])
        for words in row.get("review", ()):
            st.caption(f"{t('severity.review')}: {words}")
        if doubt:
            st.warning(words_of(doubt[3]))
            st.button(t("prompts.sure"), key=f"p_sure-{row['id']}", on_click=take, args=(row, doubt[1], doubt[2], True))
        if S.get("p_edit") != row["id"]:
            texts = [(draft or row).get(lang, row[lang]) for lang in ("zh", "en")]
            with st.container(horizontal=True):
                st.button(t("prompts.take"), key=f"p_take-{row['id']}", type="primary", on_click=take, args=(row, *texts))
                st.button(t("prompts.edit"), key=f"p_edit-{row['id']}", on_click=lambda: S.update(p_edit=row["id"]))
                if draft:
                    st.caption(t("editor.restored"))
                    st.button(t("prompts.drop"), key=f"p_drop-{row['id']}", on_click=drop, args=(row,))


def the_set(taken):
    """What is in the set, and the file."""
    st.subheader(t("prompts.set", name=S.p_set, n=ui.number(len(taken))), anchor=False)
    if not taken:
        st.caption(t("prompts.set.none"))
        return
    st.download_button(t("prompts.file"), reviewprompts.lines(taken), f"{S.p_set}.jsonl", "application/jsonl")
    st.caption(t("prompts.pack", file=f"{S.p_set}.jsonl"))
    for r in taken[::-1][:20]:
        with st.container(border=True):
            for lang in ("zh", "en"):
                if r.get(lang):
                    ui.caption(r[lang], small=True)
            ui.tags([cell_name(r["cell"])] * bool(r.get("cell")) + [f"{r['reviewer']} · {t('prompts.by.' + r.get('by', 'machine'))}"])
            st.button(t("prompts.out"), key=f"p_out-{r['id']}", on_click=ui.store().withdraw_prompt, args=(S.p_set, S.who, r["id"]))


def set_name():
    """The set that is worked on, in the address."""
    if "p_set" not in S:
        S.p_set = st.query_params.get("p_set", "prompts")
    known = sorted({*ui.store().prompt_sets(), "prompts"})
    try:
        ui.store().prompt_set(S.p_set or "")
    except CurateError:
        st.error(t("prompts.name.bad"))
        S.p_set = "prompts"
    st.selectbox(t("prompts.name"), sorted({*known, S.p_set}), key="p_set", accept_new_options=True)
    st.query_params["p_set"] = S.p_set or "prompts"
    return S.p_set or "prompts"


def main():
    st.caption(t("prompts.what"))
    try:
        found = lacking()
    except CurateError as e:
        st.info(t("prompts.none"))
        st.text(str(e))
        the_set(ui.store().prompt_set(set_name()))
        return
    taken = ui.store().prompt_set(set_name())
    if "p_cell" not in S:
        S.p_cell = st.query_params.get("p_cell")
    names = sorted(found.writable, key=lambda n: (found.cells[n].count / max(1, found.cells[n].target), n))
    if S.p_cell not in found.writable:
        S.p_cell = None
    if S.p_cell != S.get("p_before"):
        S.p_before = S.p_cell
        fresh()
    st.selectbox(t("prompts.cell"), names, key="p_cell", format_func=cell_name, placeholder=t("choose"))
    if S.p_cell:
        st.button(t("prompts.map"), on_click=lambda: S.update(p_cell=None))
    else:
        heat(found, taken)
        if len(found.cells) > len(found.writable):
            st.caption(t("prompts.unwritten", n=len(found.cells) - len(found.writable)))
    if S.get("p_said"):
        getattr(st, S.p_said[0])(S.p_said[1])
        S.p_said = None
    if S.p_cell:
        st.query_params["p_cell"] = S.p_cell
        cell = found.cells[S.p_cell]
        rows = proposals(found, S.p_cell, taken)
        have = sum(r.get("cell") == S.p_cell for r in taken)
        st.subheader(cell_name(S.p_cell), anchor=False)
        st.caption(t("prompts.have", count=cell.count, have=have, target=cell.target))
        if not rows:
            st.info(t("prompts.empty"))
        for row in rows:
            proposal(row)
        st.button(t("prompts.more"), on_click=lambda: S.update(p_seed=S.get("p_seed", 0) + 1, p_edit=None))
    elif "p_cell" in st.query_params:
        del st.query_params["p_cell"]
    the_set(taken)


main()
