"""The label of AI-generated content of GB 45438-2025: a JSON under the key AIGC. It is read, recorded and carried on; never removed.

Where it is: container metadata of MP4/MOV (``moov.udta.meta``), MKV/WebM (SimpleTag), AVI (INFO), FLV; XMP ``TC260:AIGC`` as element or
attribute, also inside MP4; and, seen in the wild, PNG ``tEXt``, EXIF UserComment, a bare ``AIGC{…}`` in a JPEG segment.
"""

from __future__ import annotations

import html
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

KEY = "AIGC"
NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
STATUS = {"1": "is_ai", "2": "possibly", "3": "suspected"}
# Larger values are no labels.
MAX_VALUE = 64 * 1024
MAX_XMP = 4 << 20
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_FIELDS = ("Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2")


@dataclass(frozen=True)
class Label:
    """One label.

    Attributes:
        raw: the text as it was found; this is what is carried on.
        where: ``metadata``, ``xmp``, ``png_text``, ``exif`` or ``segment``.
        status: ``is_ai``, ``possibly``, ``suspected``, or ``malformed``.
        label: its value, ``1``, ``2`` or ``3``.
        producer: who made the content.
        produce_id: the producer's number.
        propagator: who passed it on.
        propagate_id: the propagator's number.
    """

    raw: str
    where: str
    status: str
    label: str | None = None
    producer: str | None = None
    produce_id: str | None = None
    propagator: str | None = None
    propagate_id: str | None = None


def parse(text: str, where: str) -> Label | None:
    """Parse what stands under the key.

    Args:
        text: JSON, perhaps escaped for XML, in a string, under the key once more, or after the word ``AIGC``.
        where: for the result.

    Returns:
        The label; ``malformed`` if it is no JSON object; ``None`` if it is an object of another kind.

    Example:
        >>> parse('{"Label":"1","ContentProducer":"001191"}', "metadata").status
        'is_ai'
    """
    raw = text.strip().strip("\x00").strip()
    if not raw or len(raw) > MAX_VALUE:
        return None
    value: Any = None
    for candidate in (raw, html.unescape(raw), raw.removeprefix(KEY).lstrip(": =")):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, str):
            return parse(value, where) if value != raw else None
        break
    if isinstance(value, dict) and isinstance(value.get(KEY), (dict, str)):
        inner = value[KEY]
        return parse(inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False), where)
    if not isinstance(value, dict):
        return Label(raw, where, "malformed") if "Label" in raw else None
    if not any(k in value for k in _FIELDS):
        return None
    get = {k: None if value.get(k) is None else str(value[k]) for k in _FIELDS}
    status = STATUS.get((get["Label"] or "").strip(), "malformed")
    return Label(raw, where, status, get["Label"], get["ContentProducer"], get["ProduceID"], get["ContentPropagator"], get["PropagateID"])


def make(label: str, producer: str, produce_id: str, propagator: str = "", propagate_id: str = "") -> str:
    """Return the JSON text of a label.

    Args:
        label: ``1`` is, ``2`` possibly, ``3`` suspected AI-generated.
        producer: code of who made the content.
        produce_id: the producer's number.
        propagator: code of who passes it on.
        propagate_id: the propagator's number.
    """
    values = (label, producer, produce_id, "", propagator, propagate_id, "")
    return json.dumps(dict(zip(_FIELDS, values, strict=True)), ensure_ascii=False)


def in_metadata(metadata: Mapping[str, str]) -> Label | None:
    """Return the label among the metadata of a container or stream; the key in any case."""
    for key, value in metadata.items():
        if key.strip().rpartition(":")[2].upper() == KEY:
            found = parse(value, "metadata")
            if found:
                return found
    return None


class _Stop(Exception):
    """Ends the parser."""


