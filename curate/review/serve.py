"""Start the review app: where it listens, its token, its store."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from curate.data import data_path
from curate.errors import DataError, UsageError, need_extra
from curate.review.decisions import open_store, store_url

LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Place:
    """Where the app is served.

    Attributes:
        url: the address to open, with the token.
        environment: what the server process is told; the token and a password in the store's URL travel only here.
    """

    url: str
    environment: dict[str, str]


def prepare(workspace: Path, store: str | None, port: int, address: str, token: str | None, leads: Sequence[str]) -> Place:
    """Check that the app can be served and make its token.

    Args:
        workspace: the workspace; must exist.
        store: see ``review.store_url``.
        port: 1 to 65535.
        address: where to listen.
        token: the key that lets people in; a random one if ``None``.
        leads: people who settle disputes.

    Raises:
        MissingExtra: Streamlit is not installed.
        DataError: there is no workspace.
        UsageError: the token is too short, or the port is taken.
    """
    if find_spec("streamlit") is None:
        raise need_extra("streamlit", "review")
    if not workspace.is_dir():
        raise DataError(f"no workspace at {workspace}", hint="make demo, or curate run RECIPE")
    if store_url(workspace, store) == str(workspace / "review.sqlite") and not any((workspace / x).exists() for x in ("runs", "review.sqlite")):
        raise DataError(f"{workspace} is no workspace: nothing was run in it", hint="curate run RECIPE makes one beside the recipe")
    if token is not None and len(token) < 8:
        raise UsageError("the token has fewer than 8 characters", hint="leave it out to get a random one")
    _free(address, port)
    key = token or secrets.token_urlsafe(18)
    target = open_store(workspace, store)
    for name in leads:
        target.set_reviewer(name, "lead")
    target.close()
    environment = {
        "LEISHU_WORKSPACE": str(workspace.resolve()), "LEISHU_STORE": store_url(workspace.resolve(), store), "LEISHU_TOKEN": key,
        "LEISHU_PORT": str(port), "LEISHU_ADDRESS": address, "LEISHU_NAMES": "1" if address in LOCAL else "",
    }  # fmt: skip
    host = "127.0.0.1" if address in LOCAL else address
    return Place(f"http://{host}:{port}/?token={key}", environment)


def _free(address: str, port: int) -> None:
    """Refuse a port that cannot be listened on, before an address is printed that would open something else."""
    try:
        socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET).close()
    except OSError as e:
        raise UsageError(
            f"cannot listen on {address}, port {port}: {e.strerror}", hint="is the app running already? else choose another --port"
        ) from e


def command(place: Place) -> int:
    """Run the server until it ends.

    Args:
        place: from `prepare`.

    Returns:
        Its exit code.
    """
    script = data_path("apps") / "review" / "server.py"
    return subprocess.run([sys.executable, str(script)], env={**os.environ, **place.environment}, check=False).returncode
