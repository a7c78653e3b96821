"""Systems without training: prompt packs, numbered prompts, and requests for the closed services. No key is ever written."""

from __future__ import annotations

import json
from typing import Any

from curate.data import PACKAGE
from curate.errors import UsageError, did_you_mean
from curate.export.base import Job, pick, to_csv


def _table(job: Job) -> None:
    rows = [(n, c.id, c.captions["zh"][0] if c.captions["zh"] else "", c.captions["en"][0] if c.captions["en"] else "", ";".join(c.themes))
            for n, c in enumerate(job.clips, 1)]  # fmt: skip
    job.write("prompts.csv", to_csv(("number", "id", "zh", "en", "themes"), rows, bom=True))


def pack(job: Job) -> None:
    """Write ``prompts.txt`` (one per line), ``prompts.jsonl`` with hints, and ``prompts.csv`` for people."""
    job.write("prompts.txt", "".join(pick(c, job.langs)[0] + "\n" for c in job.clips))
    job.write("prompts.jsonl", job.lines({"id": c.id, "prompt": pick(c, job.langs)[0], **job.profile.get("hint", {})} for c in job.clips))
    _table(job)


def numbered(job: Job) -> None:
    """Write ``prompts_numbered.txt`` and ``prompts.csv``."""
    job.write("prompts_numbered.txt", "".join(f"{n}. {pick(c, job.langs)[0]}\n" for n, c in enumerate(job.clips, 1)))
    _table(job)


def _options(job: Job, allowed: dict[str, Any]) -> dict[str, str]:
    for name in job.options:
        if name not in allowed:
            raise UsageError(f"{job.target} has no option {name!r}", hint=did_you_mean(name, allowed))
    return dict(job.options)


def sora(job: Job) -> None:
    """Write ``requests.jsonl`` with bodies as the client's types ask (``seconds`` is a string) and ``prompts.csv``.

    Raises:
        UsageError: a size or length that the types do not know, or a size that only sora-2-pro takes.
    """
    rule = job.profile["request"]
    given = {"model": rule["model"], "seconds": "8", "size": "1280x720", **_options(job, {"model": 1, "seconds": 1, "size": 1})}
    for key, known in (("seconds", rule["seconds"]), ("size", rule["sizes"])):
        if given[key] not in known:
            raise UsageError(f"sora: {key} {given[key]!r} is not known", hint=did_you_mean(given[key], known))
    if given["size"] in rule["pro_only"] and "pro" not in given["model"]:
        raise UsageError(f"sora: the size {given['size']} is for sora-2-pro only", hint="--set model=sora-2-pro")
    rows = [{"custom_id": c.id, "body": {"model": given["model"], "prompt": pick(c, job.langs)[0], "seconds": given["seconds"], "size": given["size"]}} for c in job.clips]  # fmt: skip
    job.write("requests.jsonl", job.lines(rows))
    _table(job)


def pixverse_schema() -> dict[str, Any]:
    """Return our JSON Schema of the text-to-video request."""
    loaded: dict[str, Any] = json.loads((PACKAGE / "export" / "pixverse.schema.json").read_text(encoding="utf-8"))
    return loaded


def pixverse(job: Job) -> None:
    """Write ``requests.jsonl`` (bodies only), the schema they fit, and ``prompts.csv``.

    Raises:
        UsageError: an option that the schema refuses.
    """
    known = pixverse_schema()["properties"]
    options: dict[str, Any] = {**job.profile["request"], "aspect_ratio": "16:9", **_options(job, known)}
    for name, value in options.items():
        if known[name]["type"] == "integer" and isinstance(value, str):
            if not value.isdigit():
                raise UsageError(f"pixverse: {name} {value!r} is no whole number")
            options[name] = int(value)
    if str(options["model"]) in ("v5.5", "v5.6", "v6", "c1"):
        options.pop("motion_mode", None)
    rows = [{"prompt": pick(c, job.langs)[0], **options} for c in job.clips]
    faults = pixverse_faults(rows[0]) if rows else []
    if faults:
        raise UsageError(f"pixverse refuses this: {'; '.join(faults)}", hint="see pixverse.schema.json")
    job.write("requests.jsonl", job.lines(rows))
    job.write("pixverse.schema.json", json.dumps(pixverse_schema(), indent=1) + "\n")
    _table(job)


def pixverse_faults(body: dict[str, Any]) -> list[str]:
    """Check one request body by the rules that depend on the model; the schema says the same for other programs.

    Args:
        body: a request.
    """
    model, seconds, quality = str(body.get("model")), body.get("duration"), body.get("quality")
    table = pixverse_schema()["x-models"]
    if model not in table:
        return [f"model {model!r} is not one of {', '.join(table)}"]
    rule = table[model]
    out = []
    if seconds not in rule["duration"]:
        out.append(f"duration {seconds!r} is not one of {rule['duration']} for {model}")
    if quality == "1080p" and seconds in rule["not_at_1080p"]:
        out.append(f"duration {seconds} is not offered at 1080p for {model}")
    if quality not in ("360p", "540p", "720p", "1080p"):
        out.append(f"quality {quality!r} is not known")
    if body.get("aspect_ratio") not in rule["aspect_ratio"]:
        out.append(f"aspect_ratio {body.get('aspect_ratio')!r} is not one of {rule['aspect_ratio']} for {model}")
    if not 0 < len(str(body.get("prompt", ""))) <= 2048:
        out.append("prompt must have 1 to 2048 characters")
    return out


def wan(job: Job) -> None:
    """Write ``prompts.jsonl``, one call per clip and language, with a fixed seed per clip, and ``prompts.csv``."""
    rule = job.profile["request"]
    rows = [
        {"id": c.id, "lang": lang, "task": rule["task"], "size": rule["size"], "frame_num": rule["frame_num"], "base_seed": int(c.id[:7], 16), "prompt": c.captions[lang][0]}
        for c in job.clips for lang in job.langs if c.captions[lang]
    ]  # fmt: skip
    job.write("prompts.jsonl", job.lines(rows))
    _table(job)
