"""The AIGC label: read in every place it is seen in, written, and carried through every cut and picture; never found where it is not."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curate.errors import DataError
from curate.media import aigc, provenance, sheet, synth
from curate.media.cutting import cut
from curate.media.encode import write_video
from curate.media.isolate import Pool

RAW = aigc.make("1", "001191440300708461136T00001", '编号-<&>"1"', "传播者", "p-2")


@pytest.fixture(scope="module")
def labelled(made: tuple[Path, list[synth.Made]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One labelled file per container, and the same without."""
    folder = tmp_path_factory.mktemp("labelled")
    frames = list(synth.render(made[1][0]))[:12]
    out = {}
    for ending in (".mp4", ".mov", ".mkv", ".webm"):
        bare, full = folder / f"bare{ending}", folder / f"full{ending}"
        write_video(bare, frames, 12)
        provenance.add_label(bare, full, RAW)
        out[ending] = full
    for ending, kind in ((".png", "PNG"), (".jpg", "JPEG")):
        bare = folder / f"bare{ending}"
        Image.fromarray(frames[0]).save(bare, kind)
        provenance.add_label(bare, folder / f"full{ending}", RAW)
        out[ending] = folder / f"full{ending}"
    return out


def test_every_container_is_read_and_clean_files_are_clean(labelled: dict[str, Path]) -> None:
    paths = [p for full in labelled.values() for p in (full, full.with_name(f"bare{full.suffix}"))]
    for row in provenance.read(paths):
        has = Path(row["path"]).stem == "full"
        assert row["ok"], row
        assert row["ai_label"] == ("is_ai" if has else None), row
        assert row["ai_generated"] is has
        assert row["aigc_raw"] == (RAW if has else None)
        assert row["aigc_produce_id"] == ('编号-<&>"1"' if has else None)


@pytest.mark.parametrize("mode", ["encode", "copy"])
@pytest.mark.parametrize("target", [".mp4", ".mov", ".mkv", ".webm"])
def test_labels_survive_every_cut(labelled: dict[str, Path], tmp_path: Path, target: str, mode: str) -> None:
    for source in (".mp4", ".mov", ".mkv", ".webm"):
        if mode == "copy" and (source == ".webm") != (target == ".webm"):
            continue  # the codecs do not fit into each other's containers
        out = tmp_path / f"{source[1:]}{target}"
        assert cut(labelled[source], out, 0.2, 0.8, mode)["frames"] > 0
        assert provenance.find_label(out).raw == RAW


def test_pixels_and_streams_stay_as_they_are(labelled: dict[str, Path]) -> None:
    for ending in (".png", ".jpg"):
        bare, full = (Image.open(labelled[ending].with_name(f"{n}{ending}")) for n in ("bare", "full"))
        assert np.array_equal(np.asarray(bare), np.asarray(full))


def test_sheets_and_pages_carry_the_label(labelled: dict[str, Path], tmp_path: Path) -> None:
    with Pool() as pool:
        for name in ("sheet.png", "sheet.jpg"):
            sheet.sheet([str(labelled[".mp4"])], tmp_path / name, pool)
            assert provenance.find_label(tmp_path / name).raw == RAW
        rows = sheet.report([str(labelled[".mkv"])], tmp_path / "page", pool, {str(labelled[".mkv"]): "<script>唐</script>"})
    assert rows[0]["ai_label"] == "is_ai"
    assert provenance.find_label(tmp_path / "page" / "clip-00001.jpg").raw == RAW
    text = (tmp_path / "page" / "clips.html").read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "&lt;script&gt;唐" in text


def test_a_label_is_never_replaced(labelled: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="never replaced"):
        provenance.add_label(labelled[".mp4"], tmp_path / "a.mp4", RAW)
    with pytest.raises(DataError, match="no AIGC label"):
        provenance.add_label(labelled[".png"].with_name("bare.png"), tmp_path / "a.png", '{"a": 1}')


