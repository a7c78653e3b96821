"""Fixtures that every area shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from curate.embed import HashEmbedder
from curate.knowledge.lexicon import Lexicon
from curate.knowledge.taxonomy import Taxonomy
from curate.plain import shipped_lexicon, shipped_taxonomy
from curate.stage import Resources

# Tests are not timed: a busy machine must not make one fail.
settings.register_profile("leishu", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leishu")

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "curate" / "recipes" / "sample"


def shared_dir() -> Path:
    return Path(os.environ.get("LEISHU_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The real data beside the checkout; tests that use it skip without it."""
    path = shared_dir()
    if not (path / "data").is_dir():
        pytest.skip("the shared real data is not beside the checkout (set LEISHU_SHARED)")
    return path


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return shipped_lexicon()


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    return shipped_taxonomy()


@pytest.fixture(scope="session")
def res(lexicon: Lexicon, taxonomy: Taxonomy) -> Resources:
    """Resources with the deterministic test embedder."""
    embedder = HashEmbedder()
    return Resources(7, lexicon, taxonomy, embedder, None, {"lexicon": lexicon.sha256, "taxonomy": taxonomy.sha256, "embedder": embedder.sha256})
