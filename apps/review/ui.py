"""What every page uses: words in both languages, the store, drawing of captions. Captions are always escaped here, never markup."""

from __future__ import annotations

import html
import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
import yaml

from curate import display
from curate.knowledge.lexicon import Lexicon
from curate.knowledge.taxonomy import Taxonomy
from curate.review.store import ReviewStore

HERE = Path(__file__).resolve().parent
LANGUAGES = {"zh": "中文", "en": "English"}
MOST = 4000
# From this share of equal characters on, two texts are shown as one with its differences.
LIKE = 0.6
# Comparing takes time with the square of the length.
COMPARED = 600
CSS = """<style>
.cap{font-size:1.25rem;line-height:1.75;overflow-wrap:anywhere;white-space:pre-wrap;unicode-bidi:isolate;max-height:22rem;overflow-y:auto}
.cap.small{font-size:.95rem;line-height:1.5}
.cap .t{border-bottom:2px solid #2f7f79;cursor:help}
.cap .f-error{background:#c6282833}.cap .f-warning{background:#e0a10040}.cap .f-review{background:#5c6bc033}
.cap .out{background:#c6282833;text-decoration:line-through}.cap .in{background:#2e7d3240}
.cap .hid{border:1px solid #8886;border-radius:3px;font:600 .7rem monospace;padding:0 3px;margin:0 1px}
.cap rt{font-size:.55em;opacity:.75}
[data-testid="stLayoutWrapper"]:has(>.st-key-title){position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.tag{display:inline-block;border:1px solid #8886;border-radius:1rem;padding:0 .6rem;margin:0 .3rem .3rem 0;font-size:.85rem}
.lead{font-size:.85rem;margin-right:.4rem}
.st-key-decide button{min-width:6rem}
[data-testid="stCaptionContainer"]{color:inherit;opacity:.75}
.stButton button kbd{color:inherit!important;opacity:.85}
@media (hover:none) and (pointer:coarse){.stButton button kbd{display:none}.st-key-decide button{min-width:4.5rem}}
[data-testid="stMainBlockContainer"]{padding-top:3.5rem;max-width:1250px}
@media (max-width:640px){[data-testid="stMainBlockContainer"]{padding-top:4.5rem}}
</style>"""
PLAYER_CSS = """.player video,.player img{width:100%;max-height:330px;background:#111;object-fit:contain;border-radius:6px}
.bar{display:flex;gap:.35rem;align-items:center;flex-wrap:wrap;margin-top:.3rem;font-size:.85rem}
.bar button{border:1px solid #8888;border-radius:5px;background:transparent;color:inherit;padding:.15rem .55rem;cursor:pointer;font:inherit}
.bar button[aria-pressed=true]{background:#2f7f7944}"""
EDITOR_CSS = (
    PLAYER_CSS
    + """.editor label{display:block;font-size:.9rem;margin-bottom:.5rem}
.editor textarea{display:block;width:100%;box-sizing:border-box;font-family:inherit;font-size:1.15rem;line-height:1.6;padding:.5rem;border:1px solid #8888;
border-radius:6px;background:transparent;color:inherit;resize:vertical}
.editor input{display:block;width:100%;box-sizing:border-box;font:inherit;font-size:1rem;padding:.4rem .5rem;border:1px solid #8888;border-radius:6px;
background:transparent;color:inherit}
.editor [role=status]{font-size:.8rem;opacity:.7}"""
)
HEAT_CSS = """.heat{overflow-x:auto}.heat table{border-collapse:collapse;font-size:.78rem}.heat th{font-weight:500;text-align:left;white-space:nowrap;padding:0 .3rem}
.heat tr:first-child th{height:5.5rem;vertical-align:bottom}.heat tr:first-child span{writing-mode:vertical-rl;text-orientation:mixed}
.heat th[scope=row]{position:sticky;left:0;background:var(--st-background-color,Canvas)}.heat td{padding:1px}.heat button{border:0;border-radius:3px;min-width:2.4rem;height:1.6rem;color:inherit;cursor:pointer;font:inherit}"""


@st.cache_resource
def strings():
    """The string table."""
    return yaml.safe_load((HERE / "strings.yaml").read_text(encoding="utf-8"))


def lang():
    """The language of the interface."""
    return st.session_state.get("lang", "zh")


