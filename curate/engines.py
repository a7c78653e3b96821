"""Engines: ways to run ``do_part`` for all parts, and shares of table steps. The result is the same bytes on each of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from curate import resources
from curate.errors import RecipeError, StageError, did_you_mean, need_extra
from curate.recipe import ResourceSpec
from curate.shares import Stored
from curate.stage import Resources, Stage, call
from curate.workspace import Workspace, sha256_file, write_json, write_parquet

ENGINES = ("local", "ray")
Made = TypeVar("Made")
# Rows from which starting processes pays.
WORTH = 25_000
# Rows from which a table step needs the memory of idle processes more than a later step needs the seconds to start them again.
MANY = 200_000


@dataclass(frozen=True)
class Link:
    """One step of a chain of row steps."""

    key: str
    step_id: str
    stage: str
    params: str
    digests: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PartTask:
    """All that a worker needs to take one part through a chain of row steps; plain values, so that it travels anywhere."""

    workspace: str
    upstream: str
    links: tuple[Link, ...]
    part: int
    spec: str
    seed: int
    base: str
    uses: tuple[str, ...]
    decisions: str | None


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


def do_part(task: PartTask, res: Resources | None = None) -> list[PartResult]:
    """Take one part through the steps of a chain: load it, call each stage, check, write.

    What a step wrote is handed on to the next one as it is; nothing waits for other parts, and no column is read again.

    Args:
        task: what to do.
        res: resources, where they are built already; a worker builds its own.

    Returns:
        One result per step; parts that an interrupted run finished are not done again.

    Raises:
        StageError: a stage broke its contract, or a resource is no longer the one that a step's key names.
    """
    from curate import stages

    ws = Workspace(Path(task.workspace))
    done = [finished_part(ws.step_dir(link.key), task.part) for link in task.links]
    results = [r for r in done if r is not None]
    if len(results) == len(done):
        return results
    res = res or _resources(task.spec, task.seed, task.base, task.uses, task.decisions)
    table = stages.load()
    chain = ws.chain(task.upstream)
    wanted = [{*table[link.stage].needs, *table[link.stage].optional} for link in task.links]
    later: list[set[str]] = [set().union(*wanted[i:]) for i in range(len(wanted) + 1)]
    frame = ws.part(chain, task.part, [c for r in chain for c in r.schema if c in later[0]])
    results = []
    for link, finished, keep in zip(task.links, done, later[1:], strict=True):
        if finished is None:
            result, out = _do_link(ws, task.part, link, table[link.stage], frame, res)
        else:
            result = finished
            out = pl.read_parquet(ws.step_dir(link.key) / result.file, columns=["drop", *(c for c in result.schema if c in keep)])
        results.append(result)
        frame = _handed_on(frame, out, result, keep)
    return results


def _do_link(ws: Workspace, part: int, link: Link, stage: Stage, frame: pl.DataFrame, res: Resources) -> tuple[PartResult, pl.DataFrame]:
    started = time.perf_counter()
    changed = [name for name, digest in link.digests if res.digests.get(name, "") != digest]
    if changed:
        raise StageError(f"step {link.step_id!r}: the {changed[0]} changed while the run was going on", hint="run the recipe again")
    try:
        out = call(stage, frame, stage.parse(json.loads(link.params)), res, link.step_id)
    except StageError as e:
        raise StageError(f"{e.message} (part {part})", hint=e.hint) from e
    return write_part(ws.step_dir(link.key), part, out, time.perf_counter() - started), out


def _handed_on(frame: pl.DataFrame, out: pl.DataFrame, result: PartResult, wanted: set[str]) -> pl.DataFrame:
    """The live rows after a step with the columns that later steps read."""
    kept = frame.select("id", *(c for c in frame.columns if c in wanted and c not in result.schema))
    kept = kept.hstack([out.get_column(c) for c in result.schema if c in wanted])
    return kept.filter(out.get_column("drop").is_null()) if result.rows_dropped else kept


class Workers:
    """Processes that do parts beside this one, kept from step to step: starting one and building its resources takes seconds.

    Args:
        wanted: how many work, this process among them, at least 1; 0 is one per processor (at most 8), and this one alone for fewer rows than
            starting others is worth.
    """

    def __init__(self, wanted: int = 0) -> None:
        self.wanted = wanted
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def rest(self) -> None:
        """End the other processes; they are started again when needed."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def count(self, rows: int) -> int:
        """Return how many processes work on so many rows."""
        return self.wanted or (min(8, len(os.sched_getaffinity(0))) if rows >= WORTH else 1)

    def pool(self, count: int) -> ProcessPoolExecutor:
        """Return the other processes."""
        if self._pool is None:
            # Spawned, not forked: polars and FAISS hold threads that do not survive a fork.
            self._pool = ProcessPoolExecutor(count - 1, mp_context=multiprocessing.get_context("spawn"))
            with _one_thread_each():
                # A process starts when there is something to do and none is idle, and takes its environment then.
                for _ in range(count - 1):
                    self._pool.submit(os.getpid)
        return self._pool


