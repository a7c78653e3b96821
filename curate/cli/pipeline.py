"""Commands of the pipeline: init, plan, run, status, explain, columns, verify, gc, doctor, plugins."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import typer

from curate.cli.show import JSON, emit, note, progress, say, table
from curate.errors import CurateError, DataError

RECIPE = typer.Argument(Path("recipe.yaml"), help="The recipe (YAML).")
WORKSPACE = typer.Option(None, "--workspace", "-w", help="Workspace folder; beside the recipe by default.")


def _workspace(recipe: Path | None, workspace: Path | None) -> Any:
    from curate.planning import default_workspace
    from curate.workspace import Workspace

    root = workspace or (default_workspace(recipe) if recipe else _only_one(Path()))
    if not root.is_dir():
        raise DataError(f"no workspace at {root}", hint="curate run RECIPE, or name one with --workspace")
    return Workspace(root)


def _only_one(folder: Path) -> Path:
    """Return the workspace of a folder, if there is one and no other."""
    here = sorted(p.parent for p in folder.glob("*/runs") if p.is_dir())
    if len(here) == 1:
        return here[0]
    found = f"{len(here)} workspaces in this folder: {', '.join(map(str, here))}" if here else "no workspace in this folder"
    raise DataError(found, hint="name one with --workspace; curate run RECIPE makes one")


def init(
    folder: Path = typer.Argument(Path(), help="Where the project goes."),
    data: Path = typer.Option(None, "--data", help="Captions to start from; the shipped sample otherwise."),
    as_json: bool = JSON,
) -> None:
    """Write a first recipe, on your captions or on the shipped sample."""
    from curate.scaffold import scaffold

    files = scaffold(folder, data)
    if as_json:
        emit([str(f) for f in files])
        return
    for f in files:
        say(f"wrote {f}")
    say(f"next: curate run {files[0]}")


def plan(recipe: Path = RECIPE, workspace: Path = WORKSPACE, as_json: bool = JSON) -> None:
    """Say what a run would do: which steps are cached, which would run."""
    from curate.planning import default_workspace
    from curate.planning import plan as make_plan

    steps = make_plan(recipe, workspace or default_workspace(recipe))
    if as_json:
        emit([s.__dict__ for s in steps])
    else:
        table(
            f"plan of {recipe}",
            ["step", "stage", "state", "key"],
            [(s.step_id, s.stage, "cached" if s.cached else "to run", s.key[:12]) for s in steps],
        )


def run(
    recipe: Path = RECIPE,
    workspace: Path = WORKSPACE,
    engine: str = typer.Option("local", help="local or ray."),
    workers: int = typer.Option(0, min=0, help="Processes for row stages; 0 chooses. The result is the same."),
    as_json: bool = JSON,
) -> None:
    """Run a recipe; what did not change is taken from the workspace."""
    from curate.balance import targets
    from curate.review import facts as reviewfacts
    from curate.run import run as do_run

    with progress() as tell:
        result = do_run(recipe, workspace, engine, workers, tell)
    if as_json:
        emit(result.manifest)
    else:
        ledger(result.manifest)
        unread(result.workspace, result.manifest)
        for line in result.records[0].notes:
            note(line)
        told = [f(result.workspace, result.manifest) for f in (targets.told, reviewfacts.told)]
        say("".join(f"{line}\n" for line in told if line) + f"workspace: {result.workspace.root}   run: {result.run_id}")


def ledger(manifest: dict[str, Any]) -> None:
    """Print the ledger of a run."""
    rows = []
    for s in manifest["steps"]:
        gone = s["rows_in"] - s["rows_live"]
        why = ", ".join(f"{k.split('.', 1)[-1]} {v}" for k, v in s["reasons"].items()) or (
            f"quarantined {s['rows_quarantined']}" if s["rows_quarantined"] else ""
        )
        rows.append(
            (s["step_id"], f"{s['rows_in']:,}", f"{s['rows_live']:,}", f"{gone:,}", why, "cached" if s["cached"] else f"{s['seconds']:.1f} s")
        )
    table("ledger: rows in = live + dropped", ["step", "in", "live", "dropped", "why", "time"], rows, right=(1, 2, 3))


def unread(workspace: Any, manifest: dict[str, Any]) -> None:
    """Say which rows could not be read, and where all of them are."""
    key = manifest["steps"][0]["key"]
    bad = workspace.quarantine(key)
    if bad is None or not len(bad):
        return
    first = bad.row(0, named=True)
    where = workspace.step_dir(key) / "quarantine.parquet"
    note(f"quarantined: {len(bad)} rows; the first: {first['file']}:{first['line']}: {first['reason']}: {first['note']}; all in {where}")


def status(recipe: Path = typer.Argument(None, help="The recipe."), workspace: Path = WORKSPACE, as_json: bool = JSON) -> None:
    """Show the last runs and the ledger of the newest one."""
    ws = _workspace(recipe, workspace)
    runs = ws.runs()
    if as_json:
        emit(runs)
        return
    rows = [(r["run_id"], r["recipe_name"], r["status"], r["started_at"][:19], r["error"] or "") for r in runs[-10:]]
    table(f"runs in {ws.root}", ["run", "recipe", "status", "started", "error"], rows)
    if any(r["status"] == "done" for r in runs):
        ledger(ws.last_run())
        unread(ws, ws.last_run())


def explain(
    ident: str = typer.Argument(..., metavar="ID", help="A record's id, or its first digits, or its own id in the source."),
    recipe: Path = typer.Option(None, "--recipe", "-r"),
    workspace: Path = WORKSPACE,
    as_json: bool = JSON,
) -> None:
    """Tell the story of one record: what each step said about it."""
    from curate.explain import story

    told = story(_workspace(recipe, workspace), ident)
    if as_json:
        emit(told)
        return
    for step in told:
        say(f"\n{step['step']}  ({step['stage']} v{step['version']})")
        for name, value in step["values"].items():
            say(f"  {name:<14} {_told(value)}")
        if step["drop"]:
            say(f"  DROPPED: {step['drop']}  {step['drop_note'] or ''}")


def _told(value: Any) -> str:
    """Say a value: lists and objects as JSON, numbers of 32 bits without their noise."""

    def short(v: Any) -> Any:
        if isinstance(v, float):
            return round(v, 4)
        if isinstance(v, dict):
            return {k: short(x) for k, x in v.items()}
        return [short(x) for x in v] if isinstance(v, list) else v

    return json.dumps(short(value), ensure_ascii=False, default=str) if isinstance(value, (list, dict)) else str(value)


def columns(as_json: bool = JSON) -> None:
    """List every column and the stage that writes it."""
    from curate import stages
    from curate.explain import owners

    rows = owners(stages.load())
    if as_json:
        emit(rows)
    else:
        table("columns", ["column", "type", "written by", "what"], [(r["column"], r["type"], r["stage"], r["help"]) for r in rows])


def verify(recipe: Path = typer.Argument(None), workspace: Path = WORKSPACE, as_json: bool = JSON) -> None:
    """Check that every stored part still has the bytes that were written."""
    faults = _workspace(recipe, workspace).verify()
    if as_json:
        emit(faults)
    for f in faults if not as_json else ():
        say(f)
    if faults:
        raise CurateError(f"{len(faults)} faults", hint="run the recipe again; damaged steps are done again")
    if not as_json:
        say("all parts are as they were written")


def gc(
    recipe: Path = typer.Argument(None), workspace: Path = WORKSPACE, dry_run: bool = typer.Option(False, "--dry-run"), as_json: bool = JSON
) -> None:
    """Remove steps that no run refers to."""
    gone = [str(p) for p in _workspace(recipe, workspace).gc(dry_run)]
    if as_json:
        emit(gone)
    else:
        say(f"{'would remove' if dry_run else 'removed'} {len(gone)} folders or files")


def doctor(as_json: bool = JSON) -> None:
    """Check the installation: packages, data files, encoder, fonts."""
    from curate.explain import diagnose

    checks = diagnose()
    if as_json:
        emit(checks)
    else:
        table(
            f"leishu on {os.uname().sysname}",
            ["check", "state", "detail"],
            [(c["check"], "ok" if c["ok"] else "missing", c["detail"]) for c in checks],
        )
    if not all(c["ok"] for c in checks if c["required"]):
        raise CurateError("something required is missing", hint="see the lines marked missing")
