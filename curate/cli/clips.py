"""Commands on video files: probe, dedup, cut, sheet, provenance, bench."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import typer

from curate.cli.show import JSON, console, emit, note, write_rows

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True, help="Video files: probe, dedup, cut, sheet, provenance, bench.")
PATHS = typer.Argument(..., metavar="PATHS", help="Video files or folders.")
OUT = typer.Option("-", "-o", "--out", help="Where to: .jsonl .json .csv .parquet, or - for stdout.")
WORKERS = typer.Option(1, "--workers", min=0, help="Child processes at once; 0 is one per core.")
SECONDS = typer.Option(30.0, "--seconds", min=1, help="Time allowed per file; large files get more.")
MEMORY = typer.Option(1024, "--memory", min=256, help="Memory allowed per child, MiB.")


def bar(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Pass items on; on a terminal show a bar with rate and time left on stderr."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True)) as bars:
        task = bars.add_task(what, total=total, rate="")
        for item in items:
            yield item
            speed = bars.tasks[0].finished_speed or bars.tasks[0].speed
            bars.update(task, advance=1, rate=f"{speed:.1f}/s" if speed else "")


def _limits(seconds: float, memory: int) -> Any:
    from curate.media.isolate import Limits

    return Limits(seconds=seconds, memory=memory << 20)


@app.command()
def probe(
    paths: list[Path] = PATHS, out: str = OUT, workers: int = WORKERS, seconds: float = SECONDS, memory: int = MEMORY, as_json: bool = JSON
) -> None:
    """Say what files really are, by decoding them; one row per file, with the reason where one cannot be read."""
    from curate.media import probe as media

    names = media.expand(paths)
    rows = list(bar(media.probe(names, _limits(seconds, memory), workers), len(names), "probe"))
    write_rows(rows, out)
    bad = [r for r in rows if not r["ok"]]
    if as_json and out != "-":
        emit({"files": len(rows), "unreadable": len(bad), "out": out})
    note(f"{len(rows)} files, {len(bad)} unreadable" + "".join(f"\n  {r['path']}: {r['reason']}: {r['note']}" for r in bad[:10]))
