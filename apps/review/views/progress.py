"""Who has done what."""

from __future__ import annotations

import streamlit as st
import ui
from ui import t

from curate.review import decisions as review

queue = st.session_state.queue


@st.cache_data(ttl=20)
def counted(name, decisions):
    """Counted anew when there is another decision."""
    return review.state(ui.store(), name), ui.store().progress(name).to_dicts()


state, people = counted(queue, review.count(ui.store(), queue))
ui.totals(state)
st.progress(state["share"], text=f"{state['share']:.1%}")
verdicts = ("accept", "edit", "reject", "flag", "skip")
rows = [
    {t("col.reviewer"): r["reviewer"], t("col.decisions"): r["decisions"], **{t(f"verdict.{v}"): r[v] for v in verdicts},
     t("col.seconds"): r["seconds"], t("col.last"): ui.when(r["last"])}
    for r in people
]  # fmt: skip
if rows:
    st.dataframe(rows, hide_index=True)
else:
    st.caption(t("progress.none"))
