"""The workspace on disk: thin parquet deltas in folders named by the hash of everything that shaped them.

ws/steps/<key>/part-00000.parquet …  step.json     immutable once step.json exists (written last = commit mark)
ws/indexes/<key>.faiss
ws/runs/<run_id>/manifest.json  recipe.yaml
ws/decisions/<sha256>.parquet
ws/releases/<name>-<version>/
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import CurateError, DataError
from curate.schema import canonical_json

FORMAT = 1


@dataclass
class PartFile:
    """One part of a step: file name, rows and sha256."""

    file: str
    rows: int
    sha256: str


@dataclass
class StepRecord:
    """What is known of one finished step; stored as ``step.json``."""

    key: str
    upstream: str | None
    step_id: str
    stage: str
    version: int
    params: dict[str, Any]
    resources: dict[str, str]
    rows_in: int
    rows_live: int
    rows_dropped: int
    reasons: dict[str, int]
    parts: list[PartFile]
    schema: dict[str, str]
    seconds: float
    engine: str
    versions: dict[str, str]
    created_at: str
    rows_quarantined: int = 0
    notes: list[str] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.rows_in != self.rows_live + self.rows_dropped:
            raise CurateError(f"step {self.step_id!r}: {self.rows_in} rows in, {self.rows_live} live + {self.rows_dropped} dropped")


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new, never half of them.

    Args:
        path: the final path.
        data: all bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with tmp.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(tmp, path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, readable by people."""
    write_atomic(path, (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False) + "\n").encode())


