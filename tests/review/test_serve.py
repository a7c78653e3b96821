"""`curate review serve` refuses what a person can mend, before it prints an address."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from curate.errors import DataError, UsageError
from curate.review.serve import prepare

pytest.importorskip("streamlit")


def test_a_folder_in_which_nothing_was_run_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing was run"):
        prepare(tmp_path, None, 8599, "127.0.0.1", None, [])
    assert not list(tmp_path.iterdir()), "no store is made there"


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}"):
            prepare(tmp_path, None, port, "127.0.0.1", None, [])
    assert prepare(tmp_path, None, port, "127.0.0.1", "12345678", []).url == f"http://127.0.0.1:{port}/?token=12345678"
