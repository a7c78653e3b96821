"""Connected components, named by their smallest member so that no order matters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def join_pairs(ids: Sequence[str], pairs: Iterable[tuple[int, int]]) -> list[str]:
    """Join rows by pairs and name each component by its smallest id.

    Args:
        ids: one id per row.
        pairs: row numbers that belong together.

    Returns:
        For each row the smallest id of its component.

    Example:
        >>> join_pairs(["b", "a", "c"], [(0, 1)])
        ['a', 'a', 'c']
    """
    # Most rows belong to no pair: only the others are followed.
    parent: dict[int, int] = {}

    def root(i: int) -> int:
        up = parent.setdefault(i, i)
        while up != i:
            parent[i] = parent[up]
            i, up = parent[i], parent[parent[i]]
        return i

    for i, j in pairs:
        a, b = root(i), root(j)
        if a != b:
            parent[max(a, b)] = min(a, b)
    smallest: dict[int, str] = {}
    for i in parent:
        r = root(i)
        smallest[r] = min(smallest.get(r, ids[i]), ids[i])
    out = list(ids)
    for i in parent:
        out[i] = smallest[root(i)]
    return out


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
    pairs: list[tuple[int, int]] = []
    for values in links:
        first: dict[str, int] = {}
        pairs += [(first[v], i) for i, v in enumerate(values) if v is not None and first.setdefault(v, i) != i]
    return join_pairs(ids, pairs)