def kept(name, default=""):
    """A widget's value: as it is, as it was when its page was left (Streamlit forgets it then), from the address, or the default."""
    state = st.session_state
    memory = state.setdefault("_kept", {})
    if name not in state:
        state[name] = memory[name] if name in memory else st.query_params.get(name, default)
    memory[name] = state[name]
    return state[name]


def in_address(name, silent=""):
    """Keep a value in the address, so that a reload and a shared link open the same thing."""
    value = st.session_state[name]
    if value and value != silent:
        st.query_params[name] = value
    elif name in st.query_params:
        del st.query_params[name]


def t(key, **values):
    """A word of the interface; an unknown key shows itself."""
    entry = strings().get(key, key)
    text = entry if isinstance(entry, str) else str(entry[0 if lang() == "zh" else 1])
    return text.format(**values) if values else text


@st.cache_resource
def store():
    """The store, opened once for all sessions; every call uses a connection of its own."""
    return ReviewStore(os.environ["LEISHU_STORE"])


@st.cache_data(ttl=5)
def queues():
    """All queues with their counts; a few seconds old at most."""
    return store().queues()


@st.cache_data(ttl=30)
def queue_tags(name):
    """How many items carry each tag."""
    return store().tags(name)


@st.cache_resource
def lexicon():
    return Lexicon.load()


@st.cache_resource
def taxonomy():
    return Taxonomy.load()


@st.cache_resource
def component(name, markup, css):
    """A component from its file; what it shows travels as data, never as markup."""
    return st.components.v2.component(f"leishu_{name}", html=markup, css=css, js=(HERE / f"{name}.js").read_text(encoding="utf-8"))


def label(axis, ident):
    """The name of a theme or an era."""
    if ident == "none":
        return t("none")
    try:
        return taxonomy().label(axis, ident, lang())
    except KeyError:
        return ident


def check_name(value):
    """The name of a check; one that a plug-in brought keeps its own."""
    return t(f"check.{value}") if f"check.{value}" in strings() else value


def tag_name(tag):
    """The words for a tag such as ``theme:festivals``."""
    axis, _, value = tag.partition(":")
    if axis == "cell":
        theme, _, era = value.partition("|")
        return f"{label('themes', theme)} × {label('eras', era)}"
    if axis in ("theme", "era"):
        return named(t(axis + "s"), label(axis + "s", value))
    return named(t("why"), t(f"why.{value}")) if axis == "why" else named(t("flags"), check_name(value))


def named(name, value):
    """A name and what it stands for, with the colon of the language."""
    return f"{name}：{value}" if lang() == "zh" else f"{name}: {value}"


def esc(text):
    return html.escape(str(text), quote=True)


def _visible(text):
    return "".join(f'<span class="hid">{name}</span>' if name else esc(part) for part, name in display.hidden(text))


def _ruby(text):
    return "".join(f"<ruby>{esc(s.text)}<rt>{esc(s.reading)}</rt></ruby>" if s.reading else _visible(s.text) for s in display.syllables(text))


def language_of(lang, script="", written=None):
    """The language of a caption as browsers and screen readers know it; it decides between Chinese and Japanese shapes too."""
    if lang != "zh":
        return lang
    return "zh-Hant" if script == "hant" or (script != "hans" and written == "hant") else "zh-Hans"


def caption_html(text, marks=(), script="as_read", pinyin=False, small=False, lang="", written=None):
    """A caption with its highlights, as escaped HTML."""
    out = []
    for piece in display.pieces(text[:MOST], marks):
        shown = display.in_script(piece.text, script)
        inner = _ruby(shown) if pinyin else _visible(shown)
        hits = [marks[i] for i in piece.marks]
        if hits:
            classes = " ".join(dict.fromkeys("t" if m["kind"] == "term" else f"f-{m.get('severity', 'review')}" for m in hits))
            title = "\n".join(dict.fromkeys(f"{m['label']} — {m['gloss']}" if m["gloss"] else m["label"] for m in hits))
            inner = f'<span class="{esc(classes)}" title="{esc(title)}">{inner}</span>'
        out.append(inner)
    language = f' lang="{language_of(lang, script, written)}"' if lang else ""
    return f'<div class="cap{" small" if small else ""}" dir="auto"{language}>{"".join(out)}</div>'


