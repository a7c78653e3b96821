"""The command ``curate demo``."""

from __future__ import annotations

from pathlib import Path

import typer

from curate.cli.show import JSON, emit, progress, say, table


def demo(out: Path = typer.Option(Path("demo-out"), "--out", "-o", help="Folder for everything."), as_json: bool = JSON) -> None:
    """Run the shipped recipe on the shipped bilingual sample, to a release with its card."""
    from curate import demo as module
    from curate.cli.pipeline import ledger
    from curate.cli.plain import show_coverage
    from curate.plain import shipped_taxonomy

    with progress() as tell:
        made = module.make(out, tell)
    if as_json:
        emit(
            {"release": made.release, "card": made.card, "figures": made.figures, "scores": [s.__dict__ for s in made.scores], "queued": made.queued}
        )
        return
    ledger(made.result.manifest)
    rows = [(s.kind, s.expected, s.rows, s.right, f"{100 * s.share:.0f} %") for s in made.scores]
    table("planted dirt: found as the truth file says", ["kind", "should be", "rows", "right", "share"], rows, right=(2, 3, 4))
    show_coverage(made.measured, shipped_taxonomy())
    for line in made.notes:
        say(f"  {line}")
    say(
        f"\nrelease   {made.release}\ncard      {made.card}\nfigures   {', '.join(str(f) for f in made.figures if f.suffix == '.png')}\nreport    {made.report}"
    )
    say(f"review    {made.queued} items wait: make review" if made.queued else "")
