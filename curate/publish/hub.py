"""Hugging Face and ModelScope through their own clients: private unless asked, never another visibility than asked, verified by hash."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from curate.errors import CurateError, PublishRefused, UsageError, need_extra

REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
TRIES = 4
# A new version replaces what an older one had in these folders; other files of a repository are left alone.
OURS = ("data/", "figures/")
T = TypeVar("T")


@dataclass(frozen=True)
class Remote:
    """What a hub says of one file: sha256 for large files, git's blob id for small ones, whichever it knows."""

    path: str
    size: int
    sha256: str | None
    blob: str | None


class Hub(Protocol):
    """What publishing needs of a hub."""

    name: str
    branch: str

    def visibility(self, repo: str) -> str | None:
        """Return ``private``, ``public`` or ``None`` if there is no such repository."""

    def create(self, repo: str, private: bool, license: str) -> None:
        """Make the repository; fails if it is there."""

    def upload(self, repo: str, folder: Path, message: str) -> None:
        """Upload what is not there yet."""

    def files(self, repo: str) -> list[Remote]:
        """List the files with their hashes."""

    def tag(self, repo: str, name: str) -> str | None:
        """Name the head of the branch; return what to say if the tag was there already or could not be set. A tag is never moved."""

    def url(self, repo: str) -> str:
        """Return the address people open."""


def token(service: str, names: tuple[str, ...]) -> str | None:
    """Return a token from the environment or, if ``keyring`` is installed, from the keyring (service ``leishu``).

    Args:
        service: ``hf`` or ``modelscope``.
        names: environment variables, first wins.
    """
    for name in names:
        if os.environ.get(name):
            return os.environ[name]
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        found: str | None = keyring.get_password("leishu", service)
    except KeyringError:
        return None
    return found


def scrub(text: str, secret: str | None) -> str:
    """Return a text without a token and without a password in a URL.

    Example:
        >>> scrub("403 for https://u:pw@host/x with hf_abc", "hf_abc")
        '403 for https://***@host/x with ***'
    """
    if secret:
        text = text.replace(secret, "***")
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", text)


def _explain(name: str, status: int | None, text: str, secret: str | None) -> CurateError:
    said = scrub(" ".join(text.split())[:400], secret)
    hints = {
        401: "the token is missing or wrong; set it in the environment or the keyring",
        403: "this token may not write there; check its rights and the owner in --repo",
        404: "check the owner and name in --repo",
        409: "the hub refused a conflicting change; run the same command again",
        412: "someone else changed the repository meanwhile; run the same command again",
        413: "a file is too large for this hub; cut the clips or use more shards",
        429: "too many requests; run the same command again later, it goes on where it stopped",
    }
    hint = hints.get(status or 0, "run the same command again; what is there already is not sent twice")
    return CurateError(f"{name}{f' answered {status}' if status else ' cannot be reached'}: {said}", hint=hint)


