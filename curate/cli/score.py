"""The command ``curate score``: how good prompts are for a video model."""

from __future__ import annotations

from pathlib import Path

import typer

from curate.cli.show import JSON, emit, note, working, write_rows


def score(
    source: Path = typer.Argument(..., metavar="IN", help="Prompts: .jsonl .csv .tsv .json .txt"),
    out: str = typer.Option("-", "-o", "--out", help="Where to: .jsonl .json .csv .parquet, or - for stdout."),
    target: str = typer.Option("", help="A prompt pack: its encoder's limit and languages count."),
    tokenizer: Path = typer.Option(None, "--tokenizer", help="tokenizer.json of the target's encoder, for real token counts."),
    as_json: bool = JSON,
) -> None:
    """Score prompts: fields, specificity, length, contradictions, boilerplate, per language."""
    from curate import plain
    from curate.prompts import quality

    count = quality.tokenizer(tokenizer) if tokenizer else None
    with working("scoring"):
        rows = quality.score([dict(r, id=r["source_id"]) for r in plain.load(source).frame.iter_rows(named=True)], target, count)
    counts = {"prompts": len(rows), "mean_score": round(sum(r["score"] for r in rows) / max(1, len(rows)), 3)}
    if as_json and out == "-":
        emit({**counts, "rows": rows})
        return
    write_rows(rows, out)
    if as_json:
        emit(counts)
    else:
        note(f"{counts['prompts']} prompts, mean score {counts['mean_score']:.3f}")
