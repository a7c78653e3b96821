"""What a question is about when it names no thing: the sub-themes it lies near, and the captions that show them.

"Weapons of war" names nothing of the lexicon, but lies near the sub-theme of weapons, to which swords, crossbows and halberds belong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.embed import Embedder, Vectors, encode_unique, unit
from curate.knowledge.taxonomy import Taxonomy

Floats = npt.NDArray[np.float32]
# How fast a sub-theme's say falls with its distance from the question; set by hand.
SHARPNESS = 20.0


@dataclass(frozen=True)
class Subjects:
    """The sub-themes as directions.

    Attributes:
        ids: ``sub:theme/sub`` per sub-theme, as in the concepts of a pool.
        names: unit vector of the names per sub-theme, shape ``(subs, dim)``.
        scenes: unit vector of the sentences that show it, shape ``(subs, dim)``.
    """

    ids: tuple[str, ...]
    names: Vectors
    scenes: Vectors

    @classmethod
    def of(cls, taxonomy: Taxonomy, embedder: Embedder) -> Subjects:
        """Encode the names and sentences of all sub-themes.

        Args:
            taxonomy: the axes.
            embedder: the encoder.
        """
        subs = [(t, s) for t in taxonomy.themes for s in t.subs]
        names = [[s.zh, s.en, f"{t.zh} {s.zh}", f"{t.en}: {s.en}"] for t, s in subs]
        scenes = [[q for lang, q in s.queries if lang != "fr"] for _, s in subs]
        return cls(tuple(f"sub:{t.id}/{s.id}" for t, s in subs), _means(names, embedder), _means(scenes, embedder))

    def shares(self, vector: Vectors) -> Floats:
        """Return the share of each sub-theme in a question; the shares add up to 1.

        Args:
            vector: unit vector of the question, shape ``(dim,)``.
        """
        near = self.names @ vector
        say = np.exp(SHARPNESS * (near - near.max(initial=-1.0)))
        shares: Floats = (say / say.sum()).astype(np.float32)
        return shares

    def tagged(self, shares: Floats, concepts: Mapping[str, npt.NDArray[np.int64]], count: int) -> Floats:
        """Score captions by the sub-themes of their terms.

        Args:
            shares: as from ``shares``.
            concepts: rows of each concept.
            count: number of captions.
        """
        out = np.zeros(count, np.float32)
        for name, share in zip(self.ids, shares, strict=True):
            rows = concepts.get(name)
            if rows is not None:
                out[rows] += share
        return out

    def scene(self, shares: Floats) -> Vectors:
        """Return the direction of the scenes that show the question's sub-themes, shape ``(dim,)``.

        Args:
            shares: as from ``shares``.
        """
        out: Vectors = (shares @ self.scenes).astype(np.float32)
        return out


def _means(texts: list[list[str]], embedder: Embedder) -> Vectors:
    """Unit vector of the mean of each list."""
    vectors = encode_unique(embedder, [t for some in texts for t in some])
    ends = np.cumsum([len(some) for some in texts])
    return unit(np.array([v.sum(axis=0) for v in np.split(vectors, ends[:-1])], np.float32).reshape(len(texts), embedder.dim))
