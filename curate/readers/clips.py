"""Video as it lies about: a folder, a zip, one long file, or a table of paths with start and end; captions from sidecars and subtitles."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import polars as pl
from pydantic import Field

from curate import langid
from curate.errors import DataError
from curate.readers import subtitles, tables
from curate.readers.base import RAW_LIMIT, Bad, Batch, Reader
from curate.readers.columns import MEDIA_SUFFIXES
from curate.readers.encoding import detect
from curate.readers.names import NAMES
from curate.readers.subtitles import Cue
from curate.stage import Params

MAX_SIDECAR = 4 << 20
MAX_MEMBERS = 1_000_000
VIDEO = tuple(f".{s}" for s in MEDIA_SUFFIXES["video"])
_TABLES = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet"}
_TEXTS = (".zh.txt", ".cn.txt", "_zh.txt", ".en.txt", "_en.txt", ".txt", ".caption")
_COLUMNS = ("source_id", "clip_id", "uri", "media", "start_s", "end_s", "zh", "en", "license", "attribution")


class ClipsParams(Params):
    """Options of the clips reader.

    Attributes:
        divide: what becomes a record: ``whole`` files, ``cues`` of the subtitles, ``scenes`` found by decoding, or ``auto``: cues where there are
            subtitles and no other caption, else whole files.
        least_s: shorter scenes are left out.
        most_s: longer scenes are divided evenly.
        media_root: folder that paths in a table refer to; the table's folder if empty.
        recursive: look into folders below.
    """

    divide: Literal["auto", "whole", "cues", "scenes"] = "auto"
    least_s: float = Field(1.0, ge=0)
    most_s: float | None = Field(None, gt=0)
    media_root: str = ""
    recursive: bool = True


class _Source:
    """Media and sidecars by name, in a folder or in a zip; nothing is unpacked."""

    def __init__(self, names: list[str], read: Callable[[str], bytes], uri: Callable[[str], str], decodable: Callable[[str], Path | None]) -> None:
        self.names = sorted(names)
        self.read, self.uri, self.decodable = read, uri, decodable
        self._beside: dict[str, list[str]] = {}
        for name in self.names:
            folder, base = str(PurePosixPath(name).parent), PurePosixPath(name).name
            self._beside.setdefault(f"{folder}/{base.split('.')[0]}", []).append(name)
            self._beside.setdefault(f"{folder}/{base.rsplit('_', 1)[0]}", []).append(name)

    def media(self) -> list[str]:
        return [n for n in self.names if n.lower().endswith(VIDEO) and not PurePosixPath(n).name.startswith(".")]

    def beside(self, name: str) -> list[str]:
        """Files whose names begin like that of a medium."""
        path = PurePosixPath(name)
        near = self._beside.get(f"{path.parent}/{path.name.split('.')[0]}", [])
        return [n for n in dict.fromkeys(near) if n != name and PurePosixPath(n).name.startswith(path.stem)]


def read_clips(path: Path, params: ClipsParams) -> Iterator[Batch]:
    """Read video with its captions; what cannot be read is quarantined with its reason.

    Args:
        path: a folder, a zip, a video file, or a table with paths.
        params: options.

    Raises:
        DataError: it is none of these, or holds no video.
    """
    ending = path.suffix.lower()
    if path.is_dir():
        found = path.rglob("*") if params.recursive else path.glob("*")
        names = [p.relative_to(path).as_posix() for p in found if p.is_file() and not p.is_symlink()]
        source = _Source(names, lambda n: _bounded(path / n), lambda n: str(path / n), lambda n: path / n)
        yield from _media(source, path, params)
    elif ending == ".zip":
        yield from _zip(path, params)
    elif ending in VIDEO:
        names = [
            p.name for p in path.parent.iterdir() if p.is_file() and p.name.startswith(path.stem) and (p.suffix.lower() not in VIDEO or p == path)
        ]
        source = _Source(names, lambda n: _bounded(path.parent / n), lambda n: str(path.parent / n), lambda n: path.parent / n)
        yield from _media(source, path, params)
    elif ending in _TABLES:
        yield from _table(path, params, _TABLES[ending])
    else:
        raise DataError(f"{path} is no folder, zip, video or table", hint=f"known endings: .zip {' '.join(_TABLES)} {' '.join(VIDEO)}")


def _bounded(path: Path) -> bytes:
    with path.open("rb") as f:
        return f.read(MAX_SIDECAR + 1)


def _zip(path: Path, params: ClipsParams) -> Iterator[Batch]:
    try:
        with zipfile.ZipFile(path) as packed:
            infos = {i.filename: i for i in packed.infolist() if not i.is_dir()}
            if len(infos) > MAX_MEMBERS:
                raise DataError(f"{path}: {len(infos)} members, the limit is {MAX_MEMBERS}")

            def read(name: str) -> bytes:
                # The size in the directory may lie; no more than the limit is ever unpacked.
                with packed.open(infos[name]) as f:
                    return f.read(MAX_SIDECAR + 1)

            yield from _media(_Source(list(infos), read, lambda n: f"zip://{path}#{n}", lambda _n: None), path, params)
    except zipfile.BadZipFile as e:
        raise DataError(f"{path}: not a usable zip: {e}") from e


def _media(source: _Source, path: Path, params: ClipsParams) -> Iterator[Batch]:
    media = source.media()
    if not media:
        raise DataError(f"no video in {path}", hint=f"known endings: {', '.join(VIDEO)}")
    rows: list[dict[str, Any]] = []
    bad: list[Bad] = []
    notes: list[str] = []
    for number, name in enumerate(media, 1):
        texts, cues, faults = _sidecars(source, name)
        bad += [Bad(f, number, reason, note, raw[:RAW_LIMIT]) for f, reason, note, raw in faults]
        made = _records(source, name, texts, cues, params, notes)
        if not made and not faults:
            bad.append(Bad(name, number, "no_caption", "no .txt, .json or subtitles beside it that belong to it", b""))
        rows += [{**_by_language(r), "media": "video", "_line": number} for r in made]
    notes.insert(0, f"{len(media)} videos, {len(rows)} records")
    yield _batch(rows, str(path), bad, notes)


def _by_language(row: dict[str, Any]) -> dict[str, Any]:
    """Sort a caption in whichever language into ``zh`` and ``en``, so that rows of all kinds fit into one table."""
    caption = row.get("caption")
    if not caption:
        return row
    zh, en = langid.split_mixed(caption)
    rest = {k: v for k, v in row.items() if k != "caption"}
    return {**rest, "zh": row.get("zh") or zh.strip() or None, "en": row.get("en") or en.strip() or None}


def _batch(rows: list[dict[str, Any]], file: str, bad: list[Bad], notes: list[str]) -> Batch:
    # A column of captions that nobody filled would hide that there is another one.
    columns = [c for c in _COLUMNS if any(r.get(c) is not None for r in rows) or c in ("uri", "zh", "en")] + ["_line"]
    schema = {c: pl.Int64() if c == "_line" else pl.Float64() if c in ("start_s", "end_s") else pl.String() for c in columns}
    return Batch(pl.DataFrame([{c: r.get(c) for c in columns} for r in rows], schema=schema), file, bad, notes)


Fault = tuple[str, str, str, bytes]


def _sidecars(source: _Source, name: str) -> tuple[dict[str, str], dict[str, list[Cue]], list[Fault]]:
    texts: dict[str, str] = {}
    cues: dict[str, list[Cue]] = {}
    faults: list[Fault] = []
    for side in source.beside(name):
        lower = side.lower()
        try:
            if lower.endswith(subtitles.ENDINGS):
                found, notes = subtitles.parse(source.read(side), PurePosixPath(side).name)
                cues.setdefault(subtitles.language(side), []).extend(found)
                faults += [(side, "bad_cue", n, b"") for n in notes]
            elif lower.endswith(_TEXTS):
                key = subtitles.language(side) if not lower.endswith(".caption") else "caption"
                texts.setdefault(key, _text(source.read(side), side))
            elif lower.endswith(".json"):
                _from_json(source.read(side), side, texts)
        except subtitles.SubtitleFault as e:
            faults.append((side, e.reason, e.note, source.read(side)))
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as e:
            faults.append((side, "unreadable", f"{side}: {e}", b""))
    return {k: v for k, v in texts.items() if v}, {k: sorted(v) for k, v in cues.items() if v}, faults


def _text(raw: bytes, name: str) -> str:
    if len(raw) > MAX_SIDECAR:
        raise subtitles.SubtitleFault("too_large", f"{name} has more than {MAX_SIDECAR >> 20} MiB")
    try:
        return raw.decode(detect(raw).codec).strip()
    except UnicodeDecodeError as e:
        raise subtitles.SubtitleFault("bad_encoding", f"{name}: {e.reason}") from e


def _from_json(raw: bytes, name: str, texts: dict[str, str]) -> None:
    try:
        value = json.loads(_text(raw, name))
    except (ValueError, RecursionError) as e:
        raise subtitles.SubtitleFault("bad_json", f"{name}: {e}") from e
    for target in ("zh", "en", "caption", "license", "attribution") if isinstance(value, dict) else ():
        for key in NAMES[target]:
            if isinstance(value.get(key), str) and value[key].strip():
                texts.setdefault(target, value[key].strip())


def _records(
    source: _Source, name: str, texts: dict[str, str], cues: dict[str, list[Cue]], params: ClipsParams, notes: list[str]
) -> list[dict[str, Any]]:  # fmt: skip
    base: dict[str, Any] = {"uri": source.uri(name), **{k: texts[k] for k in ("license", "attribution") if k in texts}}
    captions = {k: v for k, v in texts.items() if k in ("zh", "en", "caption")}
    divide = params.divide if params.divide != "auto" else "cues" if cues and not captions else "whole"
    if divide == "cues" and cues:
        spans = _cue_spans(cues)
    elif divide == "scenes":
        spans = _scenes(source, name, params, notes)
    else:
        said = {k: subtitles.within(v, 0.0, float("inf")) for k, v in cues.items()}
        whole: dict[str, str] = {k: v for k, v in said.items() if v}
        whole.update(captions)
        return [{**base, **whole, "source_id": name, "clip_id": name}] if whole else []
    out = []
    for number, (start, end) in enumerate(spans, 1):
        said = {k: subtitles.within(v, start, end) for k, v in cues.items()}
        # What is said in the clip is nearer to it than the caption of the whole file.
        words = {k: v for k, v in said.items() if v} or captions
        if words:
            ident = f"{name}#{number:05d}"
            out.append({**base, **words, "source_id": ident, "clip_id": ident, "start_s": start, "end_s": end})
    return out


def _cue_spans(cues: dict[str, list[Cue]]) -> list[tuple[float, float]]:
    """One interval per cue of the language that has most of them; a bilingual file has both on each cue."""
    most = max(cues.values(), key=len)
    return list(dict.fromkeys((c.start, c.end) for c in most))


def _scenes(source: _Source, name: str, params: ClipsParams, notes: list[str]) -> list[tuple[float, float]]:
    from curate.media import scenes
    from curate.media.isolate import Limits, Pool
    from curate.media.locate import opened_uri
    from curate.media.refused import Refused

    try:
        with Pool(Limits(), 1) as pool, opened_uri(source.uri(name), None) as path:
            return scenes.find(path, pool, params.least_s, params.most_s)
    except (DataError, Refused) as e:
        notes.append(f"{name}: no scenes: {e}")
        return []


def _table(path: Path, params: ClipsParams, kind: str) -> Iterator[Batch]:
    """Rows of a table with absolute paths; rows without a caption get that of the sidecars, in their interval."""
    reader = next(r for r in tables.READERS if r.name == kind)
    root = Path(params.media_root) if params.media_root else path.parent
    for batch in reader.fn(path, reader.params()):
        columns = {c.strip().lower(): c for c in batch.frame.columns}
        where = next((columns[n] for n in NAMES["uri"] if n in columns), None)
        if where is None:
            raise DataError(f"{path}: no column of paths", hint=f"name it one of {', '.join(NAMES['uri'][:8])}")
        uris = [_absolute(u, root) for u in batch.frame.get_column(where).cast(pl.String).to_list()]
        frame = batch.frame.with_columns(pl.Series(where, uris, dtype=pl.String))
        has = [columns[n] for t in ("zh", "en", "caption") for n in NAMES[t] if n in columns]
        batch.frame = frame if has else frame.with_columns(**_aligned(frame, where, columns))
        yield batch


def _absolute(uri: str | None, root: Path) -> str | None:
    if uri is None or "://" in uri or Path(uri).is_absolute():
        return uri
    return str(root / uri)


def _aligned(frame: pl.DataFrame, where: str, columns: dict[str, str]) -> dict[str, pl.Series]:
    starts, ends = (next((frame.get_column(columns[n]).cast(pl.Float64, strict=False).to_list() for n in NAMES[k] if n in columns), [None] * len(frame))
                    for k in ("start_s", "end_s"))  # fmt: skip
    known: dict[str, tuple[dict[str, str], dict[str, list[Cue]]]] = {}
    out: dict[str, list[str | None]] = {"zh": [], "en": []}
    for uri, start, end in zip(frame.get_column(where).to_list(), starts, ends, strict=True):
        if uri not in known:
            known[uri] = _beside_file(Path(uri)) if uri and "://" not in uri else ({}, {})
        texts, cues = known[uri]
        bounds = start or 0.0, end if end is not None else float("inf")
        row = _by_language({k: subtitles.within(cues.get(k, []), *bounds) or texts.get(k) for k in ("zh", "en", "caption")})
        for key, values in out.items():
            values.append(row.get(key))
    return {k: pl.Series(k, v, dtype=pl.String) for k, v in out.items()}


def _beside_file(path: Path) -> tuple[dict[str, str], dict[str, list[Cue]]]:
    if not path.parent.is_dir():
        return {}, {}
    names = [p.name for p in path.parent.glob(f"{path.stem.replace('[', '[[]')}*") if p.is_file()]
    texts, cues, _ = _sidecars(_Source([*names, path.name], lambda n: _bounded(path.parent / n), str, lambda _n: None), path.name)
    return texts, cues


READERS = (Reader("clips", 1, ClipsParams, read_clips, (".zip", *VIDEO), "video in a folder, zip, file or table; sidecars, subtitles, scenes"),)
