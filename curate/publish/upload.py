"""Bring a release to a folder, a git remote or a hub, and prove by hashes that it arrived."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from curate.errors import CurateError, PublishRefused, UsageError, did_you_mean
from curate.publish import card, hub
from curate.publish.release import verify
from curate.workspace import sha256_file

TARGETS = ("folder", "git", "hf", "modelscope")
# Git hosts refuse larger files without LFS.
GIT_LIMIT = 50 << 20
# The Hub's limits: entries in one folder, files in one repository.
PER_FOLDER, PER_REPO = 10_000, 100_000
_LFS = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".jpg", ".jpeg", ".png", ".parquet")


@dataclass
class Plan:
    """What would be or was sent.

    Attributes:
        files: path, bytes and sha256 of every file.
        sent: whether it was sent; ``False`` after a dry run.
        url: where it is now.
        made: whether a repository was created.
        verified: files whose hash at the other end is that of the release.
    """

    to: str
    where: str
    private: bool
    files: list[dict[str, Any]]
    bytes: int
    sent: bool = False
    url: str = ""
    made: bool = False
    verified: int = 0
    notes: list[str] = field(default_factory=list)


def prepare(folder: Path, to: str, where: str, private: bool = True) -> Plan:
    """Check a release and list what would be sent.

    Args:
        folder: the release folder.
        to: ``folder``, ``git``, ``hf`` or ``modelscope``.
        where: path, remote or ``owner/name``.
        private: whether a hub's repository is private.

    Raises:
        PublishRefused: the release is a draft, was changed, or breaks a limit of hubs; lists all faults.
        UsageError: the target or the folder is wrong.
    """
    if to not in TARGETS:
        raise UsageError(f"unknown target {to!r}", hint=did_you_mean(to, TARGETS))
    if not where:
        raise UsageError(f"--to {to} needs {'--out PATH' if to == 'folder' else '--remote URL' if to == 'git' else '--repo OWNER/NAME'}")
    faults = verify(folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if manifest.get("placeholder"):
        faults.append("the release is a draft: its card has unfinished prose")
    faults += card.check_front_matter((folder / "README.md").read_text(encoding="utf-8"))
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    per: dict[Path, int] = {}
    for p in paths:
        per[p.parent] = per.get(p.parent, 0) + 1
    faults += [f"{d.relative_to(folder)} has {n} files, hubs allow {PER_FOLDER} in a folder" for d, n in per.items() if n > PER_FOLDER]
    if len(paths) > PER_REPO:
        faults.append(f"{len(paths)} files, hubs allow {PER_REPO} in a repository; use WebDataset shards")
    if faults:
        raise PublishRefused("not published:\n" + "\n".join(f"  - {f}" for f in faults[:40]), hint="make the release anew: curate release RECIPE")
    files: list[dict[str, Any]] = [{"path": p.relative_to(folder).as_posix(), "bytes": p.stat().st_size, "sha256": sha256_file(p)} for p in paths]
    return Plan(to, hub.scrub(where, None), private, files, sum(int(f["bytes"]) for f in files))


def publish(folder: Path, to: str, where: str, private: bool = True, endpoint: str | None = None, dry_run: bool = False) -> Plan:
    """Send a release.

    Args:
        folder: the release folder.
        to: ``folder``, ``git``, ``hf`` or ``modelscope``.
        where: path, remote or ``owner/name``.
        private: whether a hub's repository is private; a repository of the other kind is refused, never changed.
        endpoint: address of a mirror or another server.
        dry_run: only say what would be sent; nothing is contacted.

    Returns:
        What was sent, verified.

    Raises:
        PublishRefused: something is missing, or the repository has the other visibility.
        CurateError: the other end refused or broke off; running again resumes.
    """
    plan = prepare(folder, to, where, private)
    if dry_run:
        return plan
    if to == "folder":
        _to_folder(folder, Path(where), plan)
    elif to == "git":
        _to_git(folder, where, plan)
    else:
        _to_hub(folder, where, hub.HUBS[to](endpoint), plan)
    plan.sent = True
    return plan


def _to_folder(folder: Path, out: Path, plan: Plan) -> None:
    """Copy; equal files stay, a copy that was interrupted goes on, links become files."""
    if out.exists() and any(out.iterdir()) and not (out / "manifest.json").exists() and not (out / ".incomplete").exists():
        raise UsageError(f"{out} holds something that is no release", hint="choose another --out")
    known = {f["path"] for f in plan.files}
    extra = [p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()] if out.exists() else []
    extra = [e for e in extra if e not in known and e != ".incomplete" and not e.endswith(".part")]
    if extra:
        raise PublishRefused(f"{out} holds {len(extra)} files that are not in this release, such as {extra[0]!r}", hint="choose an empty --out")
    out.mkdir(parents=True, exist_ok=True)
    (out / ".incomplete").touch()
    for item in plan.files:
        target = out / item["path"]
        if not target.is_file() or target.stat().st_size != item["bytes"] or sha256_file(target) != item["sha256"]:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            shutil.copyfile(folder / item["path"], part)
            os.replace(part, target)
    (out / ".incomplete").unlink()
    faults = verify(out)
    if faults:
        raise CurateError(f"the copy is not equal: {faults[0]}", hint="run the same command again")
    plan.verified, plan.url = len(plan.files), str(out)


def _git(cwd: Path, *args: str, secret: str = "") -> str:
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    done = subprocess.run(["git", *args], cwd=cwd, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        said = hub.scrub((done.stderr or done.stdout).strip(), secret)
        verb = next(a for a, before in zip(args, ("", *args), strict=False) if not a.startswith("-") and before != "-c")
        raise CurateError(f"git {verb} failed: {said}", hint="check the remote's address and your rights; run the same command again")
    return done.stdout


def _to_git(folder: Path, remote: str, plan: Plan) -> None:
    """Commit the release on top of what the remote's branch has, tag it, push, and read the remote's tree back."""
    tag = _tag(folder)
    with tempfile.TemporaryDirectory(prefix="leishu-git-") as temp:
        work = Path(temp) / "work"
        _git(Path(temp), "-c", "filter.lfs.smudge=", "-c", "filter.lfs.required=false", "clone", "-q", remote, str(work), secret=remote)
        branch = _git(work, "symbolic-ref", "--short", "HEAD").strip()
        for ours in hub.OURS:
            shutil.rmtree(work / ours, ignore_errors=True)
        lfs = _has_lfs(work)
        large = [f["path"] for f in plan.files if f["bytes"] > GIT_LIMIT]
        if large and not lfs:
            raise PublishRefused(f"{len(large)} files have more than {GIT_LIMIT >> 20} MiB, such as {large[0]}", hint="install git-lfs")
        if _git(work, "tag", "--list", tag).strip():
            plan.notes.append(f"the tag {tag} is there already and was not moved")
            tag = ""
        for item in plan.files:
            target = work / item["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / item["path"], target)
        if lfs:
            _git(work, "lfs", "install", "--local")
            _git(work, "lfs", "track", *[f"*{s}" for s in _LFS])
        else:
            # Without this a checkout on Windows would rewrite line ends and break SHA256SUMS.
            (work / ".gitattributes").write_text("* -text\n", encoding="utf-8")
        _git(work, "add", "-A", "--force")
        if _git(work, "status", "--porcelain").strip():
            name = ["-c", "user.name=curate", "-c", "user.email=curate@localhost"] if not _has_author(work) else []
            _git(work, *name, "commit", "-q", "-m", f"{folder.name}")
        if tag:
            _git(work, "tag", tag)
        _git(work, "push", "-q", remote, f"HEAD:refs/heads/{branch}", *([f"refs/tags/{tag}"] if tag else []), secret=remote)
        _git(work, "fetch", "-q", remote, branch)
        lines = [x.split("\t", 1) for x in _git(work, "-c", "core.quotePath=false", "ls-tree", "-r", "FETCH_HEAD").splitlines()]
        listed = {path: meta.split()[2] for meta, path in lines}
        wrong = [] if lfs else [f["path"] for f in plan.files if listed.get(f["path"]) != blob_id(folder / f["path"])]
        missing = [f["path"] for f in plan.files if f["path"] not in listed]
    if wrong or missing:
        raise CurateError(f"{len(wrong) + len(missing)} files at the remote are not those of the release: {(wrong + missing)[0]}")
    plan.verified, plan.url = len(plan.files), hub.scrub(remote, None)


def _tag(folder: Path) -> str:
    return "v" + str(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["version"])


def _has_lfs(work: Path) -> bool:
    return subprocess.run(["git", "lfs", "version"], cwd=work, capture_output=True, check=False).returncode == 0


def _has_author(work: Path) -> bool:
    return subprocess.run(["git", "config", "user.email"], cwd=work, capture_output=True, check=False).returncode == 0


def blob_id(path: Path) -> str:
    """Return git's id of a file's content (sha1 of a header and the bytes).

    Args:
        path: the file.
    """
    data = path.read_bytes()
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()


def _license_id(folder: Path) -> str:
    text = (folder / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---", 2)[1])
    return str(head.get("license", "other"))


def _real(folder: Path, temp: Path) -> Path:
    """The folder itself, or a copy with files in place of links, as clients differ in what they do with links."""
    if not any(p.is_symlink() for p in folder.rglob("*")):
        return folder
    shutil.copytree(folder, temp / folder.name)
    return temp / folder.name


def _to_hub(folder: Path, repo: str, target: hub.Hub, plan: Plan) -> None:
    plan.made = hub.ensure_repo(target, repo, plan.private, _license_id(folder))
    with tempfile.TemporaryDirectory(prefix="leishu-up-") as temp:
        source = _real(folder, Path(temp))
        hub.again(lambda: target.upload(repo, source, folder.name))
    there = {f.path: f for f in hub.again(lambda: target.files(repo))}
    faults = []
    for item in plan.files:
        remote = there.get(item["path"])
        if remote is None:
            faults.append(f"{item['path']} is missing")
        elif remote.sha256 is not None:
            if remote.sha256 != item["sha256"]:
                faults.append(f"{item['path']} has another sha256")
        elif remote.blob is not None:
            if remote.blob != blob_id(folder / item["path"]):
                faults.append(f"{item['path']} has another blob id")
        else:
            faults.append(f"{item['path']}: the hub gives no hash")
    if faults:
        raise CurateError(f"{len(faults)} files did not arrive as they were sent: {faults[0]}", hint="run the same command again")
    found = target.visibility(repo)
    if found != ("private" if plan.private else "public"):
        raise CurateError(f"{repo} is {found} after the upload, asked for was the other", hint="change it on the hub now")
    plan.verified, plan.url = len(plan.files), target.url(repo)
    said = hub.again(lambda: target.tag(repo, _tag(folder)))
    plan.notes += [said] if said else []
    extra = sorted(set(there) - {f["path"] for f in plan.files} - {".gitattributes"})
    if extra:
        plan.notes.append(f"the repository holds {len(extra)} other files, such as {extra[0]}")
