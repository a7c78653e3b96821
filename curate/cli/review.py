"""Commands of the review: serve, push, pull, progress, agreement, export, import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from curate.cli.show import JSON, emit, note, say, table, working

app = typer.Typer(no_args_is_help=True, help="People's review: serve, push, pull, progress, agreement, export, import.")
WORKSPACE = typer.Option(..., "--workspace", "-w", help="Workspace folder.")
STORE = typer.Option(None, "--store", help="SQLite file or PostgreSQL URL; LEISHU_STORE, or review.sqlite in the workspace.")
QUEUE = typer.Option("", "--queue", "-q", help="The queue; the newest one, or for push the recipe's name, by default.")


@app.command()
def push(
    workspace: Path = WORKSPACE, queue: str = QUEUE, store: str = STORE, as_json: bool = JSON,
    overlap: int = typer.Option(None, min=1, help="How many people see each item, those already in the queue too; 1 in a new queue, else as it was."),
    most: int = typer.Option(None, min=1, help="At most so many items, the most urgent ones."),
) -> None:  # fmt: skip
    """Put the rows that the stage `sample` marked into a queue; unchanged captions keep their decisions."""
    from curate.review.push import push as do_push

    with working("reading rows, bringing clips"):
        done = do_push(workspace, queue, store, overlap, most)
    if as_json:
        emit({"queue": done.queue, "items": done.items, "open": done.open, **done.changes.__dict__})
    else:
        say(f"{done.words()}\nnext: curate review serve --workspace {workspace}")


@app.command()
def pull(workspace: Path = WORKSPACE, queue: str = QUEUE, store: str = STORE, as_json: bool = JSON) -> None:
    """Freeze the decisions for the next `curate run`."""
    from curate.review.decisions import pull as do_pull

    got = do_pull(workspace, queue, store)
    if as_json:
        emit({"path": str(got.path), "sha256": got.sha256, "decisions": got.decisions, "queue": got.queue, "unread": got.unread})
    else:
        say(f"{got.decisions} decisions of queue {got.queue} in {got.path}")
        say(f"the next run would not use them: {got.unread}" if got.unread else "next: curate run RECIPE, then curate release RECIPE")


@app.command()
def progress(workspace: Path = WORKSPACE, queue: str = QUEUE, store: str = STORE, as_json: bool = JSON) -> None:
    """Show how far the review is, and who did what."""
    from curate.review import decisions as review

    target = review.open_store(workspace, store)
    name = review.pick_queue(target, queue)
    state, people = review.state(target, name), target.progress(name).to_dicts()
    target.close()
    if as_json:
        emit({**state, "people": people})
        return
    table(f"queue {name}", ["what", "count"], [(k, v) for k, v in state.items() if k != "queue"], right=(1,))
    if people:
        table("people", list(people[0]), [list(p.values()) for p in people], right=range(1, 8))


@app.command()
def agreement(
    workspace: Path = WORKSPACE, queue: str = QUEUE, store: str = STORE, as_json: bool = JSON,
    field: str = typer.Option("verdict", help="verdict, zh, en or themes."),
    by: str = typer.Option("", help="theme, era, why or check: each value apart as well."),
) -> None:  # fmt: skip
    """Show how well people agree: percent, Fleiss, Krippendorff, and Cohen per pair."""
    from curate.review import decisions as review

    target = review.open_store(workspace, store)
    name = review.pick_queue(target, queue)
    got = review.agree(target, name, field, by)
    why = review.unmeasured(got[""], target, name, field, str(workspace))
    target.close()
    if why:
        note(why)
    if as_json:
        emit({value or "all": a.to_json() for value, a in got.items()})
    if as_json or why:
        return
    rows = [(value or "all", a.items, *map(_figure, (a.percent, a.fleiss, a.alpha))) for value, a in got.items()]
    table(f"agreement on {field}, 95 % intervals", ["", "items", "percent", "Fleiss", "Krippendorff"], rows, right=(1,))
    table("Cohen's kappa", ["a", "b", "kappa", "items"], [(*p, "–" if k is None else k, n) for p, (k, n) in got[""].cohen.items()])


def _figure(f: Any) -> str:
    return "–" if f.value is None else f"{f.value:.2f} [{f.low:.2f}, {f.high:.2f}]"


@app.command("export")
def export_(
    out: Path = typer.Argument(..., help="JSON Lines file to write."), workspace: Path = WORKSPACE, store: str = STORE, as_json: bool = JSON
) -> None:
    """Write all items, decisions, people and proposals as JSON Lines."""
    from curate.review.decisions import open_store
    from curate.workspace import write_atomic

    target = open_store(workspace, store)
    rows = list(target.dump())
    target.close()
    write_atomic(out, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode())
    emit({"rows": len(rows), "path": str(out)}) if as_json else say(f"{len(rows)} rows in {out}")


@app.command("import")
def import_(
    file: Path = typer.Argument(..., help="A file written by `export`."), workspace: Path = WORKSPACE, store: str = STORE, as_json: bool = JSON
) -> None:
    """Take in an export, of this store or another; what is there already is left as it is."""
    from curate.review.decisions import open_store, read_export

    target = open_store(workspace, store)
    new = target.load(read_export(file))
    target.close()
    emit({"new": new}) if as_json else say(f"{new} new decisions")


@app.command("prompts")
def prompts_(
    out: Path = typer.Argument(..., help="JSON Lines file to write."), workspace: Path = WORKSPACE, store: str = STORE, as_json: bool = JSON,
    name: str = typer.Option("prompts", "--set", help="The set, as it is called in the app."),
) -> None:  # fmt: skip
    """Write a set of prompts that people took in the app, for `curate prompts pack`."""
    from curate.review.prompts import write

    n = write(workspace, store, name, out)
    emit({"prompts": n, "path": str(out)}) if as_json else say(f"{n} prompts in {out}; next: curate prompts pack TARGET {out} -o FOLDER")


@app.command()
def serve(
    workspace: Path = WORKSPACE, store: str = STORE, port: int = typer.Option(8501, min=1, max=65_535), lead: list[str] = typer.Option([], help="Name of a lead; repeat."),
    address: str = typer.Option("127.0.0.1", help="Where to listen; other than localhost only behind a proxy that logs people in."),
    token: str = typer.Option(None, envvar="LEISHU_TOKEN", help="The key in the address; a new one by default."),
) -> None:  # fmt: skip
    """Open the review app in the browser (Ctrl+C ends it)."""
    from curate.review.serve import command, prepare

    place = prepare(workspace, store, port, address, token, lead)
    note(f"review: {place.url}")
    raise typer.Exit(command(place))
