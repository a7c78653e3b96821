"""Who may import whom: the layers of the package, and the one place of each third-party library."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.conftest import ROOT

# A module imports its own level and lower ones, as the table of ARCHITECTURE.md says; the first pattern that fits counts. The package's own names are
# resolved on first use.
_ROWS = re.findall(r"^\| (\d) \| `([^`]+)`", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.M)
LEVELS = [(9, "curate"), *((int(number), " ".join(f"curate.{name}" for name in names.split())) for number, names in _ROWS)]
# Names of one place that a lower level may use: each says why.
ALLOWED = {
    ("curate.knowledge.lint", "curate.coverage"): "which cells are wanted",
    ("curate.balance.evenness", "curate.coverage"): "one Gini coefficient",
    ("curate.coverage", "curate.stages.coverage"): "what a cell is called",
}
ONLY = {
    "av": "curate.media.*", "cv2": "curate.media.*", "scenedetect": "curate.media.*", "rapidocr": "curate.media.*", "c2pa": "curate.media.*",
    "PIL": "curate.media.* curate.review.media", "streamlit": "apps.*", "ray": "curate.engines", "faiss": "curate.index", "typer": "curate.cli curate.cli.*",
    "rich": "curate.cli.*", "sqlalchemy": "curate.review.database", "jieba": "curate.tokenize", "rjieba": "curate.tokenize", "opencc": "curate.text",
    "langdetect": "curate.langid", "sentence_transformers": "curate.embed", "huggingface_hub": "curate.publish.hub", "modelscope_hub": "curate.publish.hub",
    "keyring": "curate.publish.hub", "datasets": "curate.readers.hf curate.publish.hub curate.publish.release curate.publish.data", "matplotlib": "curate.plots", "ahocorasick_rs": "curate.knowledge.matcher",
    "charset_normalizer": "curate.readers.encoding", "pysubs2": "curate.readers.*", "fastexcel": "curate.readers.excel", "torch": "", "pickle": "", "marshal": "", "shelve": "",
}  # fmt: skip
# Ground that stays quick to import and usable without polars.
NO_POLARS = {"curate.text", "curate.tokenize", "curate.errors", "curate.knowledge.matcher", "curate.duplicates.unionfind"}
# Optional packages are imported where they are needed, never at the top of a module that others import.
OPTIONAL = {
    "ray",
    "sentence_transformers",
    "huggingface_hub",
    "modelscope_hub",
    "datasets",
    "matplotlib",
    "sqlalchemy",
    "keyring",
    "PIL",
    "rapidocr",
    "c2pa",
    "pysubs2",
    "fastexcel",
}


def modules() -> dict[str, Path]:
    out = {}
    for folder in ("curate", "apps"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            out[".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")] = path
    return out


MODULES = modules()


def imports(path: Path, top_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for a in node.names:
                full = f"{node.module}.{a.name}"
                yield full if full in MODULES else node.module


def _typing_only(path: Path) -> set[str]:
    out: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom) and inner.module:
                    out |= {inner.module, *(f"{inner.module}.{a.name}" for a in inner.names)}
    return out


def level(module: str) -> int:
    for number, patterns in LEVELS:
        if any(fnmatch(module, p) for p in patterns.split()):
            return number
    pytest.fail(f"{module} has no level: add it to the table in ARCHITECTURE.md")


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("curate")])
def test_layers(module: str) -> None:
    mine = level(module)
    for other in set(imports(MODULES[module])) - _typing_only(MODULES[module]):
        if other.startswith("curate.") and other != module and (module, other) not in ALLOWED:
            assert level(other) <= mine, f"{module} (level {mine}) imports {other} (level {level(other)})"
    if module.startswith("curate.stages."):
        for other in set(imports(MODULES[module])):
            assert not other.startswith("curate.stages"), f"a stage imports a stage: {module} imports {other}"


@pytest.mark.parametrize("module", list(MODULES))
def test_third_parties(module: str) -> None:
    for name in set(imports(MODULES[module])):
        top = name.split(".")[0]
        if top in ONLY:
            assert any(fnmatch(module, p) for p in ONLY[top].split()), f"{module} imports {top}"
    if module in NO_POLARS:
        assert "polars" not in set(imports(MODULES[module], top_only=True))
    if module.startswith("curate"):
        for name in imports(MODULES[module], top_only=True):
            assert name.split(".")[0] not in OPTIONAL, f"{module} imports {name} at its top"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("apps")])
def test_apps_use_the_package_from_outside(module: str) -> None:
    for name in set(imports(MODULES[module])):
        top = name.split(".")[0]
        assert (
            top in {"curate", "streamlit", "apps", "polars", "pandas", "altair", "yaml", "starlette"}
            or top in sys.stdlib_module_names
            or top in ("ui", "writing")
        ), name