def caption(text, marks=(), script="as_read", pinyin=False, small=False, lang="", written=None):
    """Draw a caption; ``written`` is the script that it was written in."""
    if not text:
        st.caption(t("missing.text"))
        return
    st.html(caption_html(text, marks, script, pinyin, small, lang, written))
    hidden = sum(bool(name) for _, name in display.hidden(text[:MOST]))
    if hidden:
        st.caption(t("hidden", n=hidden))
    if len(text) > MOST:
        st.caption(t("long", n=MOST, total=len(text)))


# Elements that say by themselves, to a screen reader too, what goes and what comes.
_KINDS = {"same": "span", "out": "del", "in": "ins"}


def _changes_html(found, lang=""):
    parts = [f'<{_KINDS[c.kind]} class="{c.kind}">{_visible(c.text)}</{_KINDS[c.kind]}>' for c in found]
    language = f' lang="{language_of(lang)}"' if lang else ""
    return f'<div class="cap small" dir="auto"{language}>{"".join(parts)}</div>'


def difference(before, after, lang=""):
    """Draw what differs between two texts."""
    st.html(_changes_html(display.changes(before[:MOST], after[:MOST]), lang))


def beside(mine, other, lang):
    """Draw another record's text: with the differences where it is nearly the same as mine, else as it is."""
    if mine == other:
        st.caption(t("near.identical", lang=t(lang)))
        return
    found = display.changes(mine, other) if max(len(mine), len(other)) <= COMPARED else []
    same = sum(len(c.text) for c in found if c.kind == "same")
    if found and 2 * same >= LIKE * (len(mine) + len(other)):
        st.html(_changes_html(found, lang))
    else:
        caption(other, small=True, lang=lang)


def places(pairs):
    """Draw the words a flag is about, each with what is suggested for it."""
    lines = [f'<span class="tag">{_visible(a[:120])}</span>' * bool(a) + (f" → {_visible(b[:200])}" if b else "") for a, b in pairs]
    st.html("".join(f'<div class="cap small" dir="auto">{x}</div>' for x in dict.fromkeys(lines) if x))


def tags(words, before=""):
    """Draw small labels, with a word before them that says what they are."""
    lead = f'<span class="lead">{esc(named(before, ""))}</span>' if before else ""
    st.html(lead + "".join(f'<span class="tag">{_visible(str(w)[:120])}</span>' for w in words))


def clip(media, key):
    """Draw a clip, an image or its contact sheet."""
    if media["kind"] == "none":
        st.caption(t("media.none"))
        return
    if not media["file"] and not media["sheet"]:
        st.text(t(f"media.{media['note'] or 'cannot_show'}", name=media["name"]))
        return
    data = {
        "src": f"/clips/{media['file']}" if media["file"] else "",
        "sheet": f"/clips/{media['sheet']}" if media["sheet"] else "",
        "kind": media["kind"],
        "start": media["start"],
        "end": media["end"],
        "alt": media["name"],
        "labels": {
            "sheet": t("media.sheet"),
            "broken": t("media.cannot_show", name=media["name"]),
            "speed": t("media.speed"),
            "loop": t("media.loop"),
        },
    }
    component("player", '<div class="player"></div>', PLAYER_CSS)(data=data, key=key)


def totals(state):
    """The counts of a queue, side by side; on a phone they wrap."""
    with st.container(horizontal=True, gap="large"):
        for name in ("items", "reviewed", "open", "disputed", "reviewers"):
            st.metric(t(f"total.{name}"), number(state[name]), width="content")


def page_set_up():
    """Tell the browser the page's language, show a new item from its top, and give the keys back to the page after a click that would keep them."""
    component("keys", "<span></span>", "")(
        data={"lang": "zh-Hans" if lang() == "zh" else "en", "item": f"{st.session_state.get('current')} {st.session_state.get('b_page')}"},
        key="free-keys",
    )


def when(stamp):
    """A time of the store in the reader's form and, if the browser tells it, in their own time zone."""
    at = datetime.fromisoformat(stamp)
    try:
        at = at.astimezone(ZoneInfo(st.context.timezone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        at = at.astimezone(UTC)
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    day = f"{at.year}年{at.month}月{at.day}日" if lang() == "zh" else f"{at.day} {months[at.month - 1]} {at.year},"
    return f"{day} {at:%H:%M}"


def number(value):
    return f"{value:,}"
