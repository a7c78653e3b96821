"""The card: facts of the run and prose of people, as Markdown with the Hub's front matter, in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from curate import plots
from curate.coverage import Coverage, sentences
from curate.data import data_path, read_yaml
from curate.errors import MissingExtra
from curate.knowledge.taxonomy import Taxonomy
from curate.publish import licenses
from curate.publish.prose import SECTIONS, Prose
from curate.stages.coverage import LIVING

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"), (10**8, "10M<n<100M"))
_ESCAPE = re.compile(r"([\\`*_{}\[\]()<>#|~])")
ORIGINS = ("human", "machine", "translated", "unknown")


def md(text: str) -> str:
    """Escape what Markdown or HTML would act on, and join lines; for text that came from data.

    Args:
        text: any text.

    Example:
        >>> md("a|b <b>")
        'a\\\\|b \\\\<b\\\\>'
    """
    return _ESCAPE.sub(r"\\\1", " ".join(str(text).split()))


def size_category(rows: int) -> str:
    """Return the Hub's size category.

    Args:
        rows: number of rows.

    Example:
        >>> size_category(200), size_category(1000)
        ('n<1K', '1K<n<10K')
    """
    return next((name for limit, name in _SIZES if rows < limit), "100M<n<1B")


def tasks(facts: Mapping[str, Any]) -> list[str]:
    """Return the Hub's task categories that the rows can serve."""
    kinds = facts["media"]["kinds"]
    out = []
    if kinds.get("video"):
        out += ["text-to-video", "video-text-to-text"]
    if kinds.get("image"):
        out += ["text-to-image", "image-to-text"]
    if kinds.get("none"):
        out += ["text-generation"]
    if facts["languages"].get("zh+en"):
        out.append("translation")
    return out