def in_xmp(data: bytes) -> Label | None:
    """Return the label in an XMP packet: an element or an attribute of the namespace. Document types and entities end the search.

    Args:
        data: XML, cut at 4 MiB.
    """
    parser = expat.ParserCreate(namespace_separator="\n")
    name = f"{NAMESPACE}\n{KEY}"
    found: list[str] = []
    inside = False

    def refuse(*_: Any) -> None:
        raise _Stop

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        inside = tag == name
        if inside:
            found.append("")
        found.extend(v for k, v in attributes.items() if k == name)

    def end(tag: str) -> None:
        nonlocal inside
        inside = inside and tag != name

    def text(piece: str) -> None:
        if inside and len(found[-1]) < MAX_VALUE:
            found[-1] += piece

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    # What was found before a fault still stands.
    with suppress(expat.ExpatError, _Stop, ValueError):
        parser.Parse(data[:MAX_XMP].strip(b"\x00 \r\n\t"), True)
    return next((label for t in found if (label := parse(t, "xmp"))), None)


def in_image(path: Path) -> Label | None:
    """Return the label in a PNG or JPEG file; other files have none here.

    Args:
        path: the file.
    """
    with path.open("rb") as f:
        head = f.read(8)
        if head == _PNG:
            pieces = _png_pieces(f)
        elif head[:2] == _JPEG:
            f.seek(2)
            pieces = _jpeg_pieces(f)
        else:
            return None
        return next((label for kind, data in pieces if (label := _in_piece(kind, data))), None)


def _in_piece(kind: str, data: bytes) -> Label | None:
    if kind == "xmp":
        return in_xmp(data)
    if kind == "exif":
        return _in_exif(data)
    text = data.decode("utf-8", "replace")
    if kind == "segment":
        at = text.find(KEY + "{")
        return parse(_balanced(text[at + len(KEY) :]), "segment") if at >= 0 else None
    return parse(text, "png_text")


def _balanced(text: str) -> str:
    """The first JSON object of a text."""
    try:
        return json.dumps(json.JSONDecoder().raw_decode(text)[0], ensure_ascii=False)
    except (ValueError, RecursionError):
        return text[:MAX_VALUE]


def _png_pieces(f: Any) -> Iterator[tuple[str, bytes]]:
    for _ in range(10_000):
        head = f.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        if kind not in (b"tEXt", b"iTXt", b"zTXt", b"eXIf") or size > MAX_XMP:
            f.seek(size + 4, 1)
            continue
        data = f.read(size)
        f.seek(4, 1)
        if kind == b"eXIf":
            yield "exif", data
            continue
        key, _, rest = data.partition(b"\x00")
        if kind == b"zTXt":
            rest = _inflated(rest[1:])
        elif kind == b"iTXt" and len(rest) >= 2:
            packed = rest[0] == 1
            rest = rest[2:].partition(b"\x00")[2].partition(b"\x00")[2]
            rest = _inflated(rest) if packed else rest
        if key == b"XML:com.adobe.xmp":
            yield "xmp", rest
        elif key.upper().rpartition(b":")[2] == KEY.encode():
            yield "png_text", rest


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MAX_XMP)
    except zlib.error:
        return b""


def _jpeg_pieces(f: Any) -> Iterator[tuple[str, bytes]]:
    for _ in range(10_000):
        marker = f.read(2)
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] in (0xDA, 0xD9):
            return
        size = struct.unpack(">H", f.read(2).rjust(2, b"\x00"))[0]
        data = f.read(max(0, size - 2))
        if marker[1] == 0xE1 and data.startswith(b"http://ns.adobe.com/xap/1.0/\x00"):
            yield "xmp", data.partition(b"\x00")[2]
        elif marker[1] == 0xE1 and data.startswith(b"Exif\x00"):
            yield "exif", data[6:]
        elif 0xE0 <= marker[1] <= 0xEF or marker[1] == 0xFE:
            yield "segment", data


def _in_exif(data: bytes) -> Label | None:
    """User comment and description of an EXIF block; offsets are checked, nothing is followed twice."""
    try:
        order = {b"II": "<", b"MM": ">"}[data[:2]]
        todo, seen = [struct.unpack_from(order + "I", data, 4)[0]], set()
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            for i in range(min(1000, struct.unpack_from(order + "H", data, at)[0])):
                tag, kind, count, offset = struct.unpack_from(order + "HHII", data, at + 2 + 12 * i)
                if tag == 0x8769:
                    todo.append(offset)
                elif tag in (0x9286, 0x010E) and 4 < count <= MAX_VALUE and kind in (1, 2, 7):
                    found = parse(_exif_text(data[offset : offset + count], order), "exif")
                    if found:
                        return found
    except (KeyError, struct.error, IndexError):
        pass  # a broken block holds no label
    return None


