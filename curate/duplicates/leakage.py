"""Training captions that are near evaluation prompts: the same, nearly the same, or the same in the other language.

A model that was trained on the prompts it is tested with looks better than it is. Prompts come from any file of a benchmark: plain text with
one prompt a line, JSON or JSON Lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from curate.duplicates import minhash
from curate.duplicates.keys import match_keys
from curate.embed import Vectors
from curate.errors import DataError
from curate.text import han_count, match_key, normalize, to_simplified

KINDS = ("exact", "near", "semantic")
HASHES, BANDS = 96, 24
# Fields of a JSON object that hold a prompt, in any language.
FIELDS = ("prompt", "prompt_en", "prompt_zh", "prompt_cn", "text", "caption", "caption_zh", "caption_en", "zh", "en", "question", "instruction")
_SUFFIXES = (".json", ".jsonl", ".ndjson", ".txt")


class Prompt(NamedTuple):
    """One evaluation prompt: the file it is from, its number there (from 1) and its text."""

    file: str
    number: int
    text: str


def read_prompts(path: Path) -> list[Prompt]:
    """Read the prompts of an evaluation file.

    Args:
        path: ``.txt`` (one a line), ``.jsonl`` or ``.json`` (a list or an object of strings or objects).

    Raises:
        DataError: the file is missing, broken or holds no prompt.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise DataError(f"{path}: prompts are read from {', '.join(_SUFFIXES)}", hint="save the prompts as text, one a line")
    try:
        raw = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".txt":
            values: list[object] = [*raw.split("\n")]
        elif path.suffix.lower() == ".json":
            whole = json.loads(raw)
            values = whole if isinstance(whole, list) else [whole]
        else:
            values = [json.loads(line) for line in raw.split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as e:
        raise DataError(f"{path} cannot be read as prompts: {e}", hint="UTF-8 text, JSON or JSON Lines") from e
    out = [Prompt(path.name, n, text.strip()) for n, value in enumerate(values, 1) for text in _texts(value) if text.strip()]
    if not out:
        raise DataError(f"{path} holds no prompts", hint=f"fields that are read: {', '.join(FIELDS)}")
    return out


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        named = [v for k, v in value.items() if str(k).lower() in FIELDS and isinstance(v, str)]
        if named:
            yield from named
            return
        for inner in value.values():
            if isinstance(inner, (dict, list)):
                yield from _texts(inner)


@dataclass(frozen=True)
class PromptSet:
    """Prompts made ready for comparison."""

    prompts: tuple[Prompt, ...]
    keys: tuple[str, ...]
    signs: tuple[minhash.Signatures, minhash.Signatures]
    first: dict[str, int]

    def least(self, zh: bool, same: float, cross: float) -> npt.NDArray[np.float32]:
        """Return the cosine wanted for each prompt.

        Args:
            zh: whether the captions are Chinese.
            same: for prompts in the language of the captions.
            cross: for prompts in another one.
        """
        return np.array([same if (han_count(p.text) > 0) == zh else cross for p in self.prompts], np.float32)


@lru_cache(maxsize=4)
def load(paths: tuple[str, ...], digest: str = "") -> PromptSet:
    """Read several files and prepare their prompts.

    Args:
        paths: the files.
        digest: what the contents hash to, so that a changed file is read again.
    """
    prompts = [p for path in paths for p in read_prompts(Path(path))]
    keys = [match_key(p.text) for p in prompts]
    first: dict[str, int] = {}
    for i, key in enumerate(keys):
        if key:
            first.setdefault(key, i)
    return PromptSet(tuple(prompts), tuple(keys), (_signs(keys, False), _signs(keys, True)), first)


def _signs(keys: Sequence[str], words: bool) -> minhash.Signatures:
    return minhash.signatures(keys, HASHES, words=words)


def prepare(text: str) -> str:
    """Return the text of a prompt as captions are normalized, for the encoder."""
    return to_simplified(normalize(text))


class Leaks(NamedTuple):
    """The nearest prompt of each caption: its number or -1, the kind (place in ``KINDS``) and the score."""

    prompt: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]
    score: npt.NDArray[np.float32]

    @classmethod
    def none(cls, rows: int) -> Leaks:
        """Return no leaks."""
        return cls(np.full(rows, -1, np.int64), np.full(rows, len(KINDS), np.int64), np.zeros(rows, np.float32))

    def better(self, other: Leaks) -> Leaks:
        """Take for each row the stronger evidence: the lower kind, then the higher score, then the earlier prompt."""
        take = np.lexsort((np.stack([self.prompt, other.prompt]), -np.stack([self.score, other.score]), np.stack([self.kind, other.kind])), axis=0)[0]
        new = take == 1
        return Leaks(
            np.where(new, other.prompt, self.prompt), np.where(new, other.kind, self.kind), np.where(new, other.score, self.score).astype(np.float32)
        )  # fmt: skip


def find_text(captions: Sequence[str], prompts: PromptSet, near: float, words: bool) -> Leaks:
    """Find captions that are a prompt, or nearly one.

    Args:
        captions: captions of one language; empty ones leak nothing.
        prompts: the prompts.
        near: least similarity of the characters, 0 to 1.
        words: whether the captions are English (words) or Chinese (characters).

    Example:
        >>> a = match_key("A panda eats bamboo.")
        >>> s = PromptSet((Prompt("p.txt", 1, "a panda eats bamboo"),), (a,), (_signs([a], False), _signs([a], True)), {a: 0})
        >>> find_text(["a panda eats bamboos", "a cat"], s, 0.85, True).prompt.tolist()
        [0, -1]
    """
    out = Leaks.none(len(captions))
    keys = match_keys(pl.Series(captions, dtype=pl.String)).to_list()
    left, right = minhash.cross_pairs(_signs(keys, words), prompts.signs[int(words)], BANDS)
    if len(left):
        a, b = [keys[i] for i in left.tolist()], [prompts.keys[i] for i in right.tolist()]
        found = process.cpdist(a, b, scorer=Levenshtein.normalized_similarity, score_cutoff=near - 1e-4, dtype=np.float32)
        score = np.round(np.asarray(found, np.float32), 4)
        order = np.lexsort((-right, score))
        order = order[score[order] >= near]
        # The last write wins: the highest score, and of equal ones the earlier prompt.
        out.prompt[left[order]], out.kind[left[order]], out.score[left[order]] = right[order], 1, score[order]
    for i, key in enumerate(keys):
        if key and key in prompts.first:
            out.prompt[i], out.kind[i], out.score[i] = prompts.first[key], 0, 1.0
    return out


def find_meaning(vectors: Vectors, prompts: Vectors, least: npt.NDArray[np.float32], block: int = 2048) -> Leaks:
    """Find captions that mean what a prompt means, in whichever language.

    Args:
        vectors: captions, unit or zero rows.
        prompts: prompts, unit rows.
        least: cosine wanted for each prompt, 0 to 1; a translation comes less near than a paraphrase.
        block: captions per matrix product.
    """
    out = Leaks.none(len(vectors))
    for start in range(0, len(vectors), block):
        scores = np.round(vectors[start : start + block] @ prompts.T, 4)
        best = (scores - least).argmax(axis=1)
        value = scores[np.arange(len(best)), best]
        at = np.flatnonzero(value >= least[best])
        out.prompt[start + at], out.kind[start + at], out.score[start + at] = best[at], 2, value[at]
    return out
