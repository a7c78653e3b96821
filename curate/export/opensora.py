"""Open-Sora-Plan, Open-Sora and VideoTuna: annotation JSON and CSV tables, each with a prompt list."""

from __future__ import annotations

from collections import Counter

from curate.errors import DataError
from curate.export.base import Clip, Job, Note, frames_at, pick, to_csv


def _prompts(job: Job) -> None:
    job.write("prompts.txt", "".join(pick(c, job.langs)[0] + "\n" for c in job.clips))


def _shape(clip: Clip, rule: int, fps: float) -> str:
    seen = frames_at(clip, fps) or 0
    return f"{(seen - 1) // rule * rule + 1}x{clip.height}x{clip.width}"


def open_sora_plan(job: Job) -> None:
    """Write ``data.txt`` (root,annotation), ``anno.json`` with lists of captions, ``prompts.txt`` and the media.

    Raises:
        DataError: the folder's path holds a comma, at which the loader would cut it.
    """
    root = (job.out / "videos").resolve()
    if "," in str(root):
        raise DataError(f"the export folder {root} holds a comma, at which Open-Sora-Plan cuts the line", hint="choose another --out")
    rows = []
    for clip in job.clips:
        job.place(clip, "videos")
        rows.append(
            {"path": clip.name, "cap": [t for lang in job.langs for t in clip.captions[lang]], "num_frames": clip.frames, "fps": clip.fps,
             "resolution": {"height": clip.height, "width": clip.width}, "cut": [0, clip.frames]}
        )  # fmt: skip
    job.write("anno.json", job.json(rows))
    job.write("data.txt", f"{root},{(job.out / 'anno.json').resolve()}\n")
    _prompts(job)
    least = int(job.profile["min_per_shape_factor"]) * int(job.options.get("batch", "1"))
    shapes = Counter(_shape(c, job.profile["frames"]["rule"], job.profile["fps"]) for c in job.clips)
    thin = {s for s, n in shapes.items() if n < least}
    for clip in job.clips:
        shape = _shape(clip, job.profile["frames"]["rule"], job.profile["fps"])
        if shape in thin:
            detail = f"only {shapes[shape]} clips of the shape {shape}; the loader drops shapes with fewer than {least} (4 x batch) unless sizes are forced"
            job.notes.append(Note(clip.clip_id, "rare_shape", detail, False))


def open_sora(job: Job) -> None:
    """Write ``train.csv`` with the eight columns of the loader (aspect_ratio is h/w, resolution is h*w) and ``prompts.csv``."""
    rows = []
    for clip in job.clips:
        job.place(clip, "videos")
        height, width = int(clip.height or 0), int(clip.width or 0)
        path = str((job.out / "videos" / clip.name).absolute())
        rows.append((path, pick(clip, job.langs)[0], clip.frames, height, width, round(height / width, 6), height * width, clip.fps))
    head = ("path", "text", "num_frames", "height", "width", "aspect_ratio", "resolution", "fps")
    job.write("train.csv", to_csv(head, rows))
    job.write("prompts.csv", to_csv(("text",), [(r[1],) for r in rows]))


def videotuna(job: Job) -> None:
    """Write ``train.csv`` with the header ``path,caption,fps,frames,height,width`` (no spaces, else the loader fails)."""
    rows = []
    for clip in job.clips:
        path = job.place(clip, "videos")
        rows.append((path, pick(clip, job.langs)[0], clip.fps, clip.frames, clip.height, clip.width))
    job.write("train.csv", to_csv(("path", "caption", "fps", "frames", "height", "width"), rows))
