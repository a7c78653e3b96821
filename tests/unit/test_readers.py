"""Readers: every format and encoding, guessed columns, and one quarantine line per bad row with file, line and reason."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate import plain, readers
from curate.errors import CurateError, DataError, RecipeError, SchemaError
from curate.readers.base import Bad
from curate.readers.columns import guess
from curate.readers.encoding import detect
from curate.schema import RECORD
from tests.conftest import SAMPLE
from tests.unit.conftest import Write

HANS = [
    ("1", "唐代舞者在宫殿里跳舞", "A Tang dancer performs in the palace"),
    ("2", "宋代文人点茶，赏画", "Scholars whisk tea and look at paintings"),
]
HANT = [
    ("1", "唐代舞者在宮殿裡跳舞", "A Tang dancer performs in the palace"),
    ("2", "端午節的早晨，江面上龍舟競渡", "Dragon boats race on the river"),
]


def rows_of(loaded: plain.Loaded) -> list[tuple[str, str | None, str | None]]:
    return loaded.frame.select("source_id", "zh", "en").rows()


def csv_bytes(rows: list[tuple[str, str, str]], codec: str, separator: str = ",", end: str = "\n") -> bytes:
    lines = [separator.join(("id", "zh", "en")), *(separator.join(r) for r in rows)]
    return (end.join(lines) + end).encode(codec)


def reasons(bad: list[Bad]) -> list[tuple[int, str]]:
    return [(b.line, b.reason) for b in bad]


# -- encodings


@pytest.mark.parametrize(
    ("rows", "codec", "named"),
    [
        (HANS, "utf-8", "utf-8"), (HANS, "utf-8-sig", "utf-8-sig"), (HANS, "utf-16", "utf-16"), (HANS, "utf-16-le", "utf-16-le"),
        (HANS, "utf-16-be", "utf-16-be"), (HANS, "gbk", "gb18030"), (HANS, "gb18030", "gb18030"), (HANT, "big5", "big5"), (HANT, "utf-8", "utf-8"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["csv", "jsonl", "txt"])
def test_encodings(write: Write, rows: list[tuple[str, str, str]], codec: str, named: str, kind: str) -> None:
    if kind == "csv":
        # A full-width comma is no separator, and the caption keeps it.
        data = csv_bytes(rows, codec)
    elif kind == "jsonl":
        data = "".join(json.dumps(dict(zip(("id", "zh", "en"), r, strict=True)), ensure_ascii=False) + "\n" for r in rows).encode(codec)
    else:
        data = "".join(f"{zh}\n" for _, zh, _ in rows).encode(codec)
    loaded = plain.load(write(f"表 格.{kind}", data))
    assert loaded.bad == []
    assert [r[1] for r in rows_of(loaded)] == [r[1] for r in rows]
    if kind != "txt":
        assert rows_of(loaded) == rows
    if named != "utf-8":
        assert any(named in n for n in loaded.notes), loaded.notes


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.tsv", "\t"), ("a.csv", ";"), ("b.csv", "\t")])
def test_separators_and_line_ends(write: Write, name: str, separator: str, end: str) -> None:
    loaded = plain.load(write(name, csv_bytes(HANS, "utf-8", separator, end)))
    assert rows_of(loaded) == HANS
    assert loaded.bad == []


def test_an_encoding_can_be_forced(tmp_path: Path, write: Write) -> None:
    path = write("a.csv", csv_bytes(HANS, "gb18030"))
    reader = readers.load()["csv"]
    batch = next(reader.fn(path, readers.parse_options("csv", {"encoding": "gb18030"})))
    assert batch.frame.get_column("zh").to_list() == [r[1] for r in HANS]
    with pytest.raises(RecipeError, match="encodng"):
        readers.parse_options("csv", {"encodng": "gb18030"})


def test_a_sample_cut_inside_a_character_is_still_utf8() -> None:
    data = ("唐" * 400_000).encode()
    assert detect(data[: 1 << 20]).codec == "utf-8"


def test_short_texts_are_told_apart() -> None:
    for text in ("龙舟竞渡", "宋代点茶", "汴河虹桥上行人如织", "唐三彩骆驼"):
        assert text.encode("gb18030").decode(detect(text.encode("gb18030")).codec) == text
    for text in ("龍舟競渡", "宋代點茶", "紅色的燈籠掛滿古鎮的河岸，倒影搖晃。"):
        assert text.encode("big5").decode(detect(text.encode("big5")).codec) == text


# -- formats


def test_json_shapes(write: Write) -> None:
    items = [dict(zip(("id", "zh", "en"), r, strict=True)) for r in HANS]
    for name, value in {
        "list.json": items,
        "field.json": {"version": 1, "annotations": items},
        "keyed.json": {i["id"]: {"zh": i["zh"], "en": i["en"]} for i in items},
    }.items():
        assert rows_of(plain.load(write(name, json.dumps(value, ensure_ascii=False).encode()))) == HANS
    strings = plain.load(write("strings.json", json.dumps(["唐代的舞者", "a dancer"]).encode()))
    assert [r[1:] for r in rows_of(strings)] == [("唐代的舞者", None), (None, "a dancer")]
    with pytest.raises(DataError, match="no list of rows"):
        plain.load(write("no.json", b'{"a": [1], "b": [2]}'))


def test_parquet_with_other_types(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame(
        {
            "id": [1, 2], "zh": pl.Series(["唐代的舞者", "宋代的茶"], dtype=pl.Categorical), "en": [b"a dancer", b"tea"], "start": [0, 1], "end": [1.5, 2.5],
            "score": [0.5, None], "tags": [["a"], ["b", "c"]], "box": [{"x": 1}, {"x": 2}], "blob": [b"\xff\xfe", None],
        }
    ).write_parquet(path)  # fmt: skip
    frame = plain.load(path).frame
    assert frame.schema == RECORD
    assert frame.select("source_id", "zh", "en", "start_s", "end_s").rows() == [
        ("1", "唐代的舞者", "a dancer", 0.0, 1.5),
        ("2", "宋代的茶", "tea", 1.0, 2.5),
    ]
    assert json.loads(frame.get_column("extra")[1]) == {"tags": ["b", "c"], "box": {"x": 2}}


def test_captions_in_lists_are_all_kept(tmp_path: Path, write: Write) -> None:
    pl.DataFrame({"id": ["1"], "captions": [["A dancer in the hall", "A drum on the wall"]]}).write_parquet(tmp_path / "l.parquet")
    jsonl = write("l.jsonl", json.dumps({"id": "1", "captions": ["A dancer in the hall", "A drum on the wall"]}).encode())
    for path in (tmp_path / "l.parquet", jsonl):
        assert plain.load(path).frame.get_column("en").to_list() == ["A dancer in the hall\nA drum on the wall"]


NESTED = (
    {"zh": "唐代的舞者", "en": "a dancer"}, {"chinese": ["唐代的舞者"], "english": ["a dancer"]}, ["唐代的舞者", "a dancer"],
    [{"lang": "en", "text": "a dancer"}, {"lang": "zh", "text": "唐代的舞者"}], [{"caption": "唐代的舞者"}, {"caption": "a dancer", "id": 7}],
)  # fmt: skip


@pytest.mark.parametrize("captions", NESTED)
def test_captions_in_objects_go_where_they_say(tmp_path: Path, write: Write, captions: object) -> None:
    paths = [write("n.jsonl", json.dumps({"id": "1", "captions": captions}, ensure_ascii=False).encode()), tmp_path / "n.parquet"]
    pl.DataFrame([{"id": "1", "captions": captions}]).write_parquet(paths[1])
    write("f/a.mp4", b"")
    write("f/a.json", json.dumps({"captions": captions}, ensure_ascii=False).encode())
    for path in (*paths, tmp_path / "f"):
        assert plain.load(path).frame.select("zh", "en").row(0) == ("唐代的舞者", "a dancer"), path


def test_braces_that_hold_no_captions(write: Write) -> None:
    lines = ['{"id": "1", "caption": "[1] a dancer [2]"}', '{"id": "2", "caption": "[唐]"}', '{"id": "3", "caption": {"width": 3}}']
    loaded = plain.load(write("b.jsonl", "\n".join(lines).encode()))
    assert loaded.frame.get_column("en").to_list() == ["[1] a dancer [2]", None]
    assert loaded.frame.get_column("zh").to_list() == [None, "[唐]"]
    assert reasons(loaded.bad) == [(3, "no_caption")]


def test_tasks_of_label_studio_say_what_to_export(write: Write) -> None:
    tasks = [{"id": 1, "data": {"text": "唐代的舞者"}, "annotations": [{"result": [{"value": {"text": ["a dancer"]}}]}]}]
    with pytest.raises(DataError, match="Label Studio") as e:
        plain.load(write("tasks.json", json.dumps(tasks).encode()))
    assert "JSON-MIN" in e.value.hint


def test_prompts_skip_comments(write: Write) -> None:
    loaded = plain.load(write("p.txt", "# 注释\n唐代长安的夜市\n\nA Song tea house\n".encode()))
    assert [r[1:] for r in rows_of(loaded)] == [("唐代长安的夜市", None), (None, "A Song tea house")]


def test_folder_of_media_with_sidecars(tmp_path: Path, write: Write) -> None:
    files = {
        "甲.mp4": b"0", "甲.txt": "端午节的龙舟".encode("gb18030"), "b/乙.mp4": b"0", "b/乙.zh.txt": "苗族银匠".encode(), "b/乙.en.txt": b"\xef\xbb\xbfA silversmith",
        "丙.jpg": b"0", "丙.json": json.dumps({"caption_zh": "青瓷碗", "license": "CC0-1.0"}).encode(), "丁.png": b"0", "戊.png": b"0", "戊.json": b"{",
        "己.png": b"0", "己.json": b'{"zh": "\\ud800"}',
    }  # fmt: skip
    for name, data in files.items():
        write(f"媒体/{name}", data)
    loaded = plain.load(tmp_path / "媒体")
    got = {r[0]: r[1:] for r in rows_of(loaded)}
    assert got == {"甲.mp4": ("端午节的龙舟", None), "b/乙.mp4": ("苗族银匠", "A silversmith"), "丙.jpg": ("青瓷碗", None)}
    assert {(b.file, b.reason) for b in loaded.bad} == {("丁.png", "no_caption"), ("戊.png", "bad_json"), ("己.png", "bad_unicode")}
    by_id = dict(loaded.frame.select("source_id", "media").iter_rows())
    assert by_id == {"甲.mp4": "video", "b/乙.mp4": "video", "丙.jpg": "image"}
    assert loaded.frame.filter(pl.col("source_id") == "丙.jpg").get_column("license").to_list() == ["CC0-1.0"]


def _tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("key", ["text", "prompt", "caption", "captions"])
def test_a_sidecar_of_json_may_call_its_caption_otherwise(write: Write, tmp_path: Path, key: str) -> None:
    write("m/a.mp4", b"")
    write("m/a.json", json.dumps({key: "a dancer in the hall", "license": "CC0-1.0"}).encode())
    assert plain.load(tmp_path / "m").frame.select("en", "license").row(0) == ("a dancer in the hall", "CC0-1.0")


def test_a_folder_of_texts_alone_says_how_to_read_it(write: Write, tmp_path: Path) -> None:
    write("t/a.txt", b"a dancer")
    with pytest.raises(DataError, match="no images or videos") as e:
        plain.load(tmp_path / "t")
    assert f"{tmp_path / 't'}/*.txt" in e.value.hint


def test_a_list_in_json_lines_says_so(write: Write) -> None:
    with pytest.raises(DataError, match=r"is named \.json"):
        plain.load(write("l.jsonl", b'[{"en": "a dancer"}]'))


def test_webdataset(write: Write, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    members = {
        "0/a.mp4": b"v", "0/a.zh.txt": "龙舟竞渡".encode(), "0/a.json": b'{"en": "Dragon boats", "fps": 25}',
        "0/b.jpg": b"i", "0/b.txt": "宋代点茶".encode("gb18030"), "0/c.jpg": b"i", "0/c.json": b"{", "0/d.jpg": b"i", "0/d.json": b'{"zh": "\\ud800"}',
        "0/e.txt": "唐三彩".encode(), "0/e.pkl": b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR.", "../../etc/x.txt": "越狱".encode(),
    }  # fmt: skip
    loaded = plain.load(write("卷.tar", _tar(members)))
    got = {r[0]: r[1:] for r in rows_of(loaded)}
    assert got == {"0/a": ("龙舟竞渡", "Dragon boats"), "0/b": ("宋代点茶", None), "0/e": ("唐三彩", None), "../../etc/x": ("越狱", None)}
    # One line per bad sample, not one for the fault and one for the caption that it left out.
    assert [b.reason for b in loaded.bad] == ["bad_json", "bad_unicode"]
    assert not canary.exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "卷.tar"]


def test_truncated_tar_keeps_what_is_whole(write: Write) -> None:
    whole = _tar({f"{i}.txt": f"第{i}条龙舟在江面上竞渡".encode() * 40 for i in range(20)})
    loaded = plain.load(write("t.tar", whole[: len(whole) // 2 + 200]))
    assert 3 < len(loaded.frame) < 20
    assert [b.reason for b in loaded.bad] == ["truncated"]


def test_hugging_face_folders(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    columns = {"id": [r[0] for r in HANS], "text_zh": [r[1] for r in HANS], "text_en": [r[2] for r in HANS]}
    made = datasets.Dataset.from_dict(columns)
    made.save_to_disk(str(tmp_path / "盘"))
    datasets.DatasetDict({"train": made, "test": made.select([0])}).save_to_disk(str(tmp_path / "dict"))
    (tmp_path / "集" / "data").mkdir(parents=True)
    made.to_parquet(str(tmp_path / "集" / "data" / "train-00000-of-00001.parquet"))
    assert rows_of(plain.load(tmp_path / "盘")) == HANS
    assert rows_of(plain.load(tmp_path / "集")) == HANS
    both = plain.load(tmp_path / "dict").frame
    assert len(both) == 3
    assert sorted(json.loads(e)["hf_split"] for e in both.get_column("extra")) == ["test", "train", "train"]
    reader = readers.load()["hf"]
    with pytest.raises(DataError, match="no split 'val'"):
        list(reader.fn(tmp_path / "dict", readers.parse_options("hf", {"split": "val"})))
    (tmp_path / "盘" / "dataset_info.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="datasets cannot load"):
        plain.load(tmp_path / "盘")


def test_a_glob_reads_every_file(write: Write, tmp_path: Path) -> None:
    for i, row in enumerate(HANS):
        write(f"g/{i}.csv", csv_bytes([row], "utf-8"))
    assert rows_of(plain.load(tmp_path / "g" / "*.csv")) == HANS


# -- columns


@pytest.mark.parametrize(
    ("columns", "want"),
    [
        (["id", "text_zh", "caption_en"], {"zh": "text_zh", "en": "caption_en", "source_id": "id"}),
        (["编号", "视频", "中文描述", "英文描述"], {"source_id": "编号", "uri": "视频", "zh": "中文描述", "en": "英文描述"}),
        (["Video Path", "Caption"], {"uri": "Video Path", "caption": "Caption"}),
        (["prompt"], {"caption": "prompt"}),
        (["编号", "视频", "描述", "英文说明", "备注"], {"zh": "描述", "en": "英文说明", "source_id": "编号", "uri": "视频"}),
        (["序号", "中文标题", "英文標題", "英文名"], {"zh": "中文标题", "en": "英文標題", "source_id": "序号"}),
        (["标题", "text"], {"caption": "text"}),
        (["clip", "desc_cn", "description (English)"], {"clip_id": "clip", "zh": "desc_cn", "en": "description (English)"}),
        (["caption_chs", "eng_caption", "描述（中文）"], {"zh": "caption_chs", "en": "eng_caption"}),
        (["标题", "en"], {"zh": "标题", "en": "en"}),
        (["zh", "en", "text"], {"zh": "zh", "en": "en"}),
        (["ZH-CN", "EN-US"], {"zh": "ZH-CN", "en": "EN-US"}),
        (
            ["video_id", "sentence", "start time", "end time"],
            {"clip_id": "video_id", "caption": "sentence", "start_s": "start time", "end_s": "end time"},
        ),
    ],
)
def test_columns_are_guessed(columns: list[str], want: dict[str, str]) -> None:
    assert guess(columns, {}) == want


def test_wrong_columns_are_named() -> None:
    with pytest.raises(SchemaError, match="the columns are: a, b"):
        guess(["a", "b"], {})
    with pytest.raises(SchemaError) as e:
        guess(["caption_zh", "en"], {"zh": "captoin_zh"})
    assert "did you mean 'caption_zh'" in str(e.value)


def test_a_file_of_bad_rows_is_not_called_empty(write: Write) -> None:
    with pytest.raises(DataError, match="1 rows were refused"):
        plain.load(write("a.csv", b"id,zh\n1,\n"))


def test_columns_that_nobody_reads_are_named(write: Write) -> None:
    notes = plain.load(write("a.csv", "id,描述,备注,脚本\n1,江面上龙舟竞渡,x,y\n".encode("gb18030"))).notes
    assert "columns: zh ← 描述, source_id ← id; kept aside in extra: 备注, 脚本" in notes
    loaded = plain.load(write("b.csv", "foo,bar\n唐代的舞者,x\n".encode()), columns={"zh": "foo"})
    assert rows_of(loaded) == [("1", "唐代的舞者", None)]


def test_guessed_columns_are_printed(write: Write) -> None:
    assert "columns: zh ← zh, en ← en, source_id ← id" in plain.load(write("a.csv", csv_bytes(HANS, "utf-8"))).notes


def test_a_header_that_does_not_decode_is_named(write: Write) -> None:
    with pytest.raises(DataError, match=r"h\.csv: the header in line 1 cannot be read: not valid utf-8") as e:
        plain.load(write("h.csv", b"\xffid,zh\xfe,en\n" + "1,唐代的舞者,a dancer\n2,宋代的茶,tea\n3,江上的船,a boat\n".encode()))
    assert "encoding:" in e.value.hint


def test_lines_before_the_header_may_be_empty(write: Write) -> None:
    loaded = plain.load(write("e.csv", "\n \nid,zh\n1,唐代的舞者\n".encode()))
    assert rows_of(loaded) == [("1", "唐代的舞者", None)]


def test_two_columns_of_one_name_are_both_kept(write: Write) -> None:
    frame = plain.load(write("a.csv", "id,zh,zh\n1,唐代的舞者,宋代的茶\n".encode())).frame
    assert frame.get_column("zh").to_list() == ["唐代的舞者"]
    assert "宋代的茶" in frame.get_column("extra")[0]


def test_mixed_captions_are_sorted_by_language(write: Write) -> None:
    data = "id,caption\n1,龙舟竞渡。Dragon boats race.\n2,唐代的舞者\n3,a dancer on the stage\n4,他在弹guitar\n"
    got = [r[1:] for r in rows_of(plain.load(write("a.csv", data.encode())))]
    assert got == [("龙舟竞渡。", "Dragon boats race."), ("唐代的舞者", None), (None, "a dancer on the stage"), ("他在弹guitar", None)]


def test_what_is_no_column_of_ours_is_carried(write: Write) -> None:
    frame = plain.load(write("a.jsonl", '{"id": 1, "zh": "唐代的舞者", "note": "存疑", "views": 3}\n'.encode())).frame
    assert json.loads(frame.get_column("extra")[0]) == {"note": "存疑", "views": "3"}


# -- quarantine

GOOD = '{"id": "ok", "zh": "唐代的舞者"}\n'.encode()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "x", "zh": ', "bad_json"), (b'["a"]', "not_an_object"), (b"17", "not_an_object"), (b"[" * 100_000, "bad_json"),
        (b'{"id": ' + b"1" * 5000 + b', "zh": "a"}', "bad_json"), (b'{"zh": "a b c", "zh": "d e f"}', "bad_json"),
        (b'{"zh": "\\u0000\xe5\x94\x90"}', "nul_byte"), (b'{"zh": "\\ud800\xe5\x94\x90"}', "bad_unicode"),
        (b'{"zh": "\xe5\x94\x90", "note": "\\udfff"}', "bad_unicode"), ('{"zh": "唐\ufffd"}'.encode(), "bad_encoding"),
        (b'{"zh": "\xe5\x94\xff"}', "bad_encoding"), (b'{"zh": "", "en": "  "}', "no_caption"), (b'{"id": "only"}', "no_caption"),
        (('{"zh": "' + "唐" * 3_500_000 + '"}').encode(), "too_large"), (b'{"zh": "' + b"a" * (17 << 20) + b'"}', "too_large"),
        (b'{"zh": "\xe5\x94\x90", "start": "soon"}', "wrong_type"), (b'{"zh": "\xe5\x94\x90", "start": NaN}', "wrong_type"),
        (b'{"zh": "\xe5\x94\x90", "start": 5, "end": 2}', "wrong_type"), (b'{"zh": "\xe5\x94\x90", "zh_origin": "robot"}', "wrong_type"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)  # fmt: skip
def test_a_bad_line_costs_one_line(write: Write, line: bytes, reason: str) -> None:
    loaded = plain.load(write("a.jsonl", GOOD * 2 + line + b"\n" + GOOD * 2))
    assert len(loaded.frame) == 4
    assert reasons(loaded.bad) == [(3, reason)]
    bad = loaded.bad[0]
    assert bad.file.endswith("a.jsonl")
    assert len(bad.raw) <= 64 * 1024
    assert bad.note


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"3,\xe5\x94\x90", "wrong_cells"), ("3,唐代,a,b".encode(), "wrong_cells"), (b"3,\xff\xfe,a", "bad_encoding"), ("3,唐\0代,a".encode(), "nul_byte"),
        ("3,唐\ufffd,a".encode(), "bad_encoding"), ('3,"唐代,a'.encode(), "bad_csv"), ('3,唐代,"a'.encode(), "bad_csv"), (b"3,,", "no_caption"),
        (("3," + "唐" * 3_500_000 + ",a").encode(), "too_large"),
    ],
)  # fmt: skip
def test_a_bad_record_costs_one_record(write: Write, line: bytes, reason: str) -> None:
    good = [f'{i},第{i}条龙舟,"boat {i}"'.encode() for i in (1, 2, 4, 5)]
    data = b"id,zh,en\n" + b"\n".join([*good[:2], line, *good[2:]]) + b"\n"
    loaded = plain.load(write("a.csv", data))
    assert [r[0] for r in rows_of(loaded)] == ["1", "2", "4", "5"]
    assert reasons(loaded.bad) == [(4, reason)]


def test_quoted_line_breaks_are_one_record(write: Write) -> None:
    loaded = plain.load(write("a.csv", 'id,zh,en\n1,"唐代的\n舞者","a ""dancer"""\n2,宋代的茶,tea\n'.encode()))
    assert rows_of(loaded) == [("1", "唐代的\n舞者", 'a "dancer"'), ("2", "宋代的茶", "tea")]