class HuggingFace:
    """The Hugging Face Hub, or a mirror or compatible server.

    Args:
        endpoint: address; ``HF_ENDPOINT`` or the client's own if ``None``.
    """

    name = "hf"
    branch = "main"

    def __init__(self, endpoint: str | None = None) -> None:
        try:
            from huggingface_hub import HfApi
        except ImportError as e:
            raise need_extra("huggingface_hub", "hub") from e
        self._token = token("hf", ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"))
        self._api = HfApi(endpoint=endpoint or os.environ.get("HF_ENDPOINT") or None, token=self._token or False)

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        from huggingface_hub import errors

        try:
            yield
        except errors.HTTPError as e:
            response = getattr(e, "response", None)
            raise _explain("the Hub", getattr(response, "status_code", None), str(e), self._token) from None
        except (errors.OfflineModeIsEnabled, errors.HFValidationError, errors.LocalTokenNotFoundError, OSError, ValueError, RuntimeError) as e:
            raise _explain("the Hub", None, str(e), self._token) from None

    def visibility(self, repo: str) -> str | None:
        """Return ``private``, ``public`` or ``None``."""
        from huggingface_hub import errors

        with self._said():
            try:
                info = self._api.dataset_info(repo)
            except errors.RepositoryNotFoundError:
                return None
        return "private" if info.private else "public"

    def create(self, repo: str, private: bool, license: str) -> None:
        """Make the repository; the licence stands in its card."""
        with self._said():
            self._api.create_repo(repo, repo_type="dataset", private=private, exist_ok=False)

    def upload(self, repo: str, folder: Path, message: str) -> None:
        """Upload the folder; the client skips what is there with the same hash."""
        with self._said():
            self._api.upload_folder(
                repo_id=repo,
                repo_type="dataset",
                folder_path=str(folder),
                commit_message=message,
                revision=self.branch,
                delete_patterns=[f"{d}*" for d in OURS],
            )

    def files(self, repo: str) -> list[Remote]:
        """List the files."""
        out = []
        with self._said():
            for item in self._api.list_repo_tree(repo, recursive=True, repo_type="dataset", revision=self.branch):
                if hasattr(item, "size"):
                    lfs = getattr(item, "lfs", None)
                    out.append(Remote(item.path, item.size, lfs.sha256 if lfs else None, None if lfs else item.blob_id))
        return out

    def tag(self, repo: str, name: str) -> str | None:
        """Name the head of the branch, so that ``load_dataset(…, revision=name)`` always gives this version."""
        with self._said():
            refs = self._api.list_repo_refs(repo, repo_type="dataset")
            head = next((b.target_commit for b in refs.branches if b.name == self.branch), None)
            there = next((t for t in refs.tags if t.name == name), None)
            if there is None:
                self._api.create_tag(repo, tag=name, revision=self.branch, repo_type="dataset", exist_ok=True)
                return None
        return None if there.target_commit == head else f"the tag {name} was there already, at another commit, and was not moved"

    def url(self, repo: str) -> str:
        """Return the address people open."""
        return f"{self._api.endpoint}/datasets/{repo}"


class ModelScope:
    """ModelScope (modelscope.cn or .ai).

    Args:
        endpoint: address; ``MODELSCOPE_ENDPOINT`` or the client's own if ``None``.
    """

    name = "modelscope"
    branch = "master"

    def __init__(self, endpoint: str | None = None) -> None:
        try:
            from modelscope_hub import HubApi
        except ImportError as e:
            raise need_extra("modelscope-hub", "hub") from e

        class Quiet(HubApi):  # type: ignore[misc]
            """The client without its habit of creating a public Apache-2.0 repository before each upload."""

            def _create_repo_exist_ok(self, repo_id: str, repo_type: str) -> None:
                return None

        self._token = token("modelscope", ("MODELSCOPE_API_TOKEN",))
        self._endpoint = endpoint or os.environ.get("MODELSCOPE_ENDPOINT") or None
        self._api = Quiet(endpoint=self._endpoint, token=self._token)

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        from modelscope_hub import errors

        try:
            yield
        except errors.APIError as e:
            raise _explain("ModelScope", getattr(e, "status_code", None), str(e), self._token) from None
        except (errors.HubError, OSError, ValueError, RuntimeError) as e:
            raise _explain("ModelScope", None, str(e), self._token) from None

    def visibility(self, repo: str) -> str | None:
        """Return ``private``, ``public`` (``internal`` counts as public) or ``None``."""
        from modelscope_hub import errors

        with self._said():
            try:
                info = self._api.get_repo(repo, "dataset")
            except errors.NotExistError:
                return None
        return "private" if str(getattr(info.visibility, "name", info.visibility)).lower() in ("private", "1") else "public"

    def create(self, repo: str, private: bool, license: str) -> None:
        """Make the repository with its visibility and licence said outright."""
        with self._said():
            self._api.create_repo(repo, "dataset", visibility="private" if private else "public", license=license)

    def upload(self, repo: str, folder: Path, message: str) -> None:
        """Upload the folder; the client's own notes stay out of it, so that a repeated call resumes."""
        key = hashlib.sha256(f"{self._endpoint} {repo} {folder.resolve()}".encode()).hexdigest()[:12]
        notes = Path(tempfile.gettempdir()) / f"leishu-upload-{key}"
        logging.getLogger("modelscope_hub").setLevel(logging.WARNING)
        # The client prints a report; ours is the only one on stdout.
        with self._said(), contextlib.redirect_stdout(io.StringIO()):
            self._api.upload_folder(repo, "dataset", folder, commit_message=message, revision=self.branch, tracker_path=notes, disable_tqdm=True)
            old = [f.path for f in self.files(repo) if f.path.startswith(OURS) and not (folder / f.path).is_file()]
            if old:
                self._api.delete_files(repo, "dataset", old, revision=self.branch)
        # All is committed: notes that outlive the upload would make a later one skip files that are gone by then.
        notes.unlink(missing_ok=True)

    def files(self, repo: str) -> list[Remote]:
        """List the files."""
        with self._said():
            found = self._api.list_repo_files(repo, "dataset", revision=self.branch)
        return [Remote(f.path, f.size, f.sha256, f.blob_id if f.blob_id != f.sha256 else None) for f in found if f.type != "tree"]

    def tag(self, repo: str, name: str) -> str | None:
        """Name the head of the branch. The client has the call for every kind of repository; a server without it is no fault of the upload."""
        try:
            with self._said():
                known = {str(r.get("Revision") or r.get("Name") or r.get("name")) for r in self._api.list_repo_revisions(repo, "dataset")}
                if name in known:
                    return f"the tag {name} was there already and was not moved"
                self._api.create_repo_tag(repo, "dataset", name, revision=self.branch)
        except CurateError as e:
            if re.search(r"answered (429|5\d\d)|cannot be reached", e.message):
                raise
            return f"the tag {name} was not set: {e.message}"
        return None

    def url(self, repo: str) -> str:
        """Return the address people open."""
        return f"{(self._endpoint or 'https://modelscope.cn').rstrip('/')}/datasets/{repo}"


HUBS: dict[str, Callable[[str | None], Hub]] = {"hf": HuggingFace, "modelscope": ModelScope}


def again(what: Callable[[], T]) -> T:
    """Call something that can be repeated, up to four times, while the hub is busy or breaks off.

    Args:
        what: the call; must be safe to repeat.

    Raises:
        CurateError: the last failure; refusals are not repeated.
    """
    for number in range(TRIES - 1):
        try:
            return what()
        except CurateError as e:
            if not re.search(r"answered (409|412|429|5\d\d)|cannot be reached", e.message):
                raise
        time.sleep(min(30.0, 2.0**number))
    return what()


def ensure_repo(hub: Hub, repo: str, private: bool, license: str) -> bool:
    """Make the repository, or make sure that the one there has the visibility that was asked for.

    Args:
        hub: the hub.
        repo: ``owner/name``.
        private: whether it shall be private.
        license: licence id.

    Returns:
        Whether it was made now.

    Raises:
        PublishRefused: it is there with the other visibility; nothing is uploaded then.
        UsageError: the name is no ``owner/name``.
    """
    if not REPO_ID.fullmatch(repo):
        raise UsageError(f"--repo {repo!r} is not owner/name")
    wanted = "private" if private else "public"
    found = again(lambda: hub.visibility(repo))
    made = found is None
    if made:
        hub.create(repo, private, license)
        found = again(lambda: hub.visibility(repo))
    if found != wanted:
        raise PublishRefused(
            f"{repo} on {hub.name} is {found}, asked for was {wanted}; nothing was uploaded",
            hint="add --public if it is meant to be public, or change the repository's visibility on the hub yourself",
        )
    return made
