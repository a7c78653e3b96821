"""Logistic regressions as the fitted models store them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.errors import CurateError


def probability(features: Sequence[float], mean: Sequence[float], scale: Sequence[float], weight: Sequence[float], bias: float) -> float:
    """Return the probability that a logistic regression gives, 0 to 1.

    Args:
        features: one number per feature.
        mean: of each feature in the fit.
        scale: standard deviation of each feature in the fit.
        weight: of each standardized feature.
        bias: log odds where all features are average.

    Example:
        >>> probability([1.0], [1.0], [2.0], [3.0], 0.0)
        0.5
    """
    z = bias
    for x, m, s, w in zip(features, mean, scale, weight, strict=True):
        z += w * (x - m) / s
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))


def read(path: Path, names: Sequence[str], fitted_by: str, *keys: str) -> list[Any]:
    """Read a fitted model: lists come back as tuples, numbers as floats.

    Args:
        path: JSON with ``names`` and the keys.
        names: features that the code computes, in order.
        fitted_by: command that writes the file.
        keys: what to read.

    Raises:
        CurateError: the file is missing, broken or fitted for other features.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["names"] != list(names):
            raise KeyError("names")
        return [tuple(map(float, raw[k])) if isinstance(raw[k], list) else float(raw[k]) for k in keys]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise CurateError(f"{path} is not usable: {e!r}", hint=fitted_by) from e
