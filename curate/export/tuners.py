"""Trainers with a configuration file: musubi-tuner, diffusion-pipe, DiffSynth-Studio, finetrainers, SimpleTuner, ai-toolkit."""

from __future__ import annotations

import json
from collections.abc import Iterator

import yaml

from curate.export.base import Clip, Job, to_csv


def _by_language(job: Job) -> Iterator[tuple[str, list[tuple[Clip, str]]]]:
    """Each language with the clips that have a caption in it: one data set per language."""
    for lang in job.langs:
        rows = [(c, c.captions[lang][0]) for c in job.clips if c.captions[lang]]
        if rows:
            yield lang, rows


def _toml(value: object) -> str:
    """One TOML value; JSON's form of strings, numbers and lists is TOML's too."""
    return json.dumps(value, ensure_ascii=False)


def musubi(job: Job) -> None:
    """Write ``dataset_<lang>.toml`` and ``metadata_<lang>.jsonl``; paths are absolute, caches apart per language."""
    p = job.profile
    for lang, rows in _by_language(job):
        lines = []
        for clip, text in rows:
            job.place(clip, "videos")
            lines.append({"video_path": str((job.out / "videos" / clip.name).absolute()), "caption": text})
        job.write(f"metadata_{lang}.jsonl", job.lines(lines))
        rates = {c.fps for c, _ in rows if c.fps}
        # Only one rate per data set can be named; it must be a float in TOML.
        source = f"source_fps = {float(rates.pop())}\n" if len(rates) == 1 else ""
        train = p["frames"]["train"]
        job.write(
            f"dataset_{lang}.toml",
            f'[general]\nresolution = {_toml(p["size"])}\ncaption_extension = ".txt"\nbatch_size = 1\nenable_bucket = true\nbucket_no_upscale = true\n\n'
            f"[[datasets]]\nvideo_jsonl_file = {_toml(str((job.out / f'metadata_{lang}.jsonl').absolute()))}\n"
            f"cache_directory = {_toml(str((job.out / f'cache_{lang}').absolute()))}\ntarget_frames = {_toml([1, p['frames']['min'], train])}\n"
            f'frame_extraction = "head"\n{source}num_repeats = 1\n',
        )
    job.write("sample_prompts.txt", "".join(f"{c.captions[x][0]} --w {p['size'][0]} --h {p['size'][1]} --f {p['frames']['train']} --d 42 --s 20\n"
                                            for c in job.clips[:8] for x in job.langs if c.captions[x]))  # fmt: skip


def diffusion_pipe(job: Job) -> None:
    """Write ``clips/`` with ``captions.json`` (lists of captions, both languages) and ``dataset.toml``; nothing else lies beside the media."""
    captions = {}
    for clip in job.clips:
        job.place(clip, "clips")
        captions[clip.name] = [t for lang in job.langs for t in clip.captions[lang]]
    job.write("clips/captions.json", job.json(captions))
    frames = job.profile["frames"]
    job.write(
        "dataset.toml",
        f"resolutions = [512]\nenable_ar_bucket = true\nmin_ar = 0.5\nmax_ar = 2.0\nnum_ar_buckets = 7\nframe_buckets = [1, {frames['min']}, 65, {frames['train']}]\n\n"
        f"[[directory]]\npath = {_toml(str((job.out / 'clips').absolute()))}\nnum_repeats = 1\n",
    )


def diffsynth(job: Job) -> None:
    """Write ``<lang>/metadata.csv`` with ``video,prompt`` and the media beside it."""
    for lang, rows in _by_language(job):
        lines = [(job.place(clip, f"{lang}/videos").split("/", 1)[1], text) for clip, text in rows]
        job.write(f"{lang}/metadata.csv", to_csv(("video", "prompt"), lines))


def finetrainers(job: Job) -> None:
    """Write ``<lang>/metadata.jsonl`` (only one metadata file is allowed), ``training_<lang>.json`` and ``validation_<lang>.json``."""
    p = job.profile
    for lang, rows in _by_language(job):
        lines = [{"file_name": job.place(clip, f"{lang}/videos").split("/", 1)[1], "caption": text} for clip, text in rows]
        job.write(f"{lang}/metadata.jsonl", job.lines(lines))
        width, height = p["size"]
        bucket = [p["frames"]["train"], height, width]
        data = {"data_root": str((job.out / lang).absolute()), "dataset_type": "video", "id_token": "", "video_resolution_buckets": [bucket], "reshape_mode": "bicubic"}  # fmt: skip
        job.write(f"training_{lang}.json", job.json({"datasets": [{k: v for k, v in data.items() if v != ""}]}))
        checks = [{"caption": t, "num_inference_steps": 30, "height": height, "width": width, "num_frames": bucket[0]} for _, t in rows[:4]]
        job.write(f"validation_{lang}.json", job.json({"data": checks}))


def simpletuner(job: Job) -> None:
    """Write ``clips/clip.mp4`` with ``clip.txt`` (one caption per line, both languages) and ``multidatabackend.json``."""
    p = job.profile
    for clip in job.clips:
        job.place(clip, "clips")
        job.write(f"clips/{clip.stem}.txt", "".join(t + "\n" for lang in job.langs for t in clip.captions[lang]))
    train = p["frames"]["train"]
    video = {
        "id": f"{job.release.name}-480", "type": "local", "dataset_type": "video", "instance_data_dir": str((job.out / "clips").absolute()),
        "caption_strategy": "textfile", "metadata_backend": "discovery", "crop": False, "resolution": 480, "resolution_type": "pixel_area",
        "maximum_image_size": 480, "target_downsample_size": 480, "minimum_image_size": 0, "repeats": 0, "cache_dir_vae": "cache/vae",
        "video": {"num_frames": train, "min_frames": train},
    }  # fmt: skip
    text = {"id": "text-embeds", "type": "local", "dataset_type": "text_embeds", "default": True, "cache_dir": "cache/text"}
    job.write("multidatabackend.json", job.json([video, text]))


def ai_toolkit(job: Job) -> None:
    """Write ``<lang>/clip.mp4`` with ``clip.txt`` and the data set block of ``config_<lang>.yaml``."""
    p = job.profile
    for lang, rows in _by_language(job):
        for clip, text in rows:
            job.place(clip, lang)
            # No line end: the loader takes the file to the last character.
            job.write(f"{lang}/{clip.stem}.txt", text)
        # Prose holds commas: shuffle_tokens would cut sentences at them.
        data = {
            "folder_path": str((job.out / lang).absolute()), "caption_ext": "txt", "num_frames": p["frames"]["train"], "resolution": [480],
            "fps": p["fps"], "shrink_video_to_frames": True, "shuffle_tokens": False,
        }  # fmt: skip
        job.write(f"config_{lang}.yaml", yaml.safe_dump({"datasets": [data]}, allow_unicode=True, sort_keys=False))