CELL = st.text(alphabet=st.sampled_from("唐宋ab \"',;\n\r"), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELL, CELL), max_size=12))
def test_what_a_writer_wrote_is_read_back(write: Write, cells: list[tuple[str, str]]) -> None:
    import csv

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    rows = [(str(i), f"唐{a}", f"b{b}") for i, (a, b) in enumerate(cells)] or [("0", "唐", "b")]
    writer.writerows([("id", "zh", "en"), *rows])
    loaded = plain.load(write("h.csv", out.getvalue().encode()))
    assert loaded.bad == []
    # Line ends inside a cell come back as one line feed.
    want = [tuple(re.sub(r"\r*\n", "\n", v) for v in row) for row in rows]
    assert [tuple(re.sub(r"\r*\n", "\n", v or "") for v in row) for row in rows_of(loaded)] == want


def test_binary_cells_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "b.parquet"
    pl.DataFrame({"id": [1, 2], "zh": [b"\xff\xfe", "唐代的舞者".encode()]}).write_parquet(path)
    loaded = plain.load(path)
    assert rows_of(loaded) == [("2", "唐代的舞者", None)]
    assert reasons(loaded.bad) == [(1, "bad_encoding")]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("harm", ["lone surrogate", "byte lost", "byte too many"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_broken_byte_in_a_wide_file_costs_one_row(write: Write, codec: str, harm: str, ends: str) -> None:
    text = ends.join(["id,zh", *(f"{i},唐代的舞者在宫殿里跳第{i}支舞一" for i in range(8))]) + ends
    data = bytearray(text.encode(codec))
    order = ("utf-16-le" if data.startswith(b"\xff\xfe") else codec) if codec != "utf-32" else "utf-32-le"
    at = bytes(data).index("3支".encode(order))
    if harm == "lone surrogate":
        data[at : at + len("3".encode(order))] = "\ud800".encode(order, "surrogatepass")
    elif harm == "byte lost":
        del data[at]
    else:
        data.insert(at, 0x41)
    loaded = plain.load(write("宽.csv", bytes(data)))
    assert [r[0] for r in rows_of(loaded)] == [str(i) for i in range(8) if i != 3]
    assert reasons(loaded.bad) == [(5, "bad_encoding")]
    assert loaded.bad[0].raw
    assert loaded.bad[0].raw in bytes(data)


def test_a_sound_wide_file_keeps_odd_line_ends_inside_captions(write: Write) -> None:
    loaded = plain.load(
        write("宽.jsonl", '{"id": "1", "zh": "龙舟\u2028竞渡"}\r{"id": "2", "zh": "舞狮"}\r\n\n{"id": "3", "zh": "端午"}'.encode("utf-16"))
    )
    assert [r[:2] for r in rows_of(loaded)] == [("1", "龙舟\u2028竞渡"), ("2", "舞狮"), ("3", "端午")]


# -- clear errors


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("空.csv", b"", "no record could be read from"), ("空.csv", b"id,zh,en\n", "no record"), ("空.jsonl", b"", "no record"), ("空.jsonl", b"\n\n", "no record"),
        ("空.txt", b"# x\n", "no record"), ("空.json", b"", "not valid JSON"), ("空.json", b"[]", "no record"), ("空.parquet", b"", "not a Parquet file"),
        ("空.parquet", b"PAR1" * 20, "not a Parquet file"), ("空.tar", b"", "not a usable tar"), ("空.tar", b"x" * 2000, "not a usable tar"),
        ("列.csv", b"a,b\n1,2\n", "the columns are: a, b"), ("深.json", b"[" * 100_000, "not valid JSON"), ("大.json", b"[" + b"1" * 5000 + b"]", "not valid JSON"),
        ("断.csv", "id,zh\n1,唐代".encode("utf-16") + b"\x00", "no record"), ("未知.bin", b"abc", "set read:"),
    ],
)  # fmt: skip
def test_files_that_hold_nothing(write: Write, name: str, data: bytes, message: str) -> None:
    path = write(name, data)
    with pytest.raises(CurateError) as e:
        plain.load(path)
    assert message in str(e.value)
    assert e.value.exit_code in (2, 3)
    assert name.partition(".")[0] in str(e.value) or name == "列.csv"


