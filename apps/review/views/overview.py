"""The coverage of the queue: themes by eras, a click opens the cell's queue."""

from __future__ import annotations

import streamlit as st
import ui
from ui import t

from curate.review import decisions as review

queue = st.session_state.queue


@st.cache_data(ttl=20)
def counts(name):
    store = ui.store()
    return review.state(store, name), review.cells(store, name)


state, cells = counts(queue)
ui.totals(state)
st.progress(state["share"])
st.subheader(t("map.title"), anchor=False)
st.caption(t("map.click"))
axes = ui.taxonomy()
used_themes = {c.split("|")[0] for c in cells}
used_eras = {c.split("|")[1] for c in cells}
rows = [{"id": x, "label": ui.label("themes", x)} for x in [*axes.theme_ids, *sorted(used_themes - set(axes.theme_ids))] if x in used_themes]
eras = [{"id": x, "label": ui.label("eras", x)} for x in [*axes.era_ids, *sorted(used_eras - set(axes.era_ids))] if x in used_eras]


def opened():
    cell = (st.session_state.get("heat") or {}).get("cell")
    if cell:
        st.session_state.update(tag=f"cell:{cell}", pinned=None, ahead=0, mode=None, goto="queue")


ui.component("heatmap", '<div class="heat"></div>', ui.HEAT_CSS)(
    data={"rows": rows, "columns": eras, "cells": {k: list(v) for k, v in cells.items()}}, key="heat", on_cell_change=opened
)
if st.session_state.pop("goto", None):
    st.switch_page(st.session_state["_pages"]["queue"])
