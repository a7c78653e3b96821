"""Duplicate pairs of like characters: how they are found, verified, vetoed and turned into verdicts (``semantic`` has those of like meaning).

Everything works on row numbers in a canonical order (by preference), so the outcome cannot depend on the order, the
partition or the threads of the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import shares
from curate.duplicates import closeness, minhash
from curate.duplicates.decisive import content_differs, content_words, contradict, words_differ
from curate.duplicates.roles import any_exchanged
from curate.duplicates.unionfind import join_pairs
from curate.schema import DUP_KIND
from curate.stage import Spread

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
KINDS = ("exact", "near", "semantic")
# Rank of an origin: a person's caption is kept before a machine's.
_ORIGIN = {"human": 0, "unknown": 1, "translated": 2, "machine": 3}


class Thresholds(Protocol):
    """What the pair searches need of the parameters of ``dedup``."""

    @property
    def near(self) -> float: ...
    @property
    def semantic(self) -> float: ...
    @property
    def semantic_single(self) -> float | None: ...
    @property
    def within_clip(self) -> str: ...
    @property
    def across_clips(self) -> bool: ...
    @property
    def bands(self) -> int: ...
    @property
    def veto(self) -> bool: ...


class Found(NamedTuple):
    """Pairs of row numbers with ``left`` preferred to ``right``, kind number and score."""

    left: Ints
    right: Ints
    kind: npt.NDArray[np.int8]
    score: Floats

    @classmethod
    def none(cls) -> Found:
        """Return no pairs."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(0, np.float32))

    def joined(self, other: Found) -> Found:
        """Return both sets of pairs."""
        return Found(*(np.concatenate([a, b]) for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Rows:
    """The rows in canonical order of preference; ``order[i]`` is the place of row ``i`` in the input."""

    frame: pl.DataFrame
    input: pl.DataFrame
    order: Ints

    def __len__(self) -> int:
        return len(self.order)

    @classmethod
    def from_frame(cls, df: pl.DataFrame) -> Rows:
        """Sort the rows by preference: people's captions first, both languages, longer, smaller id."""
        rank = [
            pl.when(pl.col(f"{lang}_key") != "")
            .then(pl.col(f"{lang}_origin").cast(pl.String).replace_strict(_ORIGIN, return_dtype=pl.Int8))
            .otherwise(9)
            for lang in ("zh", "en")
        ]
        length = (pl.col("zh_norm").str.len_chars() + pl.col("en_norm").str.len_chars()).cast(pl.Int64)
        ranked = df.select(
            "id",
            both=-((pl.col("zh_key") != "") & (pl.col("en_key") != "")).cast(pl.Int8),
            origin=pl.min_horizontal(rank).cast(pl.Int8),
            length=-length,
        ).with_row_index("at")
        order = ranked.sort("both", "origin", "length", "id").get_column("at").to_numpy().astype(np.int64)
        return cls(df.select("id", "clip_id", "zh_norm", "en_norm", "zh_key", "en_key", "decisive")[order], df, order)

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the rows."""
        return self.frame.get_column("id").to_list()

    @cached_property
    def zh_keys(self) -> list[str]:
        """Comparison keys of the Chinese captions."""
        return self.frame.get_column("zh_key").to_list()

    @cached_property
    def en_keys(self) -> list[str]:
        """Comparison keys of the English captions."""
        return self.frame.get_column("en_key").to_list()

    @cached_property
    def decisive(self) -> pl.Series:
        """Decisive words of the rows."""
        return self.frame.get_column("decisive")

    @cached_property
    def clip_numbers(self) -> Ints:
        """A number per row, equal for rows of one clip."""
        return _numbers(self.frame.get_column("clip_id"))

    def has(self, lang: str) -> npt.NDArray[np.bool_]:
        """Say which rows have a caption in a language."""
        return (self.frame.get_column(f"{lang}_key") != "").to_numpy()

    def keys(self, lang: str, at: Ints) -> list[str]:
        """Return the comparison keys of some rows."""
        keys = self.zh_keys if lang == "zh" else self.en_keys
        return [keys[i] for i in at.tolist()]

    def signatures(self, lang: str, at: Ints) -> minhash.Signatures:
        """Return the signatures of some rows; English ones are worked out here, because they are needed only where Chinese is missing."""
        stored = self.input.get_column("zh_sig")
        if lang == "zh":
            return stored.gather(self.order[at]).to_numpy()
        return minhash.signatures(self.keys(lang, at), stored.dtype.size, words=True)  # type: ignore[attr-defined]


def _numbers(values: pl.Series) -> Ints:
    """Number the distinct values, each by the place where it comes first."""
    return _first(pl.DataFrame([values.alias("value")]), np.arange(len(values)))


def exact_pairs(rows: Rows, within: str, across: bool) -> Found:
    """Link each row to the first row with equal keys; a missing language is compatible with any.

    Args:
        rows: canonical rows.
        within: ``none``, ``exact`` or ``all``.
        across: whether rows of different clips may be linked.
    """
    zh, en = rows.has("zh"), rows.has("en")
    scope = [] if across else ["clip_id"]
    # Rows with both languages come first in the order, so a one-language row finds the fuller one.
    target = np.arange(len(rows))
    for mine, among, columns in ((zh & en, zh & en, ["zh_key", "en_key"]), (zh & ~en, zh, ["zh_key"]), (en & ~zh, en, ["en_key"])):
        if mine.any():
            target[mine] = _first(rows.frame.select(*scope, *columns), np.flatnonzero(among))[mine]
    linked = target < np.arange(len(rows))
    if within == "none":
        clips = rows.clip_numbers
        linked &= clips[target] != clips
    right = np.flatnonzero(linked)
    return Found(target[right], right, np.zeros(len(right), np.int8), np.ones(len(right), np.float32))


def _first(values: pl.DataFrame, at: Ints) -> Ints:
    """Return for each of some rows the first of them that has the same values; other rows have none."""
    names = values.columns
    among = values[at] if len(at) < len(values) else values
    groups = among.with_columns(pl.Series("place", at)).group_by(names).agg(pl.col("place"), pl.col("place").min().alias("first"))
    found = groups.select("place", "first").explode("place")
    out = np.full(len(values), -1)
    out[found.get_column("place").to_numpy()] = found.get_column("first").to_numpy()
    return out


def allowed(clips: Ints, left: Ints, right: Ints, params: Thresholds) -> npt.NDArray[np.bool_]:
    """Say which pairs may be duplicates of each other, going by their clips.

    Args:
        clips: a number per row, equal for rows of one clip.
        left: one row of each pair.
        right: the other.
        params: whether pairs within and across clips count.
    """
    same = clips[left] == clips[right]
    may: npt.NDArray[np.bool_] = (~same & params.across_clips) | (same & (params.within_clip == "all"))
    return may


def near_pairs(rows: Rows, reps: Ints, params: Thresholds, spread: Spread | None = None) -> Found:
    """Find pairs whose characters nearly agree in every language that both have.

    Args:
        rows: canonical rows.
        reps: rows left after the exact step.
        params: thresholds.
        spread: who has the signatures and searches their bands, if not this process.
    """
    # A little below the threshold: the score is rounded before it is compared.
    least = params.near - 1e-4
    keys = _near_candidates(rows, reps, params.bands, least, spread)
    left, right = keys // len(rows), keys % len(rows)
    keep = allowed(rows.clip_numbers, left, right, params)
    left, right = left[keep], right[keep]
    score = np.ones(len(left), np.float32)
    for lang in ("zh", "en"):
        has = rows.has(lang)
        at = np.flatnonzero(has[left] & has[right] & (score >= least))
        score[at] = np.minimum(score[at], _agreement(rows, lang, left[at], right[at], least))
    keep = np.round(score, 4) >= params.near
    left, right, score = left[keep], right[keep], score[keep]
    if params.veto:
        keep = ~differing(rows, left, right)
        keep[keep] = ~contradicting(rows, left[keep], right[keep])
        left, right, score = left[keep], right[keep], score[keep]
    return Found(left, right, np.ones(len(left), np.int8), np.round(score, 4).astype(np.float32))


def _agreement(rows: Rows, lang: str, left: Ints, right: Ints, least: float) -> Floats:
    """Return the similarity of the captions of pairs in one language, 0 where it lies below ``least``."""
    named, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    return closeness.agreement(rows.keys(lang, named), place[: len(left)], place[len(left) :], least)


def _near_candidates(rows: Rows, reps: Ints, bands: int, least: float, spread: Spread | None) -> Ints:
    """Return pairs that share a band and may be near, as ``left * n + right``.

    Two rows that both have Chinese must nearly agree in Chinese, so the English bands are searched only where a row has none.
    """
    n, has_zh = len(rows), rows.has("zh")
    found = [np.zeros(0, np.int64)]
    for lang in ("zh", "en"):
        mine = reps[rows.has(lang)[reps]]
        chinese = has_zh[mine]
        if not len(mine) or (lang == "en" and chinese.all()):
            continue
        texts = rows.keys(lang, mine)
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        near = closeness.may_be_near(closeness.odd_classes(texts, sizes), sizes, least)

        keep = near if lang == "zh" else _with_no_chinese(near, chinese)
        if spread is None:
            a, b = minhash.band_pairs(rows.signatures(lang, mine), bands, keep=keep)
        else:
            a, b = shares.near_signatures(spread, lang, rows.order[mine], bands)
            kept = keep(np.arange(len(mine)))(slice(None), np.bincount(a, minlength=len(mine)), b)
            a, b = a[kept], b[kept]
        found.append(mine[a] * n + mine[b])
    return minhash.distinct(np.concatenate(found))


def _with_no_chinese(near: minhash.Keep, chinese: npt.NDArray[np.bool_]) -> minhash.Keep:
    """Keep pairs of which one row has no Chinese."""

    def keep(rows: Ints) -> minhash.Test:
        test, has = near(rows), chinese[rows]

        def both(here: slice, count: Ints, right: Ints) -> npt.NDArray[np.bool_]:
            return test(here, count, right) & ~(np.repeat(has[here], count) & has[right])

        return both

    return keep


def differing(rows: Rows, left: Ints, right: Ints) -> npt.NDArray[np.bool_]:
    """Say which pairs differ by whole words in every language that both have: another event shows in both, a slip of one writer does not.

    Args:
        rows: canonical rows.
        left: one row of each pair.
        right: the other.
    """
    out = np.zeros(len(left), bool)
    words: dict[int, frozenset[str]] = {}

    def content(i: int) -> frozenset[str]:
        if i not in words:
            words[i] = content_words(rows.en_keys[i])
        return words[i]

    for at, (i, j) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        zh, en = bool(rows.zh_keys[i] and rows.zh_keys[j]), bool(rows.en_keys[i] and rows.en_keys[j])
        out[at] = (not en or words_differ(content(i), content(j))) and (not zh or content_differs(rows.zh_keys[i], rows.zh_keys[j], "zh"))
    return out


def contradicting(rows: Rows, left: Ints, right: Ints) -> npt.NDArray[np.bool_]:
    """Say which pairs a decisive word contradicts.

    Args:
        rows: canonical rows.
        left: one row of each pair.
        right: the other.
    """
    named, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    words = rows.decisive.gather(named).to_list()
    split = [{lang: [w for w in some if w.startswith(lang)] for lang in ("zh", "en")} for some in words]
    out = np.zeros(len(left), bool)
    zh, en = rows.zh_keys, rows.en_keys
    for at, (x, y, i, j) in enumerate(zip(place[: len(left)].tolist(), place[len(left) :].tolist(), left.tolist(), right.tolist(), strict=True)):
        if words[x] != words[y]:
            # Only a language that was changed between them can speak against them.
            langs = [lang for lang, keys in (("zh", zh), ("en", en)) if keys[i] and keys[j] and keys[i] != keys[j]]
            out[at] = bool(contradict(split[x], split[y], langs))
    rest = np.flatnonzero(~out)
    out[rest] = _exchanged(rows, left[rest], right[rest])
    return out


def _exchanged(rows: Rows, left: Ints, right: Ints) -> npt.NDArray[np.bool_]:
    """Say in which pairs two participants exchange their roles, in every language that was changed between them."""
    least, most = np.full(len(left), 2, np.int8), np.zeros(len(left), np.int8)
    for lang in ("zh", "en"):
        texts = rows.frame.get_column(f"{lang}_norm")
        has, keys = rows.has(lang), rows.zh_keys if lang == "zh" else rows.en_keys
        same = np.fromiter((keys[i] == keys[j] for i, j in zip(left.tolist(), right.tolist(), strict=True)), bool, len(left))
        at = np.flatnonzero(has[left] & has[right] & ~same & (least > 0))
        found = any_exchanged(texts.gather(left[at]).to_list(), texts.gather(right[at]).to_list(), lang)
        least[at], most[at] = np.minimum(least[at], found), np.maximum(most[at], found)
    return (least > 0) & (most > 1)


def verdicts(rows: Rows, found: Found) -> pl.DataFrame:
    """Turn pairs into verdicts: going through the rows by preference, a row stays unless it duplicates one that stays.

    Args:
        rows: canonical rows.
        found: all pairs.

    Returns:
        ``id``, ``dup_of``, ``dup_kind``, ``dup_score``, ``dup_group``, ``drop``, ``drop_note`` in the input's order.
    """
    a, b = np.minimum(found.left, found.right), np.maximum(found.left, found.right)
    order = np.lexsort((a, -found.score, found.kind, b))
    best: dict[int, tuple[int, int, float]] = {}
    copies: dict[int, int] = {}
    for left, right, kind, score in zip(a[order].tolist(), b[order].tolist(), found.kind[order].tolist(), found.score[order].tolist(), strict=True):
        if kind == 0:
            copies[right] = left
        elif right not in best and left not in best:
            best[right] = (left, kind, score)
    for right, left in copies.items():
        # A copy of a row that itself goes belongs to the row that stays instead of it.
        best[right] = best.get(left, (left, 0, 1.0))
    hits = sorted(best)
    ids, kept, at = rows.frame.get_column("id"), [best[i] for i in hits], np.full(len(rows), -1)
    at[hits] = np.arange(len(hits))
    keepers, kinds, scores = ids.gather([k[0] for k in kept]), [KINDS[k[1]] for k in kept], [k[2] for k in kept]
    notes = [f"dup_of={keeper} score={value:.4f}" for keeper, value in zip(keepers, scores, strict=True)]
    schema: dict[str, Any] = {"dup_of": pl.String, "dup_kind": DUP_KIND, "dup_score": pl.Float32, "drop": pl.String, "drop_note": pl.String}
    dropped = pl.DataFrame({"dup_of": keepers, "dup_kind": kinds, "dup_score": scores, "drop": kinds, "drop_note": notes}, schema=schema)
    # Back to the input's order; a row that stays has no line of its own.
    at[rows.order] = at.copy()
    group = pl.Series("dup_group", join_pairs(rows.ids, a, b), pl.String)
    back = dropped.select(pl.all().gather(pl.Series(at, dtype=pl.Int64).replace(-1, None)))
    whole = pl.DataFrame([rows.input.get_column("id"), group.gather(np.argsort(rows.order))]).hstack(back)
    return whole.select("id", "dup_of", "dup_kind", "dup_score", "dup_group", "drop", "drop_note")
