"""Croissant 1.1 with RAI fields: the release described for machines, as plain JSON-LD, and stricter checks than the format's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from curate.data import data_path, read_yaml
from curate.errors import DataError
from curate.publish import licenses
from curate.publish.card import tags_of_language
from curate.publish.data import Written
from curate.publish.prose import Prose
from curate.workspace import sha256_file

CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
_TYPES = {
    pl.Float64: "sc:Float",
    pl.Float32: "sc:Float",
    pl.Int64: "sc:Integer",
    pl.UInt32: "sc:Integer",
    pl.Int32: "sc:Integer",
    pl.Boolean: "sc:Boolean",
}


def context() -> dict[str, Any]:
    """Return the JSON-LD context of Croissant 1.1."""
    loaded: dict[str, Any] = json.loads((data_path("data_cards") / "template" / "croissant_context.json").read_text(encoding="utf-8"))
    return loaded


def _fields(name: str, file_id: str, table: pl.DataFrame, meanings: Mapping[str, Any]) -> list[dict[str, Any]]:
    out = []
    for column, dtype in table.schema.items():
        field: dict[str, Any] = {
            "@type": "cr:Field", "@id": f"{name}/{column}", "name": column, "description": meanings.get(column, {}).get("en", column),
            "dataType": "sc:URL" if column == "uri" else next((v for k, v in _TYPES.items() if dtype == k), "sc:Text"),
            "source": {"fileObject": {"@id": file_id}, "extract": {"column": column}},
        }  # fmt: skip
        if isinstance(dtype, pl.List):
            field["isArray"], field["arrayShape"] = True, "-1"
        out.append(field)
    return out


def _distribution(staging: Path, rows: Mapping[str, Written], clips: Mapping[str, str]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    kinds = {"parquet": "application/x-parquet", "jsonl": "application/jsonlines", "csv": "text/csv"}
    for path in sorted(rows):
        size = (staging / path).stat().st_size
        out.append(
            {"@type": "cr:FileObject", "@id": path, "name": path, "description": f"{rows[path].rows} rows of the split {rows[path].split}",
             "contentUrl": path, "contentSize": f"{size} B", "encodingFormat": kinds[path.rsplit(".", 1)[-1]], "sha256": sha256_file(staging / path)}
        )  # fmt: skip
    for split, mime in clips.items():
        ident = f"clips-{split}"
        out.append(
            {"@type": "cr:FileSet", "@id": ident, "name": ident, "description": f"media of the split {split}", "encodingFormat": mime,
             "includes": f"data/{split}/clips/*/*"}
        )  # fmt: skip
    return out


def _record_sets(table: pl.DataFrame, rows: Mapping[str, Written], clips: Mapping[str, str], meanings: Mapping[str, Any]) -> list[dict[str, Any]]:
    splits = sorted({w.split for w in rows.values()})
    out: list[dict[str, Any]] = [
        {"@type": "cr:RecordSet", "@id": "splits", "name": "splits", "description": "the splits", "dataType": "cr:Split", "key": {"@id": "splits/name"},
         "field": [{"@type": "cr:Field", "@id": "splits/name", "name": "name", "description": "name of the split", "dataType": "sc:Text"}],
         "data": [{"splits/name": s} for s in splits]}
    ]  # fmt: skip
    tables = [p for p in sorted(rows) if "/captions" in p]
    best = "parquet" if any(p.endswith(".parquet") for p in tables) else tables[0].rsplit(".", 1)[-1]
    for path in tables:
        if path.endswith(best):
            name = path.removeprefix("data/").rsplit(".", 1)[0].replace("/captions", "").replace("/", "-")
            out.append(
                {"@type": "cr:RecordSet", "@id": name, "name": name, "description": f"captions of the split {rows[path].split}",
                 "key": {"@id": f"{name}/id"}, "field": _fields(name, path, table, meanings)}
            )  # fmt: skip
    for split, mime in clips.items():
        name = f"{split}-clips"
        kind = "sc:VideoObject" if mime.startswith("video") else "sc:ImageObject"
        source = {"fileSet": {"@id": f"clips-{split}"}}
        out.append(
            {"@type": "cr:RecordSet", "@id": name, "name": name, "description": f"media files of the split {split}",
             "field": [
                 {"@type": "cr:Field", "@id": f"{name}/file", "name": "file", "description": "name of the file", "dataType": "sc:Text",
                  "source": {**source, "extract": {"fileProperty": "filename"}}},
                 {"@type": "cr:Field", "@id": f"{name}/content", "name": "content", "description": "the medium", "dataType": kind,
                  "source": {**source, "extract": {"fileProperty": "content"}}}]}
        )  # fmt: skip
    return out


def _rai(values: Mapping[str, Any], prose: Prose | None) -> dict[str, Any]:
    def text(name: str) -> str:
        return prose.get(name, "en") if prose else ""

    steps = "; ".join(f"{s['step']} ({s['stage']} v{s['version']}): {s['rows_in']} in, {s['dropped']} dropped" for s in values["ledger"])
    review = values["review"]
    made = values["machine_text"]
    alpha = f"Krippendorff's alpha (nominal) {review['alpha']} over {review['doubly']} items" if review["alpha"] is not None else "not measured"
    return {
        "rai:dataCollection": text("collection"),
        "rai:dataPreprocessingProtocol": steps,
        "rai:dataAnnotationProtocol": text("annotation"),
        "rai:dataAnnotationAnalysis": f"{review['reviewed']} of {review['released']} rows reviewed by {review['reviewers']} people; agreement: {alpha}",
        "rai:machineAnnotationTools": f"{made['machine']} captions written and {made['translated']} translated by machines, of {made['captions']}",
        "rai:dataBiases": text("biases"),
        "rai:dataUseCases": text("intended_use"),
        "rai:dataLimitations": "\n".join(x for x in (text("out_of_scope"), text("known_gaps")) if x),
        "rai:dataSocialImpact": text("cultural_notes"),
        "rai:personalSensitiveInformation": text("rights_and_consent"),
        "rai:dataReleaseMaintenancePlan": text("maintenance"),
    }


def build(values: Mapping[str, Any], prose: Prose | None, table: pl.DataFrame, staging: Path, rows: Mapping[str, Written]) -> dict[str, Any]:
    """Return croissant.json.

    Args:
        values: facts of the card.
        prose: the card's prose.
        table: the released rows.
        staging: the release folder, with its data files written.
        rows: data files by path.
    """
    meanings = read_yaml(data_path("data_cards") / "template" / "columns.yaml")
    kinds = table.group_by("split").agg(pl.col("media").mode().first()) if "file_name" in table.columns else None
    clips: dict[str, str] = {}
    if kinds is not None:
        clips = {s: ("image/*" if k == "image" else "video/*") for s, k in sorted(kinds.iter_rows()) if (staging / "data" / s / "clips").is_dir()}
    known = licenses.table().get(licenses.canonical(str(values["license"])) or "")
    summary = prose.get("summary", "en") if prose else ""
    out: dict[str, Any] = {
        "@context": context(), "@type": "sc:Dataset", "conformsTo": CONFORMS, "name": values["name"],
        "description": summary or f"{values['name']}: {values['records']} bilingual captions of Chinese history and culture",
        "version": values["version"], "datePublished": values["date"], "license": known.url if known else values["license"],
        "inLanguage": tags_of_language(values)[1], "keywords": ["Chinese culture", "Chinese history", "text-to-video", "bilingual captions"],
        "isLiveDataset": False, "citeAs": prose.get("citation", "en") if prose else "", "url": (prose.homepage if prose else "") or f"urn:leishu:{values['name']}",
        "creator": [{"@type": "sc:Organization", "name": c} for c in (prose.creators if prose else ())] or [{"@type": "sc:Organization", "name": "unknown"}],
        **{k: v for k, v in _rai(values, prose).items() if v},
        "distribution": _distribution(staging, rows, clips), "recordSet": _record_sets(table, rows, clips, meanings),
    }  # fmt: skip
    return {k: v for k, v in out.items() if v != ""}


def check(folder: Path) -> list[str]:
    """Check croissant.json against the files it describes, more strictly than the format does.

    Args:
        folder: the release.

    Returns:
        One line per fault: a hash that differs, a file or column that is not there or not described, a missing name.

    Raises:
        DataError: the file is missing or no JSON.
    """
    try:
        doc = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as e:
        raise DataError(f"{folder / 'croissant.json'}: {e}") from e
    out = [
        f"{key!r} is missing" for key in ("description", "license", "creator", "datePublished", "version", "inLanguage", "citeAs") if not doc.get(key)
    ]
    if doc.get("creator") == [{"@type": "sc:Organization", "name": "unknown"}]:
        out.append("'creator' is unknown")
    if doc.get("conformsTo") != CONFORMS:
        out.append(f"'conformsTo' is {doc.get('conformsTo')!r}, expected {CONFORMS}")
    out += [f"{k!r} is missing" for k in ("rai:dataCollection", "rai:dataBiases", "rai:personalSensitiveInformation") if not doc.get(k)]
    files = {d["@id"]: d for d in doc.get("distribution", [])}
    for item in files.values():
        if item["@type"] == "cr:FileSet":
            if not list(folder.glob(item["includes"])):
                out.append(f"{item['@id']}: {item['includes']} matches nothing")
        elif not (folder / item["contentUrl"]).is_file():
            out.append(f"{item['contentUrl']}: there is no such file")
        elif sha256_file(folder / item["contentUrl"]) != item.get("sha256"):
            out.append(f"{item['contentUrl']}: the sha256 is not that of the file")
    for records in doc.get("recordSet", []):
        out += _column_faults(folder, records, files)
    described = {d.get("contentUrl") for d in files.values()}
    data = sorted(p.relative_to(folder).as_posix() for p in folder.glob("data/*/*") if p.is_file())
    return out + [f"{p}: is in the release and not described" for p in data if p not in described]


def _column_faults(folder: Path, records: Mapping[str, Any], files: Mapping[str, Any]) -> list[str]:
    named: dict[str, list[str]] = {}
    for field in records.get("field", []):
        source = field.get("source", {})
        if "fileObject" in source:
            named.setdefault(source["fileObject"]["@id"], []).append(source["extract"]["column"])
    out = []
    for ident, columns in named.items():
        path = folder / str(files.get(ident, {}).get("contentUrl", ident))
        if not path.is_file():
            continue
        if path.suffix == ".parquet":
            have = list(pl.read_parquet_schema(path))
        elif path.suffix == ".jsonl":
            have = list(json.loads(path.open(encoding="utf-8").readline()))
        else:
            have = pl.read_csv(path, n_rows=0).columns
        out += [f"{ident}: there is no column {c!r}" for c in columns if c not in have]
        out += [f"{ident}: the column {c!r} is not described" for c in have if c not in columns]
    return out
