"""What a card may claim: figures computed from the run, none of them written by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.coverage import Coverage, effective_number, gini, measure
from curate.knowledge.taxonomy import Taxonomy
from curate.publish import licenses
from curate.schema import canonical_json
from curate.text import han_count, script_of
from curate.workspace import StepRecord, Workspace

FORMAT = 1


@dataclass(frozen=True)
class Facts:
    """Computed facts.

    Attributes:
        values: plain values for ``card.json``.
        coverage: the counts behind the figures.
        before: the counts before balancing, ``None`` without a balance step.
    """

    values: dict[str, Any]
    coverage: Coverage
    before: Coverage | None


def counts(table: pl.DataFrame, column: str) -> dict[str, int]:
    """Return rows per value of a column, most first.

    Example:
        >>> counts(pl.DataFrame({"license": ["MIT", "CC0-1.0", "MIT"]}), "license")
        {'MIT': 2, 'CC0-1.0': 1}
    """
    if column not in table.columns:
        return {}
    got = Counter("" if v is None else str(v) for v in table.get_column(column).to_list())
    return dict(sorted(got.items(), key=lambda x: (-x[1], x[0])))


def percentiles(values: Sequence[int]) -> dict[str, int]:
    """Return p5, p50, p95, the largest and how many, by the nearest rank.

    Args:
        values: lengths.

    Example:
        >>> percentiles([1, 2, 3, 4])["p50"]
        2
    """
    if not values:
        return {}
    ranked = sorted(values)

    def at(share: float) -> int:
        return ranked[max(0, math.ceil(share * len(ranked)) - 1)]

    return {"n": len(ranked), "p5": at(0.05), "p50": at(0.5), "p95": at(0.95), "max": ranked[-1]}


def _lengths(table: pl.DataFrame) -> dict[str, dict[str, int]]:
    zh = [han_count(t) for t in table.get_column("zh").to_list() if t]
    en = [len(t.split()) for t in table.get_column("en").to_list() if t]
    return {"zh_han_characters": percentiles(zh), "en_words": percentiles(en)}


def _ledger(chain: Sequence[StepRecord]) -> list[dict[str, Any]]:
    return [
        {"step": r.step_id, "stage": r.stage, "version": r.version, "rows_in": r.rows_in, "rows_live": r.rows_live, "dropped": r.rows_dropped,
         "reasons": r.reasons}
        for r in chain
    ]  # fmt: skip


def _duplicates(ws: Workspace, chain: Sequence[StepRecord]) -> dict[str, Any]:
    for rec in chain:
        if "dup_group" in rec.schema:
            parts = [pl.read_parquet(ws.step_dir(rec.key) / p.file, columns=["dup_group"]) for p in rec.parts]
            groups = pl.concat(parts).drop_nulls().group_by("dup_group").len().filter(pl.col("len") > 1)
            sizes = groups.get_column("len")
            largest = sizes.max()
            return {"groups": len(sizes), "largest": int(str(largest)) if largest is not None else 0, "dropped": rec.reasons, "params": rec.params}
    return {}


def _clip_copies(ws: Workspace, chain: Sequence[StepRecord]) -> dict[str, Any]:
    """Copies among the clips themselves, where a step compared them."""
    for rec in chain:
        if "clip_dup_of" in rec.schema and rec.upstream:
            own = pl.concat([pl.read_parquet(ws.step_dir(rec.key) / p.file, columns=["id", "clip_dup_of", "clip_group"]) for p in rec.parts])
            clips = own.join(ws.table(rec.upstream, ["clip_id"]), on="id", how="left").unique("clip_id")
            return {"compared": clips.get_column("clip_group").drop_nulls().len(), "copies": clips.get_column("clip_dup_of").drop_nulls().len()}
    return {}


def _balance(ws: Workspace, chain: Sequence[StepRecord], after: Coverage, taxonomy: Taxonomy) -> tuple[dict[str, Any], Coverage | None]:
    for rec in chain:
        if rec.stage == "balance" and rec.upstream:
            have = {c for r in ws.chain(rec.upstream) for c in r.schema}
            wanted = [c for c in ("clip_id", "themes", "eras", "regions", "cells") if c in have]
            before = measure(ws.table(rec.upstream, wanted), taxonomy)
            out: dict[str, Any] = {"params": rec.params, "reasons": rec.reasons}
            for name, cov in (("before", before), ("after", after)):
                out[name] = {
                    "clips": cov.clips, "effective_cells": cov.effective_cells, "gini": cov.gini,
                    "largest_cell": max(cov.cells.values(), default=0),
                    "effective_themes": effective_number(list(cov.themes.values())),
                    "gini_themes": gini([cov.themes.get(t, 0) for t in taxonomy.theme_ids]),
                }  # fmt: skip
            return out, before
    return {}, None


def _origins(table: pl.DataFrame) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Captions per language and origin, and how many rows hold machine-made text."""
    out: dict[str, dict[str, int]] = {}
    for lang in ("zh", "en"):
        out[lang] = counts(table.filter(pl.col(lang).fill_null("") != ""), f"{lang}_origin")
    made = {"machine": 0, "translated": 0}
    for kind in made:
        made[kind] = sum(out[lang].get(kind, 0) for lang in out)
    return out, {"captions": sum(sum(v.values()) for v in out.values()), **made}


def _flags(table: pl.DataFrame) -> dict[str, int]:
    if "flags" not in table.columns or not isinstance(table.schema["flags"], pl.List):
        return {}
    long = table.select("flags").explode("flags").drop_nulls()
    if not len(long):
        return {}
    return counts(long.select(pl.col("flags").struct.field("check").alias("check")), "check")


