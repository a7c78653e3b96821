"""The coverage report: what a set holds of theme × era × region, what is missing, with examples.

The numbers are counts of clips, not of captions, so that five captions of one clip do not fill a cell five times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curate.errors import DataError
from curate.knowledge.taxonomy import Taxonomy
from curate.stages.coverage import LIVING, NONE

# Cells that history does not allow: a theme cannot be older than the thing itself.
_FIRST_ERA = {"modern-china": "republic"}
FORMAT = 1
# More missing eras than this are counted, not listed.
MANY_ERAS = 12


@dataclass(frozen=True)
class Gap:
    """A cell under its target."""

    theme: str
    era: str
    count: int
    target: int


@dataclass
class Coverage:
    """Counts of a set.

    Attributes:
        records: rows.
        clips: distinct clips.
        everyday: clips without any label.
        themes, eras, regions, languages: clips per label.
        cells: clips per ``theme|era``.
        targets: target per cell.
        gaps: cells under target, emptiest first.
        effective_cells: exp of the entropy over cells with an era, from 1 to the number of allowed cells.
        gini: inequality over all allowed cells, 0 (even) to 1.
        dated: clips with a theme or an era that have an era.
        examples: up to three captions per theme, the surest first.
    """

    records: int
    clips: int
    everyday: int
    themes: dict[str, int]
    eras: dict[str, int]
    regions: dict[str, int]
    languages: dict[str, int]
    cells: dict[str, int]
    targets: dict[str, int]
    gaps: list[Gap]
    effective_cells: float
    allowed_cells: int
    gini: float
    covered: float
    dated: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``coverage.json``."""
        out: dict[str, Any] = {"format": FORMAT}
        for name in (
            "records clips everyday themes eras regions languages cells targets effective_cells allowed_cells gini covered dated examples"
        ).split():
            out[name] = getattr(self, name)
        out["gaps"] = [{"theme": g.theme, "era": g.era, "count": g.count, "target": g.target} for g in self.gaps]
        return out


def allowed(theme: str, era: str, era_order: Sequence[str]) -> bool:
    """Say whether history allows a cell.

    Args:
        theme: theme id.
        era: era id.
        era_order: era ids in order of time.

    Example:
        >>> allowed("modern-china", "tang", ["tang", "republic", "prc"])
        False
    """
    first = _FIRST_ERA.get(theme)
    return first is None or era_order.index(era) >= era_order.index(first)


def effective_number(counts: Sequence[int]) -> float:
    """Return exp(entropy): how many equally filled cells would be as even as these.

    Source: Hill, "Diversity and evenness" (1973), order 1.

    Args:
        counts: non-negative counts.

    Example:
        >>> effective_number([5, 5, 0]), effective_number([])
        (2.0, 0.0)
    """
    total = sum(counts)
    if not total:
        return 0.0
    return round(math.exp(-sum(c / total * math.log(c / total) for c in counts if c)), 6)


def gini(counts: Sequence[int]) -> float:
    """Return the Gini coefficient of counts, 0 (all equal) to 1 (all in one).

    Args:
        counts: non-negative counts, zeros included.

    Example:
        >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 4])
        (0.0, 0.75)
    """
    values = sorted(counts)
    n, total = len(values), sum(values)
    if not total:
        return 0.0
    weighted = sum((i + 1) * v for i, v in enumerate(values))
    return round(2 * weighted / (n * total) - (n + 1) / n, 6)


def even_targets(taxonomy: Taxonomy, total: int) -> dict[str, int]:
    """Return a target for every allowed cell that shares the clips out evenly, at least 1.

    Args:
        taxonomy: the axes.
        total: clips to share out.
    """
    names = [f"{t}|{e}" for t in taxonomy.theme_ids for e in [*taxonomy.era_ids, LIVING] if e == LIVING or allowed(t, e, taxonomy.era_ids)]
    return dict.fromkeys(names, max(1, math.ceil(total / len(names))))


def _count(table: pl.DataFrame, column: str) -> dict[str, int]:
    if column not in table.columns:
        return {}
    long = table.select("clip_id", column).explode(column).drop_nulls()
    if not len(long):
        return {}
    counts = long.unique().group_by(column).len().sort(["len", column], descending=[True, False])
    return {str(k): int(v) for k, v in counts.iter_rows()}


