"""The lexicon: terms of Chinese history and culture, read from TSV files that a historian can correct.

Era names, region names and trap words are entries too (``era:tang``, ``region:jiangnan``, ``trap:…``), so that one
longest-match search over all of them decides what a string means.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from curate.data import data_path
from curate.errors import LexiconError
from curate.knowledge.bulk import Forms, blocks
from curate.knowledge.matcher import Matcher, zh_fold
from curate.knowledge.resolve import Resolver, Spans
from curate.knowledge.tsv import cells, read_tsv, rows

Kind = Literal["term", "era", "region", "trap"]
COLUMNS = (
    "id zh_hans zh_hant pinyin en fr zh_alias en_alias theme sub eras from_year to_year region ethnic confusable_with "
    "context not_in sensitive gloss_en source"
).split()


class Entry(NamedTuple):
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
        return list(filter(None, dict.fromkeys((self.zh_hans, self.zh_hant, *self.zh_alias))))

    def latin_forms(self) -> list[str]:
        """Return the English forms with regular plurals."""
        out: dict[str, None] = {}
        for f in (self.en, *self.en_alias):
            if f:
                out[f] = None
                if more := _plural(f):
                    out[more] = None
        return list(out)

    def pinyin_forms(self) -> list[str]:
        """Return the toned pinyin, spaced and joined."""
        if self.kind != "term" or " " not in self.pinyin.strip() or self.pinyin.isascii():
            return []
        return [self.pinyin, self.pinyin.replace(" ", "")]


class Span(NamedTuple):
    """A term found in a text; offsets are code points into the text that was searched."""

    term_id: str
    start: int
    end: int


def _plural(form: str) -> str:
    last = form[form.rfind(" ") + 1 :]
    if len(last) < 3 or not last.isascii() or not last[-1].isalpha() or last[-1] == "s" or last[0].isupper():
        return ""
    if last.endswith(("ch", "sh", "x", "z")):
        return form + "es"
    if last[-1] == "y" and last[-2] not in "aeiou":
        return form[:-1] + "ies"
    return form + "s"


@contextmanager
def without_gc() -> Iterator[None]:
    """Keep the garbage collector out while many small objects that all stay are made, and tell it that they stay.

    Half of the time would be its vain search, and each later search would go over them again. What is let go is freed all the same, by its count.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.freeze()
            gc.enable()


def _year(value: str, path: Path, number: int) -> int | None:
    if not value:
        return None
    try:
        return int(value)
    except ValueError as e:
        raise LexiconError(f"{path}:{number}: the year {value!r} is not an integer") from e


def _terms(path: Path) -> Iterator[Entry]:
    """Read a file of terms: a hundred thousand cells, so they are taken by position and not by name."""
    lines = rows(path)
    _, header = next(lines)
    lacking = [c for c in COLUMNS if c not in header]
    pick = itemgetter(*(header.index(c) for c in COLUMNS)) if not lacking else None
    for number, row in lines:
        if pick is None:
            raise LexiconError(f"{path}:{number}: column {lacking[0]!r} is missing")
        (
            id_,
            hans,
            hant,
            pinyin,
            en,
            fr,
            zh_alias,
            en_alias,
            theme,
            sub,
            eras,
            first,
            last,
            region,
            ethnic,
            like,
            context,
            not_in,
            delicate,
            gloss,
            source,
        ) = pick(row)
        years = (_year(first, path, number), _year(last, path, number)) if first or last else (None, None)
        yield Entry(
            id_, "term", hans, hant, pinyin, en, fr, cells(zh_alias), cells(en_alias), (), cells(theme), sub, cells(eras), *years, cells(region),
            cells(ethnic), cells(like), context or "free", cells(not_in), cells(delicate), gloss, source, (), (), path.name, number,
        )  # fmt: skip


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
            from_year=_year(row["from_year"], path, number),
            to_year=_year(row["to_year"], path, number),
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
    lines = rows(path)
    _, header = next(lines)
    pick = itemgetter(*(header.index(c) for c in ("form", "lang", "action", "themes", "eras", "cue", "veto")))
    for number, row in lines:
        form, lang, action, themes, eras, cue, veto = pick(row)
        yield Entry(
            id=f"trap:{form}:{number}",
            kind="trap",
            zh_alias=(form,) if lang == "zh" else (),
            en_alias=() if lang in ("zh", "fr") else (form,),
            fr_alias=(form,) if lang == "fr" else (),
            themes=cells(themes),
            eras=cells(eras),
            context="free" if action == "accept" else action,
            cues=cells(cue),
            vetoes=cells(veto),
            file=path.name,
            line=number,
        )