def _png(chunk: bytes, body: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    data = buffer.getvalue()
    return data[:33] + struct.pack(">I", len(body)) + chunk + body + struct.pack(">I", zlib.crc32(chunk + body)) + data[33:]


def _jpeg(marker: int, body: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    data = buffer.getvalue()
    return data[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body + data[2:]


def _exif(tag: int, text: bytes) -> bytes:
    exif = Image.Exif()
    if tag == 0x9286:
        exif[0x8769] = {tag: text}
    else:
        exif[tag] = text.decode()
    return exif.tobytes().removeprefix(b"Exif\x00\x00")


def _xmp_attribute(raw: str) -> bytes:
    import html

    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'xmlns:T="{aigc.NAMESPACE}" T:AIGC="{html.escape(raw)}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


ASCII = aigc.make("2", "001191", "id-1")
XMP = b"http://ns.adobe.com/xap/1.0/\x00"
SEEN = {
    "png_text.png": _png(b"tEXt", b"AIGC\x00" + ASCII.encode()),
    "png_packed.png": _png(b"zTXt", b"AIGC\x00\x00" + zlib.compress(ASCII.encode())),
    "png_xmp_attribute.png": _png(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + _xmp_attribute(ASCII)),
    "jpeg_xmp_element.jpg": _jpeg(0xE1, XMP + aigc.xmp_packet(ASCII)),
    "jpeg_xmp_attribute.jpg": _jpeg(0xE1, XMP + _xmp_attribute(ASCII)),
    "jpeg_bare.jpg": _jpeg(0xEB, b"JP\x00AIGC" + ASCII.encode() + b"\x00tail"),
    "jpeg_comment.jpg": _jpeg(0xFE, b"AIGC" + ASCII.encode()),
    "jpeg_exif.jpg": _jpeg(0xE1, b"Exif\x00\x00" + _exif(0x9286, b"ASCII\x00\x00\x00" + json.dumps({"AIGC": json.loads(ASCII)}).encode())),
    "jpeg_description.jpg": _jpeg(0xE1, b"Exif\x00\x00" + _exif(0x010E, ASCII.encode())),
}


@pytest.mark.parametrize("name", SEEN)
def test_other_places_and_serialisations(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(SEEN[name])
    found = provenance.find_label(path)
    assert found is not None
    assert (found.status, found.producer, found.produce_id) == ("possibly", "001191", "id-1")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('{"Label": 1, "ContentProducer": "x"}', "is_ai"), ('"{\\"Label\\": \\"3\\"}"', "suspected"), ("{&quot;Label&quot;:&quot;2&quot;}", "possibly"),
        ('AIGC{"Label":"1"}', "is_ai"), ('{"AIGC": {"Label": "1"}}', "is_ai"), ('{"Label": "9"}', "malformed"), ('{"Label": "1"', "malformed"),
        ('{"ContentProducer": "x"}', "malformed"), ('{"a": 1}', None), ("", None), ("[1]", None), ("[" * 50_000, None), ('{"AIGC": {"b": 2}}', None),
    ],
)  # fmt: skip
def test_values(text: str, status: str | None) -> None:
    got = aigc.parse(text, "test")
    assert (got.status if got else None) == status


def test_xmp_bombs_and_entities_are_not_followed() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
    assert aigc.in_xmp(bomb) is None
    assert aigc.in_xmp(b"<x" * 100_000) is None
    assert aigc.in_xmp(b"\x00\xff\xfe") is None


def test_mp4_with_xmp_box(made: tuple[Path, list[synth.Made]], tmp_path: Path) -> None:
    packet = aigc.xmp_packet(ASCII)
    box = struct.pack(">I4s", 24 + len(packet), b"uuid") + bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet
    path = tmp_path / "xmp.mp4"
    path.write_bytes((made[0] / made[1][0].clip).read_bytes() + box)
    assert provenance.find_label(path).where == "xmp"
    cut(path, tmp_path / "cut.mp4", 0.0, 1.0)
    assert provenance.find_label(tmp_path / "cut.mp4").raw == ASCII


def test_credentials_of_a_manifest_store() -> None:
    store = {
        "active_manifest": "m", "validation_state": "Valid",
        "manifests": {"m": {"claim_generator_info": [{"name": "Maker"}], "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created",
             "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"}]}},
            {"label": "cawg.training-mining", "data": {"entries": {"cawg.ai_generative_training": {"use": "notAllowed"}}}}]}},
    }  # fmt: skip
    got = provenance.credentials(json.dumps(store))
    assert got["c2pa"] == "valid"
    assert got["c2pa_generator"] == "Maker"
    assert got["c2pa_source_type"] in provenance.AI_SOURCES
    assert json.loads(got["c2pa_training"]) == {"ai_generative_training": "notAllowed"}
    assert provenance.credentials("[")["c2pa"] == "unreadable"


@pytest.mark.real
def test_no_label_on_the_real_clips(shared: Path) -> None:
    rows = list(provenance.read(sorted((shared / "data" / "videos").iterdir())))
    assert {r["ai_label"] for r in rows if r["ok"]} == {None}
    assert {r["c2pa"] for r in rows if r["ok"]} <= {"absent", "unsupported"}
