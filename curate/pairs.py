"""Duplicate pairs of like characters: how they are found, verified, vetoed and turned into verdicts (``semantic`` has those of like meaning).

Everything works on row numbers in a canonical order (by preference), so the outcome cannot depend on the order, the
partition or the threads of the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from curate import minhash
from curate.decisive import content_differs, content_words, contradict, words_differ
from curate.schema import DUP_KIND
from curate.unionfind import join_pairs

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

    ids: list[str]
    input_ids: pl.Series
    clips: list[str]
    zh: list[str]
    en: list[str]
    zh_keys: list[str]
    en_keys: list[str]
    zh_sig: minhash.Signatures
    en_sig: minhash.Signatures
    decisive: list[list[str]]
    order: Ints

    def __len__(self) -> int:
        return len(self.ids)

    def has(self, lang: str) -> npt.NDArray[np.bool_]:
        """Say which rows have a caption in a language."""
        keys = self.zh_keys if lang == "zh" else self.en_keys
        return np.fromiter(map(bool, keys), bool, len(keys))

    def keys(self, lang: str, at: Ints) -> list[str]:
        """Return the comparison keys of some rows."""
        keys = self.zh_keys if lang == "zh" else self.en_keys
        return [keys[i] for i in at.tolist()]

    def clip_numbers(self) -> Ints:
        """Return a number per row, equal for rows of one clip."""
        return numbers(self.clips)

    @classmethod
    def from_frame(cls, df: pl.DataFrame) -> Rows:
        """Sort the rows by preference: people's captions first, both languages, longer, smaller id."""
        rank = [
            pl.when(pl.col(f"{lang}_key") != "")
            .then(pl.col(f"{lang}_origin").cast(pl.String).replace_strict(_ORIGIN, return_dtype=pl.Int8))
            .otherwise(9)
            for lang in ("zh", "en")
        ]
        origin = df.select(origin=pl.min_horizontal(rank)).get_column("origin")
        both = (df.get_column("zh_key") != "") & (df.get_column("en_key") != "")
        ranked = df.select("id").with_columns(
            pl.int_range(pl.len(), dtype=pl.Int64).alias("at"),
            origin.cast(pl.Int8),
            (-both.cast(pl.Int8)).alias("both"),
            (-(df.get_column("zh_norm").str.len_chars() + df.get_column("en_norm").str.len_chars()).cast(pl.Int64)).alias("length"),
        )
        order = ranked.sort("both", "origin", "length", "id").get_column("at").to_numpy()
        names = ["id", "clip_id", "zh_norm", "en_norm", "zh_key", "en_key", "zh_sig", "en_sig", "decisive"]
        f = df.select(names)[order]
        return cls(
            f.get_column("id").to_list(), df.get_column("id"), f.get_column("clip_id").to_list(),
            f.get_column("zh_norm").to_list(), f.get_column("en_norm").to_list(),
            f.get_column("zh_key").to_list(), f.get_column("en_key").to_list(),
            f.get_column("zh_sig").to_numpy(), f.get_column("en_sig").to_numpy(), f.get_column("decisive").to_list(), order,
        )  # fmt: skip


def exact_pairs(rows: Rows, within: str, across: bool) -> Found:
    """Link each row to the first row with equal keys; a missing language is compatible with any.

    Args:
        rows: canonical rows.
        within: ``none``, ``exact`` or ``all``.
        across: whether rows of different clips may be linked.
    """
    left: list[int] = []
    right: list[int] = []
    first: dict[tuple[str, ...], int] = {}
    for i in range(len(rows)):
        zh, en = rows.zh_keys[i], rows.en_keys[i]
        clip = rows.clips[i]
        scope = ("",) if across else (clip,)
        # Rows with both languages come first in the order, so a one-language row finds the fuller one.
        names = [("b", zh, en, *scope)] if zh and en else [("z", zh, *scope)] if zh else [("e", en, *scope)] if en else []
        target = next((first[n] for n in names if n in first), None)
        if target is not None and (rows.clips[target] != clip or within != "none"):
            left.append(target)
            right.append(i)
            continue
        for n in (*names, *([("z", zh, *scope), ("e", en, *scope)] if zh and en else [])):
            first.setdefault(n, i)
    count = len(left)
    return Found(np.array(left, np.int64), np.array(right, np.int64), np.zeros(count, np.int8), np.ones(count, np.float32))


