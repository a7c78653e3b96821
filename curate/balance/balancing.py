"""Balance a pool and compare it before and after: what leaves and why, how even the cells are, how varied each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate import plain, stages
from curate.balance import evenness, quota, targets
from curate.embed import unit
from curate.knowledge.taxonomy import Taxonomy
from curate.stage import Resources, call

SHOWN = 12
NAMES = ("even", "natural")


@dataclass(frozen=True)
class Balanced:
    """A balanced pool.

    Attributes:
        rows: ``{id, cell, keep_prob, keep, why}`` per row of the pool, in its order.
        before: effective number of cells, entropy, Gini, count and Vendi score per cell (``evenness.measure``).
        after: the same of what stays.
        cells: count and Vendi score per cell before and after, the most thinned first.
    """

    rows: list[dict[str, Any]]
    before: dict[str, Any]
    after: dict[str, Any]
    cells: list[dict[str, Any]]

    def lines(self) -> list[str]:
        """Return the comparison for people."""
        out = ["                      before     after"]
        for name, key in (("rows", "rows"), ("cells", "cells"), ("effective cells", "effective"), ("entropy", "entropy"), ("Gini", "gini")):
            a, b = ((len(m[key]) if key == "cells" else m[key]) for m in (self.before, self.after))
            out.append(f"{name:<18} {a:>9} {b:>9}" if isinstance(a, int) else f"{name:<18} {a:>9.3f} {b:>9.3f}")
        out.append(f"{'cell':<40} {'rows':>6} {'after':>6} {'Vendi':>7} {'after':>7}")
        for r in self.cells[:SHOWN]:
            scores = [f"{v:7.2f}" if v is not None else f"{'–':>7}" for v in (r["vendi_before"], r["vendi_after"])]
            out.append(f"{r['cell']:<40} {r['before']:>6} {r['after']:>6} {' '.join(scores)}")
        return out


def read_targets(text: str, taxonomy: Taxonomy, cells: Mapping[str, int], total: int) -> dict[str, int]:
    """Return the clips wanted per cell.

    Args:
        text: ``even`` (the same for each cell of the taxonomy), ``natural`` (in proportion to what is there), or a YAML file of quotas
            ``theme|era|region: clips``, see ``targets.read``.
        taxonomy: themes, eras and regions.
        cells: how many clips of each cell there are.
        total: clips wanted in all, for ``even`` and ``natural``.

    Raises:
        DataError: the file is missing, a name is unknown, or a number is no count.
    """
    if text in NAMES:
        from curate.coverage import even_targets

        if text == "even":
            return even_targets(taxonomy, total)
        whole = max(1, sum(cells.values()))
        return {c: max(1, round(total * n / whole)) for c, n in sorted(cells.items())}
    return targets.read(Path(text), taxonomy, axes=quota.AXES)


def balance(frame: pl.DataFrame, res: Resources, params: Mapping[str, Any], wanted: str = "", total: int = 0) -> Balanced:
    """Balance a pool as the stage does, and measure it before and after.

    Args:
        frame: records.
        res: resources.
        params: parameters of the stage ``balance``.
        wanted: ``even``, ``natural`` or a YAML file; empty for caps.
        total: clips wanted in all with ``even`` and ``natural``; half of the pool if 0.
    """
    ready = plain.labelled(frame, res)
    options = dict(params)
    if wanted:
        counts = evenness.measure(ready.select("id", "cells").iter_rows())["cells"]
        options["targets"] = read_targets(wanted, res.need_taxonomy(), counts, total or max(1, ready.get_column("clip_id").n_unique() // 2))
    stage = stages.load()["balance"]
    got = call(stage, ready, stage.parse(options), res, "balance")
    columns = got.select("cell", "keep_prob", "drop", "drop_note").iter_rows()
    rows = [
        {"id": ident, "cell": cell, "keep_prob": round(prob, 4), "keep": drop is None, "why": why}
        for ident, (cell, prob, drop, why) in zip(frame.get_column("source_id"), columns, strict=True)
    ]
    vectors = None
    if "zh_vector" in ready.columns:
        zh, en = (np.asarray(ready.get_column(c).to_numpy(), np.float32) for c in ("zh_vector", "en_vector"))
        both = unit(zh + en)
        vectors = dict(zip(ready.get_column("id"), both, strict=True))
    before = evenness.measure(ready.select("id", "cells").iter_rows(), vectors)
    after = evenness.measure(ready.filter(got.get_column("drop").is_null()).select("id", "cells").iter_rows(), vectors)
    return Balanced(rows, before, after, evenness.compare(before, after))
