"""Figures with Chinese glyphs: coverage heat map and bars, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.coverage import Coverage, allowed
from curate.errors import need_extra
from curate.knowledge.taxonomy import Taxonomy
from curate.stages.coverage import LIVING

if TYPE_CHECKING:
    from collections.abc import Mapping


DPI = 150


@lru_cache(maxsize=1)
def _pyplot() -> Any:
    """Set up matplotlib without a display and with a Chinese font that ships in a package."""
    try:
        import matplotlib
        from pylopdf_fonts_zh_cn import sans_path
    except ImportError as e:
        raise need_extra("matplotlib and pylopdf-fonts-zh-cn", "plots") from e
    matplotlib.use("Agg")
    from matplotlib import font_manager
    from matplotlib import pyplot as plt

    path = str(sans_path())
    font_manager.fontManager.addfont(path)
    name = font_manager.FontProperties(fname=path).get_name()
    plt.rcParams.update({"font.family": [name, "DejaVu Sans"], "axes.unicode_minus": False, "svg.fonttype": "path", "svg.hashsalt": "leishu"})
    return plt


def _room(labels: Iterable[str], size: float) -> float:
    """Inches that the longest label takes; measured from the glyphs, as matplotlib's own fitting draws everything twice."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    face = FontProperties(family=_pyplot().rcParams["font.family"], size=size)
    return max((float(text_to_path.get_text_width_height_descent(label, face, ismath=False)[0]) for label in labels if label), default=0.0) / 72 + 0.2


def _save(figure: Any, path: Path, formats: tuple[str, ...]) -> list[Path]:
    out = []
    for ending in formats:
        target = path.with_suffix(f".{ending}")
        metadata = {"Date": None} if ending == "svg" else {"Software": None}
        figure.savefig(target, dpi=DPI, metadata=metadata)
        out.append(target)
    _pyplot().close(figure)
    return out


def heat_map(cov: Coverage, taxonomy: Taxonomy, path: Path, lang: str = "zh", formats: tuple[str, ...] = ("png", "svg")) -> list[Path]:
    """Draw clips per theme × era; cells that history does not allow are hatched, empty ones white.

    Args:
        cov: the counts.
        taxonomy: the axes.
        path: where to, without ending.
        lang: language of the labels, ``zh`` or ``en``.
        formats: ``png``, ``svg``.

    Returns:
        The files written.

    Raises:
        MissingExtra: matplotlib or the font is not installed.
    """
    plt = _pyplot()
    import numpy as np

    eras = [*taxonomy.era_ids, LIVING]
    themes = taxonomy.theme_ids
    counts = np.array([[cov.cells.get(f"{t}|{e}", 0) for e in eras] for t in themes], dtype=float)
    living = "无年代" if lang == "zh" else "no period"
    across = [taxonomy.label("eras", e, lang) if e != LIVING else living for e in eras]
    down = [taxonomy.label("themes", t, lang) for t in themes]
    left, below, width, height = _room(down, 10), 0.72 * _room(across, 10) + 0.1, 11.6, 6.2
    figure = plt.figure(figsize=(left + width + 0.1, below + height + 0.5))
    size = figure.get_size_inches()
    axes = figure.add_axes((left / size[0], below / size[1], width / size[0], height / size[1]))
    shown = np.ma.masked_equal(counts, 0)
    colours = plt.get_cmap("YlOrRd").with_extremes(bad="#ffffff")
    axes.pcolormesh(np.log1p(shown), cmap=colours, vmin=0, vmax=max(1.0, float(np.log1p(counts.max()))), edgecolors="#dddddd", linewidth=0.6)
    top = counts.max()
    for i, theme in enumerate(themes):
        for j, era in enumerate(eras):
            if era != LIVING and not allowed(theme, era, taxonomy.era_ids):
                axes.add_patch(plt.Rectangle((j, i), 1, 1, facecolor="#eeeeee", edgecolor="#cccccc", hatch="///", linewidth=0))
            elif counts[i, j]:
                dark = np.log1p(counts[i, j]) > 0.65 * np.log1p(top)
                axes.text(j + 0.5, i + 0.5, f"{int(counts[i, j])}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axes.set_xticks([j + 0.5 for j in range(len(eras))], across, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks([i + 0.5 for i in range(len(themes))], down)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    title = "覆盖图：主题 × 时代（片段数）" if lang == "zh" else "Coverage: theme × era (clips)"
    detail = (
        f"有效格子 {cov.effective_cells:.1f} / {cov.allowed_cells}"
        if lang == "zh"
        else f"effective cells {cov.effective_cells:.1f} of {cov.allowed_cells}"
    )
    axes.set_title(f"{title}    {detail}", fontsize=13, pad=12)
    for side in axes.spines.values():
        side.set_visible(False)
    return _save(figure, path, formats)


def bars(counts: Mapping[str, int], labels: Mapping[str, str], title: str, path: Path, formats: tuple[str, ...] = ("png", "svg")) -> list[Path]:
    """Draw horizontal bars, largest on top.

    Args:
        counts: value per id.
        labels: name per id.
        title: title of the figure.
        path: where to, without ending.
        formats: ``png``, ``svg``.
    """
    plt = _pyplot()
    items = sorted(counts.items(), key=lambda x: (x[1], x[0]))
    names = [labels.get(k, k) for k, _ in items]
    left, height = _room(names, 10), max(1.0, 0.34 * len(items))
    figure = plt.figure(figsize=(left + 7.4, height + 0.8))
    size = figure.get_size_inches()
    axes = figure.add_axes((left / size[0], 0.3 / size[1], 7.0 / size[0], height / size[1]))
    drawn = axes.barh(names, [v for _, v in items], color="#b5402f")
    axes.bar_label(drawn, padding=3, fontsize=8)
    axes.set_title(title, fontsize=13)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return _save(figure, path, formats)
