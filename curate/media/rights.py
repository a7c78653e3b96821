"""Whether the owner of a clip keeps training for himself, and where the clip was found: from the row, the file's metadata and its XMP.

Read: a column of the input (``opt_out``, ``tdm_reservation`` …), the C2PA assertion ``training-mining``, ``tdm:reservation`` (TDM Reservation
Protocol of the W3C community group) and ``plus:DataMining`` (PLUS vocabulary, also in IPTC Photo Metadata). Silence is no permission.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from xml.parsers import expat

TDM = "http://www.w3.org/ns/tdmrep/\nreservation"
PLUS = "http://ns.useplus.org/ldf/xmp/1.0/\nDataMining"
OPT_OUT = ("opt_out", "optout", "tdm_reservation", "tdm-reservation", "noai", "no_ai", "no_ai_training", "do_not_train")
ORIGIN = ("origin", "origin_url", "source_url", "page_url", "webpage_url", "original_url", "landing_page", "purl")
_YES, _NO = ("1", "true", "yes", "y", "是"), ("0", "false", "no", "n", "否")
# Uses of a C2PA ``training-mining`` assertion that concern a data set for training.
_USES = ("ai_generative_training", "ai_training", "data_mining")
MAX_XMP = 4 << 20


def of_row(extra: str | None) -> tuple[bool | None, str | None]:
    """Return what the columns of a row say: whether its owner opted out, and where it was found.

    Args:
        extra: JSON of the columns that the record has no place for.

    Returns:
        Opted out (``None`` if no column says), and the origin.

    Example:
        >>> of_row('{"opt_out": "yes", "page_url": "https://example.org/v/1"}')
        (True, 'https://example.org/v/1')
    """
    try:
        value = json.loads(extra) if extra else {}
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(value, dict):
        return None, None
    plain = {str(k).strip().lower(): str(v).strip() for k, v in value.items() if v is not None}
    said = [plain[k].lower() for k in OPT_OUT if k in plain]
    out = True if any(s in _YES for s in said) else False if any(s in _NO for s in said) else None
    return out, next((plain[k] for k in ORIGIN if plain.get(k)), None)


def of_metadata(metadata: Mapping[str, str]) -> tuple[bool, str | None]:
    """Return what the metadata of a container say, as :func:`of_row` does; downloaders leave the page's address there.

    Args:
        metadata: key to value.
    """
    plain = {k.strip().lower().rpartition(":")[2]: v.strip() for k, v in metadata.items()}
    out = any(plain.get(k, "").lower() in _YES for k in OPT_OUT)
    found = [plain[k] for k in (*ORIGIN, "comment") if plain.get(k, "").startswith(("http://", "https://"))]
    return out, found[0].split()[0] if found else None


def in_xmp(data: bytes) -> bool:
    """Say whether an XMP packet reserves text and data mining or forbids training.

    Args:
        data: XML; document types and entities end the search.
    """
    parser = expat.ParserCreate(namespace_separator="\n")
    found: dict[str, str] = {}
    inside: list[str] = []

    def refuse(*_: Any) -> None:
        raise ValueError

    def start(tag: str, attributes: dict[str, str]) -> None:
        inside.append(tag)
        for key, value in attributes.items():
            if key in (TDM, PLUS):
                found[key] = value
            elif key.endswith("\nresource") and tag in (TDM, PLUS):
                found[tag] = value

    def end(_tag: str) -> None:
        inside.pop()

    def text(piece: str) -> None:
        if inside and inside[-1] in (TDM, PLUS) and len(found.get(inside[-1], "")) < 1000:
            found[inside[-1]] = found.get(inside[-1], "") + piece

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    with suppress(expat.ExpatError, ValueError):
        parser.Parse(data[:MAX_XMP].strip(b"\x00 \r\n\t"), True)
    return found.get(TDM, "").strip() == "1" or "DMI-PROHIBITED" in found.get(PLUS, "").upper()


def in_credentials(training: str | None) -> bool:
    """Say whether C2PA credentials forbid training.

    Args:
        training: the column ``c2pa_training``, use to ``allowed``, ``notAllowed`` or ``constrained``.

    Example:
        >>> in_credentials('{"ai_training": "notAllowed"}'), in_credentials('{"ai_inference": "notAllowed"}')
        (True, False)
    """
    uses = json.loads(training) if training else {}
    return any(uses.get(u) in ("notAllowed", "constrained") for u in _USES)
