"""Connected components, named by their smallest member so that no order matters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def join_pairs(ids: Sequence[str], left: npt.ArrayLike, right: npt.ArrayLike) -> list[str]:
    """Join rows by pairs and name each component by its smallest id.

    Args:
        ids: one id per row.
        left: row number of one of each pair that belongs together.
        right: of the other.

    Returns:
        For each row the smallest id of its component.

    Example:
        >>> join_pairs(["b", "a", "c"], [0], [1])
        ['a', 'a', 'c']
    """
    # Most rows belong to no pair: only the others are followed.
    rows, place = np.unique(np.concatenate([np.asarray(left, np.int64), np.asarray(right, np.int64)]), return_inverse=True)
    half = len(place) // 2
    roots = _roots(len(rows), place[:half], place[half:]).tolist()
    smallest: dict[int, str] = {}
    for root, i in zip(roots, rows.tolist(), strict=True):
        have = smallest.get(root)
        if have is None or ids[i] < have:
            smallest[root] = ids[i]
    out = list(ids)
    for root, i in zip(roots, rows.tolist(), strict=True):
        out[i] = smallest[root]
    return out


def _roots(count: int, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each of ``count`` things the least one that pairs lead to.

    Source: Shiloach and Vishkin, "An O(log n) parallel connectivity algorithm" (1982), without its threads: larger roots are hung on smaller ones
    that a pair shows, then all paths are made short, until no pair joins two trees.
    """
    root = np.arange(count)
    while len(left):
        a, b = root[left], root[right]
        apart = a != b
        left, right, a, b = left[apart], right[apart], a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(up := root[root], root):
            root = up
    return root


def components(ids: Sequence[str], links: Sequence[Sequence[str | None]]) -> list[str]:
    """Join rows that share a link value.

    Args:
        ids: one id per row.
        links: several lists of one value per row; rows with equal values in a list belong together; ``None`` links
            to nothing.

    Returns:
        For each row the smallest id of its component.

    Example:
        >>> components(["b", "a", "c"], [["x", "x", None]])
        ['a', 'a', 'c']
    """
    left: list[int] = []
    right: list[int] = []
    for values in links:
        first: dict[str, int] = {}
        for i, v in enumerate(values):
            if v is not None and first.setdefault(v, i) != i:
                left.append(first[v])
                right.append(i)
    return join_pairs(ids, left, right)
