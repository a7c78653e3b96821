"""Where a file says it comes from: the AIGC label and C2PA credentials, as columns. Nothing is ever removed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from curate.errors import DataError
from curate.media import aigc, rights
from curate.media.frames import opened
from curate.media.isolate import Limits, Outcome, Pool, spread
from curate.media.piece import Piece
from curate.media.refused import Refused

COLUMNS = (
    "path", "ok", "reason", "note", "ai_generated", "ai_label", "opt_out", "opt_out_by", "origin", "aigc_label", "aigc_producer", "aigc_produce_id", "aigc_propagator",
    "aigc_propagate_id", "aigc_where", "aigc_raw", "c2pa", "c2pa_generator", "c2pa_source_type", "c2pa_training",
)  # fmt: skip
IMAGES = (".png", ".jpg", ".jpeg")
# IPTC source types that say that a model made it.
AI_SOURCES = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia")
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
MAX_MANIFEST = 8 << 20


def read_file(piece: Piece) -> dict[str, Any]:
    """Read label and credentials; runs in a child.

    Args:
        piece: the file, video or image; nothing is decoded.

    Returns:
        The columns ``ai_generated`` … ``c2pa_training``; ``opt_out`` is true where the file forbids training, else null: silence is no permission.
    """
    path = piece.path
    label = find_label(Path(path))
    credentials = _c2pa(path)
    made = label is not None and label.status in ("is_ai", "possibly", "suspected")
    said, origin = _metadata(Path(path))
    by = [name for name, no in (("c2pa", rights.in_credentials(credentials["c2pa_training"])), ("metadata", said), ("xmp", _reserved(path))) if no]
    out = {"opt_out": True if by else None, "opt_out_by": "+".join(by) or None, "origin": origin}
    return {**aigc.row(label), **credentials, **out, "ai_generated": made or credentials["c2pa_source_type"] in AI_SOURCES}


def _reserved(path: str) -> bool:
    return any(rights.in_xmp(data) for data in aigc.xmp_packets(Path(path)))


def _metadata(path: Path) -> tuple[bool, str | None]:
    if path.suffix.lower() in IMAGES:
        return False, None
    with opened(str(path)) as container:
        return rights.of_metadata(container.metadata)


def find_label(path: Path) -> aigc.Label | None:
    """Return the AIGC label of a file, wherever it is.

    Args:
        path: video or image.

    Raises:
        Refused: it is no media file.
    """
    found = aigc.in_image(path)
    if found is not None:
        return found
    with opened(str(path)) as container:
        found = aigc.in_metadata(container.metadata)
        for stream in container.streams:
            found = found or aigc.in_metadata(stream.metadata)
        is_mp4 = "mp4" in container.format.name
    return found or (aigc.in_mp4_xmp(path) if is_mp4 else None)


def _c2pa(path: str) -> dict[str, Any]:
    """Credentials, read offline. Formats that cannot carry them (MKV, WebM) give ``unsupported``."""
    out: dict[str, Any] = {"c2pa": None, "c2pa_generator": None, "c2pa_source_type": None, "c2pa_training": None}
    try:
        import c2pa
    except ImportError:
        return out
    if Path(path).suffix.lower().lstrip(".") not in {t.rpartition("/")[2] for t in _types(c2pa)} | {"jpg", "mov", "m4v", "tif"}:
        return {**out, "c2pa": "unsupported"}
    try:
        c2pa.load_settings(_OFFLINE)
        with c2pa.Reader(path) as reader:
            text = reader.json()
    except c2pa.C2paError as e:
        absent = "ManifestNotFound" in type(e).__name__ or "ManifestNotFound" in str(e)
        unsupported = "NotSupported" in type(e).__name__ or "NotSupported" in str(e)
        return {**out, "c2pa": "absent" if absent else "unsupported" if unsupported else "unreadable"}
    return {**out, **credentials(text)}


def _types(c2pa: Any) -> set[str]:
    try:
        return {str(t) for t in c2pa.Reader.get_supported_mime_types()}
    except (AttributeError, c2pa.C2paError):
        return {"video/mp4", "image/jpeg", "image/png", "video/quicktime"}


def credentials(text: str) -> dict[str, Any]:
    """Say what a C2PA manifest store tells about origin.

    Args:
        text: JSON of the store.

    Returns:
        ``c2pa`` (``valid``, ``invalid``, ``untrusted``), generator, source type, and whether training is allowed.
    """
    try:
        store = json.loads(text) if len(text) <= MAX_MANIFEST else {}
        active = store.get("manifests", {}).get(store.get("active_manifest"), {})
        codes = [str(s.get("code", "")) for s in store.get("validation_status") or []]
        generator = active.get("claim_generator_info") or [{"name": active.get("claim_generator")}]
        found: dict[str, Any] = {"c2pa_source_type": None, "c2pa_training": None}
        for assertion in active.get("assertions", []):
            _note(assertion, found)
    except (ValueError, AttributeError, TypeError, IndexError, RecursionError):
        return {"c2pa": "unreadable"}
    state = str(store.get("validation_state", "")).lower()
    untrusted = bool(codes) and all("signingCredential.untrusted" in c for c in codes)
    valid = state in ("valid", "trusted") or not codes
    return {"c2pa": "untrusted" if untrusted else "valid" if valid else "invalid", "c2pa_generator": generator[0].get("name"), **found}


def _note(assertion: dict[str, Any], found: dict[str, Any]) -> None:
    label, data = str(assertion.get("label", "")), assertion.get("data") or {}
    for action in data.get("actions", []) if label.startswith("c2pa.actions") else []:
        source = str(action.get("digitalSourceType") or "").rpartition("/")[2]
        found["c2pa_source_type"] = source or found["c2pa_source_type"]
    if label.endswith("training-mining"):
        uses = {k.rpartition(".")[2]: v.get("use") for k, v in (data.get("entries") or {}).items()}
        found["c2pa_training"] = json.dumps(uses, sort_keys=True)


def read(paths: Iterable[Path | str], limits: Limits | None = None, workers: int = 1, pool: Pool | None = None) -> Iterator[dict[str, Any]]:
    """Read label and credentials of files, each in a child process.

    Args:
        paths: videos and images.
        limits: what one file may cost.
        workers: children at once.
        pool: children to use instead of new ones.

    Yields:
        One row per file with ``COLUMNS``.
    """
    use, made = spread(pool, limits, workers)
    names = [str(p) for p in paths]
    try:
        for name, outcome in zip(names, use.map("provenance", ((n, {}) for n in names)), strict=True):
            yield finish(name, outcome)
    finally:
        for p in made:
            p.close()


def finish(path: str, outcome: Outcome) -> dict[str, Any]:
    """Turn what a child gave into a row with every column."""
    out: dict[str, Any] = dict.fromkeys(COLUMNS)
    out.update(path=path, ok=outcome.value is not None, reason=outcome.reason, note=outcome.note or None)
    return {**out, **{k: v for k, v in (outcome.value or {}).items() if k in out}}


def carried(source: str, metadata: dict[str, str]) -> dict[str, str]:
    """Return the metadata that a copy of a file must have: what it had, and its label under the usual key.

    Args:
        source: the original.
        metadata: of its container.
    """
    kept = {k: v for k, v in metadata.items() if k.lower() not in ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")}
    label = find_label(Path(source))
    if label is not None:
        kept = {k: v for k, v in kept.items() if k.strip().rpartition(":")[2].upper() != aigc.KEY}
        kept[aigc.KEY] = label.raw
    return kept


def check_carried(source: str, target: str) -> None:
    """Prove that a copy has the label of its original by reading it again.

    Args:
        source: the original.
        target: the copy; deleted if the label was lost.

    Raises:
        Refused: the label was lost.
    """
    before = find_label(Path(source))
    if before is None:
        return
    after = find_label(Path(target))
    if after is None or after.raw != before.raw:
        Path(target).unlink(missing_ok=True)
        raise Refused("label_lost", f"{Path(target).suffix} did not keep the AIGC label; use .mp4, .mov, .mkv or .webm")


def add_label(source: Path, target: Path, raw: str) -> None:
    """Write a copy of a file with an AIGC label; streams and picture are copied bit by bit.

    Args:
        source: MP4, MOV, MKV, WebM, PNG or JPEG.
        target: the copy, with the same ending.
        raw: the label's JSON text, see ``aigc.make``.

    Raises:
        DataError: it is no label, or the file has one already.
    """
    if aigc.parse(raw, "given") is None:
        raise DataError(f"{raw[:80]!r} is no AIGC label", hint='{"Label": "1", "ContentProducer": …}')
    if find_label(source) is not None:
        raise DataError(f"{source.name} has an AIGC label; labels are never replaced")
    if source.suffix.lower() in IMAGES:
        target.write_bytes(aigc.labelled_image(source.read_bytes(), raw))
        return
    from curate.media.cutting import remux

    remux(str(source), str(target), {aigc.KEY: raw})
