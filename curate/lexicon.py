"""The lexicon: terms of Chinese history and culture, read from TSV files that a historian can correct.

Era names, region names and trap words are entries too (``era:tang``, ``region:jiangnan``, ``trap:…``), so that one
longest-match search over all of them decides what a string means.
"""

from __future__ import annotations

import csv
import gc
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from curate.data import data_path
from curate.errors import LexiconError
from curate.matcher import Form, Hit, Matcher, zh_fold
from curate.tokenize import Tokenizer

Kind = Literal["term", "era", "region", "trap"]
COLUMNS = (
    "id zh_hans zh_hant pinyin en fr zh_alias en_alias theme sub eras from_year to_year region ethnic confusable_with "
    "context not_in sensitive gloss_en source"
).split()


@dataclass(frozen=True)
class Entry:
    """One entry of the lexicon; list cells are tuples, years are integers (negative = BCE) or ``None``."""

    id: str
    kind: Kind = "term"
    zh_hans: str = ""
    zh_hant: str = ""
    pinyin: str = ""
    en: str = ""
    fr: str = ""
    zh_alias: tuple[str, ...] = ()
    en_alias: tuple[str, ...] = ()
    fr_alias: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    sub: str = ""
    eras: tuple[str, ...] = ()
    from_year: int | None = None
    to_year: int | None = None
    regions: tuple[str, ...] = ()
    ethnic: tuple[str, ...] = ()
    confusable_with: tuple[str, ...] = ()
    context: str = "free"
    not_in: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    gloss_en: str = ""
    source: str = ""
    cues: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()
    file: str = ""
    line: int = 0

    def zh_forms(self) -> list[str]:
        """Return the Chinese surface forms in both scripts."""
        return [f for f in dict.fromkeys((self.zh_hans, self.zh_hant, *self.zh_alias)) if f]

    @cached_property
    def _latin(self) -> list[str]:
        out: list[str] = []
        for f in (self.en, *self.en_alias):
            if f:
                out += [f, *_plurals(f)]
        return list(dict.fromkeys(out))

    def latin_forms(self) -> list[str]:
        """Return the English forms with regular plurals."""
        return self._latin

    def pinyin_forms(self) -> list[str]:
        """Return the toned pinyin, spaced and joined."""
        toned = self.kind == "term" and len(self.pinyin.split()) > 1 and not self.pinyin.isascii()
        return [self.pinyin, self.pinyin.replace(" ", "")] if toned else []


class Span(NamedTuple):
    """A term found in a text; offsets are code points into the text that was searched."""

    term_id: str
    start: int
    end: int


def _plurals(form: str) -> list[str]:
    last = form.rsplit(" ", 1)[-1]
    if len(last) < 3 or not last.isascii() or not last[-1].isalpha() or last.endswith("s") or last[0].isupper():
        return []
    if last.endswith(("ch", "sh", "x", "z")):
        return [form + "es"]
    if last.endswith("y") and last[-2] not in "aeiou":
        return [form[:-1] + "ies"]
    return [form + "s"]


@contextmanager
def without_gc() -> Iterator[None]:
    """Pause the garbage collector while many small objects that all stay are made: half of that time is its vain search."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def cells(value: str) -> tuple[str, ...]:
    """Split a list cell.

    Example:
        >>> cells("a|b"), cells("")
        (('a', 'b'), ())
    """
    if not value:
        return ()
    return tuple([y for x in value.split("|") if (y := x.strip())])


def read_tsv(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells of every row of a TSV file.

    Args:
        path: the file; UTF-8, a header line, tabs, no quoting.

    Raises:
        LexiconError: a line has another number of cells; names file and line.
    """
    with path.open(encoding="utf-8", newline="") as f:
        reader = csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE)
        header = next(reader, [])
        for number, row in enumerate(reader, 2):
            if not row or row == [""] or row[0].startswith("#"):
                continue
            if len(row) != len(header):
                raise LexiconError(f"{path}:{number}: {len(row)} cells, the header has {len(header)}")
            yield number, dict(zip(header, row, strict=True))


def _year(value: str, where: str) -> int | None:
    if not value:
        return None
    try:
        return int(value)
    except ValueError as e:
        raise LexiconError(f"{where}: the year {value!r} is not an integer") from e


