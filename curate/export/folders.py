"""Folders that many tools read: VideoFolder, WebDataset shards, kohya sidecars, and HunyuanVideo-1.5's notes."""

from __future__ import annotations

import io
import json
import tarfile

import polars as pl

from curate.export.base import LANGS, Clip, Job, pick
from curate.workspace import write_parquet

SHARD_CLIPS = 1000
_TEXTS = pl.List(pl.String)
_SCHEMA = pl.Schema(
    {"file_name": pl.String(), "id": pl.String(), "clip_id": pl.String(), "text": pl.String(), "zh": _TEXTS, "en": _TEXTS, "themes": _TEXTS,
     "eras": _TEXTS, "width": pl.Int64(), "height": pl.Int64(), "fps": pl.Float64(), "num_frames": pl.Int64(), "license": pl.String(),
     "attribution": pl.String()}
)  # fmt: skip


def _row(clip: Clip, path: str) -> dict[str, object]:
    return {
        "file_name": path, "id": clip.id, "clip_id": clip.clip_id, "text": pick(clip, LANGS)[0], "zh": clip.captions["zh"], "en": clip.captions["en"],
        "themes": clip.themes, "eras": clip.eras, "width": clip.width, "height": clip.height, "fps": clip.fps, "num_frames": clip.frames,
        "license": clip.license, "attribution": clip.attribution,
    }  # fmt: skip


def videofolder(job: Job) -> None:
    """Write one folder per split with its own ``metadata.parquet``; a common one would lose captions or leak rows between splits."""
    rows: dict[str, list[dict[str, object]]] = {}
    for clip in job.clips:
        path = job.place(clip, f"{clip.split}/videos")
        rows.setdefault(clip.split, []).append(_row(clip, path.split("/", 1)[1]))
    for split, items in rows.items():
        # Parquet keeps the types: from JSON Lines each split's would be guessed, and an empty list in one of them breaks the set.
        write_parquet(pl.DataFrame(items, schema=_SCHEMA), job.out / split / "metadata.parquet")
        job.files.append(f"{split}/metadata.parquet")


def hunyuan(job: Job) -> None:
    """Write the VideoFolder form and ``prompts.jsonl``, one line per clip and language."""
    videofolder(job)
    lines = [{"id": c.id, "lang": lang, "prompt": c.captions[lang][0]} for c in job.clips for lang in job.langs if c.captions[lang]]
    job.write("prompts.jsonl", job.lines(lines))


def webdataset(job: Job) -> None:
    """Write ``<split>-%06d.tar`` with ``key.mp4``, ``key.txt`` and ``key.json``; keys hold no dot, and no clock is in the shards."""
    by_split: dict[str, list[Clip]] = {}
    for clip in job.clips:
        by_split.setdefault(clip.split, []).append(clip)
    for split, clips in by_split.items():
        for number in range(0, len(clips), SHARD_CLIPS):
            name = f"{split}-{number // SHARD_CLIPS:06d}.tar"
            with tarfile.open(job.out / name, "w", format=tarfile.PAX_FORMAT) as tar:
                for clip in clips[number : number + SHARD_CLIPS]:
                    _add(tar, clip)
            job.files.append(name)


def _add(tar: tarfile.TarFile, clip: Clip) -> None:
    assert clip.file is not None
    text = "\n".join(t for lang in LANGS for t in clip.captions[lang])
    meta = json.dumps({k: v for k, v in _row(clip, clip.name).items() if k not in ("file_name", "text")}, ensure_ascii=False)
    parts = [(clip.file.suffix.lower(), clip.file.read_bytes()), (".txt", text.encode()), (".json", meta.encode())]
    for ending, data in parts:
        info = tarfile.TarInfo(clip.stem.replace(".", "-") + ending)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))


def kohya(job: Job) -> None:
    """Write ``<lang>/clip.mp4`` with ``<lang>/clip.txt``."""
    for lang in job.langs:
        for clip in job.clips:
            if clip.captions[lang]:
                job.place(clip, lang)
                job.write(f"{lang}/{clip.stem}.txt", clip.captions[lang][0] + "\n")
