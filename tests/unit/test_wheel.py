"""The wheel carries what an installed copy needs, and nothing that is only in the way."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PARTS = {
    "lexicons": "curate/_data/lexicons/terms/festivals.tsv", "axes": "curate/_data/lexicons/eras.tsv", "opposites": "curate/_data/lexicons/opposites.tsv",
    "app": "curate/_data/apps/review/streamlit_app.py", "sample": "curate/recipes/sample/captions.jsonl", "recipe": "curate/recipes/sample/recipe.yaml",
    "truth": "curate/recipes/sample/truth.jsonl", "messy": "curate/recipes/sample/messy.csv", "template": "curate/recipes/template.yaml",
    "themes": "curate/models/themes.npz", "pair": "curate/models/pair.json", "profiles": "curate/export/profiles.yaml", "patterns": "curate/prompts/patterns.yaml",
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    for package in ("build", "hatchling"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    got = subprocess.run(command, capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stdout[-2000:] + got.stderr[-2000:]
    (path,) = out.glob("leishu-*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.parametrize("name", PARTS.values(), ids=list(PARTS))
def test_is_in_the_wheel(wheel: zipfile.ZipFile, name: str) -> None:
    assert wheel.getinfo(name).file_size > 0


def test_every_module_and_data_file_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "curate", "lexicons", "apps", "data_cards"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("no git checkout")
    files = [f for f in tracked.stdout.split("\0") if f and (ROOT / f).is_file()]
    assert len(files) > 100
    want = {f if f.startswith("curate/") else f"curate/_data/{f}" for f in files}
    assert want - names == set()


def test_nothing_else_and_nothing_big(wheel: zipfile.ZipFile) -> None:
    for info in wheel.infolist():
        name = info.filename
        assert name.startswith("curate/") or name.split("/")[0].endswith(".dist-info"), name
        assert not any(x in name for x in ("__pycache__", ".pyc", "tests/", ".sqlite", "demo-out", "-ws/", ".tmp")), name
        assert info.file_size < 5_000_000, (name, info.file_size)
        assert Path(name).suffix not in {".mp4", ".so", ".pkl", ".pt", ".faiss"}, name
    assert sum(i.compress_size for i in wheel.infolist()) < 12_000_000


def test_the_metadata(wheel: zipfile.ZipFile) -> None:
    import tomllib

    from curate import __version__

    meta = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    text = wheel.read(meta).decode()
    assert f"\nVersion: {__version__}\n" in text
    assert "License-Expression: Apache-2.0" in text
    base = [x for x in text.splitlines() if x.startswith("Requires-Dist:") and "extra ==" not in x]
    assert not any(x.split(":")[1].strip().startswith(("torch", "streamlit", "ray", "sentence-transformers", "datasets")) for x in base)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {"st", "hub", "clips", "review", "ray", "postgres", "plots", "all", "dev"} <= set(extras)
    entry = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "curate = curate.cli:main" in wheel.read(entry).decode()
