"""Trainers that read one list: CogVideoX, LTX-Video, VideoX-Fun; and Data-Juicer for exchange."""

from __future__ import annotations

from curate.export.base import Job, pick


def cogvideox(job: Job) -> None:
    """Write ``prompts.txt`` and ``videos.txt``, line by line the same clips, and ``videos/``; the SAT form in ``labels/``."""
    texts, paths = [], []
    for clip in job.clips:
        text = pick(clip, job.langs)[0]
        paths.append(job.place(clip, "videos"))
        texts.append(text)
        job.write(f"labels/{clip.stem}.txt", text + "\n")
    job.write("prompts.txt", "".join(t + "\n" for t in texts))
    job.write("videos.txt", "".join(p + "\n" for p in paths))


def ltx(job: Job) -> None:
    """Write ``dataset.json``: ``caption`` with ``media_path`` (LTX-Video) and ``video`` (LTX-2); paths inside the folder."""
    rows = []
    for clip in job.clips:
        path = job.place(clip, "videos")
        rows.append({"caption": pick(clip, job.langs)[0], "media_path": path, "video": path})
    job.write("dataset.json", job.json(rows))


def videox_fun(job: Job) -> None:
    """Write ``metadata_<lang>.json``; ``type`` is always given, as the loader takes a missing one for an image."""
    for lang in job.langs:
        rows = [
            {"file_path": job.place(c, "videos"), "text": c.captions[lang][0], "type": c.media, "width": c.width, "height": c.height}
            for c in job.clips
            if c.captions[lang]
        ]
        if rows:
            job.write(f"metadata_{lang}.json", job.json(rows))


def data_juicer(job: Job) -> None:
    """Write ``data.jsonl``: text with the markers of Data-Juicer, and the media; all else in ``__dj__meta__``-free columns."""
    rows = []
    for clip in job.clips:
        job.place(clip, "videos")
        texts = [t for lang in job.langs for t in clip.captions[lang]]
        rows.append(
            {"text": f"<__dj__video> {' '.join(texts)} <|__dj__eoc|>", "videos": [str((job.out / "videos" / clip.name).absolute())], "id": clip.id,
             "clip_id": clip.clip_id, "zh": clip.captions["zh"], "en": clip.captions["en"], "license": clip.license}
        )  # fmt: skip
    job.write("data.jsonl", job.lines(rows))
