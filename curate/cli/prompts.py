"""The group ``curate prompts``: gaps, localize, pack, evalset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from curate.cli.show import JSON, emit, note, working, write_rows

app = typer.Typer(no_args_is_help=True, help="Prompts from gaps, localized, packed per target.")
OUT = typer.Option("-", "-o", "--out", help="Where to: .jsonl .json .csv .parquet, or - for stdout.")
SEED = typer.Option(0, help="The same seed gives the same prompts.")


def _hand_over(rows: list[dict[str, Any]], out: str, as_json: bool, counts: Mapping[str, Any], summary: str) -> None:
    """Rows to where they were asked for; with ``--json`` the counts (and the rows, if they go nowhere else) as one value."""
    if as_json and out == "-":
        emit({**counts, "rows": rows})
        return
    write_rows(rows, out)
    if as_json:
        emit(counts)
    else:
        note(summary)


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
    counts = {"prompts": len(made.rows), "rejected": made.rejected, "unfilled": made.unfilled, "diversity": made.diversity}
    _hand_over(made.rows, out, as_json, counts, g.summary(made))


@app.command()
def localize(
    source: Path = typer.Argument(..., metavar="FILE", help="Prompts: .jsonl .csv .tsv .json .txt"),
    out: str = OUT,
    era: str = typer.Option("", help="Period for prompts that only say ancient; Tang if none is given."),
    seed: int = SEED,
    endpoint: str = typer.Option("", help="OpenAI-compatible address for fluent rewriting, for instance http://localhost:11434/v1"),
    model: str = typer.Option("", help="Model at the endpoint."),
    key_env: str = typer.Option("", help="Environment variable that holds the key."),
    max_cost: float = typer.Option(1.0, min=0, help="No more requests once this is spent."),
    prices: tuple[float, float] = typer.Option((0.0, 0.0), help="Prices per million tokens, in and out."),
    cache: Path = typer.Option(None, help="Folder of answers already paid for."),
    as_json: bool = JSON,
) -> None:
    """Make prompts culturally specific: concrete, true to the period, every change with its reason and a diff."""
    from curate import plain
    from curate.prompts import localize as loc
    from curate.prompts.endpoint import Endpoint, rewrite

    with working("localizing"):
        rows = loc.localize([dict(r, id=r["source_id"]) for r in plain.load(source).frame.iter_rows(named=True)], era, seed)
        if endpoint:
            rewrite(rows, Endpoint(endpoint, model, key_env, max_cost=max_cost, price_in=prices[0], price_out=prices[1], cache=cache))
    _hand_over(rows, out, as_json, loc.counts(rows), loc.summary(rows))


@app.command()
def pack(
    target: str = typer.Argument(..., help="For which system; see docs or give a wrong name for the list."),
    source: Path = typer.Argument(..., metavar="FILE", help="Prompts of `curate prompts gaps`, or any with zh and en (.jsonl)."),
    out: Path = typer.Option(..., "-o", "--out", help="Folder to write."),
    lang: str = typer.Option("", help="zh or en; the target's best language if empty."),
    tokenizer: Path = typer.Option(None, help="tokenizer.json of the target's encoder, for real token counts."),
    as_json: bool = JSON,
) -> None:
    """Write a prompt pack for one system, within its limits and in its order."""
    from curate.prompts import pack as p
    from curate.prompts import quality

    done = p.pack(target, p.read_prompts(source), out, lang, quality.tokenizer(tokenizer) if tokenizer else None)
    if as_json:
        emit(done)
    else:
        note(
            f"{done['prompts']} prompts for {target}, {done['shortened']} shortened, longest {done['most_tokens']} tokens ({done['counted_by']}): {out}"
        )


@app.command()
def evalset(
    out: Path = typer.Option(..., "-o", "--out", help="Folder to write."),
    n: int = typer.Option(1230, "-n", min=1, help="How many prompts, shared out evenly over era and theme."),
    seed: int = SEED,
    as_json: bool = JSON,
) -> None:
    """Write the evaluation set: prompts, expected things, scoring sheets, VBench input."""
    from curate.prompts import evalset as e

    with working("drawing the evaluation set"):
        rows, made = e.build(n, seed)
        files = e.write(rows, made, out, seed)
    if as_json:
        emit({"prompts": len(rows), "files": [str(f) for f in files]})
    else:
        note(f"{len(rows)} prompts: {out}")
