"""The guide."""

from __future__ import annotations

import streamlit as st
import ui
from ui import t

st.markdown(t("guide") if ui.lang() == "zh" else t("guide.en"))
st.markdown(t("guide.after") if ui.lang() == "zh" else t("guide.after.en"))