def numbers(values: list[str]) -> Ints:
    """Number the distinct values.

    Args:
        values: any texts.
    """
    seen: dict[str, int] = {}
    return np.fromiter((seen.setdefault(v, len(seen)) for v in values), np.int64, len(values))


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


# Letters of a text are counted in this many classes: enough to tell most pairs apart without looking at the order.
_CLASSES = 64
_PAIRS = 1 << 18


def _bags(texts: list[str]) -> npt.NDArray[np.uint8]:
    """Count the letters of each text by class, up to 255 each."""
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    # Neighbours in the alphabet go to classes of their own; Han characters are spread by a multiplier.
    classes = np.where(codes < 128, codes, codes * np.uint32(40503) >> np.uint32(4)) % np.uint32(_CLASSES)
    out = np.zeros((len(texts), _CLASSES), np.uint8)
    for start in range(0, len(texts), 1 << 16):
        stop = min(start + (1 << 16), len(texts))
        first, last = int(sizes[:start].sum()), int(sizes[:stop].sum())
        row = np.repeat(np.arange(stop - start), sizes[start:stop])
        counts = np.bincount(row * _CLASSES + classes[first:last], minlength=(stop - start) * _CLASSES)
        out[start:stop] = np.minimum(counts, 255).reshape(-1, _CLASSES)
    return out


def _may_agree(bags: npt.NDArray[np.uint8], sizes: Ints, left: Ints, right: Ints, least: float) -> npt.NDArray[np.bool_]:
    """Say which pairs can reach a similarity: each letter that one text has more often than the other costs one edit.

    Args:
        bags: letters by class.
        sizes: lengths of the texts.
        left: one text of each pair.
        right: the other.
        least: similarity, 0 to 1.
    """
    a, b = sizes[left], sizes[right]
    allowed = (1 - least) * np.maximum(a, b)
    keep: npt.NDArray[np.bool_] = np.abs(a - b) <= allowed
    at = np.flatnonzero(keep)
    x, y = bags[left[at]], bags[right[at]]
    # The larger of the two surpluses is a lower bound of the edit distance (it stays one if a count was cut off at 255).
    most = np.maximum((np.maximum(x, y) - y).sum(axis=1, dtype=np.int64), (np.maximum(x, y) - x).sum(axis=1, dtype=np.int64))
    keep[at] = most <= allowed[at]
    return keep


def similarity(a: list[str], b: list[str], least: float) -> Floats:
    """Return how far the characters of two lists of texts agree, 0 to 1.

    Args:
        a: texts.
        b: as many texts.
        least: what lies below comes back as 0.
    """
    found = process.cpdist(a, b, scorer=Levenshtein.normalized_similarity, score_cutoff=least, dtype=np.float32)
    return np.asarray(found, dtype=np.float32)