def _media(table: pl.DataFrame) -> dict[str, Any]:
    clips = table.unique("clip_id", keep="first", maintain_order=True)
    seconds: list[float] = []
    if "duration_s" in clips.columns:
        seconds = [float(v) for v in clips.get_column("duration_s").to_list() if v is not None]
    else:
        pairs = clips.select("start_s", "end_s").iter_rows()
        seconds = [e - s for s, e in pairs if s is not None and e is not None]
    return {"kinds": counts(clips, "media"), "clips_with_duration": len(seconds), "hours": round(sum(seconds) / 3600, 4)}


def _aigc(table: pl.DataFrame) -> dict[str, int]:
    """Clips per label of AI-generated content, where a step of the run read such labels from the files."""
    if "ai_label" not in table.columns:
        return {}
    return counts(table.unique("clip_id", keep="first", maintain_order=True).drop_nulls("ai_label"), "ai_label")


def _provenance(table: pl.DataFrame) -> dict[str, Any]:
    """What was read from the clips' files; empty if no step opened them."""
    if "ai_generated" not in table.columns:
        return {}
    clips = table.unique("clip_id", keep="first", maintain_order=True)
    read = clips.filter(pl.col("ai_generated").is_not_null())
    out: dict[str, Any] = {"clips_read": len(read), "ai_generated": int(read.get_column("ai_generated").sum())}
    out["c2pa"] = counts(read.drop_nulls("c2pa"), "c2pa") if "c2pa" in clips.columns else {}
    out["origin_known"] = clips.get_column("origin").drop_nulls().len() if "origin" in clips.columns else 0
    out["opt_out"] = int(clips.get_column("opt_out").fill_null(value=False).sum()) if "opt_out" in clips.columns else 0
    return out if len(read) else {}


def compute(
    ws: Workspace, key: str, manifest: dict[str, Any], table: pl.DataFrame, taxonomy: Taxonomy, review: dict[str, Any], lexicon: dict[str, Any]
) -> Facts:
    """Compute the facts of a release.

    Args:
        ws: the workspace.
        key: the last step.
        manifest: the run's manifest.
        table: the released rows; label columns are lists of ids.
        taxonomy: the axes.
        review: what :func:`curate.review.facts.summary` says of people's decisions.
        lexicon: version and size of the lexicon.
    """
    chain = ws.chain(key)
    cov = measure(table, taxonomy)
    balance, before = _balance(ws, chain, cov, taxonomy)
    origins, machine = _origins(table)
    quarantine = ws.quarantine(key)
    by_split = {
        str(name[0]): {"rows": len(part), "clips": part.get_column("clip_id").n_unique()}
        for name, part in sorted(table.group_by("split"), key=lambda x: _SPLIT_ORDER.get(str(x[0][0]), 9))
    }
    values: dict[str, Any] = {
        "format": FORMAT,
        "records": len(table),
        "clips": cov.clips,
        "everyday": cov.everyday,
        "by_split": by_split,
        "by_theme": cov.themes,
        "by_era": cov.eras,
        "by_region": cov.regions,
        "languages": cov.languages,
        "by_script": _scripts(table),
        "by_license": counts(table.with_columns(license=pl.Series([licenses.canonical(x) or x for x in table.get_column("license")])), "license"),
        "by_source": counts(table, "source"),
        "by_origin": origins,
        "machine_text": machine,
        "ai_labels": _aigc(table),
        "provenance": _provenance(table),
        "media": _media(table),
        "text_length": _lengths(table),
        "read": {
            "rows_ingested": chain[0].rows_in,
            "rows_quarantined": chain[0].rows_quarantined,
            "reasons": counts(quarantine, "reason") if quarantine is not None else {},
        },
        "ledger": _ledger(chain),
        "duplicates": _duplicates(ws, chain),
        "clip_copies": _clip_copies(ws, chain),
        "balance": balance,
        "review": review,
        "flags": _flags(table),
        "coverage": {
            "effective_cells": cov.effective_cells,
            "allowed_cells": cov.allowed_cells,
            "covered": cov.covered,
            "gini": cov.gini,
            "gaps": len(cov.gaps),
            "first_gaps": [{"theme": g.theme, "era": g.era, "count": g.count, "target": g.target} for g in cov.gaps[:20]],
        },
        "lexicon": lexicon,
        "resources": dict(manifest.get("resources", {})),
        "versions": _versions(chain, manifest),
        "lineage": key,
        "recipe": {"name": manifest["recipe_name"], "seed": manifest["seed"]},
    }
    return Facts(values, cov, before)


_SPLIT_ORDER = {"train": 0, "validation": 1, "test": 2}


def _versions(chain: Sequence[StepRecord], manifest: dict[str, Any]) -> dict[str, str]:
    out: dict[str, str] = {}
    for rec in chain:
        out.update({k: v for k, v in rec.versions.items() if v})
    return dict(sorted(out.items()))


def _scripts(table: pl.DataFrame) -> dict[str, int]:
    got = Counter(script_of(t) for t in table.get_column("zh").to_list() if t)
    return dict(sorted(got.items()))


def checksum(table: pl.DataFrame) -> str:
    """Return a digest of the released captions that does not depend on the file format.

    Args:
        table: rows with ``id``, ``zh``, ``en``, ``license``, ``split``.
    """
    import hashlib

    total = hashlib.sha256()
    for row in table.select("id", "zh", "en", "license", "split").sort("id").iter_rows():
        total.update((canonical_json(list(row)) + "\n").encode())
    return total.hexdigest()
