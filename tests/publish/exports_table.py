"""The table of ``data_cards/EXPORTS.md``, from runs: ``python -m tests.publish.exports_table [CHECKOUTS]``.

Exports every target from the release with clips that the tests use, runs each target's own loader where its checkout is there, writes what came out to
``export_runs.json`` beside this file, and the table from that. Nothing in the table is written by hand but the names of the checks.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curate.errors import CurateError
from curate.export import export, profiles
from tests.conftest import ROOT
from tests.publish.conftest import release_with_clips

RUNS = Path(__file__).with_name("export_runs.json")
PAGE = ROOT / "data_cards" / "EXPORTS.md"
# What a target's own code is called, and the checkout or package it is run from; see loaders.py and loaders_more.py.
LOADERS = {
    "open-sora-plan": [("open-sora-plan", "T2V_dataset", "Open-Sora-Plan")],
    "open-sora-2": [("open-sora-2", "VideoTextDataset, Bucket", "Open-Sora")],
    "open-sora-1": [("open-sora-1", "VariableVideoTextDataset, Bucket (1.2; no decoding)", "Open-Sora-1")],
    "videotuna": [("videotuna", "DatasetFromCSV", "VideoTuna")],
    "capcut": [("capcut", "capcut-cli lint 0.23.0", "capcut-cli")],
    "musubi-tuner": [("musubi-tuner", "BlueprintGenerator, latent batches", "musubi-tuner")],
    "diffusion-pipe": [("diffusion-pipe", "DirectoryDataset", "diffusion-pipe")],
    "diffsynth-studio": [("diffsynth-studio", "UnifiedDataset", "site:diffsynth")],
    "simpletuner": [("simpletuner", "ImageBackendConfig.validate", "site:simpletuner")],
    "ai-toolkit": [("ai-toolkit", "DatasetConfig, AiToolkitDataset", "ai-toolkit")],
    "cogvideox": [("cogvideox", "finetune/datasets/utils.py", "CogVideo")],
    "ltx-video": [("ltx-video", "MediaDataset (LTX-Video-Trainer)", "LTX-Video-Trainer"), ("ltx-2", "MediaDataset (LTX-2)", "LTX-2")],
    "videox-fun": [("videox-fun", "ImageVideoDataset", "VideoX-Fun")],
    "data-juicer": [("data-juicer", "VideoDurationFilter", "data-juicer")],
}
# Checks by code that is not ours, in every run of the tests; everything else is checked by our own tests of the rules we read.
LIBRARIES = {
    "videofolder": "`datasets` `load_dataset`, offline", "webdataset": "`webdataset`", "finetrainers": "`datasets`, which its local mode calls",
    "sora": "types of the client `openai`", "capcut": "`pysubs2` on the subtitles",
}  # fmt: skip


def level(target: str) -> str:
    """``loader``, ``library`` or ``rules``: whose code looked at the export."""
    return "+".join(x for x in ("loader" if target in LOADERS else "", "library" if target in LIBRARIES else "") if x) or "rules"


def _version(checkouts: Path, name: str) -> str:
    if name.startswith("site:"):
        found = sorted((checkouts / "site").glob(f"{name[5:]}-*.dist-info"))
        return found[0].name.removesuffix(".dist-info").rpartition("-")[2] if found else "?"
    noted = checkouts / name / ".commit"
    if noted.is_file() or not (checkouts / name / ".git").exists():
        return noted.read_text(encoding="utf-8").strip() if noted.is_file() else ""
    done = subprocess.run(["git", "log", "-1", "--format=%h", "--abbrev=7"], cwd=checkouts / name, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _load(checkouts: Path, loader: str, name: str, folder: Path) -> dict[str, Any]:
    place = "site" if name.startswith("site:") else name
    if not (checkouts / place).exists():
        return {"skipped": "no checkout"}
    env = {**os.environ, "PYTHONPATH": f"{checkouts / 'site'}:{ROOT}", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "tests.publish.loaders", loader, str(folder), str(checkouts / place)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=300)
    if done.returncode:
        return {"failed": done.stderr.strip().split("\n")[-1][:200]}
    return {"said": json.loads(done.stdout.splitlines()[-1])}


def measure(release: Path, checkouts: Path | None) -> dict[str, Any]:
    """Export every target and run the loaders that are there."""
    out: dict[str, Any] = {"release": release.name, "date": datetime.now(UTC).date().isoformat(), "python": sys.version.split()[0], "targets": {}}
    with tempfile.TemporaryDirectory(prefix="leishu-exports-") as folder:
        for target in profiles():
            place = Path(folder) / target
            try:
                done = export(target, release, place)
            except CurateError as e:
                out["targets"][target] = {"failed": e.message}
                continue
            left: dict[str, int] = {}
            for n in done.left_out:
                left[n.reason] = left.get(n.reason, 0) + 1
            row: dict[str, Any] = {"exported": done.clips, "left_out": left, "loaders": []}
            for loader, what, name in LOADERS.get(target, []) if checkouts else []:
                assert checkouts is not None
                row["loaders"].append({"what": what, "version": _version(checkouts, name), **_load(checkouts, loader, name, place)})
            out["targets"][target] = row
    return out


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    text = re.sub(r'"([\w .:-]+)":', r"\1:", text).replace('"', "").replace("|", "/")
    return text[1:-1] if text.startswith("{") else text


def _result(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"not exported: {row['failed']}"
    left = ", ".join(f"{k} {v}" for k, v in sorted(row["left_out"].items()))
    parts = [f"{row['exported']} exported" + (f" (left out: {left})" if left else "")]
    for x in row["loaders"]:
        said = {k: v for k, v in x.get("said", {}).items() if k not in ("text", "first_text", "path", "said")}
        for part in said.values():
            if isinstance(part, dict):
                part.pop("prompt", None)
                part.pop("text", None)
        parts.append(_short(said)[:220] if "said" in x else f"**{'failed' if 'failed' in x else 'not run'}**: {x.get('failed') or x['skipped']}")
    return "; ".join(parts)


def table(runs: dict[str, Any]) -> str:
    """The table in Markdown."""
    lines = ["| target | command | level | checked with | result |", "|---|---|---|---|---|"]
    for target, p in profiles().items():
        row = runs["targets"][target]
        checks = [f"{x['what']}{' at ' + x['version'] if x['version'] else ''}" for x in row.get("loaders", [])]
        checks += [LIBRARIES[target]] if target in LIBRARIES else []
        checks = checks or ["our own tests of what we read in its source or documents"]
        lines.append(f"| {p['title']} | `curate export {target}` | {level(target)} | {'; '.join(checks)} | {_result(row)} |")
    return "\n".join(lines)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="leishu-release-") as folder:
        runs = measure(release_with_clips(Path(folder)), Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    RUNS.write_text(json.dumps(runs, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    page = re.sub(r"(?s)(<!-- table -->\n).*?(\n<!-- /table -->)", lambda m: m[1] + table(runs) + m[2], page)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
