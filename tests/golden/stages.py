"""The guard against stale cached steps: what each stage's source looked like at its version."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from pathlib import Path

from curate import stages
from tests.conftest import ROOT

FILE = Path(__file__).with_name("stages.json")
# Modules below the stages whose meaning shapes what they return (DESIGN: the levels 0 to 2).
GROUND = (
    "text codes langid tokenize schema embed use_fast use_runs index knowledge.tsv knowledge.lexicon knowledge.taxonomy knowledge.matcher knowledge.bulk knowledge.resolve "
    "knowledge.trie knowledge.years knowledge.eras duplicates.keys duplicates.closeness "
    "knowledge.meanings knowledge.abroad knowledge.head knowledge.tagging duplicates.unionfind duplicates.decisive duplicates.minhash duplicates.pairs "
    "duplicates.semantic duplicates.clusters duplicates.neighbours duplicates.leakage balance.quota checks.verdict checks.anachronism checks.confusion checks.flags "
    "checks.knowledge checks.mismatch checks.dates checks.words checks.roles checks.pairfit checks.reading checks.sensitive"
).split()


def fingerprint(source: str) -> str:
    """Return a hash of what a module does: its syntax tree without docstrings, comments and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def _imported(source: str) -> list[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("curate"):
            names |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
    return sorted(n for n in (x.removeprefix("curate.") for x in names) if n in GROUND)


def _ground(source: str) -> list[str]:
    """Return the ground modules that a source imports, and those that these import: a rule lies behind `checks.verdict`, not in it."""
    found: set[str] = set()
    new = set(_imported(source))
    while new:
        found |= new
        new = {m for known in new for m in _imported(_source(known))} - found
    return sorted(found)


def _source(module: str) -> str:
    return (ROOT / "curate" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")


def current() -> dict[str, dict[str, object]]:
    """Return per stage its version, the hash of its source, and of the ground modules that it imports."""
    out: dict[str, dict[str, object]] = {}
    for stage in stages.BUILTIN:
        source = inspect.getsource(sys.modules[stage.fn.__module__])
        ground = {m: fingerprint(_source(m)) for m in _ground(source)}
        out[stage.name] = {"version": stage.version, "source": fingerprint(source), "ground": ground}
    return out
