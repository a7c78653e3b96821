"""Licences of rows and releases: SPDX ids, what they allow, and which mixes a release must tell people about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from curate.data import data_path, read_yaml
from curate.errors import did_you_mean

UNKNOWN = ("", "unknown", "noassertion", "none", "other", "n/a", "null")
REF = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
_WORDS = re.compile(r"\s+(?:AND|OR|WITH)\s+|[()]")


@dataclass(frozen=True)
class License:
    """One licence and what it allows.

    Attributes:
        id: SPDX id.
        hf: id in the Hub's list, empty if it has none.
        by: attribution is asked for.
    """

    id: str
    name: str
    hf: str = ""
    url: str = ""
    by: bool = False
    share_alike: bool = False
    commercial: bool = True
    derivatives: bool = True


@lru_cache(maxsize=1)
def table() -> Mapping[str, License]:
    """Return the known licences by SPDX id."""
    raw = read_yaml(data_path("data_cards") / "licenses.yaml")
    return {key: License(key, **value) for key, value in raw.items()}


def canonical(text: str | None) -> str | None:
    """Return the SPDX id that a text names, or ``None`` if it is unknown.

    Args:
        text: an id in any case, a Hub id, ``LicenseRef-…`` or an SPDX expression.

    Example:
        >>> canonical("cc-by-4.0"), canonical("LicenseRef-museum"), canonical("unknown")
        ('CC-BY-4.0', 'LicenseRef-museum', None)
    """
    if text is None or text.strip().lower() in UNKNOWN:
        return None
    word = text.strip()
    if REF.fullmatch(word):
        return word
    low = word.lower()
    for known in table().values():
        if low in (known.id.lower(), known.hf):
            return known.id
    pieces = [p for p in _WORDS.split(word) if p.strip()]
    if len(pieces) > 1 and all(canonical(p) for p in pieces):
        return word
    return None


def faults(counts: Mapping[str, int], allow: Iterable[str] = ()) -> list[str]:
    """Say which row licences a release may not carry.

    Args:
        counts: rows per licence as written in the rows.
        allow: licences that the recipe allows; any known one if empty.

    Returns:
        One line per fault.

    Example:
        >>> faults({"CC-BY-4.0": 3, "unknown": 2})
        ["2 rows have the licence 'unknown'; set 'license:' of their input to an SPDX id or LicenseRef-…"]
    """
    out = []
    allowed = {canonical(a) or a for a in allow}
    for name, rows in sorted(counts.items()):
        known = canonical(name)
        if known is None:
            near = "" if name.lower() in UNKNOWN else f"; {did_you_mean(name, table())}"
            out.append(f"{rows} rows have the licence {name!r}{near}; set 'license:' of their input to an SPDX id or LicenseRef-…")
        elif allowed and known not in allowed:
            out.append(f"{rows} rows have the licence {known}, which publish.allow_licenses does not list ({', '.join(sorted(allowed))})")
    return out


def remarks(release: str, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Say what people must know of a mix of licences; nothing is changed or judged.

    Args:
        release: licence of the release as a whole.
        counts: rows per licence.

    Returns:
        ``(zh, en)`` sentences.
    """
    known = [table()[k] for k in sorted({canonical(c) or "" for c in counts}) if k in table()]
    whole = table().get(canonical(release) or "")
    out = []
    bound = [k.id for k in known if not k.commercial]
    if bound and (whole is None or whole.commercial):
        names = ", ".join(bound)
        out.append(
            (
                f"部分记录的许可（{names}）不允许商业使用，以各行的 license 列为准。",
                f"Some rows ({names}) may not be used commercially; the license column of each row counts.",
            )
        )
    fixed = [k.id for k in known if not k.derivatives]
    if fixed:
        names = ", ".join(fixed)
        out.append((f"部分记录的许可（{names}）不允许演绎。", f"Some rows ({names}) do not allow adaptations."))
    same = [k.id for k in known if k.share_alike]
    if same and any(k != release for k in same):
        names = ", ".join(same)
        out.append(
            (f"含相同方式共享的记录（{names}）：改编它们须沿用同一许可。", f"Adaptations of share-alike rows ({names}) must keep their licence.")
        )
    return out


def front_matter(release: str, counts: Mapping[str, int]) -> dict[str, str]:
    """Return the licence keys of the Hub's front matter.

    Args:
        release: licence of the release as a whole.
        counts: rows per licence; more than one makes the set ``other``, as each row carries its own.

    Example:
        >>> front_matter("CC-BY-4.0", {"CC-BY-4.0": 3})
        {'license': 'cc-by-4.0'}
    """
    whole = canonical(release) or release
    known = table().get(whole)
    if known is not None and known.hf and {canonical(c) for c in counts} <= {whole}:
        return {"license": known.hf}
    slug = re.sub(r"[^a-z0-9.-]+", "-", whole.lower()).strip("-")
    name = slug if {canonical(c) for c in counts} <= {whole} else f"{slug}-and-others-per-row"
    return {"license": "other", "license_name": name, "license_link": "LICENSE"}


def license_text(title: str, release: str, counts: Mapping[str, int], attributions: Iterable[str]) -> str:
    """Return the LICENSE file of a release.

    Args:
        title: name and version.
        release: licence of the compilation.
        counts: rows per licence.
        attributions: the distinct attribution lines, printed in order.
    """
    whole = table().get(canonical(release) or "")
    lines = [title, "", f"The compilation (selection, labels, documentation) is under {whole.name + ' (' + whole.id + ')' if whole else release}."]
    if whole:
        lines.append(whole.url)
    lines += ["", "Each row keeps the licence of its source, named in its column `license`:", ""]
    for name, rows in sorted(counts.items()):
        known = table().get(canonical(name) or "")
        lines.append(f"  {canonical(name) or name}: {rows} rows{f' — {known.name}, {known.url}' if known else ''}")
    shown = list(attributions)
    if shown:
        lines += ["", "Attributions:", "", *(f"  {' '.join(a.split())}" for a in shown)]
    return "\n".join(lines) + "\n"
