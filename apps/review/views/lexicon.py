"""Look terms up, propose new ones, take the proposals home as a patch."""

from __future__ import annotations

import streamlit as st
import ui
from ui import t

from curate.review import decisions as review
from curate.text import fold, normalize, to_simplified

S = st.session_state
MOST = 30


def hits(query):
    key = fold(to_simplified(normalize(query)))
    found = []
    for e in ui.lexicon().terms:
        forms = [fold(to_simplified(x)) for x in (e.zh_hans, e.zh_hant, e.en, e.pinyin, *e.zh_alias, *e.en_alias) if x]
        best = next((n for n, test in enumerate((str.__eq__, str.startswith, str.__contains__)) if any(test(f, key) for f in forms)), None)
        if best is not None:
            found.append((best, len(e.zh_hans), e.id, e))
    return [x[-1] for x in sorted(found, key=lambda x: x[:3])]


def main():
    query = st.text_input(t("lexicon.find"), key="l_q").strip()
    found = hits(query[:80]) if query else []
    count = ui.number(len(ui.lexicon().terms))
    st.caption(t("lexicon.count", n=count, found=ui.number(len(found))) if query else t("lexicon.all", n=count))
    for e in found[:MOST]:
        with st.container(border=True):
            st.text(f"{e.zh_hans} {e.zh_hant if e.zh_hant != e.zh_hans else ''} {e.pinyin} · {e.en}")
            ui.tags([ui.label("themes", x) for x in e.themes] + [ui.label("eras", x) for x in e.eras])
            st.text(e.gloss_en)
    st.subheader(t("lexicon.propose"), anchor=False)
    with st.form("propose", clear_on_submit=True):
        values = {
            "zh_hans": st.text_input(t("lexicon.must", name=t("lexicon.zh"))),
            "en": st.text_input(t("lexicon.must", name=t("lexicon.en"))),
            "pinyin": st.text_input(t("lexicon.pinyin")),
            "theme": st.selectbox(
                t("lexicon.must", name=t("themes")),
                ui.taxonomy().theme_ids,
                format_func=lambda x: ui.label("themes", x),
                index=None,
                placeholder=t("choose"),
            ),
            "gloss_en": st.text_input(t("lexicon.must", name=t("lexicon.gloss"))),
            "source": st.text_input(t("lexicon.source")),
        }
        sent = st.form_submit_button(t("lexicon.send"))
    if sent:
        if all((values[n] or "").strip() for n in ("zh_hans", "en", "theme", "gloss_en")):
            ui.store().propose(S.who, values)
            st.success(t("lexicon.sent"))
        else:
            st.warning(t("lexicon.lacking"))
    rows = ui.store().proposals()
    st.caption(t("lexicon.proposed", n=len(rows)))
    if rows:
        st.download_button(t("lexicon.patch"), review.lexicon_patch(rows), "proposals.tsv", "text/tab-separated-values")


main()
