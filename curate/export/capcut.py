"""CapCut / JianYing: subtitles, a script table, and a draft folder as a best effort, with a checker of our own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from curate.export.base import Clip, Job, Note, to_csv
from curate.text import han_count

DEFAULT_S = 5.0
_BREAK_ZH = "，。；：！？、"


def stamp(seconds: float) -> str:
    """Return a time as SubRip writes it.

    Example:
        >>> stamp(3661.5)
        '01:01:01,500'
    """
    ms = round(seconds * 1000)
    return f"{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d},{ms % 1000:03d}"


def wrap(text: str, width: int) -> list[str]:
    """Cut a caption into lines, Chinese after punctuation where possible, English between words.

    Args:
        text: one line.
        width: most characters per line.

    Example:
        >>> wrap("端午节的早晨，江面上龙舟竞渡。", 8)
        ['端午节的早晨，', '江面上龙舟竞渡。']
    """
    out: list[str] = []
    if han_count(text) * 2 < len(text):
        for word in text.split():
            if out and len(out[-1]) + 1 + len(word) <= width:
                out[-1] += " " + word
            else:
                out.append(word)
        return out
    rest = text
    while len(rest) > width:
        at = max((rest.rfind(c, 0, width) for c in _BREAK_ZH), default=-1)
        cut = at + 1 if at >= width // 3 else width
        out.append(rest[:cut].strip())
        rest = rest[cut:]
    return [*out, rest.strip()] if rest.strip() else out


def _cues(clips: Iterable[Clip], lang: str, width: int, longest: float) -> list[tuple[float, float, str]]:
    """Cues of at most two lines, shared out over the time of each clip."""
    at, out = 0.0, []
    for clip in clips:
        seconds = clip.duration or DEFAULT_S
        if clip.captions[lang]:
            lines = wrap(clip.captions[lang][0], width)
            blocks = ["\n".join(lines[i : i + 2]) for i in range(0, len(lines), 2)]
            # Time by length, so that no block runs faster than the others.
            whole, start = sum(map(len, blocks)), at
            for block in blocks:
                span = seconds * len(block) / whole
                out.append((start, start + min(span, longest), block))
                start += span
        at += seconds
    return out


def write(job: Job) -> None:
    """Write ``captions_<lang>.srt``, ``script.csv`` and, if ``pycapcut`` is installed, a draft folder with its media."""
    rule = job.profile
    for lang in job.langs:
        cues = _cues(job.clips, lang, rule["line_chars"][lang], rule["max_line_s"])
        if cues:
            job.write(f"captions_{lang}.srt", "".join(f"{n}\n{stamp(a)} --> {stamp(b)}\n{t}\n\n" for n, (a, b, t) in enumerate(cues, 1)))
    rows, at = [], 0.0
    for number, clip in enumerate(job.clips, 1):
        seconds = clip.duration or DEFAULT_S
        texts = [clip.captions[x][0] if clip.captions[x] else "" for x in ("zh", "en")]
        rows.append((number, stamp(at), round(seconds, 3), *texts, clip.name, clip.license, clip.attribution or ""))
        at += seconds
    job.write("script.csv", to_csv(("scene", "start", "seconds", "zh", "en", "file", "license", "attribution"), rows, bom=True))
    try:
        maker = import_module("pycapcut")
    except ImportError:
        job.notes.append(Note("", "no_draft", "no draft folder, as pycapcut is not installed: pip install pycapcut", False))
        return
    _draft(job, maker)


def _draft(job: Job, maker: Any) -> None:
    """Let pycapcut build the draft, then mend what editors stumble over: media inside the folder and registered, no loose references."""
    # pycapcut reads files by absolute path, so the media are placed first.
    sized = next((c for c in job.clips if c.width and c.height), None)
    width, height = (sized.width, sized.height) if sized else (1280, 720)
    (job.out / "draft").mkdir(parents=True, exist_ok=True)
    script = maker.DraftFolder(str(job.out)).create_draft("draft", width, height, allow_replace=True)
    script.add_track(maker.TrackType.video)
    at = 0
    for clip in job.clips:
        inside = job.place(clip, "draft/assets/video")
        material = maker.VideoMaterial(str((job.out / inside).absolute()))
        script.add_segment(maker.VideoSegment(material, maker.Timerange(at, material.duration)))
        at += material.duration
    for lang in job.langs:
        path = job.out / f"captions_{lang}.srt"
        if path.exists():
            script.import_srt(str(path), track_name=f"subtitle_{lang}")
    script.save()
    folder = job.out / "draft"
    content = mend(json.loads((folder / "draft_content.json").read_text(encoding="utf-8")))
    meta = json.loads((folder / "draft_meta_info.json").read_text(encoding="utf-8"))
    meta["draft_name"], meta["draft_materials"] = f"{job.release.name}", [{"type": 0, "value": registered(content)}]
    for key in ("draft_fold_path", "draft_root_path"):
        meta[key] = ""
    for name, value in (("draft_content.json", content), ("draft_info.json", content), ("draft_meta_info.json", meta)):
        job.write(f"draft/{name}", json.dumps(value, ensure_ascii=False) + "\n")


def mend(content: dict[str, Any]) -> dict[str, Any]:
    """Return a draft without references to nothing; media keep their place in the folder.

    Args:
        content: ``draft_content.json``.
    """
    known = {m["id"] for items in content["materials"].values() if isinstance(items, list) for m in items if isinstance(m, dict) and "id" in m}
    for track in content["tracks"]:
        for segment in track["segments"]:
            segment["extra_material_refs"] = [r for r in segment.get("extra_material_refs", []) if r in known]
    for video in content["materials"]["videos"]:
        video["local_material_id"] = video["id"]
    return content


def registered(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries that newer editors want in ``draft_meta_info.json`` for every medium."""
    return [
        {"id": v["id"], "file_Path": v["path"], "extra_info": v["material_name"], "metetype": "video", "duration": v["duration"], "width": v["width"],
         "height": v["height"], "type": 0}
        for v in content["materials"]["videos"]
    ]  # fmt: skip


