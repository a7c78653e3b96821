"""Made-up everyday sentences: who does what where, in both languages, as counter-examples for training."""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate.data import read_yaml

WORDS = Path(__file__).parent / "everyday.yaml"


@lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    return dict(read_yaml(WORDS))


def sentences(count: int, seed: int) -> list[str]:
    """Return sentences of ordinary scenes, half of them Chinese.

    Args:
        count: how many are drawn; doubles are left out.
        seed: seed of the draw.

    Example:
        >>> len(sentences(10, 1)) <= 10
        True
    """
    words = _words()
    rng = random.Random(seed)
    out = []
    for i in range(count):
        if i % 2:
            who, what, where = (rng.choice(words["en"][k]) for k in ("who", "what", "where"))
            out.append(f"{who} is {what} {where}")
        else:
            who, what, where = (rng.choice(words["zh"][k]) for k in ("who", "what", "where"))
            out.append(f"{where}，{who}{what}")
    return list(dict.fromkeys(out))
