"""Commands of publishing: release, card, export, publish."""

from __future__ import annotations

from pathlib import Path

import typer

from curate.cli.show import JSON, emit, note, say, working

RECIPE = typer.Argument(..., help="The recipe (YAML) with a publish: block.")
WORKSPACE = typer.Option(None, "--workspace", "-w", help="Workspace folder; beside the recipe by default.")


def release(
    recipe: Path = RECIPE,
    workspace: Path = WORKSPACE,
    out: Path = typer.Option(None, "--out", "-o", help="The release folder; WORKSPACE/releases/NAME-VERSION by default."),
    draft: bool = typer.Option(False, "--draft", help="Write it although the prose is unfinished; a draft cannot be published."),
    replace: bool = typer.Option(False, "--replace", help="Write over a release of the same version with other content."),
    as_json: bool = JSON,
) -> None:
    """Write the release folder: data, media, card, figures, checksums."""
    from curate.release import make

    with working("releasing"):
        done = make(recipe, workspace, out, draft, replace)
    if as_json:
        emit({"path": str(done.path), "files": done.files, "facts": done.facts, "notes": done.notes})
        return
    for line in done.notes:
        note(line)
    splits = ", ".join(f"{k} {v['rows']}" for k, v in done.facts["by_split"].items())
    say(f"released {done.facts['name']} {done.facts['version']}: {done.facts['records']} rows ({splits}), {len(done.files)} files\n{done.path}")
    say(f"card: {done.card_path}   next: curate publish {done.path} --to folder --out …   or: curate export TARGET {done.path} --out …")
