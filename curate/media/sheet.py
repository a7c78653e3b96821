"""Pictures of clips for people: thumbnails, contact sheets with Chinese titles, and a report page. Labels are carried into the pictures."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.errors import DataError, UsageError, need_extra
from curate.media import aigc
from curate.media.fonts import fit_text, font
from curate.media.isolate import Pool
from curate.media.wire import Array
from curate.workspace import write_atomic

CELL = 200
TITLE = 18
_STYLE = (
    "body{font:14px/1.5 system-ui,'Noto Sans SC',sans-serif;margin:2em auto;max-width:60em;padding:0 1em}section{border-top:1px solid #ccc;padding:.6em 0 1em}"
    "h2{font-size:1em;margin:.2em 0}p{margin:.3em 0}img{display:block;max-width:100%;margin:.5em 0}.bad{background:#fee}"
    "dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(11em,1fr));gap:.1em 1.2em;margin:.4em 0}dl div{display:flex;justify-content:space-between}"
    "dt{color:#666}dd{margin:0;overflow-wrap:anywhere}"
)
_SHOWN = (
    "codec", "width", "height", "rotation", "frames", "fps", "constant_fps", "duration_s", "audio", "black", "frozen", "duplicate", "brightness",
    "sharpness", "motion", "cuts", "letterbox", "corner_static", "text_share", "text_zh", "text_en",
)  # fmt: skip


def strip(pool: Pool, path: str, count: int = 6, side: int = CELL) -> tuple[list[Array], str]:
    """Return a few frames of a clip, and why there are none.

    Args:
        pool: children that decode.
        path: the file.
        count: frames.
        side: longer side, pixels.
    """
    outcome = pool.call("frames", {"count": count, "side": side}, path)
    if outcome.value is None:
        return [], f"{outcome.reason}: {outcome.note}"
    return list(outcome.value["images"]), ""


def contact_sheet(strips: Sequence[tuple[str, Sequence[Array], str]], columns: int = 6, cell: int = CELL) -> Array:
    """Lay frames out, one row per clip under its title.

    Args:
        strips: title, frames and fault of each clip.
        columns: frames per row.
        cell: width of a frame, pixels.

    Returns:
        Array of shape ``(height, width, 3)``, uint8.

    Raises:
        MissingExtra: Pillow or the font is not installed.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as e:
        raise need_extra("pillow", "clips") from e
    height = cell * 9 // 16
    row_height = height + TITLE + 14
    sheet = Image.new("RGB", (columns * (cell + 4) + 4, max(1, len(strips)) * row_height + 4), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for number, (title, images, fault) in enumerate(strips):
        top = number * row_height + 4
        line = fit_text(f"{title}  {fault}".strip(), sheet.width - 12, TITLE)
        draw.text((6, top), line, font=font(TITLE), fill=(160, 0, 0) if fault else (20, 20, 20))
        for k, image in enumerate(images[:columns]):
            picture = Image.fromarray(image)
            picture.thumbnail((cell, height))
            x, y = 4 + k * (cell + 4) + (cell - picture.width) // 2, top + TITLE + 8 + (height - picture.height) // 2
            sheet.paste(picture, (x, y))
    return np.asarray(sheet)


def save(image: Array, path: Path, label: str | None = None) -> None:
    """Write a picture as PNG or JPEG, with the AIGC label of what it shows.

    Args:
        image: array of shape ``(height, width, 3)``, uint8.
        path: ``.png``, ``.jpg`` or ``.jpeg``.
        label: JSON text of the label, if the clip has one.

    Raises:
        UsageError: another ending.
    """
    from PIL import Image

    kinds = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
    if path.suffix.lower() not in kinds:
        raise UsageError(f"cannot write a picture as {path.suffix or path.name!r}", hint=f"choices: {', '.join(kinds)}")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kinds[path.suffix.lower()], quality=88)
    data = buffer.getvalue()
    write_atomic(path, aigc.labelled_image(data, label) if label else data)


