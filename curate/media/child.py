"""What runs in a child: limits itself, then does one task after the other. Started as ``python -m curate.media.child MEMORY OUTPUT``."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any

from curate.media import wire
from curate.media.piece import taken
from curate.media.refused import Refused

# The only functions that a child runs; no name from outside is ever imported.
TASKS: dict[str, tuple[str, str]] = {
    "probe": ("curate.media.probe", "probe_file"),
    "frames": ("curate.media.frames", "pick_frames"),
    "fingerprint": ("curate.media.fingerprint", "fingerprint_file"),
    "analyse": ("curate.media.analyse", "analyse_file"),
    "ocr": ("curate.media.ocr", "read_frames"),
    "provenance": ("curate.media.provenance", "read_file"),
    "cut": ("curate.media.cutting", "cut_file"),
    "thumbnail": ("curate.media.frames", "pick_frames"),
    "decode": ("curate.media.frames", "count_frames"),
    "transform": ("curate.media.transforms", "transform_file"),
    "sleep": ("curate.media.child", "_sleep"),
    "hog": ("curate.media.child", "_hog"),
    "crash": ("curate.media.child", "_crash"),
}


def _sleep(seconds: float) -> int:
    import time

    time.sleep(seconds)
    return 0


def _hog(size: int) -> int:
    return len(bytearray(size))


def _crash(signal_number: int) -> int:
    os.kill(os.getpid(), signal_number)
    return 0


def limit_self(memory: int, output: int) -> None:
    """Set the limits of this process: address space, size of written files, no core dumps.

    Args:
        memory: bytes of address space.
        output: bytes of a written file.
    """
    try:
        import resource
    except ImportError:  # no such limits on this system; time and size are still held by the parent
        return
    for what, amount in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, output), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(what, (amount, amount))
        except (ValueError, OSError):
            continue


def peak_mb() -> float:
    """Return the highest resident memory of this process, MiB."""
    # The kernel's own mark first: ``ru_maxrss`` of a child starts at what its parent held.
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return round(int(line.split()[1]) / 1024, 1)
    except OSError:
        pass  # no such file outside Linux
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def answer(task: str, args: dict[str, Any], prepare: bool = False) -> dict[str, Any]:
    """Do one task; every failure becomes a reason.

    Args:
        task: name in ``TASKS``.
        args: arguments of the function.
        prepare: only import what the task needs.
    """
    module, name = TASKS[task]
    try:
        if prepare:
            return {"value": importlib.import_module(module).__name__}
        return {"value": getattr(importlib.import_module(module), name)(**taken(args))}
    except Refused as e:
        return {"reason": e.reason, "note": e.note}
    except MemoryError:
        return {"reason": "out_of_memory", "note": "the memory allowed was not enough"}
    except ImportError as e:
        return {"reason": "missing_package", "note": f"{e}; pip install 'leishu[clips]'"}
    except Exception as e:  # noqa: BLE001  decoders of broken files raise anything: IndexError, UnicodeDecodeError, SystemError …
        reason = "out_of_memory" if "allocate memory" in str(e) or "Insufficient memory" in str(e) else "decode_error"
        return {"reason": reason, "note": f"{type(e).__name__}: {e}"[:300]}


def _serve() -> None:
    # Libraries print to stdout; the answers travel on a copy of it that nobody else knows.
    out = os.dup(1)
    os.dup2(2, 1)
    source = sys.stdin.buffer

    def exactly(n: int) -> bytes:
        data = source.read(n)
        if len(data) < n:
            raise EOFError
        return data

    while True:
        try:
            message = wire.unpack(exactly)
        except EOFError:
            return
        # If the parent is gone nobody would end a hanging decoder; the alarm does.
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, float(message["seconds"]) + 90.0)
        result = answer(message["task"], message["args"], bool(message.get("prepare")))
        data = wire.pack({**result, "peak_mb": peak_mb()})
        view = memoryview(data)
        while view:
            view = view[os.write(out, view) :]


if __name__ == "__main__":
    limit_self(int(sys.argv[1]), int(sys.argv[2]))
    _serve()
