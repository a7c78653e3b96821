"""The release folder: written whole or not at all, the same input gives the same bytes, refused while something is missing."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from curate import __version__
from curate.cells import MARK
from curate.errors import DataError, PublishRefused, RecipeError, UsageError
from curate.knowledge.lexicon import Lexicon
from curate.knowledge.taxonomy import Taxonomy
from curate.planning import default_workspace, plan
from curate.publish import card, croissant, facts, licenses, prose
from curate.publish import data as releasedata
from curate.recipe import PublishSpec, Recipe
from curate.recipe import load as load_recipe
from curate.review import facts as reviewfacts
from curate.workspace import Workspace, write_atomic, write_json

# Endings that VideoFolder and ImageFolder of ``datasets`` read; one builder serves a whole repository.
FOLDER_BUILDERS: tuple[set[str], ...] = (
    {".mp4", ".mkv", ".avi", ".mpeg", ".mov"},
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tiff"},
)
CARDS = ("README.md", "README_zh.md")


@dataclass(frozen=True)
class ReleaseResult:
    """What was written.

    Attributes:
        path: the release folder.
        files: paths inside it, sorted.
        card_path: README.md.
        figures: figures of the card.
        facts: the figures of ``card.json``.
        notes: what people should know, such as why there are no figures.
    """

    path: Path
    files: list[str]
    card_path: Path
    figures: list[Path]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def configs(table: pl.DataFrame, formats: tuple[str, ...]) -> tuple[str, list[dict[str, Any]]]:
    """Say how ``load_dataset`` finds the splits.

    The default is the clips with their metadata if every split has some and the builder reads them all, with null for rows without a clip;
    else the table of captions.

    Args:
        table: the released rows.
        formats: formats written.

    Returns:
        ``media`` or ``captions``, and the ``configs`` of the front matter.
    """
    splits = [s for s in releasedata.SPLITS if s in set(table.get_column("split"))]
    placed = table.filter(pl.col("file_name").is_not_null()) if "file_name" in table.columns else table.clear()
    endings = {Path(n).suffix.lower() for n in placed.get_column("file_name").to_list()} if len(placed) else set()
    # A split without a single clip would be taken for a table, and one builder serves all of them.
    if endings and set(placed.get_column("split")) == set(splits) and any(endings <= known for known in FOLDER_BUILDERS):
        files = [{"split": s, "path": [f"data/{s}/metadata.parquet", f"data/{s}/clips/**"]} for s in splits]
        return "media", [{"config_name": "default", "data_files": files}]
    ending = "parquet" if "parquet" in formats else formats[0]
    files = [{"split": s, "path": [f"data/{s}/captions*.{ending}"]} for s in splits]
    return "captions", [{"config_name": "default", "data_files": files}]


def _publish(recipe: Recipe, path: Path) -> PublishSpec:
    if recipe.publish is None:
        raise RecipeError(f"{path}: the recipe has no publish: block", hint="add publish: {name, version, license, prose}")
    return recipe.publish


def _finished(recipe_path: Path, ws: Workspace) -> tuple[str, dict[str, Any]]:
    """The last step and the manifest of the run that reached it; refuses while a step of the recipe as it is now is not done."""
    if not ws.root.is_dir():
        raise PublishRefused(f"no workspace at {ws.root}: the recipe was not run", hint=f"curate run {recipe_path}")
    steps = plan(recipe_path, ws.root)
    waiting = [s.step_id for s in steps if not s.cached]
    if waiting:
        raise PublishRefused(
            f"the run is incomplete: {', '.join(waiting)} not done for the recipe and data as they are", hint=f"curate run {recipe_path}"
        )
    key = steps[-1].key
    done = [r for r in ws.runs() if r["status"] == "done" and r["steps"] and r["steps"][-1]["key"] == key]
    if not done:
        raise PublishRefused("the run is incomplete: no finished run reached the last step", hint=f"curate run {recipe_path}")
    return key, done[-1]


def refusals(table: pl.DataFrame, spec: PublishSpec, text: prose.Prose | None, review: dict[str, Any], placeholder_ok: bool) -> list[str]:
    """List all that is missing for a release.

    Args:
        table: the released rows.
        spec: the recipe's publish block.
        text: the prose.
        review: summary of people's decisions.
        placeholder_ok: whether prose may be missing or unfinished.
    """
    out = licenses.faults(facts.counts(table, "license"), spec.allow_licenses)
    if licenses.canonical(spec.license) is None:
        out.append(f"publish.license: {spec.license!r} is no SPDX id and no LicenseRef-…")
    for lang in ("zh", "en"):
        unknown = table.filter((pl.col(lang).fill_null("") != "") & (pl.col(f"{lang}_origin") == "unknown"))
        if len(unknown):
            names = ", ".join(sorted(set(unknown.get_column("source"))))
            out.append(f"{len(unknown)} {lang} captions have an unknown origin (inputs {names}); say who wrote them: origin: {{{lang}: human}}")
    if not len(table):
        out.append("no row is left to release")
    out += releasedata.leaks(table)
    if spec.require_review is not None:
        out += reviewfacts.refusals(review, spec.require_review.min_reviewed_frac, spec.require_review.min_agreement)
    return out if placeholder_ok else out + prose.faults(text)


def make(
    recipe_path: Path, workspace: Path | None = None, out: Path | None = None, placeholder_ok: bool = False, replace: bool = False
) -> ReleaseResult:
    """Write a release of the last finished run.

    Args:
        recipe_path: the recipe with its ``publish:`` block.
        workspace: the workspace; the recipe's own if ``None``.
        out: the release folder; ``<workspace>/releases/<name>-<version>`` if ``None``.
        placeholder_ok: write it although the prose is unfinished; such a release cannot be published to a hub.
        replace: write over a release of the same version with other content.

    Returns:
        What was written.

    Raises:
        PublishRefused: something required is missing; lists all of it.
        UsageError: the folder holds something else.
    """
    job, table = _job(Path(recipe_path), workspace, placeholder_ok)
    final = Path(out) if out else job.ws.root / "releases" / f"{job.spec.name}-{job.spec.version}"
    faults = refusals(table, job.spec, job.text, job.review, placeholder_ok)
    final.parent.mkdir(parents=True, exist_ok=True)
    staging = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir()
        root = job.ws.media_root(job.manifest)
        table, missing = releasedata.place_media(table, job.spec.media, root, staging, final)
        keep = job.spec.missing_media == "keep"
        if faults or (missing and not keep):
            more = "" if keep or not missing else f"; relative paths of media refer to {root}"
            raise PublishRefused(_listed(faults if keep else faults + missing), hint=f"mend these and run curate release again{more}")
        result = _fill(job, table, staging)
        if missing:
            result.notes.append(f"released without {len(missing)} media files that are not there; the first: {missing[0]}, looked for in {root}")
        return _swap(staging, final, result, replace)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def card_only(recipe_path: Path, workspace: Path | None, out: Path) -> list[str]:
    """Write the cards, the figures and the numbers of the last finished run, whether or not it may be released yet.

    Args:
        recipe_path: the recipe with its ``publish:`` block.
        workspace: the workspace; the recipe's own if ``None``.
        out: folder for ``README.md``, ``README_zh.md``, ``card.json``, ``figures/``.

    Returns:
        What is missing for a release, one line each.

    Raises:
        PublishRefused: there is no finished run.
    """
    job, table = _job(Path(recipe_path), workspace, placeholder_ok=True)
    faults = refusals(table, job.spec, job.text, job.review, placeholder_ok=False)
    with tempfile.TemporaryDirectory(prefix="leishu-card-") as temp:
        result = _fill(job, table, Path(temp))
        for path in [*(result.path / n for n in (*CARDS, "card.json")), *result.figures]:
            write_atomic(out / path.relative_to(result.path), path.read_bytes())
    return faults


def _job(recipe_path: Path, workspace: Path | None, placeholder_ok: bool) -> tuple[_Job, pl.DataFrame]:
    recipe, _ = load_recipe(recipe_path)
    spec = _publish(recipe, recipe_path)
    base = recipe_path.resolve().parent
    ws = Workspace(Path(workspace) if workspace else default_workspace(recipe_path))
    key, manifest = _finished(recipe_path, ws)
    text = prose.load(prose.find(spec.prose, base)) if spec.prose else None
    table = releasedata.load(ws, key, spec.columns)
    review = reviewfacts.summary(table, reviewfacts.snapshot(ws, manifest))
    return _Job(recipe, spec, text, ws, key, manifest, review, base, placeholder_ok), table


def _listed(faults: list[str]) -> str:
    shown = [f"  - {f}" for f in faults[:40]] + ([f"  … and {len(faults) - 40} more"] if len(faults) > 40 else [])
    return "\n".join([f"not released; {len(faults)} thing{'s' if len(faults) > 1 else ''} missing:", *shown])


@dataclass(frozen=True)
class _Job:
    recipe: Recipe
    spec: PublishSpec
    text: prose.Prose | None
    ws: Workspace
    key: str
    manifest: dict[str, Any]
    review: dict[str, Any]
    base: Path
    placeholder: bool


def _lexicon(recipe: Recipe, base: Path) -> dict[str, Any]:
    if recipe.resources.lexicon is None:
        return {"terms": 0, "sha256": ""}
    loaded = Lexicon.load(extra=[base / p for p in recipe.resources.lexicon])
    return {"terms": len(loaded.entries), "sha256": loaded.sha256}


def _epoch_day() -> str | None:
    """The day of ``SOURCE_DATE_EPOCH``, which reproducible builds set, in UTC."""
    value = os.environ.get("SOURCE_DATE_EPOCH")
    if not value:
        return None
    try:
        return datetime.fromtimestamp(int(value), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError) as e:
        raise UsageError(f"SOURCE_DATE_EPOCH is {value!r}, expected seconds since 1970") from e


def _fill(job: _Job, table: pl.DataFrame, staging: Path) -> ReleaseResult:
    """Write every file of the release into the staging folder."""
    spec = job.spec
    taxonomy = Taxonomy.load()
    computed = facts.compute(job.ws, job.key, job.manifest, table, taxonomy, job.review, _lexicon(job.recipe, job.base))
    table = releasedata.finish(table, job.base, spec.columns)
    rows: dict[str, releasedata.Written] = {}
    for split in releasedata.SPLITS:
        part = table.filter(pl.col("split") == split)
        if len(part):
            rows.update({w.path: w for w in releasedata.write_split(part, split, staging, spec.formats)})
    layout, config = configs(table, spec.formats)
    # ``datasets`` names its cache after these lines and not after the files: without this a new release would load as an older one of its name.
    config[0]["description"] = f"rows {hashlib.sha256(table.write_ndjson().encode()).hexdigest()[:16]}"
    with_media = table.get_column("file_name").drop_nulls().len() if "file_name" in table.columns else 0
    values = {
        "name": spec.name, "version": spec.version, "date": spec.date or _epoch_day() or str(job.manifest["finished_at"])[:10], "license": spec.license,
        "leishu": __version__, "layout": layout, "media_rows": with_media, "placeholder": job.placeholder and bool(prose.faults(job.text)),
        "captions_sha256": facts.checksum(table), **computed.values,
    }  # fmt: skip
    figures, why = card.draw(computed.coverage, computed.before, taxonomy, staging / "figures")
    if not figures:
        shutil.rmtree(staging / "figures", ignore_errors=True)
    texts = card.readme(values, job.text, computed.coverage, taxonomy, table.columns, config, spec.license, bool(figures))
    faults = card.check_front_matter(texts["README.md"])
    if faults:
        raise DataError("the card's front matter is not valid: " + "; ".join(faults))
    for name, body in texts.items():
        write_atomic(staging / name, body.encode())
    named = [a for a in dict.fromkeys(table.get_column("attribution").drop_nulls()) if a.strip()]
    write_atomic(
        staging / "LICENSE", licenses.license_text(f"{spec.name} {spec.version}", spec.license, values["by_license"], sorted(named)).encode()
    )
    write_json(staging / "coverage.json", computed.coverage.to_json())
    write_json(staging / "card.json", values)
    write_json(staging / "croissant.json", croissant.build(values, job.text, table, staging, rows))
    _manifest(job, values, staging, rows)
    digests = releasedata.sums(staging)
    write_atomic(staging / "SHA256SUMS", "".join(f"{d}  {n}\n" for n, d in digests.items()).encode())
    return ReleaseResult(staging, sorted([*digests, "SHA256SUMS"]), staging / "README.md", figures, values, [why] if why else [])


def _manifest(job: _Job, values: dict[str, Any], staging: Path, rows: dict[str, releasedata.Written]) -> None:
    """Write manifest.json: what was made from what, without a path of this machine and without a clock."""
    inputs = [
        {
            "name": i["name"],
            "reader": i["reader"],
            "license": i["license"],
            "files": [{"sha256": f["sha256"], "bytes": f["bytes"]} for f in i["files"]],
        }
        for i in job.manifest["inputs"]
    ]
    steps = [
        {"step": r.step_id, "stage": r.stage, "version": r.version, "key": r.key, "params": r.params, "resources": r.resources}
        for r in job.ws.chain(job.key)
    ]
    value = {
        "format": 1, "name": values["name"], "version": values["version"], "date": values["date"], "leishu": __version__,
        "placeholder": values["placeholder"], "recipe": {"name": job.recipe.name, "seed": job.recipe.seed}, "lineage": job.key, "inputs": inputs,
        "steps": steps, "captions_sha256": values["captions_sha256"], **({"csv_guard": MARK} if "csv" in job.spec.formats else {}),
        "files": releasedata.facts_of_files(staging, rows),
    }  # fmt: skip
    write_json(staging / "manifest.json", value)


def _swap(staging: Path, final: Path, result: ReleaseResult, replace: bool) -> ReleaseResult:
    """Put the finished folder in place; an equal one that is there already stays."""
    if final.exists():
        if any(final.iterdir()) and not (final / "SHA256SUMS").is_file():
            raise UsageError(f"{final} holds something that is no release", hint="choose another --out")
        same = (final / "SHA256SUMS").is_file() and (final / "SHA256SUMS").read_bytes() == (staging / "SHA256SUMS").read_bytes()
        if not same and any(final.iterdir()) and not replace:
            raise PublishRefused(
                f"{final.name} was released already with other content", hint="raise publish.version, or write over it with --replace"
            )
        old = final.with_name(f".{final.name}.{os.getpid()}.old")
        os.replace(final, old)
        os.replace(staging, final)
        shutil.rmtree(old)
    else:
        os.replace(staging, final)
    figures = [final / f.relative_to(staging) for f in result.figures]
    return ReleaseResult(final, result.files, final / "README.md", figures, result.facts, result.notes)


def verify(folder: Path) -> list[str]:
    """Check a release folder against its ``SHA256SUMS``.

    Args:
        folder: the release.

    Returns:
        One line per fault; empty if every file is there with its bytes and none is extra.

    Raises:
        UsageError: it is no release.
    """
    listed = folder / "SHA256SUMS"
    if not listed.is_file():
        raise UsageError(f"{folder} is no release (no SHA256SUMS)", hint="curate release RECIPE")
    want = {line[66:]: line[:64] for line in listed.read_text(encoding="utf-8").split("\n") if line}
    have = releasedata.sums(folder)
    out = [f"{n}: missing" for n in want if n not in have]
    out += [f"{n}: the bytes are not those that were released" for n in want if n in have and have[n] != want[n]]
    return out + [f"{n}: not part of the release" for n in have if n not in want]
