"""Clips: copies found after transformations, and rates on one core. Run: ``python -m tests.benchmarks.clips [FOLDER] [--quick]``."""

from __future__ import annotations

import sys
from pathlib import Path

from curate.cli import clipsbench
from tests.conftest import shared_dir


def main() -> None:
    """Print both tables for a folder of clips; the shared real ones if none is named."""
    named = [Path(a) for a in sys.argv[1:] if not a.startswith("-")]
    folder = named[0] if named else shared_dir() / "data" / "videos"
    truth = folder.parent / "videos.jsonl"
    clipsbench.speed([folder], as_json=False)
    clipsbench.copies([folder], truth if truth.exists() else None, "--quick" in sys.argv, 1, as_json=False)


if __name__ == "__main__":
    main()
