"""Exports: a release in the form that a trainer, a service or an editor reads, and every clip it would silently skip named."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from curate.errors import DataError, UsageError, did_you_mean
from curate.export.base import LANGS, Job, Media, Note, constrain, load_release, measured, profile, profiles, to_csv

__all__ = ["Exported", "Group", "Job", "Note", "export", "grouped", "profile", "profiles"]
# Kept out of the folder that a loader reads: several take every file beside the media for data.
NOTES = "export/notes.jsonl"
SHOWN = 10


@dataclass(frozen=True)
class Group:
    """Clips of which a target says the same.

    Attributes:
        clips: how many, each once.
        detail: what is said of the first one.
        examples: ids, in order.
    """

    reason: str
    clips: int
    detail: str
    examples: list[str]


def grouped(notes: Sequence[Note], left_out: bool) -> list[Group]:
    """Return notes by reason, the most frequent first.

    Args:
        notes: of an export.
        left_out: notes of clips left out, or of those that are only changed.

    Example:
        >>> grouped([Note("a", "no_media", "no file", True), Note("b", "no_media", "no file", True)], True)[0].clips
        2
    """
    by_reason: dict[str, list[Note]] = {}
    for n in notes:
        if n.left_out is left_out:
            by_reason.setdefault(n.reason, []).append(n)
    groups = [Group(r, len({n.clip_id for n in ns}), ns[0].detail, list(dict.fromkeys(n.clip_id for n in ns))[:SHOWN]) for r, ns in by_reason.items()]
    return sorted(groups, key=lambda g: (-g.clips, g.reason))


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        clips: how many clips were exported.
        files: paths inside the folder.
        notes: who was left out and what the target changes.
    """

    target: str
    path: Path
    clips: int
    files: list[str]
    notes: list[Note]

    @property
    def left_out(self) -> list[Note]:
        """Clips that are not in the export."""
        return [n for n in self.notes if n.left_out]

    @property
    def notes_file(self) -> Path:
        """The file that names every clip that was left out or that the target changes."""
        return self.path / NOTES

    def groups(self, left_out: bool = True) -> list[Group]:
        """Return the notes by reason, the most frequent first.

        Args:
            left_out: those who are not in the export, or those whom the target only changes.
        """
        return grouped(self.notes, left_out)


def export(
    target: str,
    release: Path,
    out: Path,
    lang: str = "auto",
    media: Media = "link",
    splits: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
) -> Exported:
    """Write one export.

    Args:
        target: name in ``profiles.yaml``.
        release: the release folder.
        out: a new or empty folder.
        lang: ``auto`` (what the target's text encoder reads), ``zh`` or ``en``.
        media: ``link`` or ``copy``.
        splits: splits to export; ``train`` for trainers, all for the rest.
        options: settings of single targets, such as ``model`` of a service.

    Returns:
        What was written, with everyone who was left out.

    Raises:
        UsageError: target, language or folder is wrong.
        DataError: no clip can be exported; says why.
    """
    rule = profile(target)
    if lang not in ("auto", *LANGS):
        raise UsageError(f"unknown language {lang!r}", hint="auto, zh or en")
    if lang in LANGS and lang not in rule["captions"]["langs"]:
        raise UsageError(f"{rule['title']} does not read {lang!r}", hint=f"its text encoder reads {', '.join(rule['captions']['langs'])}")
    unknown = [k for k in options or {} if k not in rule.get("options", ()) and rule["kind"] != "requests"]
    if unknown:
        known = rule.get("options", ())
        raise UsageError(f"{target} takes no option {unknown[0]!r}", hint=did_you_mean(unknown[0], known) if known else "leave --set out")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty", hint="choose a new folder")
    wanted = list(splits) or (["train"] if rule["kind"] == "training" and (release / "data" / "train").is_dir() else [])
    clips = load_release(release, wanted)
    if rule["kind"] != "prompts" and rule["kind"] != "requests":
        measured(clips)
    job = Job(target, rule, release, out, lang, media, clips, options or {})
    total = len(job.clips)
    constrain(job)
    if not job.clips:
        why = ", ".join(f"{r} {n}" for r, n in Counter(n.reason for n in job.notes if n.left_out).most_common())
        hint = (
            "the release holds no media: set publish: {media: copy} in the recipe, and release where the files are"
            if "no_media" in why
            else "see the export guide for what the target needs"
        )
        raise DataError(f"none of {total} clips can be exported to {target}: {why}", hint=hint)
    out.mkdir(parents=True, exist_ok=True)
    _writer(rule["writer"])(job)
    _finish(job, total)
    return Exported(target, out, len(job.clips), sorted(set(job.files)), job.notes)


