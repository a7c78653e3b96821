"""Who has done what."""

from __future__ import annotations

import streamlit as st
import ui
from ui import t

from curate import review

queue = st.session_state.queue
state = review.state(ui.store(), queue)
columns = st.columns(5)
for column, name in zip(columns, ("items", "reviewed", "open", "disputed", "reviewers"), strict=True):
    column.metric(t(f"total.{name}"), ui.number(state[name]))
st.progress(state["share"], text=f"{state['share']:.1%}")
verdicts = ("accept", "edit", "reject", "flag", "skip")
rows = [
    {t("col.reviewer"): r["reviewer"], t("col.decisions"): r["decisions"], **{t(f"verdict.{v}"): r[v] for v in verdicts},
     t("col.seconds"): r["seconds"], t("col.last"): ui.when(r["last"])}
    for r in ui.store().progress(queue).to_dicts()
]  # fmt: skip
st.dataframe(rows, hide_index=True)
