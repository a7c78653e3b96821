"""How commands talk: results to stdout, everything else to stderr, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from curate.cells import guard
from curate.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from curate.run import Event

JSON = typer.Option(False, "--json", help="Print one JSON value for scripts.")
FORMATS = (".jsonl", ".json", ".csv", ".parquet")


def console(stderr: bool = False) -> Console:
    """Return a console; captions are printed as they are, never as markup."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a line for people."""
    print(text)


def note(text: str) -> None:
    """Print a remark to stderr."""
    print(text, file=sys.stderr)


def emit(value: Any) -> None:
    """Print one JSON value."""
    print(json.dumps(value, ensure_ascii=False, default=str))


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()) -> None:
    """Print a table.

    Args:
        title: heading.
        head: column names.
        rows: cells.
        right: columns to align right.
    """
    from rich.table import Table
    from rich.text import Text

    out = Table(title=title or None, title_justify="left", header_style="bold", pad_edge=False)
    for i, name in enumerate(head):
        out.add_column(name, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        out.add_row(*[Text(str(c)) for c in row])
    console().print(out)


def check_out(out: str) -> None:
    """Refuse an output that could not be written before the work is done.

    Args:
        out: path or ``-``.

    Raises:
        UsageError: the ending is not known.
    """
    ending = Path(out).suffix.lower()
    if out != "-" and ending not in FORMATS:
        raise UsageError(f"cannot write {ending or 'a file without ending'!r}", hint=did_you_mean(ending, FORMATS))


def write_rows(rows: Sequence[Mapping[str, Any]], out: str) -> None:
    """Write rows as JSON Lines, JSON, CSV or Parquet by the ending of the name; ``-`` is stdout.

    Args:
        rows: plain values.
        out: path or ``-``.

    Raises:
        UsageError: the ending is not known.
    """
    if out == "-":
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        return
    path = Path(out)
    ending = path.suffix.lower()
    check_out(out)
    from curate.workspace import write_atomic

    if ending == ".jsonl":
        write_atomic(path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode())
    elif ending == ".json":
        write_atomic(path, (json.dumps(list(rows), ensure_ascii=False, indent=1) + "\n").encode())
    else:
        _write_table(rows, path, ending)


def _write_table(rows: Sequence[Mapping[str, Any]], path: Path, ending: str) -> None:
    import io

    import polars as pl

    from curate.workspace import write_atomic, write_parquet

    if ending == ".parquet":
        write_parquet(pl.DataFrame(list(rows), infer_schema_length=None), path)
        return
    flat = [{k: _csv_cell(v) for k, v in r.items()} for r in rows]
    buffer = io.BytesIO()
    pl.DataFrame(flat, infer_schema_length=None).write_csv(buffer, include_bom=True)
    write_atomic(path, buffer.getvalue())


def _csv_cell(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False)
    return guard(value) if isinstance(value, str) else value


@contextmanager
def progress() -> Iterator[Any]:
    """Yield an ``on_event`` for runs: bars on a terminal, nothing else."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def tell(event: Event) -> None:
            if event.step not in tasks:
                tasks[event.step] = bars.add_task(event.step, total=max(1, event.total), rows="")
            text = f"{event.rows:,} rows {event.message}" if event.rows else event.message
            bars.update(tasks[event.step], completed=event.done, total=max(1, event.total), rows=text)

        yield tell


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show that something is going on, on a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(text):
        yield