def lint(folder: Path) -> list[str]:
    """Check a draft folder by the rules that editors are known to enforce; knows nothing of how it was made.

    Args:
        folder: with ``draft_content.json``.

    Returns:
        One line per fault.
    """
    out = []
    try:
        content = json.loads((folder / "draft_content.json").read_text(encoding="utf-8"))
        meta = json.loads((folder / "draft_meta_info.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as e:
        return [f"cannot read the draft: {e}"]
    mirror = folder / "draft_info.json"
    if not mirror.exists() or json.loads(mirror.read_text(encoding="utf-8")) != content:
        out.append("draft_info.json is not the mirror of draft_content.json")
    kinds = {k: v for k, v in content["materials"].items() if isinstance(v, list)}
    known = {m["id"]: (k, m) for k, items in kinds.items() for m in items if isinstance(m, dict) and "id" in m}
    named = {v.get("id") for group in meta.get("draft_materials", []) for v in group.get("value", [])}
    for video in content["materials"].get("videos", []):
        if not os.path.exists(video["path"]):
            out.append(f"media file missing: {video['path']}")
        elif folder.resolve() not in Path(os.path.abspath(video["path"])).parents:
            out.append(f"media file outside of the draft: {video['path']}")
        if video["id"] not in named:
            out.append(f"media not registered in draft_meta_info.json: {video['material_name']}")
    end = 0
    for number, track in enumerate(content["tracks"]):
        out += _track_faults(track, known, main=number == 0)
        end = max([end, *[s["target_timerange"]["start"] + s["target_timerange"]["duration"] for s in track["segments"]]])
    if end and abs(content["duration"] - end) > 100_000:
        out.append(f"the draft's duration is {content['duration']}, its tracks end at {end}")
    return out


def _track_faults(track: dict[str, Any], known: dict[str, Any], main: bool) -> list[str]:
    out = []
    at = 0
    for segment in track["segments"]:
        span = segment["target_timerange"]
        if segment["material_id"] not in known:
            out.append(f"segment {segment['id']} uses a material that is not there")
        out += [f"segment {segment['id']} refers to {r}, which is not there" for r in segment.get("extra_material_refs", []) if r not in known]
        if span["duration"] <= 0 or not isinstance(span["start"], int):
            out.append(f"segment {segment['id']} has no length in whole microseconds")
        if span["start"] < at:
            out.append(f"segment {segment['id']} begins before the one before it ends")
        if main and track["type"] == "video" and span["start"] > at:
            out.append(f"gap of {span['start'] - at} µs on the main track; the editor would close it and subtitles would slip")
        source = segment.get("source_timerange")
        if source and segment["material_id"] in known and "duration" in known[segment["material_id"]][1]:
            whole = known[segment["material_id"]][1]["duration"]
            if source["start"] + source["duration"] > whole + 1000:
                out.append(f"segment {segment['id']} reads beyond the end of its medium")
        at = span["start"] + span["duration"]
    return out
