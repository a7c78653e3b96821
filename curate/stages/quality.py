"""Stage ``quality``: how long, specific and visual a caption is, judged in its own language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl
from pydantic import Field

from curate.data import data_path
from curate.knowledge.matcher import Form, Matcher
from curate.knowledge.tsv import cells, read_tsv
from curate.stage import Params, Resources, Stage
from curate.text import han_count

_WORD = re.compile(r"[A-Za-zÀ-ɏ0-9]+(?:['-][A-Za-zÀ-ɏ]+)*")
_PIECE = re.compile(r"[\u3400-\u9fff]|[A-Za-zÀ-ɏ0-9]+")


class QualityParams(Params):
    """Limits and which verdicts are given.

    Attributes:
        min_zh_chars: least number of Han characters of a Chinese caption.
        min_en_words: least number of words of an English caption.
        max_zh_chars: most characters.
        max_en_words: most words.
        drop_boilerplate: drop captions that are a refusal, an advertisement or a file name.
    """

    min_zh_chars: int = Field(3, ge=0)
    min_en_words: int = Field(2, ge=0)
    max_zh_chars: int = Field(2000, ge=1)
    max_en_words: int = Field(1200, ge=1)
    drop_boilerplate: bool = True


@dataclass(frozen=True)
class WordLists:
    """Words of motion, camera and light, and boilerplate, as one matcher."""

    matcher: Matcher
    kinds: tuple[str, ...]


@lru_cache(maxsize=1)
def word_lists(path: Path | None = None) -> WordLists:
    """Read ``lexicons/quality.tsv``."""
    forms: list[Form] = []
    kinds: list[str] = []
    for _, row in read_tsv(path or data_path("lexicons") / "quality.tsv"):
        kinds.append(row["kind"])
        forms += [Form(f, "zh" if row["lang"] == "zh" else "latin", len(kinds) - 1) for f in cells(row["forms"])]
    return WordLists(Matcher(forms), tuple(kinds))


def repetition(text: str) -> float:
    """Return the share of words (or Han characters) that repeat the two before them, 0 to 1.

    Example:
        >>> repetition("a b c d") , repetition("哈哈哈哈哈哈") > 0.5
        (0.0, True)
    """
    pieces = _PIECE.findall(text.lower())
    if len(pieces) < 4:
        return 0.0
    grams = list(zip(pieces, pieces[1:], strict=False))
    return 1.0 - len(set(grams)) / len(grams)


def score(text: str, lang: str, length: int) -> tuple[float, bool]:
    """Score one caption.

    Args:
        text: normalized caption.
        lang: ``zh`` or ``en``.
        length: Han characters or words.

    Returns:
        ``(score 0..1, boilerplate)``.
    """
    if not text:
        return 0.0, False
    lists = word_lists()
    kinds = {lists.kinds[e] for h in lists.matcher.find(text, "zh" if lang == "zh" else "latin") for e in h.entries}
    full = 40.0 if lang == "zh" else 25.0
    parts = 0.5 * min(1.0, length / full) + 0.2 * ("motion" in kinds) + 0.15 * ("camera" in kinds) + 0.15 * ("light" in kinds)
    return round(parts * (1.0 - repetition(text)), 4), "boilerplate" in kinds


_FILE_NAME = re.compile(r"^[\w\-. ]+\.(?:mp4|mov|jpe?g|png|avi|mkv|webm|gif|txt)$|^(?:IMG|DSC|VID|MVI|clip|frame)[_\- ]?\d+$", re.IGNORECASE)


def quality(df: pl.DataFrame, params: QualityParams, res: Resources) -> pl.DataFrame:
    """Measure captions.

    Args:
        df: ``id``, ``zh_norm``, ``en_norm``.
        params: limits.
        res: unused.

    Returns:
        ``zh_chars``, ``en_words``, ``zh_score``, ``en_score`` (0 to 1).

    Drops:
        too_short, too_long: every caption the row has is outside the limits.
        boilerplate: a refusal, an advertisement or a file name.
    """
    out = []
    for ident, zh, en in df.select("id", "zh_norm", "en_norm").iter_rows():
        chars, words = han_count(zh), len(_WORD.findall(en))
        zh_score, zh_boiler = score(zh, "zh", chars)
        en_score, en_boiler = score(en, "en", words)
        short = (not zh or chars < params.min_zh_chars) and (not en or words < params.min_en_words)
        long = chars > params.max_zh_chars or words > params.max_en_words
        boiler = params.drop_boilerplate and (zh_boiler or en_boiler or bool(_FILE_NAME.match(zh) or _FILE_NAME.match(en)))
        reason = "too_short" if short else "too_long" if long else "boilerplate" if boiler else None
        note = f"{chars} Han characters, {words} words" if reason else None
        out.append((ident, chars, words, zh_score, en_score, reason, note))
    schema = {
        "id": pl.String(), "zh_chars": pl.UInt32(), "en_words": pl.UInt32(), "zh_score": pl.Float32(), "en_score": pl.Float32(),
        "drop": pl.String(), "drop_note": pl.String(),
    }  # fmt: skip
    return pl.DataFrame(out, schema=schema, orient="row")


STAGE = Stage(
    name="quality",
    version=1,
    scope="rows",
    params=QualityParams,
    needs=("zh_norm", "en_norm"),
    adds=pl.Schema({"zh_chars": pl.UInt32(), "en_words": pl.UInt32(), "zh_score": pl.Float32(), "en_score": pl.Float32()}),
    reasons=("too_short", "too_long", "boilerplate"),
    fn=quality,
    help="length, motion, camera, light, repetition, boilerplate",
)
