"""Commands of the vector index: build, search."""

from __future__ import annotations

from pathlib import Path

import typer

from curate.cli.show import JSON, emit, table, working

app = typer.Typer(no_args_is_help=True, help="Index the vectors of a run and search them.")
FOLDER = typer.Argument(..., metavar="FOLDER", help="Folder of the index.")


@app.command()
def build(
    folder: Path = FOLDER,
    workspace: Path = typer.Option(..., "--workspace", "-w", help="Workspace whose last run has vectors."),
    lang: str = typer.Option("zh", "--lang", help="zh or en."),
    kind: str = typer.Option("auto", "--kind", help="auto, flat, ivf, ivf_fp16, ivf_sq8, ivf_pq or hnsw."),
    memory: float = typer.Option(3.0, "--memory", min=0.001, help="GiB that auto may take."),
    as_json: bool = JSON,
) -> None:
    """Build an index shard by shard, merge it, and say what it finds beside exact search."""
    from curate import indexing
    from curate.workspace import Workspace

    with working("building"):
        made = indexing.build(indexing.stored(Workspace(workspace)), indexing.language(lang), folder, kind, int(memory * 2**30))
    if as_json:
        emit(made._asdict())
    else:
        table(f"index in {folder}", list(made._fields), [[str(v) for v in made]])


@app.command()
def search(
    folder: Path = FOLDER,
    query: str = typer.Option(..., "--query", "-q", help="A question in zh, en or fr."),
    k: int = typer.Option(10, "-k", min=1, help="How many answers."),
    embedder: str = typer.Option("use", "--embedder", help="use, st or hash."),
    as_json: bool = JSON,
) -> None:
    """Search an index, mapped into memory, by the meaning of a question."""
    from curate import indexing, plain
    from curate.text import normalize

    found = indexing.search(folder, plain.default_resources(embedder).need_embedder().encode([normalize(query)]), k)[0]
    if as_json:
        emit([{"id": i, "score": s} for i, s in found])
    else:
        table(query, ["id", "score"], [(i, f"{s:.4f}") for i, s in found], right=(1,))
