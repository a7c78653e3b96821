"""Decode in child processes with limits on time, memory and size. A crash, hang or bomb costs one file and gives a reason."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from curate.media import wire

T = TypeVar("T")
R = TypeVar("R")
# A child is replaced after so many files, so that a leak in a decoder stays small.
MAX_TASKS = 200
# Above this share of its memory a child is replaced before the next file.
WORN = 0.6
# A new child may take so long to import its libraries, on a slow disk.
_START = 60.0


@dataclass(frozen=True)
class Limits:
    """What one file may cost.

    Attributes:
        seconds: least time allowed; large files get more, see ``for_bytes``.
        memory: address space of the child in bytes.
        max_bytes: size of a file that is opened at all.
        max_pixels: width times height of a frame.
        max_frames: frames decoded of one file.
        bytes_per_second: what a slow core is trusted to decode; longer files get ``bytes / bytes_per_second`` seconds.
        output_bytes: size of any file that the child writes.
    """

    seconds: float = 30.0
    memory: int = 1 << 30
    max_bytes: int = 16 << 30
    max_pixels: int = 36_000_000
    max_frames: int = 2_000_000
    bytes_per_second: int = 256 << 10
    output_bytes: int = 8 << 30

    def for_bytes(self, size: int) -> float:
        """Return the seconds that a file of this size gets, at most an hour."""
        return min(3600.0, max(self.seconds, size / self.bytes_per_second))


@dataclass
class Outcome:
    """What came of one task.

    Attributes:
        value: what the function returned, if it did.
        reason: ``timeout``, ``out_of_memory``, ``crashed``, ``not_found``, ``empty_file``, ``too_large``, or what the function gave.
        note: detail for people.
        seconds: wall time.
        peak_mb: highest resident memory of the child so far, MiB.
    """

    value: Any = None
    reason: str | None = None
    note: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0


class Child:
    """One child process.

    Args:
        limits: what one task may cost.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._tasks = 0
        self._worn = False

    def _start(self) -> subprocess.Popen[bytes]:
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "HOME")}
        # One thread per child: the parallelism is in the number of children, and each arena of a thread costs address space.
        env |= {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2", "PYTHONNOUSERSITE": "1"}
        env |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")}
        command = [sys.executable, "-m", "curate.media.child", str(self.limits.memory), str(self.limits.output_bytes)]
        # A session of its own, so that an interrupt at the terminal reaches the parent only, which then ends the child.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, start_new_session=True, close_fds=True
        )
        self._process, self._tasks, self._worn = process, 0, False
        return process

    def run(self, task: str, args: dict[str, Any], size: int = 0, seconds: float | None = None) -> Outcome:
        """Run one task and wait for it.

        Args:
            task: name in ``child.TASKS``.
            args: its arguments.
            size: bytes of the file, for the time allowed.
            seconds: time allowed instead.
        """
        if self._process is not None and (self._worn or self._tasks >= MAX_TASKS or self._process.poll() is not None):
            self.close()
        fresh = self._process is None
        process = self._process or self._start()
        allowed = seconds if seconds is not None else self.limits.for_bytes(size)
        started = time.perf_counter()
        self._tasks += 1
        message = wire.pack({"task": task, "args": args, "seconds": allowed})
        try:
            assert process.stdin is not None
            if fresh:
                # A new child has to import its libraries, which is no fault of the file.
                process.stdin.write(wire.pack({"task": task, "args": {}, "seconds": _START, "prepare": True}))
                process.stdin.flush()
                self._read(process, started + _START)
                started = time.perf_counter()
            process.stdin.write(message)
            process.stdin.flush()
            answer = self._read(process, started + allowed)
        except TimeoutError:
            self.kill()
            return Outcome(None, "timeout", f"more than {allowed:.0f} s", time.perf_counter() - started)
        except (OSError, EOFError, wire.WireError) as e:
            return self._died(process, e, time.perf_counter() - started)
        peak = float(answer.get("peak_mb", 0.0))
        self._worn = peak * (1 << 20) > WORN * self.limits.memory or answer.get("reason") == "out_of_memory"
        return Outcome(answer.get("value"), answer.get("reason"), str(answer.get("note", "")), time.perf_counter() - started, peak)

    def _read(self, process: subprocess.Popen[bytes], deadline: float) -> dict[str, Any]:
        assert process.stdout is not None
        source = process.stdout.fileno()

        def exactly(n: int) -> bytes:
            got = bytearray()
            while len(got) < n:
                left = deadline - time.perf_counter()
                if left <= 0 or not select.select([source], [], [], left)[0]:
                    raise TimeoutError
                piece = os.read(source, min(n - len(got), 1 << 20))
                if not piece:
                    raise EOFError
                got += piece
            return bytes(got)

        value = wire.unpack(exactly)
        if not isinstance(value, dict):
            raise wire.WireError("the answer is no object")
        return value

    def _died(self, process: subprocess.Popen[bytes], error: BaseException, seconds: float) -> Outcome:
        try:
            code = process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = None
        self.kill()
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else str(-code)
            reason = {"SIGALRM": "timeout", "SIGKILL": "out_of_memory", "SIGXFSZ": "too_large"}.get(name, "crashed")
            return Outcome(None, reason, f"the child process ended with {name}", seconds)
        return Outcome(None, "crashed", f"the child process ended with {code}: {type(error).__name__}", seconds)

    def kill(self) -> None:
        """End the child at once."""
        if self._process is not None:
            self._process.kill()
        self.close()

    def close(self) -> None:
        """End the child."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Pool:
    """A few children that share the work; results come in the order of the tasks.

    Args:
        limits: what one file may cost.
        workers: children at once; one per core if 0.
    """

    def __init__(self, limits: Limits | None = None, workers: int = 1) -> None:
        self.limits = limits or Limits()
        self.workers = workers or os.cpu_count() or 1
        self._free: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._all = [Child(self.limits) for _ in range(self.workers)]
        for child in self._all:
            self._free.put(child)
        self._threads: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def call(self, task: str, args: dict[str, Any], path: Path | str | None = None, seconds: float | None = None) -> Outcome:
        """Run one task on the next free child.

        Args:
            task: name in ``child.TASKS``.
            args: its arguments; ``path`` and the limits on pixels and frames are added.
            path: the file; checked before any child sees it.
            seconds: time allowed, instead of what the limits say.
        """
        size = 0
        if path is not None:
            size, fault = check_file(Path(path), self.limits)
            if fault:
                return fault
            args = {"path": str(path), "max_pixels": self.limits.max_pixels, "max_frames": self.limits.max_frames, **args}
        child = self._free.get()
        try:
            return child.run(task, args, size, seconds)
        finally:
            self._free.put(child)

    def map(self, task: str, jobs: Iterable[tuple[Path | str | None, dict[str, Any]]]) -> Iterator[Outcome]:
        """Run a task for many files; outcomes come in order.

        Args:
            task: name in ``child.TASKS``.
            jobs: path and arguments of each.
        """
        if self.workers == 1:
            for path, args in jobs:
                yield self.call(task, args, path)
            return
        with self._lock:
            self._threads = self._threads or ThreadPoolExecutor(self.workers)
        waiting: list[Future[Outcome]] = []
        for path, args in jobs:
            waiting.append(self._threads.submit(self.call, task, args, path))
            # Bounded, so that a million jobs are not all held at once.
            while len(waiting) > 4 * self.workers:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Do work that calls this pool for many items, as many at once as there are children.

        Args:
            work: a function that may be called from several threads.
            items: its arguments.

        Returns:
            The results in the order of the items.
        """
        if self.workers == 1 or len(items) < 2:
            return [work(item) for item in items]
        with self._lock:
            self._threads = self._threads or ThreadPoolExecutor(self.workers)
        return list(self._threads.map(work, items))

    def close(self) -> None:
        """End all children."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._threads = None
        for child in self._all:
            child.close()


def check_file(path: Path, limits: Limits) -> tuple[int, Outcome | None]:
    """Check what can be checked without opening a file.

    Args:
        path: the file.
        limits: for its size.

    Returns:
        Its size in bytes, and the outcome if it will not be opened.
    """
    try:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "no regular file" if path.exists() else "no such file"
            return 0, Outcome(None, "not_found", f"{what}: {path.name}")
        size = path.stat().st_size
    except (OSError, ValueError) as e:
        return 0, Outcome(None, "not_found", str(e))
    if size == 0:
        return 0, Outcome(None, "empty_file", "the file has no bytes")
    if size > limits.max_bytes:
        return size, Outcome(None, "too_large", f"{size} bytes, the limit is {limits.max_bytes}")
    return size, None


def spread(pool: Pool | None, limits: Limits | None, workers: int) -> tuple[Pool, Sequence[Pool]]:
    """Return a pool to use and the pools to close afterwards: the given one, or a new one."""
    if pool is not None:
        return pool, ()
    made = Pool(limits, workers)
    return made, (made,)
