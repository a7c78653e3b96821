"""Run a recipe: plan the steps, do what is not cached, keep the ledger, write the manifest."""

from __future__ import annotations

import hashlib
import itertools
import json
import platform
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from curate import engines, ingest, resources
from curate.errors import StageError
from curate.planning import INGEST, Job, Planned, default_workspace, keys, prepare
from curate.recipe import Step
from curate.shares import Stored
from curate.stage import Params, Stage, call
from curate.workspace import PartFile, StepRecord, Workspace, write_atomic, write_json


@dataclass(frozen=True)
class Event:
    """Progress of a run, for whoever shows it."""

    step: str
    done: int
    total: int
    rows: int = 0
    message: str = ""


OnEvent = Callable[[Event], None]


@dataclass
class RunResult:
    """What a run gives back.

    Attributes:
        workspace: the workspace.
        run_id: id of the run.
        key: key of the last step.
        manifest: the run manifest.
        records: one record per step.
    """

    workspace: Workspace
    run_id: str
    key: str
    manifest: dict[str, Any]
    records: list[StepRecord] = field(default_factory=list)

    def table(self, columns: list[str] | None = None) -> pl.DataFrame:
        """Return the live rows of the last step."""
        return self.workspace.table(self.key, columns)

    def drops(self) -> pl.DataFrame:
        """Return every dropped row with its reason."""
        return self.workspace.drops(self.key)


def run(
    recipe_path: Path | str,
    workspace: Path | str | None = None,
    engine: str = "local",
    workers: int = 1,
    on_event: OnEvent | None = None,
) -> RunResult:
    """Run a recipe; steps whose inputs did not change are taken from the workspace.

    Args:
        recipe_path: the recipe file.
        workspace: folder for everything that is written; ``<recipe's name>-ws`` beside the recipe if ``None``.
        engine: ``local`` or ``ray``.
        workers: processes for row stages; 0 is one per processor where the rows are worth it (a script then needs a main guard).
        on_event: called with progress.

    Returns:
        The result with its ledger.

    Raises:
        CurateError: anything wrong, with the next step.
    """
    recipe_path = Path(recipe_path)
    job = prepare(recipe_path, Path(workspace) if workspace else default_workspace(recipe_path))
    tell = on_event or (lambda _e: None)
    with job.ws.locked(), engines.Workers(workers) as crew:
        manifest = _start(job, engine)
        path = job.ws.root / "runs" / manifest["run_id"]
        write_atomic(path / "recipe.yaml", job.text.encode())
        write_json(path / "manifest.json", manifest)
        try:
            records = _steps(job, manifest, engine, crew, tell)
        except BaseException as e:
            manifest.update(status="failed", error=str(e) or type(e).__name__, finished_at=_now())
            write_json(path / "manifest.json", manifest)
            raise
        manifest.update(status="done", finished_at=_now())
        write_json(path / "manifest.json", manifest)
    return RunResult(job.ws, manifest["run_id"], records[-1].key, manifest, records)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _start(job: Job, engine: str) -> dict[str, Any]:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    digest = hashlib.sha256(job.text.encode()).hexdigest()
    return {
        "format": 1,
        "run_id": f"{stamp}-{digest[:6]}-{secrets.token_hex(2)}",
        # Two runs can start in one second, and clocks go back: which is the newest is counted.
        "number": 1 + max((r.get("number", 0) for r in job.ws.runs()), default=0),
        "recipe_name": job.recipe.name,
        "recipe_sha256": digest,
        "base": str(job.base),
        "seed": job.recipe.seed,
        "engine": engine,
        "git": _git(job.base),
        "started_at": _now(),
        "finished_at": None,
        "status": "running",
        "error": None,
        "inputs": [s.describe() for s in job.sources],
        "resources": dict(job.res.digests),
        "steps": [],
        "release": None,
    }


def _git(base: Path) -> dict[str, Any] | None:
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=base, capture_output=True, text=True, timeout=10, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=base, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.stdout.strip(), "dirty": bool(dirty.stdout.strip())}


