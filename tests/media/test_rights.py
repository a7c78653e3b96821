"""Opt-out, origin and C2PA credentials: files signed here with a certificate of our own, read by the real library; rows that say no."""

from __future__ import annotations

import datetime
import io
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from curate import plain, stages
from curate.media import cutting, provenance, rights, synth
from curate.media.encode import write_video
from curate.stage import Resources, call

MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def _certificate() -> tuple[bytes, bytes]:
    """A chain of a root and a signer, made here; the library refuses certificates that sign themselves."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def named(text: str) -> Any:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text), x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Leishu tests")])

    def begun(subject: Any, issuer: Any, public: Any) -> Any:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(start + datetime.timedelta(days=36500))
        return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )

    def usage(sign: bool) -> Any:
        return x509.KeyUsage(sign, False, False, False, False, not sign, not sign, False, False)

    root = begun(named("root"), named("root"), root_key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    root = root.add_extension(usage(sign=False), critical=True).sign(root_key, hashes.SHA256())
    leaf = begun(named("signer"), named("root"), key.public_key()).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(usage(sign=True), critical=True)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True).sign(root_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return leaf.public_bytes(pem) + root.public_bytes(pem), private


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An MP4 and a PNG signed as AI-generated and not for training, and what they were made from."""
    c2pa = pytest.importorskip("c2pa")
    folder = tmp_path_factory.mktemp("signed")
    frames = [synth.texture(i, 64, 48) for i in range(12)]
    write_video(folder / "bare.mp4", frames, 12)
    Image.fromarray(frames[0]).save(folder / "bare.png")
    chain, key = _certificate()
    manifest = {
        "claim_generator_info": [{"name": "Leishu tests", "version": "1"}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": MADE}]}},
            {"label": "cawg.training-mining", "data": {"entries": {"cawg.ai_generative_training": {"use": "notAllowed"}}}},
        ],
    }
    for name in ("bare.mp4", "bare.png"):
        # There is no time stamp server: nothing is asked for over a network.
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))
        c2pa.Builder(manifest).sign_file(str(folder / name), str(folder / name.replace("bare", "signed")), signer)
    return {p.name: p for p in folder.iterdir()}


@pytest.mark.parametrize("ending", ["mp4", "png"])
def test_a_signed_file_is_read(signed: dict[str, Path], ending: str) -> None:
    bare, full = provenance.read([signed[f"bare.{ending}"], signed[f"signed.{ending}"]])
    assert (bare["c2pa"], bare["ai_generated"], bare["opt_out"], bare["c2pa_generator"]) == ("absent", False, None, None)
    # Its signature holds; who signed is known to nobody.
    assert full["c2pa"] == "untrusted"
    assert full["c2pa_generator"] == "Leishu tests"
    assert full["c2pa_source_type"] == "trainedAlgorithmicMedia"
    assert full["ai_generated"] is True
    assert full["ai_label"] is None, "credentials are no label of GB 45438"
    assert json.loads(full["c2pa_training"]) == {"ai_generative_training": "notAllowed"}
    assert (full["opt_out"], full["opt_out_by"]) == (True, "c2pa")


def test_a_changed_picture_is_told(signed: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(signed["signed.mp4"].read_bytes())
    at = data.rindex(b"mdat") + 40
    data[at] ^= 0xFF
    (tmp_path / "changed.mp4").write_bytes(data)
    (row,) = provenance.read([tmp_path / "changed.mp4"])
    assert row["c2pa"] == "invalid"


def _xmp(inner: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'xmlns:tdm="http://www.w3.org/ns/tdmrep/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" {inner}</rdf:RDF></x:xmpmeta>'
    ).encode()


@pytest.mark.parametrize(
    ("inner", "reserved"),
    [
        ('tdm:reservation="1"/>', True),
        ('tdm:reservation="0"/>', False),
        ("><tdm:reservation>1</tdm:reservation></rdf:Description>", True),
        ('plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING"/>', True),
        ('><plus:DataMining rdf:resource="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"/></rdf:Description>', True),
        ('plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-ALLOWED"/>', False),
        ("/>", False),
    ],
)
def test_reservations_in_xmp(inner: str, reserved: bool, tmp_path: Path) -> None:
    assert rights.in_xmp(_xmp(inner)) is reserved
    data = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(data, "JPEG")
    packet = b"http://ns.adobe.com/xap/1.0/\x00" + _xmp(inner)
    jpeg = data.getvalue()
    (tmp_path / "a.jpg").write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + jpeg[2:])
    (row,) = provenance.read([tmp_path / "a.jpg"])
    assert (row["opt_out"], row["opt_out_by"]) == ((True, "xmp") if reserved else (None, None))


def test_broken_xmp_reserves_nothing() -> None:
    assert not rights.in_xmp(b'<!DOCTYPE x [<!ENTITY a "b">]><x/>')
    assert not rights.in_xmp(b"<x" * 100_000)


@pytest.fixture(scope="module")
def rows(made: tuple[Path, list[synth.Made]], tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, Resources]:
    """A clip whose row says no, one whose file says no and where it is from, one that says yes, one that says nothing, text that says no."""
    folder = tmp_path_factory.mktemp("rights")
    cutting.remux(str(made[0] / made[1][0].clip), str(folder / "file.mp4"), {"tdm_reservation": "1", "comment": "https://example.org/v/7"})
    for name in ("row", "open", "silent"):
        (folder / f"{name}.mp4").symlink_to(made[0] / made[1][5].clip)
    told: list[dict[str, Any]] = [
        {"path": "row.mp4", "opt_out": "true"},
        {"path": "file.mp4"},
        {"path": "open.mp4", "opt_out": "false", "page_url": "https://example.org/open"},
        {"path": "silent.mp4"},
        {"path": None, "opt_out": "1"},
    ]
    table = [{"id": f"r{i}", "clip_id": f"c{i}", "zh": f"第{i}条说明文字", "opt_out": None, "page_url": None, **t} for i, t in enumerate(told)]
    return plain.from_rows(table), replace(Resources(), base=folder)


def test_opt_outs_leave_with_who_said_so(rows: tuple[pl.DataFrame, Resources]) -> None:
    stage = stages.load()["clip"]
    out = call(stage, rows[0], stage.parse({}), rows[1], "clip")
    assert out["drop"].to_list() == ["clip.opt_out", "clip.opt_out", None, None, "clip.opt_out"]
    assert out["opt_out"].to_list() == [True, True, False, None, True]
    assert out["opt_out_by"].to_list() == ["input", "metadata", None, None, "input"]
    assert out["origin"].to_list() == [None, "https://example.org/v/7", "https://example.org/open", None, None]
    assert out["drop_note"][1] == "said by metadata"
    kept = call(stage, rows[0], stage.parse({"opt_out": "keep"}), rows[1], "clip")
    assert kept["drop"].null_count() == 5
    assert kept["opt_out"].to_list() == [True, True, False, None, True]


def test_children_change_nothing(rows: tuple[pl.DataFrame, Resources]) -> None:
    stage = stages.load()["clip"]
    one, two = (call(stage, rows[0], stage.parse({"workers": n}), rows[1], "clip") for n in (1, 2))
    assert one.equals(two)
