"""Commands on plain files, without a recipe: tag, dedup, search, coverage, balance."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from curate.cli.show import JSON, check_out, console, emit, note, say, table, working, write_rows
from curate.errors import CurateError, UsageError, did_you_mean

IN = typer.Argument(..., metavar="IN", help="Captions: .jsonl .csv .tsv .json .parquet .txt, or - for stdin.")
OUT = typer.Option("-", "-o", "--out", help="Where to: .jsonl .json .csv .parquet, or - for stdout.")
READ = typer.Option("auto", "--read", help="Reader, if the name does not tell.")
MAP = typer.Option([], "--map", help="RECORD=COLUMN where the guess of the columns is wrong, such as zh=描述; repeat.")
EMBEDDER = typer.Option("use", "--embedder", help="use, st or hash.")
MODEL = typer.Option("", "--model", help="Model folder or hub id for --embedder st.")
QUARANTINE = typer.Option(None, "--quarantine", help="Write unreadable rows here (.jsonl).")


@contextlib.contextmanager
def _source(path: Path) -> Iterator[Path]:
    """Give the file to read; what comes on stdin is put into one whose ending says what it looks like."""
    if str(path) != "-":
        yield path
        return
    data = sys.stdin.buffer.read()
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    first = data.split(b"\n", 1)[0]
    ending = {b"{": "jsonl", b"[": "json"}.get(start) or ("csv" if b"," in first or b"\t" in first else "txt")
    with tempfile.TemporaryDirectory() as folder:
        spooled = Path(folder) / f"stdin.{ending}"
        spooled.write_bytes(data)
        yield spooled


def columns_of(given: list[str]) -> dict[str, str]:
    """Return RECORD=COLUMN options as a dict.

    Raises:
        UsageError: one is no such pair, or names no column of a record.
    """
    from curate.readers.names import NAMES

    out = {}
    for text in given:
        target, mark, column = text.partition("=")
        if not (mark and column and target in NAMES):
            raise UsageError(f"--map {text!r} is no RECORD=COLUMN", hint=f"--map zh=描述; {did_you_mean(target, NAMES)}")
        out[target] = column
    return out


def _load(path: Path, read: str, quarantine: str | None = None, columns: list[str] | None = None) -> Any:
    from curate import plain

    with _source(path) as source:
        loaded = plain.load(source, read, columns_of(columns or []))
    for line in loaded.notes:
        note(line)
    if loaded.bad:
        first = loaded.bad[0]
        note(f"{len(loaded.bad)} rows could not be read; the first: {first.file}:{first.line}: {first.reason}: {first.note}")
        if quarantine == "":
            note("--quarantine bad.jsonl writes all of them")
        if quarantine:
            rows = [
                {"file": b.file, "line": b.line, "reason": b.reason, "note": b.note, "raw": b.raw.decode("utf-8", "backslashreplace")}
                for b in loaded.bad
            ]
            write_rows(rows, quarantine)
    return loaded


def tag(
    source: Path = IN,
    out: str = OUT,
    read: str = READ,
    columns: list[str] = MAP,
    embedder: str = EMBEDDER,
    model: str = MODEL,
    quarantine: str = QUARANTINE,
    as_json: bool = JSON,
) -> None:
    """Tag captions with eras, themes, regions and terms."""
    from curate import plain

    check_out(out)
    with working("tagging"):
        rows = plain.tag(_load(source, read, quarantine or "", columns).frame, plain.default_resources(embedder, model))
    write_rows(rows, out)
    if as_json and out != "-":
        emit({"rows": len(rows), "out": out})


def check(
    source: Path = IN,
    out: str = OUT,
    read: str = READ,
    columns: list[str] = MAP,
    embedder: str = EMBEDDER,
    model: str = MODEL,
    quarantine: str = QUARANTINE,
    as_json: bool = JSON,
) -> None:
    """Find anachronisms, cross-culture confusions and zh/en mismatches, each flag explained."""
    from curate import plain

    check_out(out)
    with working("checking"):
        rows = plain.check(_load(source, read, quarantine or "", columns).frame, plain.default_resources(embedder, model))
    write_rows(rows, out)
    counts = {v: sum(r["verdict"] == v for r in rows) for v in ("anachronism", "confusion", "mismatch", "ok")}
    if as_json and out != "-":
        emit({"rows": len(rows), **counts})
    note(", ".join(f"{k} {n}" for k, n in counts.items()))


def dedup(
    source: Path | None = typer.Argument(None, metavar="IN", help="Captions."),
    out: str = OUT,
    pairs: Path | None = typer.Option(None, "--pairs", help="Judge the pairs of this file instead: id, a_zh, a_en, b_zh, b_en."),
    evidence: bool = typer.Option(False, "--evidence", help="With --pairs: also say for each pair which words decided."),
    cuts: bool = typer.Option(False, "--cuts", help="Show what other cuts of the semantic step would do, and pairs near the cut; drops nothing."),
    steps: str = typer.Option("exact,near,semantic", help="Which steps, separated by commas."),
    near: float = typer.Option(None, help="Least character similarity, 0.5 to 1."),
    semantic: float = typer.Option(None, help="Least cosine, 0.5 to 1."),
    read: str = READ,
    columns: list[str] = MAP,
    embedder: str = EMBEDDER,
    model: str = MODEL,
    as_json: bool = JSON,
) -> None:
    """Find exact, near and semantic duplicates, one row out per row in."""
    from curate import plain
    from curate.duplicates import pairscore

    check_out(out)
    options: dict[str, Any] = {"steps": [s.strip() for s in steps.split(",") if s.strip()]}
    res = plain.default_resources(embedder, model, vectors="semantic" in options["steps"] or cuts or pairs is not None)
    options |= {k: v for k, v in (("near", near), ("semantic", semantic)) if v is not None}
    if pairs is not None:
        if source is not None:
            raise UsageError(f"--pairs judges its own file, and {source} would not be looked at", hint="give one of them")
        judged = pairscore.judge_file(pairs, res)
        write_rows(judged.rows if evidence else [{k: r[k] for k in ("id", "score", "label")} for r in judged.rows], out)
        note("\n".join(judged.summary))
        return
    if source is None:
        raise UsageError("nothing to do: no IN and no --pairs", hint="curate dedup captions.jsonl -o duplicates.jsonl")
    if cuts:
        dedup_cuts(_load(source, read, columns=columns).frame, res, options, as_json)
        return
    with working("looking for duplicates"):
        rows = plain.dedup(_load(source, read, columns=columns).frame, res, options)
    write_rows(rows, out)
    gone = sum(r["dup_of"] is not None for r in rows)
    if as_json and out != "-":
        emit({"rows": len(rows), "duplicates": gone})
    note(f"{len(rows)} rows, {gone} duplicates")


def dedup_cuts(frame: Any, res: Any, options: dict[str, Any], as_json: bool) -> None:
    """Print a survey of cuts."""
    from dataclasses import asdict

    from curate.duplicates import cuts as dedupcuts

    with working("looking for pairs"):
        found = dedupcuts.survey(frame, res, options)
    if as_json:
        emit(asdict(found))
    else:
        say("\n".join(found.lines()))


def search(
    pool: Path = typer.Argument(..., metavar="POOL", help="Captions to search in."),
    query: str = typer.Option(None, "--query", "-q", help="One question, in zh, en or fr."),
    queries: Path = typer.Option(None, "--queries", help="JSONL with id and query."),
    k: int = typer.Option(10, "-k", min=1, help="How many answers."),
    out: str = OUT,
    read: str = READ,
    columns: list[str] = MAP,
    embedder: str = EMBEDDER,
    model: str = MODEL,
    as_json: bool = JSON,
) -> None:
    """Find captions by meaning, across languages."""
    from curate import plain

    check_out(out)
    asked = plain.read_queries(query, queries)
    loaded = _load(pool, read, columns=columns)
    with working("searching"):
        index = plain.pool(loaded.frame, plain.default_resources(embedder, model))
        found = [(q["id"], *index.search(q["query"], k)) for q in asked]
    rows = [{"id": i, "ranked": ids, "scores": scores} for i, ids, scores in found]
    if query is not None and out == "-" and not as_json:
        texts = {r[0]: (r[1] or "", r[2] or "") for r in loaded.frame.select("source_id", "zh", "en").iter_rows()}
        table(query, ["id", "score", "zh", "en"], [(i, f"{s:.3f}", *texts[i]) for i, s in zip(*found[0][1:], strict=True)], right=(1,))
    else:
        write_rows(rows, out)


def coverage(
    source: Path = IN,
    out: Path = typer.Option(Path("coverage"), "-o", "--out", help="Folder for the report."),
    targets: Path = typer.Option(None, "--targets", help="YAML of clips wanted per cell 'theme|era'."),
    fail_under: float = typer.Option(None, "--fail-under", min=0, max=1, help="Exit 1 if a smaller share of cells is filled."),
    read: str = READ,
    columns: list[str] = MAP,
    embedder: str = EMBEDDER,
    model: str = MODEL,
    as_json: bool = JSON,
) -> None:
    """Report what a set holds of theme × era × region, and what is missing."""
    from curate import coverage as cov
    from curate import plain, report
    from curate.balance.targets import read as read_targets

    res = plain.default_resources(embedder, model)
    taxonomy = res.need_taxonomy()
    with working("tagging and counting"):
        frame = plain.labelled(_load(source, read, columns=columns).frame, res)
        measured = cov.measure(frame, taxonomy, read_targets(targets, taxonomy) if targets else None)
        files = report.write(measured, taxonomy, out)
    if as_json:
        emit({**measured.to_json(), "files": [str(f) for f in files]})
    else:
        show_coverage(measured, taxonomy)
        say(f"report: {out / 'coverage.html'}")
    if not any(f.suffix == ".png" for f in files):
        note("no figures: matplotlib is not installed; pip install 'leishu[plots]'")
    if fail_under is not None and measured.covered < fail_under:
        raise CurateError(f"{measured.covered:.3f} of the cells are filled, less than {fail_under}", hint="see the gaps in the report")


def show_coverage(measured: Any, taxonomy: Any) -> None:
    """Print the coverage as a table for the terminal."""
    from curate.coverage import sentences

    eras = [e for e in taxonomy.era_ids if measured.eras.get(e)]
    # A terminal of 80 columns holds the theme and a dozen eras.
    room = max(4, (console().width - 26) // 6)
    blocks = [[*eras, "living"][i : i + room] for i in range(0, len(eras) + 1, room)]
    for block in blocks:
        head = ["主题 theme", *[taxonomy.label("eras", e)[:2] if e != "living" else "—" for e in block]]
        rows = [[f"{taxonomy.label('themes', t)} {t}"[:24], *[measured.cells.get(f"{t}|{e}", 0) or "·" for e in block]] for t in taxonomy.theme_ids]
        table("coverage: clips per theme × era (— = no period)", head, rows, right=tuple(range(1, len(head))))
    for lang in ("zh", "en"):
        for line in sentences(measured, taxonomy, lang):
            say(f"  {line}")


def balance(
    source: Path = IN,
    out: str = OUT,
    cap: str = typer.Option("auto", help="Clips a cell keeps about, or auto."),
    targets: str = typer.Option(
        "", "--targets", help="Clips wanted per cell instead of caps: even, natural, or a YAML of 'theme|era|region: clips'."
    ),
    total: int = typer.Option(0, "--total", min=0, help="Clips wanted in all, with --targets even or natural; half of the pool if 0."),
    per_clip: int = typer.Option(None, "--per-clip", min=1, help="Most captions of one clip."),
    per_source: int = typer.Option(None, "--per-source", min=1, help="Most clips of one input."),
    by_language: bool = typer.Option(False, "--by-language", help="A cap of its own for zh, en and both."),
    everyday: float = typer.Option(1.0, min=0, max=1, help="Share of everyday scenes to keep."),
    seed: int = typer.Option(0),
    read: str = READ,
    columns: list[str] = MAP,
    embedder: str = EMBEDDER,
    model: str = MODEL,
    as_json: bool = JSON,
) -> None:
    """Say which rows would leave to even out the coverage, and why."""
    from curate import plain
    from curate.balance import balancing

    check_out(out)
    if cap != "auto" and not cap.isdecimal():
        raise UsageError(f"--cap {cap!r} is neither a number nor auto")
    value: int | str = "auto" if cap == "auto" else int(cap)
    params = {"cap": value, "everyday": everyday, "per_clip": per_clip, "per_source": per_source, "by_language": by_language}
    got = balancing.balance(_load(source, read, columns=columns).frame, plain.default_resources(embedder, model, seed), params, targets, total)
    write_rows(got.rows, out)
    kept = sum(r["keep"] for r in got.rows)
    if as_json and out != "-":
        emit({"rows": len(got.rows), "kept": kept, "out": out, "before": got.before, "after": got.after, "cells": got.cells})
    note("\n".join([*got.lines(), f"{len(got.rows)} rows, {kept} kept"]))