def first_label(pool: Pool, paths: Sequence[str]) -> str | None:
    """Return the label of the first clip that has one: a sheet that shows it must say so, too."""
    for path in paths:
        got = pool.call("provenance", {}, path).value
        if got and got["aigc_raw"]:
            return str(got["aigc_raw"])
    return None


def sheet(paths: Sequence[str], out: Path, pool: Pool, titles: Mapping[str, str] | None = None, columns: int = 6) -> list[dict[str, Any]]:
    """Write one contact sheet of many clips.

    Args:
        paths: the files.
        out: ``.png`` or ``.jpg``.
        pool: children that decode.
        titles: path to title; the file's name otherwise.
        columns: frames per clip.

    Returns:
        ``{path, ok, reason}`` per file.

    Raises:
        DataError: there is no file.
    """
    if not paths:
        raise DataError("no clips to show")
    strips = []
    rows = []
    for path in paths:
        images, fault = strip(pool, path, columns)
        name = Path(path).name
        title = (titles or {}).get(path) or (titles or {}).get(name)
        strips.append((f"{name}  {title}" if title else name, images, fault))
        rows.append({"path": path, "ok": not fault, "reason": fault or None})
    save(contact_sheet(strips, columns), out, first_label(pool, paths))
    return rows


def page(rows: Sequence[Mapping[str, Any]], pictures: Mapping[str, str], titles: Mapping[str, str] | None = None) -> str:
    """Return a report page: one row per clip with its picture and scores; every text is escaped, nothing is loaded from elsewhere.

    Args:
        rows: of the task ``analyse``, with ``path``, ``ok``, ``reason``.
        pictures: path to the name of its picture beside the page.
        titles: path to title.
    """
    body = []
    for row in rows:
        path = str(row["path"])
        values = "".join(f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(_text(row[k]))}</dd></div>" for k in _SHOWN if row.get(k) is not None)
        picture = f'<img src="{html.escape(pictures[path])}" alt="">' if path in pictures else ""
        title = html.escape((titles or {}).get(path) or "")
        fault = "" if row.get("ok") else f"<p>{html.escape(str(row.get('reason')))}: {html.escape(str(row.get('note') or ''))}</p>"
        label = f"<p>AIGC: {html.escape(str(row['ai_label']))}</p>" if row.get("ai_label") else ""
        body.append(
            f'<section class="{"" if row.get("ok") else "bad"}"><h2>{html.escape(Path(path).name)}</h2><p>{title}</p>{fault}{label}{picture}'
            f"<dl>{values}</dl></section>"
        )
    head = f"{len(rows)} 段视频 · clips, {sum(not r.get('ok') for r in rows)} 段无法读取 · unreadable"
    policy = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Clips</title><style>{_STYLE}</style><h1>{head}</h1>{''.join(body)}</html>\n"
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "0"
    return f"{value:g}" if isinstance(value, float) else str(value)


def report(paths: Sequence[str], out: Path, pool: Pool, titles: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Write a folder with a report page and a strip of frames per clip.

    Args:
        paths: the files.
        out: the folder.
        pool: children that decode.
        titles: path to title.

    Returns:
        The rows that the page shows.
    """
    rows: list[dict[str, Any]] = []
    pictures: dict[str, str] = {}
    for number, path in enumerate(paths, 1):
        outcome = pool.call("analyse", {}, path)
        row = {"path": path, "ok": outcome.value is not None, "reason": outcome.reason, "note": outcome.note, **(outcome.value or {})}
        origin = pool.call("provenance", {}, path).value or {}
        row["ai_label"] = origin.get("ai_label")
        images, _ = strip(pool, path)
        if images:
            pictures[path] = f"clip-{number:05d}.jpg"
            save(contact_sheet([(Path(path).name, images, "")]), out / pictures[path], origin.get("aigc_raw"))
        rows.append(row)
    write_atomic(out / "clips.html", page(rows, pictures, titles).encode())
    return rows