def near_pairs(rows: Rows, reps: Ints, params: Thresholds) -> Found:
    """Find pairs whose characters nearly agree in every language that both have.

    Args:
        rows: canonical rows.
        reps: rows left after the exact step.
        params: thresholds.
    """
    n = len(rows)
    # A little below the threshold: the score is rounded before it is compared.
    least = params.near - 1e-4
    keys = _near_candidates(rows, reps, params.bands)
    texts = (rows.zh_keys, rows.en_keys)
    sizes = [np.fromiter(map(len, t), np.int64, n) for t in texts]
    # Only rows of some candidate pair are counted.
    named = np.zeros(n, bool)
    named[keys // n] = named[keys % n] = True
    bags = [_bags([t if wanted else "" for t, wanted in zip(column, named.tolist(), strict=True)]) for column in texts]
    clips = rows.clip_numbers()
    lefts, rights, scores = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for start in range(0, len(keys), _PAIRS):
        left, right = keys[start : start + _PAIRS] // n, keys[start : start + _PAIRS] % n
        keep = allowed(clips, left, right, params)
        shared = np.zeros(len(left), bool)
        for size, bag in zip(sizes, bags, strict=True):
            both = (size[left] > 0) & (size[right] > 0)
            at = np.flatnonzero(both & keep)
            keep[at] = _may_agree(bag, size, left[at], right[at], least)
            shared |= both
        left, right = left[keep & shared], right[keep & shared]
        score = np.ones(len(left), np.float32)
        for text, size in zip(texts, sizes, strict=True):
            at = np.flatnonzero((size[left] > 0) & (size[right] > 0) & (score >= least))
            if len(at):
                similar = similarity([text[i] for i in left[at].tolist()], [text[i] for i in right[at].tolist()], least)
                score[at] = np.minimum(score[at], similar)
        keep = np.round(score, 4) >= params.near
        lefts.append(left[keep])
        rights.append(right[keep])
        scores.append(score[keep])
    left, right, score = np.concatenate(lefts), np.concatenate(rights), np.concatenate(scores)
    keep = ~differing(rows, left, right) if params.veto else np.ones(len(left), bool)
    return _vetoed(rows, left[keep], right[keep], score[keep], 1, params.veto)


def _near_candidates(rows: Rows, reps: Ints, bands: int) -> Ints:
    """Return pairs that share a band, as ``left * n + right``.

    Two rows that both have Chinese must nearly agree in Chinese, so the English bands are searched only where a row has none.
    """
    n = len(rows)
    has_zh = rows.has("zh")
    found = [np.zeros(0, np.int64)]
    if len(reps):
        a, b = minhash.band_pairs(rows.zh_sig[reps], bands)
        found.append(reps[a] * n + reps[b])
        if not has_zh[reps].all():
            a, b = (reps[x] for x in minhash.band_pairs(rows.en_sig[reps], bands))
            found.append((a * n + b)[~(has_zh[a] & has_zh[b])])
    return minhash.distinct(np.concatenate(found))


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


def _vetoed(rows: Rows, left: Ints, right: Ints, score: Floats, kind: int, veto: bool) -> Found:
    if veto and len(left):
        keep = ~contradicting(rows, left, right)
        left, right, score = left[keep], right[keep], score[keep]
    return Found(left, right, np.full(len(left), kind, np.int8), np.round(score, 4).astype(np.float32))


def contradicting(rows: Rows, left: Ints, right: Ints) -> npt.NDArray[np.bool_]:
    """Say which pairs a decisive word contradicts.

    Args:
        rows: canonical rows.
        left: one row of each pair.
        right: the other.
    """
    return np.array([bool(_contradict(rows, a, b)) for a, b in zip(left.tolist(), right.tolist(), strict=True)], dtype=bool)


def _contradict(rows: Rows, a: int, b: int) -> str:
    """Evidence that two rows contradict each other in every language that was changed between them."""
    x, y = rows.decisive[a], rows.decisive[b]
    if x == y:
        return ""
    keys = (("zh", rows.zh_keys), ("en", rows.en_keys))
    return contradict(x, y, [lang for lang, k in keys if k[a] and k[b] and k[a] != k[b]])


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
    group = join_pairs(rows.ids, zip(a.tolist(), b.tolist(), strict=True))
    hits = sorted(best)
    keepers, kinds, scores = [rows.ids[best[i][0]] for i in hits], [KINDS[best[i][1]] for i in hits], [best[i][2] for i in hits]
    notes = [f"dup_of={keeper} score={value:.4f}" for keeper, value in zip(keepers, scores, strict=True)]
    dropped = pl.DataFrame(
        {"id": [rows.ids[i] for i in hits], "dup_of": keepers, "dup_kind": kinds, "dup_score": scores, "drop": kinds, "drop_note": notes},
        schema={
            "id": pl.String(),
            "dup_of": pl.String(),
            "dup_kind": DUP_KIND,
            "dup_score": pl.Float32(),
            "drop": pl.String(),
            "drop_note": pl.String(),
        },
    )
    frame = pl.DataFrame({"id": rows.ids, "dup_group": group}, schema={"id": pl.String(), "dup_group": pl.String()}).join(
        dropped, on="id", how="left"
    )
    frame = frame.select("id", "dup_of", "dup_kind", "dup_score", "dup_group", "drop", "drop_note")
    return rows.input_ids.to_frame("id").join(frame, on="id", how="left", maintain_order="left")
