"""Word by word: how well the words of each caption are found in the other one.

A word is supported by a word of the other language that usually stands for it, as a table learnt from the project's own bilingual captions
and lexicon says (``models/words.npz``, by ``python -m curate.training.fit_pairs``), or that the encoder holds to be near. One word without
support beside another one without support is what an exchanged fact looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from curate.data import PACKAGE
from curate.embed import Vectors
from curate.errors import CurateError
from curate.tokenize import Tokenizer

TABLE = PACKAGE / "models" / "words.npz"
NAMES = ("words_zh", "words_en", "words_low", "lost_zh", "lost_en", "lost_both")
# A translation in the table is at least as good as this cosine; below the second one a word counts as lost.
KNOWN, LOST = 0.5, 0.45
_LEAST = 0.03
_IDLE_EN = frozenset(
    "a an the of in on at to for with and or is are was were be been being it its his her their this that these those there as by from into onto "
    "over up down out off some one very he she they them him who which while then now all each every not no has have had do does did will would "
    "can could s t so than too also just but if when where what how about after before through under above between among us we our you your i my me".split()
)
_IDLE_ZH = re.compile("[的了着在是和与把被里上下中从向到对为以用有个一就都也又还很那这其之而于]+")
# Years are compared as years, in whatever reckoning they are written.
_WORD_EN = re.compile(r"[a-z]+|(?<!\d)\d{1,2}(?!\d)")
_YEAR_ZH = re.compile("[〇零一二三四五六七八九十百千元\\d]+年|\\d{3,}")


def stem(word: str) -> str:
    """Cut the ending off an English word.

    Args:
        word: in lower case.

    Example:
        >>> stem("carving") == stem("carves") == stem("carved")
        True
    """
    for end in ("ing", "ied", "ies", "es", "ed", "s"):
        if word.endswith(end) and len(word) - len(end) >= 3:
            word = word[: -len(end)]
            break
    if word.endswith("e") and len(word) > 4:
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl" else word


def words_en(text: str) -> list[str]:
    """Return the content words of an English caption, each once, in lower case.

    Args:
        text: normalized text.

    Example:
        >>> words_en("The monk's bell is ringing.")
        ['monk', 'bell', 'ringing']
    """
    return list(dict.fromkeys(w for w in _WORD_EN.findall(text.lower()) if w not in _IDLE_EN))


def words_zh(text: str, tokenizer: Tokenizer) -> list[str]:
    """Return the content words of a Chinese caption, each once.

    Args:
        text: simplified, normalized text.
        tokenizer: cuts the text.
    """
    return list(dict.fromkeys(w for w in tokenizer.zh(text) if not _IDLE_ZH.fullmatch(w) and not _YEAR_ZH.fullmatch(w)))


@dataclass(frozen=True)
class Table:
    """Words that stand for each other, and the tokenizer that knows the Chinese ones.

    Attributes:
        weight: Chinese word and English stem to how surely they are translations, 0 to 1.
        tokenizer: cuts Chinese captions.
    """

    weight: Mapping[tuple[str, str], float]
    tokenizer: Tokenizer


@lru_cache(maxsize=1)
def load(path: Path = TABLE) -> Table:
    """Read the table.

    Raises:
        CurateError: the file is missing or broken.
    """
    try:
        with np.load(path, allow_pickle=False) as raw:
            zh, en = str(raw["zh"]).split("\n"), str(raw["en"]).split("\n")
            pairs = zip(raw["zh_of"].tolist(), raw["en_of"].tolist(), (raw["weight"] / 255.0).tolist(), strict=True)
            weight = {(zh[a], en[b]): w for a, b, w in pairs}
    except (OSError, ValueError, KeyError, IndexError) as e:
        raise CurateError(f"{path} is not usable: {e!r}", hint="python -m curate.training.fit_pairs") from e
    return Table(weight, Tokenizer(zh))


def save(weight: Mapping[tuple[str, str], float], path: Path = TABLE) -> None:
    """Write a table.

    Args:
        weight: as in ``Table``.
        path: the file.
    """
    zh, en = sorted({a for a, _ in weight}), sorted({b for _, b in weight})
    at_zh, at_en = {w: i for i, w in enumerate(zh)}, {w: i for i, w in enumerate(en)}
    rows = sorted((at_zh[a], at_en[b], round(255 * min(1.0, w))) for (a, b), w in weight.items())
    first, second, third = (np.array(c) for c in zip(*rows, strict=True))
    np.savez_compressed(
        path, zh=np.array("\n".join(zh)), en=np.array("\n".join(en)), zh_of=first.astype("u4"), en_of=second.astype("u4"), weight=third.astype("u1")
    )


def features(
    zh: Sequence[str], en: Sequence[str], vectors: Callable[[Sequence[str]], Vectors], weight: Mapping[tuple[str, str], float]
) -> list[float]:
    """Return the features of one pair, in the order of ``NAMES``.

    Args:
        zh: content words of the Chinese caption.
        en: content words of the English caption.
        vectors: gives unit vectors of words.
        weight: translations, as in ``Table``.
    """
    if not zh or not en:
        return [0.0, 0.0, 0.0, float(bool(zh)), float(bool(en)), 0.0]
    near = vectors(en) @ vectors(zh).T
    known = np.array([[weight.get((a, b), 0.0) for a in zh] for b in map(stem, en)])
    support = np.maximum(near, np.where(known > _LEAST, np.minimum(1.0, KNOWN + known), 0.0))
    of_en, of_zh = support.max(axis=1), support.max(axis=0)
    lost_zh, lost_en = float((of_zh < LOST).mean()), float((of_en < LOST).mean())
    return [float(of_zh.mean()), float(of_en.mean()), float(min(of_zh.mean(), of_en.mean())), lost_zh, lost_en, min(lost_zh, lost_en)]


def learn(pairs: Iterable[tuple[Sequence[str], Sequence[str]]], rounds: int = 5) -> dict[tuple[str, str], float]:
    """Learn which words stand for each other.

    Args:
        pairs: Chinese words and English stems of texts that say the same.
        rounds: of estimation.

    Returns:
        Chinese word and English stem to the geometric mean of both directions' probabilities; faint ones left out.

    Source:
        IBM model 1: Brown et al., The Mathematics of Statistical Machine Translation, 1993.
    """
    both = [(list(dict.fromkeys(z)), list(dict.fromkeys(e))) for z, e in pairs]
    there = _one_way(both, rounds)
    back = _one_way([(e, z) for z, e in both], rounds)
    out = {(z, e): float(np.sqrt(p * back.get((e, z), 0.0))) for (z, e), p in there.items()}
    return {k: w for k, w in out.items() if w > _LEAST}


def _one_way(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], rounds: int) -> dict[tuple[str, str], float]:
    """Return the probability of each word of the second language given one of the first; each text also holds an empty word."""
    left: dict[str, int] = {"": 0}
    right: dict[str, int] = {}
    slots: list[tuple[int, int, int]] = []
    count = 0
    for source, target in pairs:
        known = [0, *(left.setdefault(w, len(left)) for w in source)]
        for w in target:
            b = right.setdefault(w, len(right))
            slots += [(a, b, count) for a in known]
            count += 1
    a, b, slot = np.array(slots, np.int64).T
    keys, at = np.unique(a * len(right) + b, return_inverse=True)
    given = keys // len(right)
    p = np.ones(len(keys))
    for _ in range(rounds):
        share = p[at] / np.bincount(slot, p[at], count)[slot]
        counts = np.bincount(at, share, len(keys))
        p = counts / np.bincount(given, counts, len(left))[given]
    names, others = list(left), list(right)
    return {(names[x], others[y]): float(v) for x, y, v in zip(given, keys % len(right), p, strict=True) if x and v > 0.02}