def tags_of_language(facts: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return language codes for the Hub and BCP-47 tags, from what the captions really are."""
    languages = facts["languages"]
    both = languages.get("zh+en", 0)
    codes, bcp = [], []
    if both or languages.get("zh only"):
        codes.append("zh")
        scripts = facts["by_script"]
        bcp += [tag for tag, kinds in (("zh-Hans", ("hans", "mixed")), ("zh-Hant", ("hant", "mixed"))) if any(scripts.get(k) for k in kinds)]
    if both or languages.get("en only"):
        codes.append("en")
        bcp.append("en")
    return codes, bcp


def front_matter(facts: Mapping[str, Any], configs: Sequence[Mapping[str, Any]], title: str, license: str) -> dict[str, Any]:
    """Return the YAML front matter of README.md.

    Args:
        facts: computed facts.
        configs: how ``load_dataset`` finds the splits.
        title: pretty name.
        license: licence of the release.
    """
    codes, bcp = tags_of_language(facts)
    kinds = facts["media"]["kinds"]
    made = facts["machine_text"]
    creators = ["machine-generated"] if made["machine"] or made["translated"] else []
    if made["captions"] > made["machine"] + made["translated"]:
        creators.insert(0, "found")
    modal = ["text", *[k for k in ("image", "video") if kinds.get(k)]]
    return {
        "pretty_name": title,
        "language": codes,
        "language_bcp47": bcp,
        **licenses.front_matter(license, facts["by_license"]),
        "multilinguality": ["translation" if len(codes) > 1 else "monolingual"],
        "size_categories": [size_category(facts["records"])],
        "task_categories": tasks(facts),
        "annotations_creators": creators,
        "language_creators": list(creators),
        "source_datasets": ["original"],
        "tags": [*modal, "chinese-culture", "chinese-history", "bilingual", "leishu", "datasets", "polars", "mlcroissant"],
        "configs": [dict(c) for c in configs],
    }


def _labelled(counts: Mapping[str, int], taxonomy: Taxonomy, axis: str, lang: str) -> list[tuple[str, int]]:
    order = {"themes": taxonomy.theme_ids, "eras": taxonomy.era_ids, "regions": taxonomy.region_ids}[axis]
    return [(taxonomy.label(axis, k, lang), counts.get(k, 0)) for k in order if counts.get(k) or axis != "regions"]


def _gap_line(facts: Mapping[str, Any], taxonomy: Taxonomy, lang: str, most: int = 12) -> str:
    living = "当代生活" if lang == "zh" else "living culture"
    items = []
    for g in facts["coverage"]["first_gaps"][:most]:
        era = living if g["era"] == LIVING else taxonomy.label("eras", g["era"], lang)
        items.append(f"{taxonomy.label('themes', g['theme'], lang)} × {era} ({g['count']}/{g['target']})")
    return ("、" if lang == "zh" else "; ").join(items)


def _counts(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{md(k.split('.', 1)[-1]) or '–'} {v}" for k, v in value.items()) or "–"


def render(
    facts: Mapping[str, Any],
    prose: Prose | None,
    coverage: Coverage,
    taxonomy: Taxonomy,
    columns: Sequence[str],
    lang: str,
    license: str,
    figures: bool,
) -> str:
    """Return the body of the card in one language.

    Args:
        facts: computed facts with ``name``, ``version``, ``date``.
        prose: sections; a missing one is shown as missing, never invented.
        coverage: counts behind the figures.
        taxonomy: the axes.
        columns: columns of the release.
        lang: ``zh`` or ``en``.
        license: licence of the release.
        figures: whether the figures were drawn.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = data_path("data_cards") / "template"
    env = Environment(loader=FileSystemLoader(folder), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)  # noqa: S701 - Markdown; data goes through md
    env.filters.update(md=md, counts=_counts)
    missing = "*（尚未撰写）*" if lang == "zh" else "*(not written yet)*"
    sections = {name: (prose.get(name, lang) if prose else "") or missing for name in SECTIONS}
    if sections["title"] == missing:
        sections["title"] = str(facts["name"])
    names = read_yaml(folder / "columns.yaml")
    text = env.get_template(f"card_{lang}.md.j2").render(
        f=facts, p=sections, sentences=sentences(coverage, taxonomy, lang), figures=figures, license=license,
        creators=("、" if lang == "zh" else ", ").join(prose.creators) if prose and prose.creators else missing,
        languages=", ".join(tags_of_language(facts)[1]), homepage=prose.homepage if prose else "",
        columns=[(c, names.get(c, {}).get(lang, "")) for c in columns], origins=[o for o in ORIGINS if any(o in v for v in facts["by_origin"].values())],
        themes=_labelled(facts["by_theme"], taxonomy, "themes", lang), eras=_labelled(facts["by_era"], taxonomy, "eras", lang),
        regions=_labelled(facts["by_region"], taxonomy, "regions", lang), gaps=_gap_line(facts, taxonomy, lang),
        remarks=[zh if lang == "zh" else en for zh, en in licenses.remarks(license, facts["by_license"])],
    )  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", text)


def readme(
    facts: Mapping[str, Any], prose: Prose | None, coverage: Coverage, taxonomy: Taxonomy, columns: Sequence[str],
    configs: Sequence[Mapping[str, Any]], license: str, figures: bool,
) -> dict[str, str]:  # fmt: skip
    """Return ``README.md`` with front matter and ``README_zh.md``.

    Args:
        facts, prose, coverage, taxonomy, columns, license, figures: see :func:`render`.
        configs: for the front matter.
    """
    title = (prose.get("title", "en") if prose else "") or str(facts["name"])
    head = yaml.safe_dump(front_matter(facts, configs, title, license), allow_unicode=True, sort_keys=False, width=1000)
    out = {"README.md": f"---\n{head}---\n\n{render(facts, prose, coverage, taxonomy, columns, 'en', license, figures)}"}
    out["README_zh.md"] = render(facts, prose, coverage, taxonomy, columns, "zh", license, figures)
    return out


def draw(coverage: Coverage, before: Coverage | None, taxonomy: Taxonomy, folder: Path) -> tuple[list[Path], str]:
    """Draw the figures of the card as PNG.

    Args:
        coverage: counts of the release.
        before: counts before balancing.
        taxonomy: the axes.
        folder: where to.

    Returns:
        The files, and why there are none if matplotlib or the font is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out: list[Path] = []
    try:
        for lang in ("zh", "en"):
            out += plots.heat_map(coverage, taxonomy, folder / f"coverage_{lang}", lang, ("png",))
            names = {t: taxonomy.label("themes", t, lang) for t in taxonomy.theme_ids}
            for cov, name in ((coverage, "themes"), *(((before, "themes_before_balance"),) if before else ())):
                titles = {"themes": ("主题（片段数）", "Themes (clips)"), "themes_before_balance": ("均衡之前的主题", "Themes before balancing")}[
                    name
                ]
                counts = {t: cov.themes.get(t, 0) for t in taxonomy.theme_ids}
                out += plots.bars(counts, names, titles[0 if lang == "zh" else 1], folder / f"{name}_{lang}", ("png",))
    except MissingExtra as e:
        return [], str(e)
    return out, ""


def check_front_matter(text: str) -> list[str]:
    """Check a README's front matter against the Hub's rules, offline.

    Args:
        text: README.md.

    Returns:
        One line per fault.
    """
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if not found:
        return ["README.md has no front matter between --- lines"]
    head = yaml.safe_load(found.group(1))
    rules = read_yaml(data_path("data_cards") / "template" / "hub_rules.yaml")
    out = [f"{k}: {v!r} is not a lowercase code of 2 or 3 letters" for k in ("language",) for v in head[k] if not re.fullmatch(r"[a-z]{2,3}", v)]
    for key, allowed in rules.items():
        values = head.get(key, [])
        out += [f"{key}: {v!r} is not known to the Hub" for v in (values if isinstance(values, list) else [values]) if v not in allowed]
    if head.get("license") == "other" and not (head.get("license_name") and head.get("license_link")):
        out.append("license: other needs license_name and license_link")
    for config in head.get("configs", []):
        if "config_name" not in config:
            out.append("configs: config_name is required")
        out += [f"split name {f['split']!r} must not hold a dash" for f in config.get("data_files", []) if "-" in f["split"]]
    return out
