"""How even and how varied a selection is: entropy, effective number, Gini and Vendi score, before and after."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.coverage import gini

# The Vendi score needs the eigenvalues of a square matrix: of larger cells a sample is taken.
VENDI_ROWS = 400


def entropy(counts: Sequence[int]) -> float:
    """Return the entropy of counts in nats.

    Args:
        counts: non-negative counts.

    Example:
        >>> round(entropy([1, 1]), 4), entropy([])
        (0.6931, 0.0)
    """
    total = sum(counts)
    return -sum(c / total * math.log(c / total) for c in counts if c) if total else 0.0


def vendi(vectors: npt.NDArray[Any]) -> float:
    """Return the Vendi score: how many wholly different captions would be as varied as these.

    Source: Friedman and Dieng, "The Vendi Score" (2023).

    Args:
        vectors: array of shape ``(n, dim)``, unit rows; of more than 400 an even sample is taken.

    Example:
        >>> round(vendi(np.eye(3)), 3), round(vendi(np.ones((3, 1))), 3)
        (3.0, 1.0)
    """
    n = len(vectors)
    if not n:
        return 0.0
    if n > VENDI_ROWS:
        vectors = vectors[np.linspace(0, n - 1, VENDI_ROWS).astype(np.int64)]
    v = np.asarray(vectors, np.float64)
    values = np.linalg.eigvalsh(v @ v.T / len(v))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def measure(cells: Iterable[tuple[str, Sequence[str]]], vectors: Mapping[str, npt.NDArray[Any]] | None = None) -> dict[str, Any]:
    """Measure a set.

    Args:
        cells: for each row its id and its cells.
        vectors: id to unit vector, for the Vendi score of each cell.

    Returns:
        ``rows``, ``cells`` (name to count), ``entropy``, ``effective`` (exp of it), ``gini``, and ``vendi`` per cell if there are vectors.
    """
    rows = sorted(cells)
    counts = Counter(c for _, names in rows for c in set(names))
    bits = entropy(list(counts.values()))
    out: dict[str, Any] = {
        "rows": len(rows), "cells": dict(sorted(counts.items())), "entropy": round(bits, 4),
        "effective": round(math.exp(bits), 3) if counts else 0.0, "gini": gini(list(counts.values())),
    }  # fmt: skip
    if vectors is not None:
        members: dict[str, list[npt.NDArray[Any]]] = {}
        for ident, names in rows:
            for name in set(names) if ident in vectors else ():
                members.setdefault(name, []).append(vectors[ident])
        out["vendi"] = {name: round(vendi(np.stack(v)), 3) for name, v in sorted(members.items())}
    return out


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per cell with its count and Vendi score before and after, the most thinned first.

    Args:
        before: from ``measure``.
        after: from ``measure``.
    """
    rows = [
        {"cell": c, "before": n, "after": after["cells"].get(c, 0), "vendi_before": before.get("vendi", {}).get(c),
         "vendi_after": after.get("vendi", {}).get(c)}
        for c, n in before["cells"].items()
    ]  # fmt: skip
    return sorted(rows, key=lambda r: (r["after"] - r["before"], r["cell"]))