def _steps(job: Job, manifest: dict[str, Any], engine: str, workers: engines.Workers, tell: OnEvent) -> list[StepRecord]:
    planned = keys(job)
    records = [_ingest(job, planned[0], tell)]
    _note(manifest, records[0], planned[0].cached)
    if not planned[0].cached and any(stage.media for _, stage, _ in job.chain):
        planned = [planned[0], *keys(job)[1:]]  # only now is it known which media files the rows name
    todo = [_Todo(entry, *what) for entry, what in zip(planned[1:], job.chain, strict=True)]
    for group in _groups(todo, engine):
        first = group[0]
        if first.entry.cached:
            rec = job.ws.record(first.entry.key)
            assert rec is not None
            tell(Event(first.step.id, len(rec.parts), len(rec.parts), rec.rows_in, "cached"))
            records.append(rec)
            _note(manifest, rec, cached=True)
            continue
        for rec in _do_group(job, group, records[-1], _place(first, engine), workers, tell):
            records.append(rec)
            _note(manifest, rec, cached=False)
    return records


class _Todo(NamedTuple):
    """A step of the recipe with its plan."""

    entry: Planned
    step: Step
    stage: Stage
    params: Params


def _groups(todo: list[_Todo], engine: str) -> Iterator[list[_Todo]]:
    """Row steps that follow each other and run in one place are done part by part together; every other step stands alone."""

    def together(at: int) -> object:
        t = todo[at]
        return _place(t, engine) if t.stage.scope == "rows" and not t.entry.cached else at

    for _, group in itertools.groupby(range(len(todo)), together):
        yield [todo[i] for i in group]


def _place(todo: _Todo, engine: str) -> str:
    return engine if todo.step.on == "engine" else "local"


def _note(manifest: dict[str, Any], rec: StepRecord, cached: bool) -> None:
    manifest["steps"].append(
        {"step_id": rec.step_id, "stage": rec.stage, "key": rec.key, "cached": cached, "rows_in": rec.rows_in, "rows_live": rec.rows_live,
         "rows_quarantined": rec.rows_quarantined, "reasons": rec.reasons, "seconds": rec.seconds}
    )  # fmt: skip


def _versions(stage: Stage | None) -> dict[str, str]:
    out = {"leishu": version("leishu"), "python": platform.python_version(), "polars": pl.__version__}
    return {**out, **(resources.lib_versions(stage) if stage else {})}


def _ingest(job: Job, entry: Planned, tell: OnEvent) -> StepRecord:
    if entry.cached:
        rec = job.ws.record(entry.key)
        assert rec is not None
        tell(Event(INGEST, 1, 1, rec.rows_in, "cached"))
        return rec
    started = time.perf_counter()
    tell(Event(INGEST, 0, 1))
    got = ingest.ingest(job.ws, entry.key, job.sources, job.base, job.recipe.part_rows)
    first = job.ws.step_dir(entry.key) / f"{got.parts[0].file}.json"
    rec = StepRecord(
        key=entry.key, upstream=None, step_id=INGEST, stage=INGEST, version=1, params={"part_rows": job.recipe.part_rows}, resources={},
        rows_in=got.rows, rows_live=got.rows, rows_dropped=0, reasons={}, parts=got.parts, schema=_schema_of(first),
        seconds=round(time.perf_counter() - started, 3), engine="local", versions=_versions(None), created_at=_now(),
        rows_quarantined=got.quarantined, notes=got.notes, inputs=[{**s.describe(), "rows": got.per_input.get(s.input.name, 0)} for s in job.sources],
    )  # fmt: skip
    _commit(job.ws, rec)
    tell(Event(INGEST, 1, 1, rec.rows_in))
    return rec


def _schema_of(note: Path) -> dict[str, str]:
    return dict(json.loads(note.read_text(encoding="utf-8"))["schema"])


def _commit(ws: Workspace, rec: StepRecord) -> None:
    ws.commit(rec)
    for note in ws.step_dir(rec.key).glob("part-*.parquet.json"):
        note.unlink(missing_ok=True)


