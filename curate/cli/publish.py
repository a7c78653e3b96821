"""Commands of publishing: release, card, export, publish."""

from __future__ import annotations

from pathlib import Path

import typer

from curate.cli.show import JSON, emit, note, say, table, working
from curate.errors import UsageError

RECIPE = typer.Argument(Path("recipe.yaml"), help="The recipe (YAML) with a publish: block.")
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
    from curate.publish.release import make

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


def card(
    recipe: Path = RECIPE,
    workspace: Path = WORKSPACE,
    out: Path = typer.Option(Path("card"), "--out", "-o", help="Folder for the cards, figures and numbers."),
    as_json: bool = JSON,
) -> None:
    """Write the card of the last run, and say what a release still needs."""
    from curate.publish.release import card_only

    with working("writing the card"):
        missing = card_only(recipe, workspace, out)
    if as_json:
        emit({"path": str(out), "missing": missing})
        return
    say(f"wrote {out / 'README.md'} and {out / 'README_zh.md'}")
    for line in missing:
        note(f"missing for a release: {line}")


def publish(
    release: Path = typer.Argument(..., help="The release folder."),
    to: str = typer.Option(..., "--to", help="folder, git, hf or modelscope."),
    where: str = typer.Option(..., "--repo", "--out", "--remote", help="OWNER/NAME on a hub, a folder, or a git remote."),
    public: bool = typer.Option(False, "--public", help="Make the repository public; private otherwise."),
    endpoint: str = typer.Option(None, "--endpoint", help="Address of a mirror or another server."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only list what would be sent; nothing is contacted."),
    as_json: bool = JSON,
) -> None:
    """Bring a release to a folder, a git remote or a hub, and check by hashes that it arrived."""
    from curate.publish.upload import publish as send

    with working(f"publishing to {to}"):
        plan = send(release, to, where, not public, endpoint, dry_run)
    if as_json:
        emit(plan.__dict__)
        return
    if dry_run:
        table("would send", ["file", "bytes", "sha256"], [(f["path"], f"{f['bytes']:,}", f["sha256"][:12]) for f in plan.files], right=(1,))
    for line in plan.notes:
        note(line)
    kind = ("private" if plan.private else "PUBLIC") + " " if to in ("hf", "modelscope") else ""
    done = f"{plan.verified} files verified by hash\n{plan.url}" if plan.sent else f"dry run: {len(plan.files)} files, {plan.bytes:,} bytes"
    say(f"{kind}{to} {plan.where}: {done}")


def export(
    target: str = typer.Argument(..., help="Target; 'list' shows all of them."),
    release: Path | None = typer.Argument(None, help="The release folder."),
    out: Path = typer.Option(None, "--out", "-o", help="A new folder; TARGET by default."),
    lang: str = typer.Option("auto", "--lang", help="auto, zh or en."),
    copy: bool = typer.Option(False, "--copy", help="Copy the media; links otherwise."),
    split: list[str] = typer.Option([], "--split", help="Splits; train for trainers, all for the rest."),
    setting: list[str] = typer.Option([], "--set", help="KEY=VALUE for single targets, such as model=v6."),
    as_json: bool = JSON,
) -> None:
    """Write a release in the form that a trainer, a service or an editor reads."""
    from curate import export as exports

    if target == "list":
        rows = [(k, p["title"], p["kind"], "+".join(p["captions"]["langs"])) for k, p in exports.profiles().items()]
        emit(exports.profiles()) if as_json else table("export targets", ["target", "for", "kind", "captions"], rows)
        return
    if release is None:
        exports.profile(target)
        raise UsageError("which release?", hint=f"curate export {target} WORKSPACE/releases/NAME-VERSION; curate release RECIPE makes one")
    with working(f"exporting to {target}"):
        done = exports.export(target, release, out or Path(target), lang, "copy" if copy else "link", split, settings(setting))
    left, changed = done.groups(), done.groups(left_out=False)
    if as_json:
        found = {"target": target, "path": str(done.path), "clips": done.clips, "files": done.files, "notes": [n.__dict__ for n in done.notes]}
        emit({**found, "left_out": [g.__dict__ for g in left], "changed": [g.__dict__ for g in changed], "list": str(done.notes_file)})
        return
    for title, groups in (("left out", left), ("changed by the target", changed)):
        for g in groups:
            note(f"{title}: {g.reason} × {g.clips}: {g.detail}: {', '.join(g.examples[:3])}{' …' if g.clips > 3 else ''}")
    many = f"{len({n.clip_id for n in done.left_out})} left out, {sum(g.clips for g in changed)} remarks"
    say(f"{done.clips} clips for {target}, {many}{f', all named in {done.notes_file}' if done.notes else ''}; see {done.path / 'README.md'}")


def settings(given: list[str]) -> dict[str, str]:
    """Return KEY=VALUE options as a dict.

    Raises:
        UsageError: one has no ``=``.
    """
    for text in given:
        if "=" not in text:
            raise UsageError(f"--set {text!r} is no KEY=VALUE", hint="--set model=v6")
    return {key: value for key, _, value in (s.partition("=") for s in given)}
