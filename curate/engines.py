"""Engines: ways to run ``do_part`` for all parts. The result is the same bytes on each of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from curate import resources
from curate.errors import RecipeError, StageError, did_you_mean, need_extra
from curate.recipe import ResourceSpec
from curate.stage import Resources, call
from curate.workspace import Workspace, sha256_file, write_json, write_parquet

ENGINES = ("local", "ray")
# Rows from which starting processes pays.
WORTH = 25_000


@dataclass(frozen=True)
class PartTask:
    """All that a worker needs to do one part of one step; plain values, so that it travels anywhere."""

    workspace: str
    key: str
    upstream: str
    step_id: str
    stage: str
    params: str
    part: int
    spec: str
    seed: int
    base: str
    uses: tuple[str, ...]
    decisions: str | None
    digests: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PartResult:
    """Counts of one finished part."""

    part: int
    file: str
    rows_in: int
    rows_dropped: int
    reasons: dict[str, int]
    schema: dict[str, str]
    sha256: str
    seconds: float


@lru_cache(maxsize=2)
def _resources(spec: str, seed: int, base: str, uses: tuple[str, ...], decisions: str | None) -> Resources:
    return resources.build(ResourceSpec.model_validate_json(spec), seed, Path(base), uses, Path(decisions) if decisions else None)


def part_name(index: int) -> str:
    """Return the file name of a part."""
    return f"part-{index:05d}.parquet"


def finished_part(folder: Path, index: int) -> PartResult | None:
    """Return the result of a part that an interrupted run finished, if its bytes are still those."""
    note = folder / f"{part_name(index)}.json"
    path = folder / part_name(index)
    if not (note.exists() and path.exists()):
        return None
    try:
        result = PartResult(**json.loads(note.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, TypeError):
        return None
    return result if sha256_file(path) == result.sha256 else None


def write_part(folder: Path, index: int, frame: pl.DataFrame, seconds: float) -> PartResult:
    """Write one part and its note.

    Args:
        folder: the step's folder.
        index: number of the part.
        frame: ``id``, the step's columns, ``drop`` and ``drop_note``.
        seconds: time it took.
    """
    digest = write_parquet(frame, folder / part_name(index))
    dropped = frame.get_column("drop").drop_nulls()
    counts = dict(sorted(dropped.value_counts().iter_rows())) if len(dropped) else {}
    schema = {n: str(t) for n, t in frame.schema.items() if n not in ("id", "drop", "drop_note")}
    result = PartResult(index, part_name(index), len(frame), len(dropped), counts, schema, digest, round(seconds, 3))
    write_json(folder / f"{part_name(index)}.json", asdict(result))
    return result


def do_part(task: PartTask, res: Resources | None = None) -> PartResult:
    """Do one part: load it through the chain, call the stage, check, write.

    Args:
        task: what to do.
        res: resources, where they are built already; a worker builds its own.

    Raises:
        StageError: the stage broke its contract, or a resource is no longer the one that the step's key names.
    """
    from curate import stages

    ws = Workspace(Path(task.workspace))
    folder = ws.step_dir(task.key)
    done = finished_part(folder, task.part)
    if done is not None:
        return done
    started = time.perf_counter()
    stage = stages.load()[task.stage]
    params = stage.parse(json.loads(task.params))
    res = res or _resources(task.spec, task.seed, task.base, task.uses, task.decisions)
    changed = [name for name, digest in task.digests if res.digests.get(name, "") != digest]
    if changed:
        raise StageError(f"step {task.step_id!r}: the {changed[0]} changed while the run was going on", hint="run the recipe again")
    chain = ws.chain(task.upstream)
    have = {c for r in chain for c in r.schema}
    frame = ws.part(chain, task.part, [*stage.needs, *(c for c in stage.optional if c in have)])
    try:
        out = call(stage, frame, params, res, task.step_id)
    except StageError as e:
        raise StageError(f"{e.message} (part {task.part})", hint=e.hint) from e
    return write_part(folder, task.part, out, time.perf_counter() - started)


class Workers:
    """Processes that do parts, started when first needed and kept from step to step: building the resources takes seconds.

    Args:
        wanted: how many, at least 1; 0 is one per processor (at most 8), and none for fewer rows than starting them is worth.
    """

    def __init__(self, wanted: int = 0) -> None:
        self.wanted = wanted
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def count(self, rows: int) -> int:
        """Return how many processes work on so many rows."""
        return self.wanted or (min(8, len(os.sched_getaffinity(0))) if rows >= WORTH else 1)

    def pool(self, count: int) -> ProcessPoolExecutor:
        """Return the processes."""
        if self._pool is None:
            # Spawned, not forked: polars and FAISS hold threads that do not survive a fork.
            self._pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet_threads)
        return self._pool


def _local(tasks: Sequence[PartTask], workers: Workers, rows: int, res: Resources | None) -> Iterator[PartResult]:
    count = workers.count(rows)
    if count <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield do_part(task, res)
        return
    futures = [workers.pool(count).submit(do_part, t) for t in tasks]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BaseException:
        for f in futures:
            f.cancel()
        raise


def _quiet_threads() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _ray(tasks: Sequence[PartTask], workers: int | None) -> Iterator[PartResult]:
    try:
        import ray
    except ImportError as e:
        raise need_extra("ray", "ray") from e
    if not ray.is_initialized():
        # A cluster named by RAY_ADDRESS has its own number of processors.
        processors = None if os.environ.get("RAY_ADDRESS") else workers
        ray.init(num_cpus=processors, include_dashboard=False, log_to_driver=False, configure_logging=False)
    # A lost machine and a file system that was away for a moment are tried again; a part is written whole or not at all.
    remote: Any = ray.remote(max_retries=3, retry_exceptions=[OSError])(do_part)
    waiting = [remote.remote(t) for t in tasks]
    while waiting:
        ready, waiting = ray.wait(waiting, num_returns=1)
        yield ray.get(ready[0])


def map_parts(engine: str, tasks: Sequence[PartTask], workers: Workers, rows: int, res: Resources | None = None) -> Iterator[PartResult]:
    """Run ``do_part`` for all tasks; results come in any order.

    Args:
        engine: ``local`` or ``ray``.
        tasks: the parts to do.
        workers: processes.
        rows: how many rows the parts hold.
        res: resources of this process, for parts that are done in it.

    Raises:
        RecipeError: the engine is unknown.
    """
    if engine == "local":
        return _local(tasks, workers, rows, res)
    if engine == "ray":
        return _ray(tasks, workers.wanted or None)
    raise RecipeError(f"unknown engine {engine!r}", hint=did_you_mean(engine, ENGINES))
