"""The command that lists plugins."""

from __future__ import annotations

from typing import Any

from curate.cli.show import JSON, emit, say, table


def plugins(as_json: bool = JSON) -> None:
    """List the stages, readers and embedders of other packages, and those that fail."""
    from curate import plugins as installed
    from curate.readers import Reader
    from curate.stage import Stage

    kinds: dict[str, Any] = {"curate.stages": Stage, "curate.readers": Reader}
    rows = [
        {"group": p.group, "name": p.name, "distribution": p.distribution, "fault": installed.fault_of(p, kinds.get(p.group))}
        for p in installed.found()
    ]
    if as_json:
        emit(rows)
    elif rows:
        table("plugins", ["group", "name", "package", "state"], [(r["group"], r["name"], r["distribution"], r["fault"] or "ok") for r in rows])
    else:
        say("no plugins are installed")