def _stop_entries(entries: Sequence[Entry], latin: Sequence[Sequence[str]]) -> Iterator[Entry]:
    """Longer strings in which a form is not meant: they swallow it and give nothing, unless they are a name of their own."""
    # Folded in one go, which is quicker than form by form.
    named = set(zh_fold("\n".join([f for e in entries if e.context != "stop" for f in (e.zh_hans, e.zh_hant, *e.zh_alias)])).split("\n"))
    named |= set("\n".join([f for e, forms in zip(entries, latin, strict=True) if e.context != "stop" for f in forms]).lower().split("\n"))
    forms = [f for e in entries for f in e.not_in]
    for form, folded in zip(forms, zh_fold("\n".join(forms)).split("\n") if forms else (), strict=True):
        if folded in named or form.lower() in named:
            continue
        zh = not form.isascii() and any("\u3400" <= c <= "\u9fff" for c in form)
        yield Entry(id=f"trap:{form}", kind="trap", zh_alias=(form,) if zh else (), en_alias=() if zh else (form,), context="stop")


# Tables that are entries too, and who reads them.
_TABLES: dict[str, Callable[[Path], Iterator[Entry]]] = {"eras.tsv": _era_entries, "regions.tsv": _region_entries, "traps.tsv": _trap_entries}


@dataclass(frozen=True)
class Lexicon:
    """Terms and trap words with one matcher over all of them.

    Attributes:
        entries: all entries, terms first, in file order.
        sha256: digest of the files that were read.
        latin: the English forms of every entry.
    """

    entries: tuple[Entry, ...]
    sha256: str = field(default="", compare=True)
    latin: tuple[list[str], ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path | None = None, extra: Sequence[Path] = ()) -> Lexicon:
        """Read a lexicon folder; the same files are read once per process.

        Args:
            folder: a folder laid out like ``lexicons/``; the shipped one if ``None``.
            extra: more TSV files of terms, for instance a team's own.

        Raises:
            LexiconError: a file is missing or not in order.
        """
        folder = folder or data_path("lexicons")
        files = (*sorted((folder / "terms").glob("*.tsv")), *extra)
        if not files:
            raise LexiconError(f"no term files in {folder / 'terms'}", hint="expected terms/<theme>.tsv")
        # The tables of the checks shape results too.
        tables = [p for p in sorted(folder.glob("*.tsv")) if p.name not in _TABLES]
        digest = hashlib.sha256()
        for path in (*files, *tables, *(p for n in _TABLES if (p := folder / n).exists())):
            digest.update(path.read_bytes())
        return _read(folder, files, digest.hexdigest())

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
        """The matcher over Chinese and English forms; compiled on first use."""
        return Matcher.of(*_forms(self.entries, self.latin, fr=False))

    @cached_property
    def matcher_fr(self) -> Matcher:
        """The matcher over French forms, for questions in French."""
        return Matcher.of(*_forms(self.entries, self.latin, fr=True))

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(self.entries, self.matcher.bulk.sets)

    @cached_property
    def _resolver_fr(self) -> Resolver:
        return Resolver(self.entries, self.matcher_fr.bulk.sets)

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
        out: list[list[Span]] = [[] for _ in texts]
        for row, entry, start, end in zip(*(c.tolist() for c in self.scan(texts, lang)), strict=True):
            out[row].append(Span(self.entries[entry].id, start, end))
        return out

    def scan(self, texts: Sequence[str], lang: str) -> Spans:
        """Return what ``find`` returns for every text as arrays.

        Args:
            texts: normalized texts.
            lang: ``zh``, ``en`` or ``fr``.
        """
        matcher, resolver = (self.matcher_fr, self._resolver_fr) if lang == "fr" else (self.matcher, self._resolver)
        parts = [Spans(*[np.zeros(0, np.int64)] * 4)]
        for first, some in blocks(texts):
            spans = resolver.resolve(some, matcher.bulk.search(some, "zh" if lang == "zh" else "latin"))
            parts.append(spans._replace(rows=spans.rows + first))
        return Spans(*(np.concatenate(c) for c in zip(*parts, strict=True)))


@lru_cache(maxsize=2)
def _read(folder: Path, files: Sequence[Path], sha256: str) -> Lexicon:
    """Read the files of a lexicon; the digest says which state of them, so that a changed file is read again."""
    with without_gc():
        entries = [e for path in files for e in _terms(path)]
        for name, make in _TABLES.items():
            if (folder / name).exists():
                entries += make(folder / name)
        latin = [e.latin_forms() for e in entries]
        stops = list(_stop_entries(entries, latin))
        return Lexicon((*entries, *stops), sha256, (*latin, *[e.latin_forms() for e in stops]))


def _forms(entries: Sequence[Entry], english: Sequence[Sequence[str]], fr: bool) -> tuple[Forms, Forms, Forms]:
    """Return the Chinese forms of all entries, the Latin ones, and those whose accents count."""
    with without_gc():
        zh = [e.zh_forms() for e in entries]
        toned = [e.pinyin_forms() for e in entries]
        if fr:
            latin = [[f for f in (e.fr, *e.fr_alias) if f] for e in entries]
        else:
            latin = [[*forms, *e.fr_alias] if e.fr_alias and e.kind != "term" else [*forms] for e, forms in zip(entries, english, strict=True)]
        return _numbered(zh), _numbered(latin), _numbered(toned)


def _numbered(forms: list[list[str]]) -> Forms:
    return Forms(list(chain.from_iterable(forms)), np.repeat(np.arange(len(forms)), [len(f) for f in forms]).tolist() if forms else [])
