"""Commands on video files: probe, dedup, cut, sheet, provenance, bench."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import typer

from curate.cli.show import JSON, console, emit, note, say, write_rows

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


@app.command()
def dedup(
    paths: list[Path] = PATHS,
    out: str = OUT,
    workers: int = WORKERS,
    turns: bool = typer.Option(True, help="Look also for turned and upside-down copies."),
    seconds: float = SECONDS,
    memory: int = MEMORY,
    as_json: bool = JSON,
) -> None:
    """Find copies among clips: re-encoded, resized, cropped, mirrored, with logo or subtitles, faster, slower, or a part with its offset."""
    from curate.media import clipmatch, dedupe
    from curate.media import probe as media

    names = media.expand(paths)
    got = list(bar(dedupe.fingerprints(names, None, _limits(seconds, memory), workers), len(names), "fingerprint"))
    rows = dedupe.dedup(names, got, clipmatch.Rules(turns=turns))
    write_rows(rows, out)
    copies = sum(r["dup_of"] is not None for r in rows)
    if as_json and out != "-":
        emit({"files": len(rows), "copies": copies, "unreadable": sum(not r["ok"] for r in rows), "out": out})
    note(f"{len(rows)} files, {copies} copies, {sum(not r['ok'] for r in rows)} unreadable")


@app.command()
def cut(
    source: Path = typer.Argument(..., metavar="IN", help="A video file."),
    out: Path = typer.Option(..., "-o", "--out", help="A file for one clip, a folder for --scenes."),
    start: float = typer.Option(None, "--start", min=0, help="Seconds from the first frame."),
    end: float = typer.Option(None, "--end", min=0, help="Seconds."),
    copy: bool = typer.Option(False, "--copy", help="Copy the streams bit by bit, from the key frame before; else re-encode, exact to the frame."),
    scenes: bool = typer.Option(False, "--scenes", help="One clip per shot."),
    least: float = typer.Option(1.0, "--least", min=0, help="Least seconds of a shot."),
    fps: float = typer.Option(None, "--fps", min=1, help="Make the frame rate constant."),
    as_json: bool = JSON,
) -> None:
    """Cut a clip, or all shots, out of a video; labels of AI-generated content are carried on and read back."""
    from curate.media import cutting
    from curate.media import scenes as shots

    mode: cutting.Mode = "copy" if copy else "encode"
    if scenes:
        rows = list(shots.cut_all(source, out, mode, least, fps))
    else:
        rows = [{"path": str(out), **cutting.cut(source, out, start, end, mode, fps=fps)}]
    for row in rows:
        emit(row) if as_json else note(f"{row['path']}: {row['frames']} frames from {row['start_s']} s" + "".join(f"; {n}" for n in row["notes"]))


@app.command()
def sheet(
    paths: list[Path] = PATHS,
    out: Path = typer.Option(..., "-o", "--out", help="A .png or .jpg for a contact sheet, a folder for a report page."),
    titles: Path = typer.Option(None, "--titles", help="JSON Lines with path (or clip, uri) and caption_zh or caption_en."),
    columns: int = typer.Option(6, min=1, max=24, help="Frames per clip."),
    as_json: bool = JSON,
) -> None:
    """Draw a contact sheet of clips with titles, or write a report page with scores."""
    from curate.media import probe as media
    from curate.media import sheet as draw
    from curate.media.isolate import Pool

    names = media.expand(paths)
    known = read_titles(titles, names) if titles else {}
    with Pool() as pool:
        rows = draw.sheet(names, out, pool, known, columns) if out.suffix else draw.report(names, out, pool, known)
    where = out if out.suffix else out / "clips.html"
    if as_json:
        emit({"files": len(rows), "unreadable": sum(not r["ok"] for r in rows), "out": str(where)})
    note(f"{len(rows)} clips: {where}")


def read_titles(path: Path, names: list[str]) -> dict[str, str]:
    """Return a title per file from captions that name it."""
    import json

    by_name: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8-sig").split("\n"):
        row = json.loads(line) if line.strip() else {}
        clip = row.get("path") or row.get("clip") or row.get("uri") or row.get("file_name")
        text = row.get("title") or row.get("caption_zh") or row.get("zh") or row.get("caption_en") or row.get("en")
        if clip and text:
            by_name.setdefault(Path(str(clip)).name, str(text).replace("\n", " "))
    return {n: by_name[Path(n).name] for n in names if Path(n).name in by_name}


@app.command()
def provenance(paths: list[Path] = PATHS, out: str = OUT, workers: int = WORKERS, as_json: bool = JSON) -> None:
    """Read labels of AI-generated content (GB 45438-2025) and C2PA credentials of videos and pictures."""
    from curate.media import probe as media
    from curate.media import provenance as origin

    names = media.expand(paths, images=True)
    rows = list(bar(origin.read(names, None, workers), len(names), "provenance"))
    write_rows(rows, out)
    made = sum(bool(r["ai_generated"]) for r in rows)
    if as_json and out != "-":
        emit({"files": len(rows), "ai_generated": made, "out": out})
    note(f"{len(rows)} files, {made} say that they are AI-generated; no label proves nothing")


@app.command()
def presets(as_json: bool = JSON) -> None:
    """Print the cut-offs of published recipes, and which of them can be applied to our scores."""
    from curate.media import presets as known

    if as_json:
        loaded = ((name, known.load(name)) for name in known.names())
        emit(
            {name: {"rules": [{"column": r.column, "low": r.low, "high": r.high} for r in rules], "notes": notes} for name, (rules, notes) in loaded}
        )
        return
    for name in known.names():
        rules, notes = known.load(name)
        say(name + "".join(f"\n  {r.column}: {r.low if r.low is not None else ''} to {r.high if r.high is not None else ''}" for r in rules))
        for line in notes:
            say(f"  - {line}")


@app.command()
def bench(
    paths: list[Path] = PATHS,
    truth: Path = typer.Option(None, "--truth", help="JSON Lines with media and labels.dup_group: which of the clips show the same."),
    speed: bool = typer.Option(False, "--speed", help="Measure the rate of each kind of work on one core instead."),
    quick: bool = typer.Option(False, "--quick", help="Six transformations instead of all."),
    workers: int = WORKERS,
    as_json: bool = JSON,
) -> None:
    """Measure how well copies are found after each of the transformations, or how fast the work is."""
    from curate.cli import clipsbench

    clipsbench.speed(paths, as_json) if speed else clipsbench.copies(paths, truth, quick, workers, as_json)
