"""The group ``curate prompts``: gaps, localize, pack, evalset."""

from __future__ import annotations

from pathlib import Path

import typer

from curate.cli.show import JSON, emit, note, working, write_rows

app = typer.Typer(no_args_is_help=True, help="Prompts from gaps, localized, packed per target.")
OUT = typer.Option("-", "-o", "--out", help="Where to: .jsonl .json .csv .parquet, or - for stdout.")
SEED = typer.Option(0, help="The same seed gives the same prompts.")


@app.command()
def gaps(
    source: Path = typer.Argument(..., metavar="WORKSPACE|coverage.json", help="Whose gaps to fill."),
    n: int = typer.Option(100, "-n", min=1, help="How many prompts."),
    out: str = OUT,
    seed: int = SEED,
    as_json: bool = JSON,
) -> None:
    """Write prompts for the emptiest cells, tagged back, checked and deduplicated."""
    from curate.prompts import gaps as g

    with working("drawing prompts"):
        made = g.make(g.read_source(source), n, seed)
    write_rows(made.rows, out)
    summary = {"prompts": len(made.rows), "rejected": made.rejected, "unfilled": made.unfilled, "diversity": made.diversity}
    (emit if as_json and out != "-" else note)(summary if as_json and out != "-" else g.summary(made))
