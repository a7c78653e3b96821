"""The card tells the run's own numbers, in both languages, and the Hub's rules hold."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml

from curate.data import data_path
from curate.publish import card, croissant, licenses, prose
from curate.publish.release import ReleaseResult
from curate.workspace import Workspace


def test_facts_are_those_of_the_run(released: tuple[Path, ReleaseResult]) -> None:
    recipe, result = released
    ws = Workspace(recipe.parent / "recipe-ws")
    table = ws.table(ws.last_key(), ["clip_id", "license", "themes"])
    facts = json.loads((result.path / "card.json").read_text(encoding="utf-8"))
    assert facts["records"] == len(table)
    assert facts["by_license"] == dict(sorted(table["license"].value_counts().iter_rows(), key=lambda x: (-x[1], x[0])))
    for step in facts["ledger"]:
        assert step["rows_in"] == step["rows_live"] + step["dropped"]
    dropped = facts["ledger"][0]["rows_in"] - facts["records"]
    assert dropped == len(ws.drops(ws.last_key())) > 0
    assert facts["balance"]["before"]["clips"] - facts["balance"]["after"]["clips"] == facts["balance"]["reasons"]["balance.over_represented"]
    crafts = table.filter(pl.col("themes").list.eval(pl.element().struct.field("id")).list.contains("crafts"))
    assert facts["by_theme"]["crafts"] == crafts["clip_id"].n_unique()


def test_both_cards_print_the_same_numbers(released: tuple[Path, ReleaseResult]) -> None:
    folder = released[1].path
    english = (folder / "README.md").read_text(encoding="utf-8")
    chinese = (folder / "README_zh.md").read_text(encoding="utf-8")
    facts = released[1].facts
    for text in (english, chinese):
        for step in facts["ledger"]:
            assert f"| {step['step']} | {step['rows_in']} | {step['rows_live']} | {step['dropped']} |" in text
        assert f"`{facts['lineage']}`" in text
        assert "{{" not in text
        assert "None" not in text
    rows = [re.findall(r"(?m)^\|.*\| (\d+) \|$", t) for t in (english, chinese)]
    assert rows[0] == rows[1]
    for heading in ("## Uses", "### Direct Use", "## Dataset Structure", "### Curation Rationale", "### Annotations", "## Bias, Risks, and Limitations",
                    "## Cultural Scope and Terminology", "## Maintenance", "## Citation"):  # fmt: skip
        assert heading in english


def test_front_matter_by_the_hubs_own_code(released: tuple[Path, ReleaseResult]) -> None:
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    loaded = DatasetCard.load(released[1].path / "README.md")
    found = MetadataConfigs.from_dataset_card_data(loaded.data)
    assert list(found) == ["default"]
    head = loaded.data.to_dict()
    assert head["language"] == ["zh", "en"]
    assert head["language_bcp47"] == ["zh-Hans", "en"]
    assert head["license"] == "other"
    assert head["license_link"] == "LICENSE"
    assert card.check_front_matter((released[1].path / "README.md").read_text(encoding="utf-8")) == []


def test_front_matter_faults_are_named(released: tuple[Path, ReleaseResult]) -> None:
    text = (released[1].path / "README.md").read_text(encoding="utf-8")
    bad = text.replace("- zh\n", "- zh-CN\n", 1).replace("- text-generation", "- video-captioning").replace("split: test", "split: test-set")
    assert len(card.check_front_matter(bad)) == 3


def test_figures_hold_chinese_glyphs(released: tuple[Path, ReleaseResult]) -> None:
    from matplotlib.font_manager import get_font
    from pylopdf_fonts_zh_cn import sans_path

    assert {f.name for f in released[1].figures} >= {"coverage_zh.png", "coverage_en.png", "themes_zh.png"}
    known = get_font(str(sans_path())).get_charmap()
    assert all(ord(c) in known for c in "主题与时代的覆盖图片段数先秦唐宋辽西夏")


def test_text_from_data_cannot_act_in_the_card() -> None:
    assert card.md("<script>x</script> | [a](b)\n# t") == "\\<script\\>x\\</script\\> \\| \\[a\\]\\(b\\) \\# t"


def test_shipped_prose_is_finished_and_template_is_not() -> None:
    assert prose.faults(prose.load(data_path("data_cards") / "leishu-sample" / "prose.yaml")) == []
    assert len(prose.faults(prose.load(data_path("data_cards") / "template" / "prose.yaml"))) >= 2 * len(prose.SECTIONS)


def test_every_released_column_is_explained(released: tuple[Path, ReleaseResult]) -> None:
    from curate.publish.data import _ORDER

    names = yaml.safe_load((data_path("data_cards") / "template" / "columns.yaml").read_text(encoding="utf-8"))
    assert [c for c in _ORDER if not names.get(c, {}).get("zh") or not names[c].get("en")] == []


def test_licences() -> None:
    assert licenses.canonical("CC-BY-SA-4.0 OR MIT") == "CC-BY-SA-4.0 OR MIT"
    assert licenses.canonical("CC-BY-9.9") is None
    assert "did you mean 'CC-BY-4.0'" in licenses.faults({"CC-BY-4": 1})[0]
    assert len(licenses.remarks("CC-BY-4.0", {"CC-BY-NC-SA-4.0": 1})) == 2
    hub = set(yaml.safe_load((data_path("data_cards") / "template" / "hub_rules.yaml").read_text())["license"])
    assert {x.hf for x in licenses.table().values() if x.hf} <= hub


def test_croissant_is_valid_and_its_records_are_the_rows(released: tuple[Path, ReleaseResult]) -> None:
    import mlcroissant

    folder = released[1].path
    loaded = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert loaded.metadata.issues.errors == set()
    got = [r["train/zh"].decode() for r in loaded.records("train")]
    assert got == pl.read_parquet(folder / "data/train/captions.parquet")["zh"].to_list()
    assert croissant.check(folder) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d["distribution"][0].update(sha256="0" * 64), "sha256 is not that of the file"),
        (lambda d: d["recordSet"][1]["field"][0]["source"]["extract"].update(column="nope"), "no column 'nope'"),
        (lambda d: d["recordSet"][1]["field"].pop(), "is not described"),
        (lambda d: d.pop("license"), "'license' is missing"),
        (lambda d: d.pop("creator"), "'creator' is missing"),
        (lambda d: d["distribution"].pop(0), "not described"),
        (lambda d: d.update(conformsTo="http://mlcommons.org/croissant/1.0"), "conformsTo"),
    ],
)  # fmt: skip
def test_stricter_checks_of_croissant(released: tuple[Path, ReleaseResult], tmp_path: Path, spoil: object, said: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(released[1].path, folder)
    doc = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    spoil(doc)  # type: ignore[operator]
    (folder / "croissant.json").write_text(json.dumps(doc), encoding="utf-8")
    assert any(said in x for x in croissant.check(folder))


def test_line_breaks_of_the_file_make_no_spaces_in_chinese() -> None:
    made = prose.Prose({"summary": {"zh": "重复、 只有一种语言， 也有 AI 生成", "en": "a b"}})
    assert made.get("summary", "zh") == "重复、只有一种语言，也有 AI 生成"
    assert made.get("summary", "en") == "a b"
