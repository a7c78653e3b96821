"""The database of a review store: SQLite or PostgreSQL, one behaviour. Every write is one transaction that is on disk before it returns."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curate.errors import CurateError, DataError, UsageError, did_you_mean, need_extra
from curate.review.schema import MIGRATIONS, SCHEMA_TABLE, VERSION

Rows = list[dict[str, Any]]
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "afs", "ceph", "lustre")


def stamp(at: datetime) -> str:
    """Return a time as text whose order is the order of time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def _network_mount(path: Path) -> str:
    """Return the kind of network file system that holds a path, or nothing."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return ""
    best, kind = "", ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, place, name, *_ = line.split(" ")
        if str(path).startswith(place.rstrip("/") + "/") and len(place) > len(best):
            best, kind = place, name
    return kind if kind in _NETWORK else ""


class Database:
    """Connections, transactions and the schema.

    Args:
        url: a path of a SQLite file, or a database URL such as ``postgresql://user@host/db``.
        clock: tells the time; tests give their own.

    Raises:
        MissingExtra: SQLAlchemy or the driver is not installed.
        CurateError: the file is on a network file system, or was written by a newer version.
    """

    def __init__(self, url: str | Path, clock: Callable[[], datetime] = now) -> None:
        try:
            import sqlalchemy
        except ImportError as e:
            raise need_extra("sqlalchemy", "review") from e
        self._sql = sqlalchemy
        self._clock = clock
        self._lock_file: Path | None = None
        text = str(url)
        self.sqlite = "://" not in text or text.startswith("sqlite")
        self._engine = self._open_sqlite(text) if self.sqlite else self._open_postgres(text)
        self._migrate()

    def _open_sqlite(self, text: str) -> Any:
        path = Path(text.split(":///", 1)[-1]).resolve()
        kind = _network_mount(path)
        if kind:
            raise CurateError(f"{path} is on a {kind} file system, where SQLite can lose decisions", hint="use a local folder, or PostgreSQL")
        if path.is_file():
            with path.open("rb") as file:
                begins = file.read(15)
            if begins not in (b"", b"SQLite format 3"):
                raise DataError(f"{path} is no review store: it is not a SQLite file", hint="name another with --store, or move it away")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file = path.with_name(path.name + ".lock")
        engine = self._sql.create_engine(f"sqlite:///{path}", pool_size=4, max_overflow=64, connect_args={"timeout": 30, "check_same_thread": False})

        def _connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")

        def _begin(connection: Any) -> None:
            write = connection.get_execution_options().get("write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        self._sql.event.listen(engine, "connect", _connect)
        self._sql.event.listen(engine, "begin", _begin)
        return engine

    def _open_postgres(self, text: str) -> Any:
        url = self._sql.engine.make_url(text)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        if not url.drivername.startswith("postgresql"):
            raise UsageError(f"no store for {url.drivername!r}", hint=did_you_mean(url.drivername, ("sqlite", "postgresql")))
        try:
            return self._sql.create_engine(url, pool_size=4, max_overflow=64, pool_pre_ping=True)
        except ImportError as e:
            raise need_extra("psycopg", "postgres") from e

    @contextmanager
    def _read(self) -> Iterator[Any]:
        try:
            with self._engine.connect() as connection, connection.begin():
                yield connection
        except self._sql.exc.OperationalError as e:
            raise CurateError(f"the review store does not answer: {str(e.orig).strip()}", hint="is the database running, the disk full?") from e

    @contextmanager
    def _write(self) -> Iterator[Any]:
        # SQLite lets one writer in and makes the others poll, which starves some for seconds. A file lock queues them in turn, and the
        # system frees it when a process dies.
        held = self._lock_file.open("a") if self._lock_file else None
        try:
            if held:
                fcntl.flock(held, fcntl.LOCK_EX)
            with self._engine.connect().execution_options(write=True) as connection, connection.begin():
                yield connection
        except self._sql.exc.OperationalError as e:
            raise CurateError(f"the review store does not answer: {str(e.orig).strip()}", hint="is the database running, the disk full?") from e
        finally:
            if held:
                held.close()

    def _run(self, connection: Any, sql: str, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] = ()) -> Any:
        return connection.execute(self._sql.text(sql), values or {})

    def _rows(self, connection: Any, sql: str, values: Mapping[str, Any] | None = None) -> Rows:
        return [dict(r) for r in self._run(connection, sql, values or {}).mappings()]

    def _stamp(self) -> str:
        return stamp(self._clock())

    def _migrate(self) -> None:
        if self._version() == VERSION:
            return
        with self._write() as c:
            if not self.sqlite:
                self._run(c, "SELECT pg_advisory_xact_lock(7135)")
            self._run(c, SCHEMA_TABLE)
            have = self._run(c, "SELECT coalesce(max(version), 0) FROM schema_version").scalar_one()
            if have > VERSION:
                raise CurateError(f"the review store has version {have}, this program knows {VERSION}", hint="upgrade leishu")
            for number in range(have + 1, VERSION + 1):
                for statement in MIGRATIONS[number - 1]:
                    self._run(c, statement)
                self._run(c, "INSERT INTO schema_version VALUES (:v, :t)", {"v": number, "t": stamp(self._clock())})

    def _version(self) -> int:
        with self._read() as c:
            if not self._sql.inspect(c).has_table("schema_version"):
                return 0
            return int(self._run(c, "SELECT coalesce(max(version), 0) FROM schema_version").scalar_one())

    def backup(self, path: Path) -> None:
        """Copy a SQLite store while people go on working.

        Raises:
            UsageError: the store is PostgreSQL (use pg_dump), or the file exists.
        """
        if not self.sqlite or path.exists():
            raise UsageError(f"cannot back up to {path}", hint="PostgreSQL: pg_dump; SQLite: name a new file")
        raw = self._engine.raw_connection()
        try:
            raw.driver_connection.execute("VACUUM INTO ?", (str(path),))
        finally:
            raw.close()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