def _term(row: dict[str, str], path: Path, number: int) -> Entry:
    where = f"{path}:{number}"
    lacking = [c for c in COLUMNS if c not in row]
    if lacking:
        raise LexiconError(f"{where}: column {lacking[0]!r} is missing")
    return Entry(
        id=row["id"],
        zh_hans=row["zh_hans"],
        zh_hant=row["zh_hant"],
        pinyin=row["pinyin"],
        en=row["en"],
        fr=row["fr"],
        zh_alias=cells(row["zh_alias"]),
        en_alias=cells(row["en_alias"]),
        themes=cells(row["theme"]),
        sub=row["sub"],
        eras=cells(row["eras"]),
        from_year=_year(row["from_year"], where),
        to_year=_year(row["to_year"], where),
        regions=cells(row["region"]),
        ethnic=cells(row["ethnic"]),
        confusable_with=cells(row["confusable_with"]),
        context=row["context"] or "free",
        not_in=cells(row["not_in"]),
        sensitive=cells(row["sensitive"]),
        gloss_en=row["gloss_en"],
        source=row["source"],
        file=path.name,
        line=number,
    )


def _era_entries(path: Path) -> Iterator[Entry]:
    pairs: dict[str, list[str]] = {}
    for number, row in read_tsv(path):
        yield Entry(
            id=f"era:{row['id']}",
            kind="era",
            zh_alias=cells(row["zh_names"]),
            en_alias=cells(row["en_names"]),
            fr_alias=cells(row["fr_names"]),
            eras=(row["id"],),
            from_year=_year(row["from_year"], str(path)),
            to_year=_year(row["to_year"], str(path)),
            file=path.name,
            line=number,
        )
        for name in cells(row.get("zh_pairs", "")):
            pairs.setdefault(name, []).append(row["id"])
    for name, eras in pairs.items():
        yield Entry(id=f"era:{'+'.join(eras)}:{name}", kind="era", zh_alias=(name,), eras=tuple(eras), file=path.name)


def _region_entries(path: Path) -> Iterator[Entry]:
    for number, row in read_tsv(path):
        yield Entry(
            id=f"region:{row['id']}",
            kind="region",
            zh_alias=(row["zh_hans"], *cells(row["cities"]), *cells(row["zh_cues"])),
            en_alias=cells(row["en_cues"]),
            regions=(row["id"],),
            not_in=cells(row["not_in"]),
            file=path.name,
            line=number,
        )


def _trap_entries(path: Path) -> Iterator[Entry]:
    for number, row in read_tsv(path):
        zh, fr = row["lang"] == "zh", row["lang"] == "fr"
        yield Entry(
            id=f"trap:{row['form']}:{number}",
            kind="trap",
            zh_alias=(row["form"],) if zh else (),
            en_alias=() if zh or fr else (row["form"],),
            fr_alias=(row["form"],) if fr else (),
            themes=cells(row["themes"]),
            eras=cells(row["eras"]),
            context={"accept": "free"}.get(row["action"], row["action"]),
            cues=cells(row["cue"]),
            vetoes=cells(row["veto"]),
            file=path.name,
            line=number,
        )


