"""Plan a run: read the recipe and what it names, give every step its key, see what is cached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curate import ingest, mediakey, resources, stages
from curate.errors import DataError
from curate.recipe import Recipe, Step, check_chain, load
from curate.stage import Params, Resources, Stage
from curate.workspace import Workspace, lineage_key, sha256_file

INGEST = "ingest"


@dataclass
class Planned:
    """One step of a plan."""

    step_id: str
    stage: str
    key: str
    cached: bool


@dataclass
class Job:
    """Everything a run carries from step to step."""

    recipe: Recipe
    text: str
    base: Path
    ws: Workspace
    res: Resources
    chain: list[tuple[Step, Stage, Params]]
    sources: list[ingest.Source]
    decisions: Path | None
    uses: tuple[str, ...]


def prepare(recipe_path: Path, workspace: Path) -> Job:
    """Read and check a recipe and everything that it names.

    Args:
        recipe_path: the recipe.
        workspace: the workspace folder.

    Raises:
        CurateError: anything wrong, with the next step.
    """
    recipe, text = load(recipe_path)
    base = recipe_path.resolve().parent
    chain = check_chain(recipe, stages.load())
    uses = tuple(sorted({u for _, stage, _ in chain for u in stage.uses}))
    decisions = _snapshot(recipe, base, workspace)
    res = resources.build(recipe.resources, recipe.seed, base, uses, decisions)
    check_chain(recipe, stages.load(), res)
    sources = ingest.resolve(recipe, base)
    return Job(recipe, text, base, Workspace(workspace), res, chain, sources, decisions, uses)


def _snapshot(recipe: Recipe, base: Path, workspace: Path) -> Path | None:
    spec = recipe.resources.decisions
    if spec is None:
        return None
    direct = base / spec
    if direct.suffix == ".parquet":
        if not direct.exists():
            raise DataError(f"no snapshot of decisions at {direct}", hint="curate review pull")
        return direct
    latest = workspace / "decisions" / f"{spec}.latest"
    return workspace / "decisions" / f"{latest.read_text().strip()}.parquet" if latest.exists() else None


def keys(job: Job) -> list[Planned]:
    """Return the steps of a job with their keys, and whether each is done."""
    key = first = lineage_key(ingest.key_parts(job.sources, job.recipe.part_rows))
    out = [Planned(INGEST, INGEST, key, _is_done(job.ws, key))]
    media: dict[str, str] = {}
    for step, stage, params in job.chain:
        root = str(getattr(params, "root", "")) if stage.media else ""
        if stage.media and root not in media:
            media[root] = mediakey.digest(job.ws, first, job.base / root)
        key = lineage_key(resources.step_key_parts(stage, params.model_dump(mode="json"), job.res, key, media.get(root, "")))
        out.append(Planned(step.id, stage.name, key, _is_done(job.ws, key)))
    return out


def _is_done(ws: Workspace, key: str) -> bool:
    rec = ws.record(key)
    if rec is None:
        return False
    folder = ws.step_dir(key)
    return all((folder / p.file).is_file() and sha256_file(folder / p.file) == p.sha256 for p in rec.parts)


def plan(recipe_path: Path, workspace: Path) -> list[Planned]:
    """Say what a run would do, without doing it.

    Args:
        recipe_path: the recipe.
        workspace: the workspace folder.

    Returns:
        One entry per step with its key and whether it is cached.
    """
    return keys(prepare(recipe_path, workspace))


def default_workspace(recipe_path: Path) -> Path:
    """Return the workspace used when none is named."""
    return recipe_path.resolve().parent / f"{recipe_path.stem}-ws"
