"""The demo: the shipped sample through the shipped recipe, to a release, with what was found of the planted dirt."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from curate import coverage, report, truth
from curate.data import PACKAGE
from curate.errors import MissingExtra, UsageError
from curate.knowledge.taxonomy import Taxonomy
from curate.publish import release
from curate.run import OnEvent, RunResult, run

SAMPLE = PACKAGE / "recipes" / "sample"
CLIPS = 24
MARK = ".leishu-demo"


@dataclass
class Demo:
    """What the demo made.

    Attributes:
        result: the run.
        measured: coverage of the live rows.
        scores: planted dirt, found or not.
        release: the release folder.
        card: the Chinese card is beside it.
        figures: figures of the report.
        report: the report as HTML.
        notes: what was left out, and why.
        queued: items of the review queue that wait for somebody.
    """

    result: RunResult
    measured: coverage.Coverage
    scores: list[truth.Score]
    release: Path
    card: Path
    figures: list[Path]
    report: Path
    notes: list[str] = field(default_factory=list)
    queued: int = 0


def _folder(out: Path) -> Path:
    """Empty the demo's own folder; refuse one that is not the demo's."""
    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise UsageError(f"{out} is not empty and not made by the demo", hint="choose another folder with --out")
    shutil.rmtree(out / "project", ignore_errors=True)
    shutil.copytree(SAMPLE, out / "project", ignore=shutil.ignore_patterns("__pycache__"))
    (out / MARK).touch()
    return out


def make(out: Path, on_event: OnEvent | None = None) -> Demo:
    """Run the demo.

    Args:
        out: folder for everything; made if it is not there.
        on_event: called with progress.

    Returns:
        What was made.

    Raises:
        UsageError: the folder holds something else.
    """
    project = _folder(out) / "project"
    notes: list[str] = []
    copies: dict[str, str] = {}
    try:
        from curate.media.synth import make_clips

        made = make_clips(project / "captions.jsonl", project, CLIPS)
        notes.append(f"{len(made)} small clips were generated in {project / 'clips'}")
        copies = {m.clip: m.copy_of for m in made if m.copy_of}
    except MissingExtra as e:
        notes.append(f"no clips: {e}")
    result = run(project / "recipe.yaml", out / "ws", on_event=on_event)
    taxonomy = Taxonomy.load()
    table = result.table(["clip_id", "themes", "eras", "regions", "cells", "zh", "en"])
    measured = coverage.measure(table, taxonomy)
    made_release = release.make(project / "recipe.yaml", out / "ws", replace=True)
    same = json.loads((made_release.path / "coverage.json").read_text(encoding="utf-8")) == json.loads(json.dumps(measured.to_json()))
    files = report.write(measured, taxonomy, out / "coverage", drawn=made_release.path / "figures" if same else None)
    scores = truth.score(truth.read_truth(project / "truth.jsonl"), truth.outcome(result))
    scores += [truth.clip_copies(copies, result)] if copies else []
    queued = _queue(out / "ws", notes)
    figures = [f for f in files if f.suffix in (".png", ".svg")]
    return Demo(result, measured, scores, made_release.path, made_release.card_path, figures, out / "coverage" / "coverage.html", notes, queued)


def _queue(ws: Path, notes: list[str]) -> int:
    try:
        from curate.review.push import push

        return push(ws).open
    except MissingExtra as e:
        notes.append(f"no review queue: {e}")
        return 0


def drops(result: RunResult) -> pl.DataFrame:
    """Return the reasons of dropped rows with their counts."""
    return result.drops().group_by("drop").len().sort("len", "drop", descending=[True, False])