def _stop_entries(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Longer strings in which a form is not meant: they swallow it and give nothing, unless they are a name of their own."""
    meant = [e for e in entries if e.context != "stop"]
    # Folded in one go, which is quicker than form by form.
    named = set(zh_fold("\n".join(f for e in meant for f in e.zh_forms())).split("\n"))
    named |= set("\n".join(f for e in meant for f in e.latin_forms()).lower().split("\n"))
    for e in entries:
        for form in e.not_in:
            if zh_fold(form) in named or form.lower() in named:
                continue
            zh = any("\u3400" <= c <= "\u9fff" for c in form)
            yield Entry(id=f"trap:{form}", kind="trap", zh_alias=(form,) if zh else (), en_alias=() if zh else (form,), context="stop")


@dataclass(frozen=True)
class Lexicon:
    """Terms and trap words with one matcher over all of them.

    Attributes:
        entries: all entries, terms first, in file order.
        sha256: digest of the files that were read.
    """

    entries: tuple[Entry, ...]
    sha256: str = field(default="", compare=True)

    @classmethod
    def load(cls, folder: Path | None = None, extra: Sequence[Path] = ()) -> Lexicon:
        """Read a lexicon folder.

        Args:
            folder: a folder laid out like ``lexicons/``; the shipped one if ``None``.
            extra: more TSV files of terms, for instance a team's own.

        Raises:
            LexiconError: a file is missing or not in order.
        """
        folder = folder or data_path("lexicons")
        files = [*sorted((folder / "terms").glob("*.tsv")), *extra]
        if not files:
            raise LexiconError(f"no term files in {folder / 'terms'}", hint="expected terms/<theme>.tsv")
        with without_gc():
            return cls._read(folder, files)

    @classmethod
    def _read(cls, folder: Path, files: Sequence[Path]) -> Lexicon:
        entries: list[Entry] = []
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.read_bytes())
            entries += [_term(row, path, number) for number, row in read_tsv(path)]
        for path in sorted(folder.glob("*.tsv")):
            # The tables of the checks shape results too.
            if path.name not in ("eras.tsv", "regions.tsv", "traps.tsv"):
                digest.update(path.read_bytes())
        for name, make in (("eras.tsv", _era_entries), ("regions.tsv", _region_entries), ("traps.tsv", _trap_entries)):
            path = folder / name
            if path.exists():
                digest.update(path.read_bytes())
                entries += list(make(path))
        entries += list(_stop_entries(entries))
        return cls(tuple(entries), digest.hexdigest())

    @property
    def terms(self) -> list[Entry]:
        """The terms proper, without era names, region names and traps."""
        return [e for e in self.entries if e.kind == "term"]

    @cached_property
    def by_id(self) -> dict[str, Entry]:
        """Entries by id; for terms and eras the first one wins (``lint`` reports doubles)."""
        out: dict[str, Entry] = {}
        for e in self.entries:
            out.setdefault(e.id, e)
        return out

    @cached_property
    def matcher(self) -> Matcher:
        """The compiled matcher over Chinese and English forms."""
        with without_gc():
            return Matcher(_forms(self.entries, fr=False))

    @cached_property
    def matcher_fr(self) -> Matcher:
        """The compiled matcher over French forms, for questions in French."""
        return Matcher(_forms(self.entries, fr=True))

    def words(self) -> list[str]:
        """Return the Chinese forms that the tokenizer must keep whole."""
        return sorted({f for e in self.entries if e.kind in ("term", "era") and e.context == "free" for f in e.zh_forms()})

    def find(self, text: str, lang: str) -> list[Span]:
        """Return the terms of a text: longest match, traps obeyed.

        Args:
            text: normalized text; offsets refer to it.
            lang: ``zh``, ``en`` or ``fr``.

        Returns:
            Spans in order of their place; era and region names come as ``era:…`` and ``region:…``.
        """
        return self.find_many([text], lang)[0]

    def find_many(self, texts: Sequence[str], lang: str) -> list[list[Span]]:
        """Return ``find`` for every text; many texts at once are quicker.

        Args:
            texts: normalized texts.
            lang: ``zh``, ``en`` or ``fr``.
        """
        matcher = self.matcher_fr if lang == "fr" else self.matcher
        found = matcher.find_many(texts, "zh" if lang == "zh" else "latin")
        return [self._spans(text, hits) if hits else [] for text, hits in zip(texts, found, strict=True)]

    def _spans(self, text: str, hits: list[Hit]) -> list[Span]:
        if any(h.end - h.start == 2 and text[h.start] > "\u3000" for h in hits):
            hits = [h for h in hits if h.end - h.start != 2 or not straddles(text, h.start, h.end)]
        return self._resolve(text, hits)

    @cached_property
    def _meanings(self) -> dict[tuple[int, ...], _Meaning]:
        """What each set of entries that was met stands for."""
        return {}

    def _meaning(self, numbers: tuple[int, ...]) -> _Meaning:
        got = self._meanings.get(numbers)
        if got is None:
            entries = [self.entries[i] for i in numbers]
            vetoes = dict.fromkeys(v for e in entries for v in e.vetoes)
            # A trap row that asks for a cue binds the terms of the same form; a place name needs none.
            bound = any(e.kind == "trap" and e.context == "needs" for e in entries)
            got = self._meanings[numbers] = _Meaning(
                any(e.context == "stop" for e in entries),
                tuple(v for v in vetoes if not v.isascii()),
                tuple(v for v in vetoes if v.isascii()),
                tuple((e, e.context == "needs" or (bound and e.kind == "term")) for e in entries),
            )
        return got

    def _resolve(self, text: str, hits: list[Hit]) -> list[Span]:
        sure: list[tuple[Hit, Entry]] = []
        unsure: list[tuple[Hit, Entry]] = []
        for hit in hits:
            meaning = self._meaning(hit.entries)
            if meaning.stop:
                continue
            # A veto speaks for the form: 长城 beside 汽车 is a car, whatever the term says.
            if any(v in text for v in meaning.vetoes) or any(_holds(text, v) for v in meaning.latin_vetoes):
                continue
            for e, needs in meaning.entries:
                (unsure if needs else sure).append((hit, e))
        if unsure:
            sure += [(h, e) for h, e in unsure if _cued(text, h, e, unsure, sure)]
            sure.sort(key=lambda x: (x[0].start, x[1].id))
        return [Span(e.id, h.start, h.end) for h, e in sure]


class _Meaning(NamedTuple):
    """Entries of one form, worked out once: whether they only block, what vetoes them, and which of them need a cue."""

    stop: bool
    vetoes: tuple[str, ...]
    latin_vetoes: tuple[str, ...]
    entries: tuple[tuple[Entry, bool], ...]


@lru_cache(maxsize=1)
def _plain_words() -> Tokenizer:
    """A segmenter without the lexicon's words, as a second opinion on where words end."""
    return Tokenizer()


@lru_cache(maxsize=4096)
def _edges(text: str) -> frozenset[int]:
    out = {0}
    at = 0
    for word in _plain_words().cut(text):
        at += len(word)
        out.add(at)
    return frozenset(out)


def straddles(text: str, start: int, end: int) -> bool:
    """Say whether a two-character match takes half of each of two ordinary words, as 满清 in 盛满清水.

    Args:
        text: normalized Chinese text.
        start, end: the match.
    """
    if start == 0 or end == len(text):
        return False
    words = _plain_words()
    # Cheap test first: the halves must make words with their neighbours at all.
    if not (words.has(text[start - 1 : start + 1]) and words.has(text[end - 1 : end + 1])):
        return False
    edges = _edges(text)
    return start not in edges and end not in edges and any(start < e < end for e in edges)


def _holds(text: str, word: str) -> bool:
    """Say whether a cue or veto stands in a text; Latin words from a word's beginning, in any case."""
    if not word.isascii():
        return word in text
    # Most cues are not there at all, which is found out much faster than a word's edge.
    if word.lower() not in text.lower():
        return False
    # "play" is a cue in "plays" and "playing", but "art" is none in "part".
    return re.search(rf"(?<![A-Za-z]){re.escape(word)}", text, re.IGNORECASE) is not None


def _cued(text: str, hit: Hit, entry: Entry, unsure: list[tuple[Hit, Entry]], sure: list[tuple[Hit, Entry]]) -> bool:
    """An ambiguous form counts only with a cue: one of its own words, or a sure term of the same theme or era."""
    own = entry.cues or tuple(c for h, e in unsure if h == hit and entry.kind == "term" for c in e.cues)
    cues = set(own)
    if cues:
        rest = text[: hit.start] + "\x00" + text[hit.end :]
        return any(_holds(rest, c) for c in cues)
    for other_hit, other in sure:
        if other_hit == hit:
            continue
        if set(other.eras) & set(entry.eras) or set(other.themes) & set(entry.themes):
            return True
    return False


def _forms(entries: Iterable[Entry], fr: bool) -> Iterator[Form]:
    for i, e in enumerate(entries):
        for form in e.zh_forms():
            yield Form(form, "zh", i)
        latin = [e.fr, *e.fr_alias] if fr else [*e.latin_forms(), *(() if e.kind == "term" else e.fr_alias)]
        for form in latin:
            if form:
                yield Form(form, "latin", i)
        for form in e.pinyin_forms():
            yield Form(form, "latin", i, accents=True)
