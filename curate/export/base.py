"""What every export shares: clips of a release, the constraints of a target, who is left out and why, and the README."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import polars as pl

from curate.cells import guard
from curate.data import PACKAGE, read_yaml
from curate.errors import DataError, UsageError, did_you_mean
from curate.text import han_count
from curate.workspace import write_atomic

LANGS = ("zh", "en")
# Characters that loaders turn into noise: the wide space, no-break space, zero-width characters, the byte order mark.
_SPACES = dict.fromkeys(map(ord, "\u3000\u00a0\u200b\u200c\u200d\u2060\ufeff\u2028\u2029\x0b\x0c\x85"), " ")
Media = Literal["link", "copy", "path"]


@dataclass
class Clip:
    """One clip of a release with all its captions.

    Attributes:
        file: the media file on this machine, ``None`` if the release has none.
        captions: captions per language, in the order of the rows, without repeats.
        name: file name that is unique over the release.
        width, height, fps, frames, duration: of the file, decoded; ``None`` where nobody measured.
    """

    id: str
    clip_id: str
    split: str
    file: Path | None
    captions: dict[str, list[str]]
    license: str
    attribution: str | None
    themes: list[str]
    eras: list[str]
    name: str = ""
    media: str = "video"
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    frames: int | None = None
    duration: float | None = None

    @property
    def stem(self) -> str:
        """File name without its ending."""
        return self.name.rsplit(".", 1)[0]


@dataclass(frozen=True)
class Note:
    """What a target would do to a clip without saying so.

    Attributes:
        left_out: ``True`` if the target would skip it, so it is not exported; ``False`` if it only changes something.
    """

    clip_id: str
    reason: str
    detail: str
    left_out: bool


@dataclass
class Job:
    """One export."""

    target: str
    profile: dict[str, Any]
    release: Path
    out: Path
    lang: str
    media: Media
    clips: list[Clip]
    options: Mapping[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def langs(self) -> list[str]:
        """Languages to write, best first."""
        known: list[str] = self.profile["captions"]["langs"]
        return known if self.lang in ("auto", "both") else [self.lang]

    def write(self, name: str, text: str) -> Path:
        """Write a text file as UTF-8 with LF."""
        path = self.out / name
        write_atomic(path, text.encode("utf-8"))
        self.files.append(name)
        return path

    def json(self, value: Any) -> str:
        """Return JSON; with ASCII escapes only where the target opens files without naming an encoding."""
        return json.dumps(value, ensure_ascii=bool(self.profile.get("ascii_json")), indent=1) + "\n"

    def lines(self, rows: Iterable[Any]) -> str:
        """Return JSON Lines."""
        return "".join(json.dumps(r, ensure_ascii=bool(self.profile.get("ascii_json"))) + "\n" for r in rows)

    def place(self, clip: Clip, folder: str) -> str:
        """Put a clip's file into a folder of the export as a link or a copy and return its path there.

        Args:
            clip: with a file.
            folder: inside the export.
        """
        if clip.file is None:
            raise DataError(f"clip {clip.clip_id!r} has no file")
        target = self.out / folder / clip.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            if self.media == "link":
                os.symlink(os.path.relpath(clip.file.resolve(), target.parent.resolve()), target)
            else:
                shutil.copyfile(clip.file, target)
        self.files.append(f"{folder}/{clip.name}")
        return f"{folder}/{clip.name}"


@lru_cache(maxsize=1)
def profiles() -> dict[str, dict[str, Any]]:
    """Return the constraint profiles by target."""
    loaded: dict[str, dict[str, Any]] = read_yaml(PACKAGE / "export" / "profiles.yaml")
    return loaded


def profile(target: str) -> dict[str, Any]:
    """Return one profile.

    Raises:
        UsageError: the target is unknown.

    Example:
        >>> profile("cogvideox")["frames"]["rule"]
        8
    """
    if target not in profiles():
        raise UsageError(f"unknown export target {target!r}", hint=did_you_mean(target, profiles()))
    return profiles()[target]


def clean(text: str) -> str:
    """Return a caption as one line without characters that loaders choke on; for exports only, the release keeps the original.

    Args:
        text: a caption.

    Example:
        >>> clean("龙舟　竞渡\\n鼓声 ")
        '龙舟 竞渡 鼓声'
    """
    return " ".join(unicodedata.normalize("NFC", text).translate(_SPACES).split())


def tokens(text: str, encoder: str = "") -> int:
    """Return an estimate of a caption's tokens.

    Args:
        text: a caption.
        encoder: name of the text encoder; CLIP and plain T5 spend more on Chinese, which they cannot read anyway.

    Returns:
        1.35 per English word, 0.7 per Han character (1 for CLIP and T5), rounded up.

    Example:
        >>> tokens("a dragon boat"), tokens("龙舟竞渡")
        (5, 3)
    """
    han = han_count(text)
    words = len(re.findall(r"[A-Za-z0-9]+(?:['-][A-Za-z]+)*", text))
    each = 0.7 if re.search(r"m[Tt]5|Qwen|Gemma", encoder) or not encoder else 1.0
    return math.ceil(words * 1.35 + han * each)


def load_release(folder: Path, splits: Sequence[str] = ()) -> list[Clip]:
    """Return the clips of a release, each with all its captions.

    Args:
        folder: the release folder.
        splits: splits wanted; all if empty.

    Raises:
        UsageError: it is no release, or a split is not in it.
    """
    found = sorted(folder.glob("data/*/captions*.parquet")) or sorted(folder.glob("data/*/captions*.jsonl"))
    if not found:
        raise UsageError(f"{folder} is no release (no data/<split>/captions.parquet)", hint="curate release RECIPE")
    have = sorted({p.parent.name for p in found})
    for name in splits:
        if name not in have:
            raise UsageError(f"the release has no split {name!r}", hint=did_you_mean(name, have))
    clips: dict[tuple[str, str], Clip] = {}
    for path in found:
        split = path.parent.name
        if splits and split not in splits:
            continue
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_ndjson(path, infer_schema_length=None)
        for row in table.iter_rows(named=True):
            clip = clips.setdefault((split, row["clip_id"]), _clip(row, split, path.parent))
            for lang in LANGS:
                text = clean(row[lang] or "")
                if text and text not in clip.captions[lang]:
                    clip.captions[lang].append(text)
    return list(clips.values())


def _clip(row: Mapping[str, Any], split: str, folder: Path) -> Clip:
    name = row.get("file_name")
    file = folder / name if name else None
    return Clip(
        row["id"], row["clip_id"], split, file if file and file.is_file() else None, {"zh": [], "en": []}, row["license"], row.get("attribution"),
        list(row.get("themes") or []), list(row.get("eras") or []), Path(name).name if name else "", row["media"], row.get("width"), row.get("height"),
        row.get("fps"), row.get("frames"), row.get("duration_s"),
    )  # fmt: skip


def measured(clips: Sequence[Clip]) -> None:
    """Fill in size, frames and rate of clips by decoding them, where the release does not say.

    Args:
        clips: changed in place; stays unknown for files that cannot be decoded or without the ``clips`` extra.
    """
    wanted = [c for c in clips if c.file and c.media == "video" and (c.frames is None or c.width is None or c.fps is None)]
    if not wanted:
        return
    try:
        from curate.media.probe import probe
    except ImportError:
        return
    for clip, row in zip(wanted, probe([c.file for c in wanted if c.file]), strict=True):
        if row["ok"]:
            clip.width, clip.height, clip.frames, clip.fps, clip.duration = row["width"], row["height"], row["frames"], row["fps"], row["duration_s"]


def frames_at(clip: Clip, fps: float) -> int | None:
    """Return how many frames a target sees after it resampled the clip, ``None`` if unknown.

    Args:
        clip: with frames and rate.
        fps: the target's rate; 0 keeps the clip's own, and a target never makes frames up.
    """
    if clip.frames is None or not clip.fps:
        return None
    return clip.frames if not fps or fps >= clip.fps else math.floor(clip.frames * fps / clip.fps + 1e-6)


def constrain(job: Job) -> None:
    """Take out every clip that the target would silently skip, and note what it would silently change.

    Args:
        job: its clips are cut down to those that arrive; its notes say who was left out and why.
    """
    kept = []
    for clip in job.clips:
        notes = list(_notes(clip, job))
        job.notes += notes
        if not any(n.left_out for n in notes):
            kept.append(clip)
    job.clips = kept
    if job.profile.get("unique_stems") or job.profile["kind"] == "training":
        seen: dict[str, str] = {}
        for clip in kept:
            if clip.stem in seen:
                raise DataError(f"clips {seen[clip.stem]!r} and {clip.clip_id!r} have the same file stem {clip.stem!r}", hint="make the release anew")
            seen[clip.stem] = clip.clip_id


def _notes(clip: Clip, job: Job) -> Iterable[Note]:
    p = job.profile
    caption = p["captions"]
    if not any(clip.captions[lang] for lang in job.langs):
        other = [lang for lang in LANGS if clip.captions[lang]]
        yield Note(clip.clip_id, "no_caption", f"no caption in {'/'.join(job.langs)}, only {'/'.join(other) or 'none'}", True)
        return
    for lang in job.langs:
        for text in clip.captions[lang]:
            limit = caption.get("tokens")
            if limit and tokens(text, str(caption.get("encoder", ""))) > limit:
                yield Note(
                    clip.clip_id, "caption_cut", f"about {tokens(text)} tokens, {caption['encoder']} reads {limit}; the rest is cut off", False
                )
            if caption.get("chars") and len(text) > caption["chars"]:
                yield Note(clip.clip_id, "caption_too_long", f"{len(text)} characters, the target takes {caption['chars']}", True)
            if p.get("drops_han_ext_a") and (lost := re.findall(r"[\u3400-\u4dbf]", text)):
                yield Note(clip.clip_id, "characters_lost", f"the target's text cleaner deletes {''.join(lost)}", False)
    if caption["mode"] != "list" and any(
        len(clip.captions[x]) > 1 for x in (job.langs if caption["mode"] == "per_language" else [pick(clip, job.langs)[1]])
    ):
        yield Note(clip.clip_id, "captions_unused", "the target takes one caption per clip; the first one is exported", False)
    if p["kind"] in ("training", "exchange", "editor"):
        yield from _media_notes(clip, p)


def _media_notes(clip: Clip, p: Mapping[str, Any]) -> Iterable[Note]:
    if clip.file is None:
        yield Note(clip.clip_id, "no_media", "the release holds no file for it", True)
        return
    if clip.file.suffix.lower() not in p.get("suffixes", [clip.file.suffix.lower()]):
        yield Note(clip.clip_id, "ending", f"{clip.file.suffix} is not read, only {' '.join(p['suffixes'])}", True)
    if p.get("forbid_in_path") and any(c in str(clip.file) for c in p["forbid_in_path"]):
        yield Note(clip.clip_id, "path", f"the path holds {p['forbid_in_path']!r}, at which the target cuts it", True)
    if clip.media != "video":
        return
    rule = p.get("frames", {})
    seen = frames_at(clip, float(p.get("fps", 0)))
    if (seen is None or not clip.width) and (rule or p.get("needs_size")):
        yield Note(clip.clip_id, "not_measured", "frames and size are unknown; the target needs them", bool(p.get("needs_size")))
    if seen is not None and rule and seen < rule.get("min", 0):
        rate = p.get("fps") or round(float(clip.fps or 0), 3)
        if rule.get("short") == "padded":
            yield Note(clip.clip_id, "padded", f"{seen} frames at {rate:g} fps; the target repeats the last one up to {rule['min']}", False)
        else:
            yield Note(clip.clip_id, "too_short", f"{seen} frames at {rate:g} fps, at least {rule['min']} are needed", True)
    if seen is not None and rule.get("max_factor") and seen > rule["max_factor"] * rule["train"]:
        yield Note(clip.clip_id, "too_long", f"{seen} frames at {p['fps']:g} fps, more than {rule['max_factor']} times {rule['train']}", True)
    if clip.width and clip.height:
        yield from _size_notes(clip, clip.width, clip.height, p)


def _size_notes(clip: Clip, width: int, height: int, p: Mapping[str, Any]) -> Iterable[Note]:
    if p.get("min_area") and width * height < p["min_area"] * 0.8:
        yield Note(clip.clip_id, "too_small", f"{width}x{height} is less than 0.8 of the smallest bucket", True)
    if p.get("aspect_factor") and p.get("size"):
        ratio = (width / height) / (p["size"][0] / p["size"][1])
        if max(ratio, 1 / ratio) > p["aspect_factor"]:
            yield Note(clip.clip_id, "aspect", f"{width}x{height} is too far from {p['size'][0]}x{p['size'][1]}", True)
    if p.get("size") and (width < p["size"][0] or height < p["size"][1]):
        if p.get("drops_smaller"):
            yield Note(clip.clip_id, "too_small", f"{width}x{height} is smaller than {p['size'][0]}x{p['size'][1]}, which the target drops", True)
            return
        yield Note(clip.clip_id, "upscaled", f"{width}x{height} is smaller than {p['size'][0]}x{p['size'][1]}", False)


def pick(clip: Clip, langs: Sequence[str]) -> tuple[str, str]:
    """Return the first caption in the first language there is, and its language."""
    for lang in langs:
        if clip.captions[lang]:
            return clip.captions[lang][0], lang
    raise DataError(f"clip {clip.clip_id!r} has no caption in {'/'.join(langs)}")


def to_csv(head: Sequence[str], rows: Iterable[Sequence[Any]], bom: bool = False) -> str:
    """Return CSV text with LF line ends.

    Args:
        head: column names.
        rows: cells.
        bom: for files that people open in a spreadsheet; cells that it would run as formulas are made harmless.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([guard(v) if bom and isinstance(v, str) else v for v in row] for row in rows)
    return ("\ufeff" if bom else "") + buffer.getvalue()
