"""Places of terms point into the caption as it was given, whatever shape it came in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import plain
from curate.stage import Resources
from curate.text import fold, normalize, to_simplified, to_traditional
from tests.conftest import SAMPLE


def _names(entry: Any) -> set[str]:
    # Both languages: in a row with swapped columns the English names stand in the Chinese caption.
    forms = (entry.zh_hans, entry.zh_hant, *entry.zh_alias, entry.en, *entry.en_alias)
    return {fold(to_simplified(normalize(f))).replace(" ", "") for f in forms if f}


@pytest.fixture(scope="module")
def sample_captions() -> list[tuple[str, str]]:
    rows = [json.loads(x) for x in (SAMPLE / "captions.jsonl").read_text(encoding="utf-8").split("\n") if x]
    pairs = [(r["caption_zh"] or "", r["caption_en"] or "") for r in rows]
    return [p for p in pairs if any(p) and "\ufffd" not in "".join(p)]


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


SHAPES: list[Callable[[str], str]] = [
    lambda t: t, to_traditional, _wide, lambda t: "\u200b" + t, lambda t: t.replace("，", "　，　"), lambda t: "  " + t.replace("的", "\u200b的") + "\n",
]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(picked=st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(SHAPES)), min_size=5, max_size=20))
def test_offsets_point_at_what_they_say(
    sample_captions: list[tuple[str, str]], res: Resources, picked: list[tuple[int, Callable[[str], str]]]
) -> None:
    pairs = [(shape, sample_captions[i % len(sample_captions)]) for i, shape in picked]
    rows = [{"id": str(n), "zh": shape(zh) if zh else None, "en": shape(en) if en else None} for n, (shape, (zh, en)) in enumerate(pairs)]
    found = plain.apply(plain.from_rows(rows), ("normalize", "language", "match"), res).get_column("terms").to_list()
    lexicon = res.need_lexicon()
    for row, terms in zip(rows, found, strict=True):
        spans = plain._original_spans(row["zh"] or "", row["en"] or "", terms)
        assert len(spans) == sum(not t["term_id"].startswith("trap:") for t in terms)
        for t in spans:
            assert str(row[t["lang"]])[t["start"] : t["end"]] == t["text"]
            assert t["text"].strip() == t["text"] != ""
            entry = lexicon.by_id.get(t["id"])
            if entry is not None and entry.kind == "term" and t["lang"] == "zh":
                assert fold(to_simplified(normalize(t["text"]))).replace(" ", "") in _names(entry), t


def test_offsets_of_a_whole_file(sample_captions: list[tuple[str, str]]) -> None:
    rows = [{"id": str(i), "zh": to_traditional(zh) or None, "en": _wide(en) or None} for i, (zh, en) in enumerate(sample_captions[:80])]
    terms = 0
    for row, got in zip(rows, plain.tag(rows, plain.default_resources("hash")), strict=True):
        for t in got["terms"]:
            terms += 1
            assert str(row[t["lang"]])[t["start"] : t["end"]] == t["text"]
    assert terms > 100