def test_a_damaged_parquet_is_an_error_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "坏.parquet"
    pl.DataFrame({"id": [str(i) for i in range(500)], "zh": [f"第{i}条龙舟" for i in range(500)]}).write_parquet(path)
    data = bytearray(path.read_bytes())
    data[8:60] = b"\xff" * 52
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"坏\.parquet"):
        plain.load(path)


def test_a_missing_file_names_its_neighbours(write: Write, tmp_path: Path) -> None:
    write("龙舟.csv", b"x")
    with pytest.raises(DataError) as e:
        plain.load(tmp_path / "龙丹.csv")
    assert "龙丹.csv" in str(e.value)
    assert "did you mean '龙舟.csv'" in str(e.value)
    with pytest.raises(DataError, match="does not exist"):
        plain.load(tmp_path / "没有" / "a.csv")


def test_ids_depend_on_content_and_not_on_parts(write: Write, tmp_path: Path) -> None:
    write("a.csv", csv_bytes(HANS, "utf-8"))
    write("b.csv", csv_bytes(HANS, "utf-16"))
    a, b = (plain.load(tmp_path / n).frame for n in ("a.csv", "b.csv"))
    # Another name of the input is another record; the same name, whatever the encoding, is the same one.
    assert a.get_column("id").to_list() != b.get_column("id").to_list()
    (tmp_path / "x").mkdir()
    (tmp_path / "b.csv").rename(tmp_path / "x" / "a.csv")
    assert plain.load(tmp_path / "x" / "a.csv").frame.get_column("id").to_list() == a.get_column("id").to_list()


