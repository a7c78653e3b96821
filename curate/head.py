"""The trained head of the theme tagger: one logistic regression per theme over the caption's vector and its terms.

Weights are numbers in ``models/themes.npz`` (no pickles), trained by ``python -m curate.training.fit`` on captions that the project wrote;
they fit one encoder only, whose digest is stored with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.data import PACKAGE
from curate.embed import Vectors
from curate.errors import CurateError
from curate.lexicon import Lexicon
from curate.taxonomy import Taxonomy

MODEL = PACKAGE / "models" / "themes.npz"
_CAP = 2.0
# Unit vectors and counts brought to a like size, so that one weight decay fits both.
VECTOR_SCALE, TERM_SCALE = 3.0, 0.7
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Vocabulary:
    """Places of themes and sub-themes in the term features."""

    themes: Mapping[str, int]
    subs: Mapping[str, int]

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> Vocabulary:
        """Return the vocabulary of the axes."""
        subs = [f"{t.id}/{s.id}" for t in taxonomy.themes for s in t.subs]
        return cls({t: i for i, t in enumerate(taxonomy.theme_ids)}, {s: i for i, s in enumerate(subs)})

    @property
    def width(self) -> int:
        """Number of term features."""
        return 2 * len(self.themes) + len(self.subs) + 2


def term_features(rows: Sequence[Sequence[Mapping[str, object]]], lexicon: Lexicon, vocabulary: Vocabulary) -> Floats:
    """Count the found terms per theme and sub-theme.

    Args:
        rows: terms per caption, as the ``match`` stage found them.
        lexicon: the lexicon.
        vocabulary: places of themes and sub-themes.

    Returns:
        Array of shape ``(len(rows), vocabulary.width)``, float32, counts capped at 2; the last two columns say whether any term and any era
        was found.
    """
    n_themes = len(vocabulary.themes)
    out = np.zeros((len(rows), vocabulary.width), np.float32)
    for i, terms in enumerate(rows):
        seen: set[str] = set()
        for t in terms:
            name = str(t["term_id"])
            entry = lexicon.by_id.get(name)
            if entry is None or name in seen:
                continue
            seen.add(name)
            if entry.kind == "era":
                out[i, -1] = 1.0
                continue
            for rank, theme in enumerate(entry.themes):
                if theme in vocabulary.themes:
                    out[i, vocabulary.themes[theme] + (n_themes if rank else 0)] += 1.0
            sub = f"{entry.themes[0]}/{entry.sub}" if entry.themes else ""
            if sub in vocabulary.subs:
                out[i, 2 * n_themes + vocabulary.subs[sub]] += 1.0
            if entry.themes:
                out[i, -2] = 1.0
    capped: Floats = np.minimum(out, _CAP)
    return capped


@dataclass(frozen=True)
class Head:
    """Weights of the head.

    Attributes:
        weights: shape ``(features, themes + 1)``; the last column says whether the caption is about Chinese culture at all.
        bias: shape ``(themes + 1,)``.
        cuts: probability from which a theme is given, shape ``(themes + 1,)``; below the last one no theme is given.
        encoder: digest of the encoder that the weights fit.
    """

    weights: Floats
    bias: Floats
    cuts: Floats
    encoder: str

    def probabilities(self, vectors: Vectors, terms: Floats) -> Floats:
        """Return the probability of each theme.

        Args:
            vectors: unit vectors of the captions, shape ``(n, dim)``.
            terms: ``term_features``.

        Returns:
            Array of shape ``(n, themes + 1)``.
        """
        logits = np.concatenate([vectors * VECTOR_SCALE, terms * TERM_SCALE], axis=1) @ self.weights + self.bias
        p: Floats = (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)
        return p

    def save(self, path: Path) -> None:
        """Write the weights as half floats; 0.1 % of a probability is lost."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path, weights=self.weights.astype(np.float16), bias=self.bias, cuts=self.cuts, encoder=np.frombuffer(self.encoder.encode(), np.uint8)
        )


@lru_cache(maxsize=2)
def load(path: Path = MODEL) -> Head | None:
    """Read the weights; ``None`` if there are none.

    Raises:
        CurateError: the file is broken.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as data:
            got: dict[str, Any] = {k: data[k] for k in ("weights", "bias", "cuts", "encoder")}
    except (OSError, ValueError, KeyError) as e:
        raise CurateError(f"{path} is broken: {e}", hint="python -m curate.training.fit") from e
    return Head(got["weights"].astype(np.float32), got["bias"].astype(np.float32), got["cuts"].astype(np.float32), got["encoder"].tobytes().decode())