def _exif_text(value: bytes, order: str) -> str:
    if value.startswith(b"UNICODE\x00"):
        return value[8:].decode("utf-16-le" if order == "<" else "utf-16-be", "replace")
    return (value[8:] if value[:8] in (b"ASCII\x00\x00\x00", bytes(8)) else value).decode("utf-8", "replace")


def in_mp4_xmp(path: Path) -> Label | None:
    """Return a label in an XMP box of an MP4 or MOV file; boxes are jumped over, not read.

    Args:
        path: the file.
    """
    return next((found for data in xmp_packets(path) if (found := in_xmp(data))), None)


def xmp_packets(path: Path) -> Iterator[bytes]:
    """Yield the XMP packets of a PNG, JPEG, MP4 or MOV file; other files have none here.

    Args:
        path: the file.
    """
    with path.open("rb") as f:
        head = f.read(12)
        if head[:8] == _PNG:
            f.seek(8)
            yield from (data for kind, data in _png_pieces(f) if kind == "xmp")
        elif head[:2] == _JPEG:
            f.seek(2)
            yield from (data for kind, data in _jpeg_pieces(f) if kind == "xmp")
        elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"uuid"):
            yield from _xmp_boxes(f, 0, path.stat().st_size, 0)


def _xmp_boxes(f: Any, start: int, end: int, depth: int) -> Iterator[bytes]:
    at = start
    for _ in range(2_000):
        f.seek(at)
        head = f.read(32)
        if at + 8 > end or len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        body = at + 8
        if size == 1 and len(head) >= 16:
            size, body = struct.unpack(">Q", head[8:16])[0], at + 16
        size = size or end - at
        if size < 8:
            return
        if kind == b"uuid" and head[body - at : body - at + 16] == _XMP_UUID:
            f.seek(body + 16)
            yield f.read(max(0, min(MAX_XMP, at + size - body - 16)))
        elif kind == b"XMP_":
            f.seek(body)
            yield f.read(max(0, min(MAX_XMP, at + size - body)))
        elif kind in (b"moov", b"udta") and depth < 3:
            yield from _xmp_boxes(f, body, min(end, at + size), depth + 1)
        at += size


def xmp_packet(raw: str) -> bytes:
    """Return an XMP packet that holds a label.

    Args:
        raw: the label's JSON text.
    """
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:TC260="{NAMESPACE}"><TC260:AIGC>{html.escape(raw)}</TC260:AIGC></rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def labelled_image(data: bytes, raw: str) -> bytes:
    """Return a PNG or JPEG file with a label added; the picture and all that was there stay as they are.

    Args:
        data: the file's bytes.
        raw: the label's JSON text.

    Raises:
        ValueError: it is neither, or the label is too long for a JPEG segment.
    """
    packet = xmp_packet(raw)
    if data[:8] == _PNG:
        body = b"iTXt" + b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + packet
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return data[:33] + chunk + data[33:]
    if data[:2] == _JPEG:
        segment = b"http://ns.adobe.com/xap/1.0/\x00" + packet
        if len(segment) > 65_000:
            raise ValueError("the label is too long for a JPEG segment")
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    raise ValueError("neither PNG nor JPEG")


def row(label: Label | None) -> dict[str, str | None]:
    """Return ``ai_label`` (``is_ai``, ``possibly``, ``suspected``, ``malformed``, or null without one, which proves nothing) and the columns ``aigc_*``."""
    found = asdict(label) if label else {}
    names = ("raw", "where", "label", "producer", "produce_id", "propagator", "propagate_id")
    return {"ai_label": found.get("status"), **{f"aigc_{k}": found.get(k) for k in names}}
