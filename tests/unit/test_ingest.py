"""Ingest as a run does it: places of bad rows, options of an input, sheets."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

from curate import ingest, plain
from curate.errors import DataError, MissingExtra, RecipeError
from curate.recipe import parse
from curate.workspace import Workspace
from tests.unit.conftest import Write


def ingested(tmp_path: Path, inputs: str) -> tuple[ingest.Ingested, pl.DataFrame]:
    recipe = parse(f"recipe: 1\nname: t\ninputs: {inputs}\nsteps: []\n")
    ws = Workspace(tmp_path / "ws")
    got = ingest.ingest(ws, "k", ingest.resolve(recipe, tmp_path), tmp_path, 2)
    path = ws.step_dir("k") / "quarantine.parquet"
    return got, pl.read_parquet(path) if path.exists() else pl.DataFrame()


def test_repeated_rows_are_quarantined_with_their_place(write: Write, tmp_path: Path) -> None:
    line = '{"id": "1", "zh": "唐代的舞者"}\n'.encode()
    write("甲.jsonl", line + b'{"zh": ""}\n' + b'{"id": "2", "zh": "\xe5\xae\x8b"}\n' + line)
    got, bad = ingested(tmp_path, "[{name: a, path: 甲.jsonl}]")
    assert (got.rows, got.quarantined) == (2, 2)
    assert sorted(bad.select("source", "file", "line", "reason").rows()) == [("a", "甲.jsonl", 2, "no_caption"), ("a", "甲.jsonl", 4, "repeated_row")]
    assert got.per_input == {"a": 3}


def test_a_sparse_column_may_be_absent_for_a_whole_batch(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.readers.tables.BATCH", 2)
    lines = ['{"id": "1", "vid": "c", "zh": "唐代的舞者"}', '{"id": "2", "zh": "宋代的茶"}', '{"id": "3", "note": "x"}', '{"id": "4", "note": "x"}']
    write("a.jsonl", "\n".join([*lines, '{"id": "5", "en": "a dancer", "vid": "d"}']).encode())
    got, bad = ingested(tmp_path, "[{name: a, path: a.jsonl, map: {clip_id: vid}}]")
    assert got.rows == 3
    assert bad.select("line", "reason").rows() == [(3, "no_caption"), (4, "no_caption")]


def xlsx(path: Path, sheets: dict[str, dict[str, object]]) -> Path:
    """A workbook as Excel writes it, by hand: cells by place."""
    main, office = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rels = "http://schemas.openxmlformats.org/package/2006/relationships"
    listed = "".join(f'<sheet name="{n}" sheetId="{i}" r:id="r{i}"/>' for i, n in enumerate(sheets, 1))
    links = "".join(f'<Relationship Id="r{i}" Type="{office}/worksheet" Target="worksheets/{i}.xml"/>' for i in range(1, len(sheets) + 1))
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{rels}"><Relationship Id="r" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        z.writestr("xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{listed}</sheets></workbook>')
        z.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{rels}">{links}</Relationships>')
        for i, cells in enumerate(sheets.values(), 1):
            rows: dict[int, str] = {}
            for place, v in cells.items():
                cell = f'<c r="{place}"><v>{v}</v></c>' if isinstance(v, (int, float)) else f'<c r="{place}" t="inlineStr"><is><t>{v}</t></is></c>'
                rows[int(place[1:])] = rows.get(int(place[1:]), "") + cell
            body = "".join(f'<row r="{n}">{c}</row>' for n, c in sorted(rows.items()))
            z.writestr(f"xl/worksheets/{i}.xml", f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>')
    return path


SHEET = {
    "A2": "id",
    "B2": "中文",
    "C2": "英文",
    "D2": "start",
    "A3": 7,
    "B3": "唐代的舞者",
    "C3": "a dancer",
    "D3": 0.5,
    "A5": 8,
    "B5": "宋代的茶",
    "D5": 2,
}


def test_a_sheet_of_excel(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "表.xlsx", {"空": {}, "数据表": SHEET, "旧": {"A1": "zh", "A2": "江上的船"}})
    loaded = plain.load(path)
    assert loaded.frame.select("source_id", "zh", "en", "start_s").rows() == [("7", "唐代的舞者", "a dancer", 0.5), ("8", "宋代的茶", None, 2.0)]
    assert "表.xlsx: sheet '数据表'; not read: 空, 旧 (options: {sheet: NAME})" in loaded.notes
    got, _ = ingested(tmp_path, "[{name: x, path: 表.xlsx, options: {sheet: 旧}}]")
    assert pl.read_parquet(tmp_path / "ws" / "steps" / "k" / got.parts[0].file).get_column("zh").to_list() == ["江上的船"]
    with pytest.raises(DataError, match="there is no sheet '数剧表'") as e:
        ingested(tmp_path, "[{name: x, path: 表.xlsx, options: {sheet: 数剧表}}]")
    assert "did you mean '数据表'" in e.value.hint


def test_what_is_no_sheet_is_told(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, data in (("a.xlsx", b"PK\x03\x04"), ("b.xls", b"\xd0\xcf\x11\xe0" * 100), ("c.ods", b"")):
        with pytest.raises(DataError, match="not a spreadsheet") as e:
            plain.load(write(name, data))
        assert "CSV" in e.value.hint
    path = xlsx(tmp_path / "空.xlsx", {"空": {}})
    with pytest.raises(DataError, match="no record could be read"):
        plain.load(path)
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    with pytest.raises(MissingExtra) as missing:
        plain.load(path)
    assert "leishu[excel]" in missing.value.hint


def test_files_of_several_kinds_are_not_read_as_one(write: Write, tmp_path: Path) -> None:
    write("m/a.csv", "id,zh\n1,唐代的舞者\n".encode())
    write("m/b.jsonl", '{"id": "2", "zh": "宋代的茶"}\n'.encode())
    with pytest.raises(RecipeError, match=r"a\.csv \(csv\), b\.jsonl \(jsonl\)"):
        plain.load(tmp_path / "m" / "*")
    with pytest.raises(RecipeError, match="several kinds"):
        ingested(tmp_path, "[{name: x, path: 'm/*'}]")