def _local(tasks: Sequence[PartTask], workers: Workers, rows: int, res: Resources | None) -> Iterator[list[PartResult]]:
    count = min(workers.count(rows), len(tasks))
    if count <= 1:
        for task in tasks:
            yield do_part(task, res)
        return
    yield from _shared(deque(tasks), workers.pool(count), count, res)


def _shared(waiting: deque[PartTask], pool: ProcessPoolExecutor, count: int, res: Resources | None) -> Iterator[list[PartResult]]:
    """This process works too: it has its resources already, while the others still start."""
    others: set[Future[list[PartResult]]] = set()
    lock = threading.Lock()

    def send(before: Future[list[PartResult]] | None = None) -> None:
        # Called on a thread of the pool when a process is free, so that none waits for the part that this process is doing.
        with lock:
            if before is not None and (before.cancelled() or before.exception() is not None):
                waiting.clear()
            if not waiting:
                return
            future = pool.submit(do_part, waiting.popleft())
            others.add(future)
        future.add_done_callback(send)

    for _ in range(count - 1):
        send()
    try:
        while True:
            with lock:
                mine = waiting.popleft() if waiting else None
                ready = {f for f in others if f.done()}
                others.difference_update(ready)
                running = set(others)
            yield from (f.result() for f in ready)
            if mine is not None:
                yield do_part(mine, res)
            elif running:
                wait(running, return_when=FIRST_COMPLETED)
            elif not ready:
                return
    finally:
        with lock:
            waiting.clear()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes are the threads: those started meanwhile have one for matrices and one for polars, unless the user says otherwise."""
    names = [n for n in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS") if n not in os.environ]
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


def _start_ray(workers: int | None) -> Any:
    try:
        import ray
    except ImportError as e:
        raise need_extra("ray", "ray") from e
    if not ray.is_initialized():
        # A cluster named by RAY_ADDRESS has its own number of processors.
        processors = None if os.environ.get("RAY_ADDRESS") else workers
        ray.init(num_cpus=processors, include_dashboard=False, log_to_driver=False, configure_logging=False)
    return ray


def _ray(tasks: Sequence[PartTask], workers: int | None) -> Iterator[list[PartResult]]:
    ray = _start_ray(workers)
    # A lost machine and a file system that was away for a moment are tried again; a part is written whole or not at all.
    remote: Any = ray.remote(max_retries=3, retry_exceptions=[OSError])(do_part)
    waiting = [remote.remote(t) for t in tasks]
    while waiting:
        ready, waiting = ray.wait(waiting, num_returns=1)
        yield ray.get(ready[0])


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that does shares of a table step.

    Attributes:
        table: the table in the workspace.
        count: how many shares.
        ray: the started library.
    """

    table: Stored
    count: int
    ray: Any

    def map(self, work: Callable[..., Made], tasks: Sequence[tuple[Any, ...]]) -> list[Made]:
        """Return what a function makes of each task, in the order of the tasks."""
        remote = self.ray.remote(max_retries=3, retry_exceptions=[OSError])(work)
        made: list[Made] = self.ray.get([remote.remote(*task) for task in tasks])
        return made


def spread(engine: str, table: Stored, workers: Workers) -> Cluster:
    """Return who does shares of a table step.

    Args:
        engine: ``ray``.
        table: the table in the workspace.
        workers: processes wanted.

    Raises:
        RecipeError: the engine is unknown.
    """
    if engine != "ray":
        raise RecipeError(f"unknown engine {engine!r}", hint=did_you_mean(engine, ENGINES))
    ray = _start_ray(workers.wanted or None)
    return Cluster(table, max(2, int(ray.cluster_resources().get("CPU", 0))), ray)


def map_parts(engine: str, tasks: Sequence[PartTask], workers: Workers, rows: int, res: Resources | None = None) -> Iterator[list[PartResult]]:
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