def _do_group(job: Job, group: list[_Todo], before: StepRecord, engine: str, workers: engines.Workers, tell: OnEvent) -> Iterator[StepRecord]:
    started = time.perf_counter()
    for entry, step, _, _ in group:
        tell(Event(step.id, 0, len(before.parts), before.rows_live))
        # The record is there but a part is not what it says: do the step again from the start.
        (job.ws.step_dir(entry.key) / "step.json").unlink(missing_ok=True)
    first = group[0]
    if first.stage.scope == "rows":
        each = _row_parts(job, group, before, engine, workers, tell)
    else:
        if before.rows_live >= engines.MANY:
            workers.rest()
        each = [_table_parts(job, first, before, engine, workers)]
        tell(Event(first.step.id, len(before.parts), len(before.parts), before.rows_live))
    took = time.perf_counter() - started
    # Steps of a group share the time by the work that each of them was.
    work = [sum(r.seconds for r in results) for results in each]
    for t, results, mine in zip(group, each, work, strict=True):
        before = _record(job, t, results, before, took * mine / (sum(work) or 1), engine)
        yield before


def _record(job: Job, todo: _Todo, results: list[engines.PartResult], before: StepRecord, seconds: float, engine: str) -> StepRecord:
    entry, step, stage, params = todo
    results.sort(key=lambda r: r.part)
    rows_in = sum(r.rows_in for r in results)
    if rows_in != before.rows_live:
        raise StageError(f"step {step.id!r}: {before.rows_live} rows were live before it, it saw {rows_in}")
    reasons: dict[str, int] = {}
    for r in results:
        for name, count in r.reasons.items():
            reasons[name] = reasons.get(name, 0) + count
    dropped = sum(r.rows_dropped for r in results)
    rec = StepRecord(
        key=entry.key, upstream=before.key, step_id=step.id, stage=stage.name, version=stage.version, params=params.model_dump(mode="json"),
        resources={u: job.res.digests.get(u, "") for u in sorted(stage.uses)}, rows_in=rows_in, rows_live=rows_in - dropped,
        rows_dropped=dropped, reasons=dict(sorted(reasons.items())), parts=[PartFile(r.file, r.rows_in, r.sha256) for r in results],
        schema=results[0].schema, seconds=round(seconds, 3), engine=engine, versions=_versions(stage), created_at=_now(),
    )  # fmt: skip
    _commit(job.ws, rec)
    return rec


def _row_parts(
    job: Job, group: list[_Todo], before: StepRecord, engine: str, workers: engines.Workers, tell: OnEvent
) -> list[list[engines.PartResult]]:
    """Results of each step of a chain."""
    links = tuple(
        engines.Link(
            t.entry.key, t.step.id, t.stage.name, t.params.model_dump_json(by_alias=True),
            tuple((u, job.res.digests[u]) for u in sorted(t.stage.uses) if u in job.res.digests),
        )
        for t in group
    )  # fmt: skip
    spec = job.recipe.resources.model_dump_json()
    decisions = str(job.decisions.resolve()) if job.decisions else None
    tasks = [
        engines.PartTask(str(job.ws.root.resolve()), before.key, links, i, spec, job.recipe.seed, str(job.base), job.uses, decisions)
        for i in range(len(before.parts))
    ]
    each: list[list[engines.PartResult]] = [[] for _ in group]
    rows = [0] * len(group)
    for results in engines.map_parts(engine, tasks, workers, before.rows_live, job.res):
        for i, result in enumerate(results):
            each[i].append(result)
            rows[i] += result.rows_in
            tell(Event(group[i].step.id, len(each[i]), len(tasks), rows[i]))
    return each


def _table_parts(job: Job, todo: _Todo, before: StepRecord, engine: str, workers: engines.Workers) -> list[engines.PartResult]:
    entry, step, stage, params = todo
    started = time.perf_counter()
    chain = job.ws.chain(before.key)
    have = {c for r in chain for c in r.schema}
    columns = [*stage.needs, *(c for c in stage.optional if c in have)]
    apart = stage.apart if engine != "local" else None
    frames = [job.ws.part(chain, i, [c for c in columns if c not in (apart or ())]) for i in range(len(before.parts))]
    sizes = [len(f) for f in frames]
    # Not copied together: vectors of a million rows would not fit twice.
    table = pl.concat(frames, rechunk=False)
    del frames
    res = job.res
    if apart is not None:
        res = replace(res, spread=engines.spread(engine, Stored(str(job.ws.root.resolve()), before.key, tuple(sizes)), workers))
    out = call(stage, table, params, res, step.id)
    folder = job.ws.step_dir(entry.key)
    results, at = [], 0
    for i, size in enumerate(sizes):
        results.append(engines.write_part(folder, i, out[at : at + size], time.perf_counter() - started))
        at += size
    return results