def test_the_shipped_messy_file() -> None:
    truth = [json.loads(x) for x in (SAMPLE / "truth_messy.jsonl").read_text(encoding="utf-8").splitlines()]
    loaded = plain.load(SAMPLE / "messy.csv")
    assert any("gb18030" in n for n in loaded.notes)
    assert any("中文描述" in n for n in loaded.notes)
    broken = {t["line"] for t in truth if t["expect"] == "quarantine"}
    assert {b.line for b in loaded.bad if b.reason == "wrong_cells"} == broken
    # Mojibake that a lossy program made already holds replacement characters and is no text either.
    others = {b.line for b in loaded.bad} - broken
    assert others <= {t["line"] for t in truth if t["kind"] == "mojibake"}
    assert all(b.raw and b.note for b in loaded.bad)
    gone = {b.line for b in loaded.bad}
    assert loaded.frame.get_column("source_id").to_list() == [t["id"] for t in truth if t["line"] not in gone]
    only = {t["id"]: t["kind"] for t in truth if t["kind"] in ("zh_only", "en_only", "mixed")}
    for ident, zh, en in rows_of(loaded):
        if only.get(ident) == "mixed":
            continue
        assert (zh is None) == (only.get(ident) == "en_only")
        assert (en is None) == (only.get(ident) == "zh_only")


def test_a_caption_column_of_numbers_is_named(tmp_path: Path) -> None:
    path = tmp_path / "types.parquet"
    pl.DataFrame({"id": [1, 2], "zh": [1.5, 2.5], "en": ["a cat", "a dog"]}).write_parquet(path)
    with pytest.raises(SchemaError, match=r"'zh'.*Float64"):
        plain.load(path)


def test_ids_that_are_missing_or_shared_are_told_apart_or_told(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 2, "zh": "龙舟竞渡"}\n{"zh": "猫在睡觉"}\n{"id": 2, "zh": "狗在跑步"}\n', encoding="utf-8")
    loaded = plain.load(path)
    assert loaded.frame["source_id"].to_list() == ["2", "row-2", "2"]
    assert any("2 rows share 1 ids" in note and "'2'" in note for note in loaded.notes)


def test_plain_files_keep_a_column_that_comes_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curate.readers import tables

    monkeypatch.setattr(tables, "BATCH", 1)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "zh": "龙舟竞渡", "en": "Dragon boats"}\n{"id": 2, "en": "A cat"}\n', encoding="utf-8")
    assert plain.load(path).frame["zh"].to_list() == ["龙舟竞渡", None]