def _writer(name: str) -> Callable[[Job], None]:
    module, function = name.split(".")
    found: Callable[[Job], None] = getattr(import_module(f"curate.export.{module}"), function)
    return found


def _finish(job: Job, total: int) -> None:
    """Write who was left out, who must be named, and how to start."""
    notes = [{"clip_id": n.clip_id, "reason": n.reason, "detail": n.detail, "left_out": n.left_out} for n in job.notes]
    job.write(NOTES, "".join(json.dumps(n, ensure_ascii=False) + "\n" for n in notes))
    job.write(
        "export/attribution.csv", to_csv(("clip_id", "license", "attribution"), [(c.clip_id, c.license, c.attribution or "") for c in job.clips])
    )
    job.write("README.md" if job.target != "videofolder" else "export/README.md", readme(job, total))


def _count(notes: Sequence[Note], left_out: bool) -> list[str]:
    groups = grouped(notes, left_out)
    return [f"- `{g.reason}` × {g.clips} ({g.detail}): {', '.join(g.examples)}{' …' if g.clips > len(g.examples) else ''}" for g in groups]


def readme(job: Job, total: int) -> str:
    """Return the README of an export: what it is, how to start, what the target would have skipped or changes.

    Args:
        job: after its files were written.
        total: clips before the constraints.
    """
    p: dict[str, Any] = job.profile
    caption = p["captions"]
    lines = [f"# {p['title']}", "", f"{len(job.clips)} of {total} clips of `{job.release.name}`, written by `curate export {job.target}`.", ""]
    lines += [
        "## Start",
        "",
        "```",
        *(["export PYTHONUTF8=1   # its loader opens files without naming UTF-8"] if p.get("ascii_json") else []),
        p["start"],
        "```",
        "",
    ]
    lines += [
        "## What the target asks for",
        "",
        f"- captions: {', '.join(caption['langs'])}" + (f", {caption['tokens']} tokens of {caption['encoder']}" if "tokens" in caption else ""),
    ]
    lines += [f"- {caption['mode'].replace('_', ' ')}: {_mode(caption['mode'])}"]
    if p.get("frames"):
        rate = f" at {p['fps']} fps" if p.get("fps") else ""
        lines.append(f"- frames: {p['frames']['rule']}n+1, trained with {p['frames']['train']}, at least {p['frames']['min']}{rate}")
    if p.get("multiple"):
        lines.append(f"- width and height: multiples of {p['multiple']}" + (f", {p['size'][0]}x{p['size'][1]}" if p.get("size") else ""))
    if p.get("lower_case"):
        lines.append("- its text cleaner makes captions lower case")
    if p.get("licence_note"):
        lines.append(f"- licence: {p['licence_note']}")
    lines += [f"- read from: {p['source']}", "", "Token counts are estimates.", ""]
    left, changed = _count(job.notes, True), _count(job.notes, False)
    lines += ["## Left out, because the target would skip them without a word", "", *(left or ["- none"]), ""]
    lines += ["## Exported, but the target changes or may not use them as they are", "", *(changed or ["- none"]), ""]
    lines += ["`export/notes.jsonl` lists all of them; `export/attribution.csv` names licences and authors, which you must pass on.", ""]
    return "\n".join(lines)


def _mode(mode: str) -> str:
    return {
        "list": "all captions of a clip, in every language the target reads",
        "one": "the first caption in the best language",
        "per_language": "one data set per language, as it takes one caption per clip",
    }[mode]