def write_parquet(frame: pl.DataFrame, path: Path) -> str:
    """Write a parquet file atomically.

    Args:
        frame: the rows.
        path: the final path.

    Returns:
        The sha256 of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    frame.write_parquet(tmp, compression="zstd", compression_level=1, statistics=False)
    with tmp.open("rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
        os.fsync(f.fileno())
    os.replace(tmp, path)
    return digest


def lineage_key(parts: Sequence[Any]) -> str:
    """Return the key of a step: blake2b-128 of everything that shaped it.

    Args:
        parts: JSON values.
    """
    return hashlib.blake2b(canonical_json([*parts, FORMAT]).encode(), digest_size=16).hexdigest()


class Workspace:
    """A folder with steps, runs, indexes, decisions and releases.

    Args:
        root: the folder; made on first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from writing here meanwhile.

        Raises:
            CurateError: another run has it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as e:
                raise CurateError(f"another run is using the workspace {self.root}", hint="wait for it, or use another --workspace") from e
            yield

    def step_dir(self, key: str) -> Path:
        """Return the folder of a step."""
        return self.root / "steps" / key

    def record(self, key: str) -> StepRecord | None:
        """Return the record of a finished step, or ``None``.

        Raises:
            DataError: step.json is there but broken.
        """
        path = self.step_dir(key) / "step.json"
        if not path.exists():
            return None
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            raw["parts"] = [PartFile(**p) for p in raw["parts"]]
            return StepRecord(**raw)
        except (json.JSONDecodeError, TypeError, KeyError) as e:
            raise DataError(f"{path} is broken: {e}", hint=f"delete the folder {path.parent} and run again") from e

    def commit(self, record: StepRecord) -> None:
        """Write step.json, which makes the step final."""
        write_json(self.step_dir(record.key) / "step.json", asdict(record))

    def chain(self, key: str) -> list[StepRecord]:
        """Return the records from the source to ``key``.

        Raises:
            DataError: a step of the chain is not in the workspace.
        """
        out: list[StepRecord] = []
        at: str | None = key
        while at is not None:
            rec = self.record(at)
            if rec is None:
                raise DataError(f"the workspace {self.root} has no step {at}", hint="run the recipe again")
            out.append(rec)
            at = rec.upstream
        return out[::-1]

    def part(self, chain: Sequence[StepRecord], index: int, columns: Sequence[str]) -> pl.DataFrame:
        """Return one part of the table at the end of a chain: the live rows with some columns.

        Args:
            chain: records from the source on.
            index: number of the part.
            columns: columns wanted besides ``id``.
        """
        want = set(columns)
        out: pl.DataFrame | None = None
        for rec in chain:
            path = self.step_dir(rec.key) / rec.parts[index].file
            mine = [c for c in rec.schema if c in want and c != "id"]
            drops = ["drop"] if rec.rows_dropped else []
            first = out is None
            delta = pl.read_parquet(path, columns=[*(["id"] if first else []), *mine, *drops], memory_map=False) if first or mine or drops else None
            if delta is None:
                continue
            out = delta if out is None else out.hstack(delta.get_columns())
            if drops:
                out = out.filter(pl.col("drop").is_null()).drop("drop")
        if out is None:
            raise DataError("an empty chain has no rows")
        return out.select("id", *[c for c in columns if c != "id"])

    def table(self, key: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the live rows at a step.

        Args:
            key: the step.
            columns: columns wanted besides ``id``; all if ``None``.
        """
        chain = self.chain(key)
        names = list(columns) if columns is not None else [c for r in chain for c in r.schema if c != "id"]
        return pl.concat([self.part(chain, i, names) for i in range(len(chain[0].parts))])

    def drops(self, key: str) -> pl.DataFrame:
        """Return every dropped row up to a step: ``id``, ``step``, ``drop``, ``drop_note``."""
        out = []
        for rec in self.chain(key):
            if rec.rows_dropped:
                for p in rec.parts:
                    d = pl.read_parquet(self.step_dir(rec.key) / p.file, columns=["id", "drop", "drop_note"])
                    out.append(d.filter(pl.col("drop").is_not_null()).with_columns(step=pl.lit(rec.step_id)))
        schema = {"id": pl.String(), "drop": pl.String(), "drop_note": pl.String(), "step": pl.String()}
        return pl.concat(out) if out else pl.DataFrame(schema=schema)

    def quarantine(self, key: str) -> pl.DataFrame | None:
        """Return the rows that could not be read, or ``None``."""
        path = self.step_dir(self.chain(key)[0].key) / "quarantine.parquet"
        return pl.read_parquet(path) if path.exists() else None

    def explain(self, key: str, ident: str) -> list[tuple[StepRecord, dict[str, Any]]]:
        """Return what each step said about one record, in order.

        Args:
            key: the last step.
            ident: the record's id, or the first digits of it.
        """
        out: list[tuple[StepRecord, dict[str, Any]]] = []
        for rec in self.chain(key):
            for p in rec.parts:
                frame = pl.read_parquet(self.step_dir(rec.key) / p.file)
                row = frame.filter(pl.col("id").str.starts_with(ident))
                if len(row):
                    out.append((rec, row.to_dicts()[0]))
                    break
        return out

    def runs(self) -> list[dict[str, Any]]:
        """Return the manifests of all runs, oldest first."""
        found = [json.loads(p.read_text(encoding="utf-8")) for p in (self.root / "runs").glob("*/manifest.json")]
        return sorted(found, key=lambda r: (r.get("number", 0), r["run_id"]))

    def last_run(self) -> dict[str, Any]:
        """Return the manifest of the newest finished run.

        Raises:
            DataError: there is none.
        """
        done = [r for r in self.runs() if r["status"] == "done"]
        if not done:
            raise DataError(f"the workspace {self.root} has no finished run", hint="curate run RECIPE")
        return done[-1]

    def media_root(self, manifest: Mapping[str, Any]) -> Path:
        """Return the folder that relative addresses of media refer to in a run: what its step on clips says, else the recipe's folder.

        Args:
            manifest: the run's manifest.
        """
        base = Path(manifest["base"])
        records = (self.record(s["key"]) for s in manifest["steps"])
        return base / next((r.params["root"] for r in records if r and r.params.get("root")), "")

    def last_key(self) -> str:
        """Return the key of the last step of the newest finished run."""
        return str(self.last_run()["steps"][-1]["key"])

    def verify(self) -> list[str]:
        """Recompute the hash of every part.

        Returns:
            One line per fault; empty if all is well.
        """
        faults = []
        for folder in sorted((self.root / "steps").glob("*")):
            try:
                rec = self.record(folder.name)
            except DataError as e:
                faults.append(e.message)
                continue
            if rec is None:
                faults.append(f"{folder}: unfinished (no step.json)")
                continue
            for p in rec.parts:
                path = folder / p.file
                if not path.exists():
                    faults.append(f"{path}: missing")
                elif sha256_file(path) != p.sha256:
                    faults.append(f"{path}: the bytes are not those that were written")
        return faults

    def gc(self, dry_run: bool = False) -> list[Path]:
        """Remove steps that no run refers to, and leftovers of interrupted runs.

        Args:
            dry_run: only list them.

        Raises:
            CurateError: a run is going on; its steps are not in its manifest yet.
        """
        with self.locked():
            return self._gc(dry_run)

    def _gc(self, dry_run: bool) -> list[Path]:
        used = {s["key"] for r in self.runs() for s in r["steps"]}
        gone = [f for f in sorted((self.root / "steps").glob("*")) if f.name not in used]
        gone += sorted(self.root.rglob(".*.tmp"))
        if not dry_run:
            for path in gone:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        return gone