def _plain(table: pl.DataFrame) -> pl.DataFrame:
    """Labels as plain ids, whether they come with scores or not."""
    out = table
    for column in ("themes", "eras", "regions"):
        dtype = out.schema.get(column)
        if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
            out = out.with_columns(pl.col(column).list.eval(pl.element().struct.field("id")))
    return out


def measure(table: pl.DataFrame, taxonomy: Taxonomy, targets: Mapping[str, int] | None = None) -> Coverage:
    """Count a set.

    Args:
        table: ``clip_id``, ``themes``, ``eras`` and, if there, ``regions``, ``cells``, ``zh``, ``en``.
        taxonomy: the axes.
        targets: clips wanted per cell ``theme|era``; even ones if ``None``.

    Raises:
        DataError: a label column is missing.
    """
    lacking = [c for c in ("clip_id", "themes", "eras") if c not in table.columns]
    if lacking:
        raise DataError(f"the table has no column {lacking[0]!r}", hint="run the stages match, embed, theme and coverage first")
    examples = _examples(table, taxonomy)
    table = _plain(table)
    if "cells" not in table.columns:
        table = table.with_columns(
            pl.Series("cells", [_cells(t, e) for t, e in table.select("themes", "eras").iter_rows()], dtype=pl.List(pl.String))
        )
    cells = _count(table, "cells")
    clips = table.get_column("clip_id").n_unique()
    labelled = table.filter(pl.col("cells").list.len() > 0).get_column("clip_id").n_unique()
    goals = dict(targets) if targets is not None else even_targets(taxonomy, labelled)
    gaps = [Gap(name.split("|")[0], name.split("|")[1], cells.get(name, 0), goal) for name, goal in goals.items() if cells.get(name, 0) < goal]
    order = {e: i for i, e in enumerate([*taxonomy.era_ids, LIVING])}
    gaps.sort(
        key=lambda g: (
            g.count / g.target,
            -g.target,
            taxonomy.theme_ids.index(g.theme) if g.theme in taxonomy.theme_ids else 99,
            order.get(g.era, 99),
        )
    )
    grid = [cells.get(name, 0) for name in even_targets(taxonomy, 1)]
    return Coverage(
        records=len(table), clips=clips, everyday=clips - labelled, themes=_count(table, "themes"), eras=_count(table, "eras"),
        regions=_count(table, "regions"), languages=_languages(table), cells=cells, targets=goals, gaps=gaps,
        effective_cells=effective_number(grid), allowed_cells=len(grid), gini=gini(grid),
        covered=round(sum(c > 0 for c in grid) / len(grid), 6), examples=examples,
        dated=table.filter(pl.col("eras").list.len() > 0).get_column("clip_id").n_unique(),
    )  # fmt: skip


def _cells(themes: list[str] | None, eras: list[str] | None) -> list[str]:
    if not themes and not eras:
        return []
    return [f"{t}|{e}" for t in (themes or [NONE]) for e in (eras or [LIVING])]


def _languages(table: pl.DataFrame) -> dict[str, int]:
    if not {"zh", "en"} <= set(table.columns):
        return {}
    zh, en = pl.col("zh").fill_null("") != "", pl.col("en").fill_null("") != ""
    got = table.select(both=(zh & en).sum(), zh=(zh & ~en).sum(), en=(en & ~zh).sum()).row(0)
    return {"zh+en": int(got[0]), "zh only": int(got[1]), "en only": int(got[2])}


def _examples(table: pl.DataFrame, taxonomy: Taxonomy, most: int = 3) -> dict[str, list[str]]:
    if not {"zh", "en"} <= set(table.columns):
        return {}
    out: dict[str, list[str]] = {}
    long = table.select("themes", text=pl.coalesce(*(pl.when(pl.col(c) != "").then(pl.col(c)) for c in ("zh", "en")))).explode("themes").drop_nulls()
    if isinstance(long.schema["themes"], pl.Struct):
        # A caption that names a thing shows better what a theme holds than one that only resembles it.
        long = long.select("text", **{k: pl.col("themes").struct.field(k) for k in ("id", "score", "by")})
    else:
        long = long.select("text", id="themes", score=pl.lit(0.0), by=pl.lit(""))
    long = long.with_columns(like=(pl.col("by") == "vector").cast(pl.Int8)).sort("like", "score", "text", descending=[False, True, False])
    for theme in taxonomy.theme_ids:
        texts = long.filter(pl.col("id") == theme).get_column("text").unique(maintain_order=True)
        if len(texts):
            out[theme] = [str(t)[:120] for t in texts[:most]]
    return out


