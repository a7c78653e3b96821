"""Write the coverage report: Markdown, HTML and JSON beside the figures."""

from __future__ import annotations

from html import escape
from pathlib import Path

from curate import plots
from curate.coverage import Coverage, Gap, sentences
from curate.errors import MissingExtra
from curate.knowledge.taxonomy import Taxonomy
from curate.stages.coverage import LIVING
from curate.workspace import write_atomic, write_json

_STYLE = """
body{font-family:"Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif;margin:2rem auto;max-width:1200px;color:#222;line-height:1.6;padding:0 1rem}
h1,h2{color:#8c2f23}table{border-collapse:collapse;margin:1rem 0;font-size:13px}td,th{border:1px solid #ddd;padding:3px 7px;text-align:right}
th:first-child,td:first-child{text-align:left;white-space:nowrap}img{max-width:100%}.zero{color:#bbb}.q{color:#555;text-align:left}
.scroll{overflow-x:auto}
"""


def write(cov: Coverage, taxonomy: Taxonomy, out: Path, title: str = "覆盖报告 Coverage report", drawn: Path | None = None) -> list[Path]:
    """Write the report.

    Args:
        cov: the counts.
        taxonomy: the axes.
        out: folder, made if it is not there.
        title: heading.
        drawn: folder where ``coverage_zh.png`` and ``coverage_en.png`` of the same counts are already, if there is one.

    Returns:
        The files written; the figures are left out, with a note in the report, if matplotlib is not installed.
    """
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    note = ""
    try:
        for lang in ("zh", "en"):
            ready = drawn / f"coverage_{lang}.png" if drawn else None
            if ready is not None and ready.is_file():
                write_atomic(out / ready.name, ready.read_bytes())
                files.append(out / ready.name)
            files += plots.heat_map(
                cov, taxonomy, out / f"coverage_{lang}", lang, ("svg",) if out / f"coverage_{lang}.png" in files else ("png", "svg")
            )
            names = {t: taxonomy.label("themes", t, lang) for t in taxonomy.theme_ids}
            themes = {t: cov.themes.get(t, 0) for t in taxonomy.theme_ids}
            files += plots.bars(themes, names, "主题" if lang == "zh" else "Themes", out / f"themes_{lang}")
    except MissingExtra as e:
        note = str(e)
    write_json(out / "coverage.json", cov.to_json())
    write_atomic(out / "coverage.md", markdown(cov, taxonomy, title, note).encode())
    write_atomic(out / "coverage.html", html(cov, taxonomy, title, note).encode())
    return [out / "coverage.json", out / "coverage.md", out / "coverage.html", *files]


def _grid(cov: Coverage, taxonomy: Taxonomy, lang: str) -> tuple[list[str], list[list[str]]]:
    eras = [e for e in taxonomy.era_ids if cov.eras.get(e)] + [LIVING]
    head = ["主题" if lang == "zh" else "theme"]
    head += [taxonomy.label("eras", e, lang) if e != LIVING else ("无年代" if lang == "zh" else "no period") for e in eras]
    rows = [[taxonomy.label("themes", t, lang), *(str(cov.cells.get(f"{t}|{e}", 0)) for e in eras)] for t in taxonomy.theme_ids]
    return head, rows


def _gap_lines(cov: Coverage, taxonomy: Taxonomy, lang: str) -> list[str]:
    """A line per theme: what it lacks, emptiest first."""
    comma = "、" if lang == "zh" else ", "
    empty, short = ("没有", "不足") if lang == "zh" else ("none", "too few")
    by: dict[str, list[Gap]] = {}
    for g in cov.gaps:
        by.setdefault(g.theme, []).append(g)

    def name(g: Gap) -> str:
        era = taxonomy.label("eras", g.era, lang) if g.era != LIVING else ("无年代" if lang == "zh" else "no period")
        return era if not g.count else f"{era} {g.count}/{g.target}"

    out = []
    for theme, gaps in by.items():
        none, few = [name(g) for g in gaps if not g.count], [name(g) for g in gaps if g.count]
        undated = not {e for e in taxonomy.era_ids if cov.cells.get(f"{theme}|{e}")} and len(none) > 4
        every = ("任何时代" if lang == "zh" else "any period") if undated else comma.join(none)
        parts = [f"{empty}: {every}"] * bool(none) + [f"{short}: {comma.join(few)}"] * bool(few)
        out.append(f"{taxonomy.label('themes', theme, lang)} — {'; '.join(parts)}")
    return out


def _md(text: str) -> str:
    """Escape what Markdown would act on: captions come from strangers."""
    return "".join("\\" + c if c in "\\`*_{}[]()<>#+-!|~" else c for c in text.replace("\n", " "))


def markdown(cov: Coverage, taxonomy: Taxonomy, title: str, note: str = "") -> str:
    """Return the report as Markdown, Chinese first."""
    lines = [f"# {title}", ""]
    for lang in ("zh", "en"):
        lines += [f"## {'摘要' if lang == 'zh' else 'Summary'}", "", *(f"- {s}" for s in sentences(cov, taxonomy, lang)), ""]
    lines += [note, ""] if note else ["![](coverage_zh.png)", ""]
    head, rows = _grid(cov, taxonomy, "zh")
    lines += ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(r) + " |" for r in rows), ""]
    lines += [f"## 缺口 Gaps ({len(cov.gaps)})", "", *(f"- {x}" for x in _gap_lines(cov, taxonomy, "zh")), ""]
    lines += ["## 例句 Examples", ""]
    for theme, texts in cov.examples.items():
        lines += [f"- **{taxonomy.label('themes', theme)}**", *(f"  - {_md(t)}" for t in texts)]
    return "\n".join(lines) + "\n"


def _table(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td{' class=zero' if c == '0' else ''}>{escape(c)}</td>" for c in r) + "</tr>" for r in rows)
    return f"<div class=scroll><table><tr>{top}</tr>{body}</table></div>"


def html(cov: Coverage, taxonomy: Taxonomy, title: str, note: str = "") -> str:
    """Return the report as one HTML page without scripts; every caption is escaped."""
    parts = [f"<h1>{escape(title)}</h1>"]
    for lang in ("zh", "en"):
        items = "".join(f"<li>{escape(s)}</li>" for s in sentences(cov, taxonomy, lang))
        figure = f"<p>{escape(note)}</p>" if note else f"<img src='coverage_{lang}.svg' alt='heat map'>"
        gaps = "".join(f"<li>{escape(x)}</li>" for x in _gap_lines(cov, taxonomy, lang))
        parts.append(f"<h2>{'摘要' if lang == 'zh' else 'Summary'}</h2><ul>{items}</ul>{figure}{_table(*_grid(cov, taxonomy, lang))}")
        parts.append(f"<h2>{'缺口' if lang == 'zh' else 'Gaps'} ({len(cov.gaps)})</h2><ul>{gaps}</ul>")
    parts.append("<h2>例句 Examples</h2>")
    for theme, texts in cov.examples.items():
        quoted = "".join(f"<li class=q>{escape(t)}</li>" for t in texts)
        parts.append(f"<h3>{escape(taxonomy.label('themes', theme))} {escape(taxonomy.label('themes', theme, 'en'))}</h3><ul>{quoted}</ul>")
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'\">"
    return (
        f"<!doctype html><html lang=zh><head><meta charset=utf-8>{policy}<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )
