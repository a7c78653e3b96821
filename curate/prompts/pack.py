"""Prompt packs: for each video system its own order, length, language, camera words and negative prompt.

The limits are those of the export profiles; this module decides what a prompt says first and what it leaves out. Text is never cut
within a slot: a prompt that is too long says less, and the note says what went.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate.data import json_lines, read_yaml
from curate.errors import DataError, UsageError, did_you_mean
from curate.export import base
from curate.export.capcut import stamp, wrap
from curate.export.prompts import pixverse_faults
from curate.workspace import write_atomic

Count = Callable[[str], int]
# Characters that read like a second of speech, for the subtitles of a script.
_SECONDS = {"zh": 4.0, "en": 14.0}


@dataclass(frozen=True)
class Packed:
    """One prompt for one target.

    Attributes:
        text: the prompt.
        lang: its language.
        negative: negative prompt, or empty.
        dropped: slots that did not fit.
        tokens: length for the target's encoder (estimated if it is not installed).
    """

    id: str
    text: str
    lang: str
    negative: str
    dropped: tuple[str, ...]
    tokens: int
    camera: str


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    raw = read_yaml(Path(__file__).resolve().parent / "packs.yaml")
    if not isinstance(raw, dict):
        raise DataError("packs.yaml: expected a mapping")
    return raw


def targets() -> list[str]:
    """Return the names of the packs."""
    return list(_data()["packs"])


def _spec(target: str) -> dict[str, Any]:
    packs: dict[str, Any] = _data()["packs"]
    if target not in packs:
        raise UsageError(f"no prompt pack for {target!r}", hint=did_you_mean(target, packs))
    spec: dict[str, Any] = packs[target]
    return spec


def _limits(spec: Mapping[str, Any]) -> tuple[str, int, int, list[str]]:
    captions = base.profile(spec["profile"])["captions"]
    tokens = int(spec.get("tokens") or captions.get("tokens") or 0)
    langs = [x for x in spec.get("langs", captions["langs"]) if x in captions["langs"]]
    return str(captions.get("encoder", "")), tokens, int(captions.get("chars") or 0), langs


@lru_cache(maxsize=8)
def counter(encoder: str) -> tuple[Count, str]:
    """Return what counts tokens for an encoder, and its name: the CLIP tokenizer where one is installed, else an estimate.

    Args:
        encoder: as the export profile writes it.

    Returns:
        ``(count, name)``; the count is without the start and end marks.
    """
    if "CLIP" in encoder and "T5" not in encoder:
        try:
            from instant_clip_tokenizer import Tokenizer  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            return lambda text: base.tokens(text, encoder), "estimate"
        real = Tokenizer()
        return lambda text: len(real.encode(text)), "CLIP tokenizer"
    return lambda text: base.tokens(text, encoder), "estimate"


def _slot(slots: Mapping[str, Any], name: str, lang: str) -> str:
    value = slots.get(name)
    return str(value[lang]) if isinstance(value, Mapping) else ""


def _phrases(row: Mapping[str, Any], lang: str, camera: str) -> dict[str, str]:
    """The slots of a prompt as phrases of one language."""
    s = row["slots"]
    dress, subject = _slot(s, "attire", lang), _slot(s, "subject", lang)
    if dress and lang == "zh":
        m = re.match(r"^([一两几三四众满][位名个群队]?)(.+)$", subject)
        subject = f"{m.group(1)}{dress}的{m.group(2)}" if m else f"{dress}的{subject}"
    elif dress:
        subject = f"{subject} in {dress}"
    return {
        "subject": subject, "action": _slot(s, "action", lang), "place": _slot(s, "place", lang), "period": _slot(s, "time_period", lang),
        "detail": _slot(s, "detail", lang), "light": _slot(s, "lighting", lang), "camera": camera, "style": _slot(s, "style", lang),
        "colour": _slot(s, "color_tone", lang), "mood": _slot(s, "atmosphere", lang),
    }  # fmt: skip


def _camera(spec: Mapping[str, Any], row: Mapping[str, Any], lang: str) -> str:
    """The camera in the target's words; empty if the target has none for this move."""
    slots = row["slots"]
    label = _slot(slots, "camera", lang)
    table = _data()["camera"].get(spec.get("camera", ""), {})
    move = slots["camera_move"][0]
    words = table.get(lang)
    if words is None or spec["camera"] == "pixverse":
        return label
    size = table.get("sizes", {}).get(slots["shot_size"])
    found = [size[0 if lang == "zh" else 1]] if size else []
    if move in words:
        found.append(words[move])
    return ("，" if lang == "zh" else ", ").join(found) or label


def _join(parts: Sequence[tuple[str, str]], lang: str) -> str:
    """Put phrases together: who does what is one clause, wherever it stands."""
    out: list[str] = []
    names = [n for n, _ in parts]
    texts = dict(parts)
    for name, text in parts:
        if name == "action" and "subject" in names:
            if names.index("subject") < names.index("action") or lang == "zh":
                if "subject" not in names[: names.index("action")]:
                    out.append(texts["subject"] + text)
                else:
                    out[-1] = out[-1] + ("" if lang == "zh" else " ") + text
            else:
                out.append(f"{texts['subject']} {text}")
        elif name == "subject" and "action" in names[: names.index("subject")]:
            continue
        elif name == "period" and lang == "en":
            out.append(f"in {text}" if out else text)
        else:
            out.append(text)
    text = ("，" if lang == "zh" else ", ").join(out)
    return text + "。" if lang == "zh" else text[:1].upper() + text[1:] + "."


def _negative(spec: Mapping[str, Any], row: Mapping[str, Any], lang: str) -> str:
    lists = _data()["negative"].get(spec.get("negative", ""), {})
    words = list(lists.get(lang) or lists.get("en", []))
    wanted = f"{row['zh']} {row['en']}"
    for rule in _data()["unless"]:
        if re.search(rule["wanted"], wanted):
            words = [w for w in words if w not in rule["drop"]]
    return ("，" if lang == "zh" else ", ").join(words)


def pack_row(target: str, row: Mapping[str, Any], lang: str = "", count: Count | None = None) -> Packed:
    """Order and shorten one prompt for a target.

    Args:
        target: name of a pack.
        row: a prompt of ``gaps``, or any row with ``zh`` and ``en`` (then whole sentences go where it is too long).
        lang: ``zh`` or ``en``; the target's best language if empty.
        count: counts tokens; ``counter`` of the target's encoder if ``None``.

    Raises:
        UsageError: the target is not known or does not read the language.
        DataError: not even the first slot fits, or the row lacks the language.
    """
    spec = _spec(target)
    encoder, budget, chars, langs = _limits(spec)
    if lang and lang not in langs:
        raise UsageError(f"{target} does not read {lang!r}", hint=f"its text encoder reads {', '.join(langs)}")
    lang = lang or next((x for x in langs if row.get(x)), langs[0])
    if not row.get(lang):
        raise DataError(f"prompt {row.get('id')!r} has no {lang} text, which {target} needs")
    camera = _camera(spec, row, lang) if row.get("slots") else ""
    motion = _motion(row) if spec.get("motion") else ""
    measure = count or counter(encoder)[0]

    def fits(text: str) -> bool:
        return (not budget or measure(text) <= budget) and (not chars or len(text) <= chars)

    if row.get("slots"):
        phrases = _phrases(row, lang, camera)
        order = [n for n in spec["order"] if phrases.get(n)]
        rest: list[str] = list(order)
        # The least needed goes first; who, what and when stay to the end.
        for name in (*_LEAST, ""):
            text = _join([(n, phrases[n]) for n in rest], lang) + motion
            if fits(text) or not name:
                break
            rest = [n for n in rest if n != name]
        dropped = tuple(n for n in order if n not in rest)
    else:
        text, dropped = _sentences(str(row[lang]), lang, fits)
    text = base.clean(text)
    if not fits(text):
        raise DataError(f"prompt {row.get('id')!r} is too long for {target} even with only who and what: {measure(text)} tokens")
    return Packed(str(row["id"]), text, lang, _negative(spec, row, lang), dropped, measure(text), _api_camera(spec, row))


_LEAST = ("mood", "colour", "detail", "style", "camera", "light", "place")


def _sentences(text: str, lang: str, fits: Any) -> tuple[str, tuple[str, ...]]:
    pieces = re.findall(r"[^。！？]+[。！？]?" if lang == "zh" else r".+?(?:[.!?](?=\s|$)|$)\s*", text)
    kept = list(pieces)
    while len(kept) > 1 and not fits("".join(kept).strip()):
        kept.pop()
    return "".join(kept).strip(), tuple(p.strip() for p in pieces[len(kept) :])


def _motion(row: Mapping[str, Any]) -> str:
    """Open-Sora 2 was trained with a motion score at the end: 1 is still, 4 fits people, more for crowds and horses."""
    kind = str((row.get("slots") or {}).get("camera_move", [""])[0])
    group = bool(re.search(r"gallop|race|charge|run|crowd|dance|spin", str(row["en"])))
    return f" {6 if group else 3 if kind == '固定镜头' else 4} motion score"


def _api_camera(spec: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if spec.get("camera") != "pixverse" or not row.get("slots"):
        return ""
    word = str(_data()["camera"]["pixverse"].get(row["slots"]["camera_move"][0], "-"))
    return "" if word == "-" else word


def pack(target: str, rows: Sequence[Mapping[str, Any]], out: Path, lang: str = "", count: Count | None = None) -> dict[str, Any]:
    """Write a pack.

    Args:
        target: name of a pack.
        rows: prompts.
        out: folder to write to.
        lang: ``zh`` or ``en``; the target's best language if empty.
        count: counts tokens, for instance of ``quality.tokenizer``; ``counter`` of the target's encoder if ``None``.

    Returns:
        What was written: files, prompts, how many were shortened, the longest in tokens and how they were counted.
    """
    spec = _spec(target)
    packed = [pack_row(target, r, lang, count) for r in rows]
    counted = "given tokenizer" if count else counter(_limits(spec)[0])[1]
    by_id = {str(r["id"]): r for r in rows}
    files = {**_files(spec, packed, by_id), "prompts.csv": _csv(packed, by_id), "README.md": _readme(spec, packed, counted)}
    for name, text in files.items():
        write_atomic(out / name, text.encode("utf-8"))
    return {"target": target, "prompts": len(packed), "shortened": sum(bool(p.dropped) for p in packed),
            "most_tokens": max((p.tokens for p in packed), default=0), "counted_by": counted, "files": sorted(files)}  # fmt: skip


def _csv(packed: Sequence[Packed], by_id: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [(n, p.id, p.lang, p.text, p.negative, by_id[p.id].get("cell", ""), ";".join(p.dropped)) for n, p in enumerate(packed, 1)]
    return base.to_csv(("number", "id", "lang", "prompt", "negative_prompt", "cell", "left_out"), rows, bom=True)


def _files(spec: Mapping[str, Any], packed: Sequence[Packed], by_id: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    profile = base.profile(spec["profile"])
    kind, hint, request = spec["write"], profile.get("hint", {}), profile.get("request", {})
    if kind == "list":
        return {"prompts.txt": "".join(p.text + "\n" for p in packed)}
    if kind == "numbered":
        return {"prompts_numbered.txt": "".join(f"{n}. {p.text}\n" for n, p in enumerate(packed, 1))}
    if kind == "capcut":
        return _capcut(packed, by_id, profile)
    if kind == "sora":
        bodies: list[dict[str, Any]] = [
            {"custom_id": p.id, "body": {"model": request["model"], "prompt": p.text, "seconds": "8", "size": "1280x720"}} for p in packed
        ]
        return {"requests.jsonl": _lines(bodies)}
    if kind == "pixverse":
        bodies = [_pixverse(p, request) for p in packed]
        wrong = [f for b in bodies for f in pixverse_faults(b)]
        if wrong:
            raise DataError(f"pixverse refuses this: {wrong[0]}")
        return {"requests.jsonl": _lines(bodies)}
    if kind == "wan":
        calls = [{"id": p.id, "task": request["task"], "size": request["size"], "frame_num": request["frame_num"], "base_seed": int(p.id[:7], 16) if re.fullmatch(r"[0-9a-f]{7,}", p.id) else 0,
                  "prompt": p.text, "negative_prompt": p.negative, "lang": p.lang} for p in packed]  # fmt: skip
        return {"prompts.jsonl": _lines(calls)}
    plain = [{"id": p.id, "prompt": p.text, "lang": p.lang, **({"negative_prompt": p.negative} if p.negative else {}), **hint} for p in packed]
    return {"prompts.jsonl": _lines(plain), "prompts.txt": "".join(p.text + "\n" for p in packed)}


def _pixverse(p: Packed, request: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"prompt": p.text, **request, "aspect_ratio": "16:9"}
    if p.negative:
        body["negative_prompt"] = p.negative
    # Only the v4 models take a camera movement as a field.
    if p.camera and str(request["model"]) in ("v4", "v4.5"):
        body["camera_movement"] = p.camera
    return body


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)


def _capcut(packed: Sequence[Packed], by_id: Mapping[str, Mapping[str, Any]], profile: Mapping[str, Any]) -> dict[str, str]:
    """A script and subtitles: one scene per prompt, long ones in several lines of at most the profile's width."""
    out: dict[str, str] = {}
    scenes = []
    for lang in ("zh", "en"):
        width, cues, at = profile["line_chars"][lang], [], 0.0
        for n, p in enumerate(packed, 1):
            said = _narration(by_id[p.id], lang)
            for line in wrap(said, width):
                length = min(float(profile["max_line_s"]), max(1.5, len(line) / _SECONDS[lang]))
                cues.append((at, at + length, line))
                at += length
            if lang == "zh":
                scenes.append((n, p.id, said, _narration(by_id[p.id], "en"), p.text, f"{max(3.0, len(said) / _SECONDS['zh']):.1f}"))
        out[f"captions_{lang}.srt"] = "".join(f"{i}\n{stamp(a)} --> {stamp(b)}\n{line}\n\n" for i, (a, b, line) in enumerate(cues, 1))
    out["script.csv"] = base.to_csv(("scene", "id", "narration_zh", "narration_en", "prompt", "seconds"), scenes, bom=True)
    return out


def _narration(row: Mapping[str, Any], lang: str) -> str:
    """What a voice says over the scene: who does what, and when; no camera words."""
    slots = row.get("slots")
    if not slots:
        return str(row[lang])
    period, who, does = (_slot(slots, k, lang) for k in ("time_period", "subject", "action"))
    if lang == "zh":
        return (f"{period}，" if period else "") + who + does + "。"
    text = (f"In {period}, " if period else "") + f"{who} {does}."
    return text[:1].upper() + text[1:]


def _readme(spec: Mapping[str, Any], packed: Sequence[Packed], counted: str) -> str:
    profile = base.profile(spec["profile"])
    encoder, budget, chars, langs = _limits(spec)
    limit = f"{budget} tokens ({encoder})" if budget else f"{chars} characters" if chars else "no stated limit"
    shortened = sum(bool(p.dropped) for p in packed)
    return (
        f"# Prompt pack: {profile['title']}\n\n{len(packed)} prompts in {', '.join(sorted({p.lang for p in packed}))}; limit: {limit}; "
        f"languages its encoder reads: {', '.join(langs)}.\n{shortened} prompts say less than the full ones so that they fit "
        f"(column `left_out` of prompts.csv). Tokens were counted by: {counted}.\n\n"
        f"Order: {', '.join(spec['order'])}.\n\nStart: {profile['start']}\n\nSource of the limits: {profile['source']}\n"
    )


def read_prompts(path: Path) -> list[dict[str, Any]]:
    """Read prompts as ``gaps``, ``localize`` and the evaluation set write them.

    Args:
        path: JSON Lines with ``id``, ``zh``, ``en`` and perhaps ``slots``.

    Raises:
        DataError: a line is no prompt; names it.
    """
    out = []
    for number, row in json_lines(path, "the prompts"):
        if not isinstance(row, dict) or not (row.get("zh") or row.get("en")):
            raise DataError(f"{path}:{number}: expected an object with zh or en")
        out.append(
            {"id": str(row.get("id", number)), **{k: v for k, v in row.items() if k != "id"}, "zh": row.get("zh") or "", "en": row.get("en") or ""}
        )
    return out