def sentences(cov: Coverage, taxonomy: Taxonomy, lang: str = "zh") -> list[str]:
    """Return the summary as sentences a person reads first.

    Args:
        cov: the counts.
        taxonomy: the axes.
        lang: ``zh`` or ``en``.
    """

    def top(axis: str, counts: Mapping[str, int], n: int) -> str:
        return ("、" if lang == "zh" else ", ").join(f"{taxonomy.label(axis, k, lang)} {v}" for k, v in list(counts.items())[:n])

    return _zh_sentences(cov, taxonomy, top) if lang == "zh" else _en_sentences(cov, taxonomy, top)


def _thin(cov: Coverage, taxonomy: Taxonomy) -> list[str]:
    return sorted(taxonomy.theme_ids, key=lambda t: (cov.themes.get(t, 0), t))[:4]


def _zh_sentences(cov: Coverage, taxonomy: Taxonomy, top: Callable[[str, Mapping[str, int], int], str]) -> list[str]:
    cultural = cov.clips - cov.everyday
    missing = [taxonomy.label("eras", e) for e in taxonomy.era_ids if not cov.eras.get(e)]
    out = [f"共 {cov.records} 条记录、{cov.clips} 个片段：{cultural} 个与中国历史文化有关，{cov.everyday} 个是日常画面。"]
    if cultural:
        thin = "、".join(f"{taxonomy.label('themes', t)} {cov.themes.get(t, 0)}" for t in _thin(cov, taxonomy))
        out.append(f"主题最多的是 {top('themes', cov.themes, 4)}；最少的是 {thin}。")
    if cov.eras:
        out.append(f"{cultural} 个文化片段中有 {cov.dated} 个可以断代，以 {top('eras', cov.eras, 4)} 为多；其余看不出年代。")
    else:
        out.append("没有任何一条写明时代。")
    if missing and cov.eras:
        few = len(missing) <= MANY_ERAS
        out.append(f"完全缺失的时代：{'、'.join(missing)}。" if few else f"{len(taxonomy.era_ids)} 个时代中有 {len(missing)} 个完全缺失。")
    if cov.regions:
        none = len(taxonomy.region_ids) - len(cov.regions)
        out.append(f"地域以 {top('regions', cov.regions, 4)} 为多，{f'{none} 个地域没有片段' if none else '各地域都有片段'}。")
    share = f"{cov.allowed_cells} 个“主题×时代”格子中有 {cov.covered * 100:.1f}% 非空"
    out.append(f"{share}；有效格子数 {cov.effective_cells:.1f}，基尼系数 {cov.gini:.2f}（0 为均匀，1 为集中于一格）。")
    return out


def _en_sentences(cov: Coverage, taxonomy: Taxonomy, top: Callable[[str, Mapping[str, int], int], str]) -> list[str]:
    cultural = cov.clips - cov.everyday
    missing = [taxonomy.label("eras", e, "en") for e in taxonomy.era_ids if not cov.eras.get(e)]
    out = [f"{cov.records} records, {cov.clips} clips: {cultural} about Chinese history and culture, {cov.everyday} everyday scenes."]
    if cultural:
        thin = ", ".join(f"{taxonomy.label('themes', t, 'en')} {cov.themes.get(t, 0)}" for t in _thin(cov, taxonomy))
        out.append(f"The fullest themes are {top('themes', cov.themes, 4)}; the thinnest are {thin}.")
    if cov.eras:
        out.append(f"{cov.dated} of the {cultural} cultural clips can be dated, mostly to {top('eras', cov.eras, 4)}; the others show no period.")
    else:
        out.append("No record names a period.")
    if missing and cov.eras:
        few = len(missing) <= MANY_ERAS
        out.append(
            f"Missing altogether: {', '.join(missing)}." if few else f"{len(missing)} of {len(taxonomy.era_ids)} periods are missing altogether."
        )
    if cov.regions:
        none = len(taxonomy.region_ids) - len(cov.regions)
        out.append(f"By region it is mostly {top('regions', cov.regions, 4)}; {f'{none} regions have no clip' if none else 'every region has some'}.")
    share = f"{cov.covered * 100:.1f} % of the {cov.allowed_cells} cells of theme × period are filled"
    out.append(f"{share}; effective number of cells {cov.effective_cells:.1f}, Gini {cov.gini:.2f} (0 even, 1 all in one cell).")
    return out
