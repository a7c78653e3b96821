"""A hub in one process: the parts of the Hugging Face and ModelScope wire protocols that their clients use when publishing.

Written from the source of the clients (huggingface_hub 2.4 hf_api.py, lfs.py, _commit_api.py; modelscope_hub 0.5 _legacy_api.py,
_openapi.py): each answer has the fields that the client reads. It keeps visibility, refuses bad tokens, and can be told to fail.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "good-token-123"


def git_blob(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()


@dataclass
class Repo:
    """One repository: visibility, licence, files, and which of them are large."""

    private: bool
    license: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    large: set[str] = field(default_factory=set)
    commits: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def sha(self) -> str:
        return hashlib.sha1("".join(self.commits).encode(), usedforsecurity=False).hexdigest()


@dataclass
class Fault:
    """The next ``times`` requests that match are answered with ``status``; 0 breaks the connection off."""

    match: str
    status: int
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


class Hub:
    """The server with its state; use as a context manager."""

    def __init__(self) -> None:
        self.hf: dict[str, Repo] = {}
        self.ms: dict[str, Repo] = {}
        self.blobs: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.log: list[str] = []
        self.unknown: list[str] = []
        self.created: list[dict[str, Any]] = []
        self.lock = threading.RLock()
        hub = self

        class Handler(_Handler):
            state = hub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def puts(self) -> int:
        return sum(line.startswith("PUT ") for line in self.log)


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def reply(self, status: int, value: Any = None, headers: dict[str, str] | None = None, raw: bytes | None = None) -> None:
        body = raw if raw is not None else json.dumps(value if value is not None else {}).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self) -> None:
        hub = self.state
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.body = self._chunked()
        split = urlsplit(self.path)
        self.route, self.query = unquote(split.path), parse_qs(split.query)
        line = f"{self.command} {self.route}"
        with hub.lock:
            hub.log.append(line)
            for fault in hub.faults:
                if fault.times and re.search(fault.match, line):
                    fault.times -= 1
                    if fault.status == 0:
                        self.close_connection = True
                        self.connection.shutdown(2)
                        return
                    self.reply(fault.status, {"error": "told to fail", "Message": "told to fail", "Code": fault.status}, fault.headers)
                    return
            for pattern, method in _ROUTES:
                found = re.fullmatch(pattern, line)
                if found:
                    getattr(self, method)(*found.groups())
                    return
            hub.unknown.append(line)
            self.reply(404, {"error": f"no route for {line}"})

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_any

    def _chunked(self) -> bytes:
        out = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            out += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return out

    def known(self) -> bool:
        cookie = self.headers.get("Cookie") or ""
        return self.headers.get("Authorization") == f"Bearer {TOKEN}" or f"m_session_id={TOKEN}" in cookie

    def must_know(self) -> bool:
        if self.known():
            return True
        self.reply(401, {"error": "Invalid credentials", "Message": "invalid token", "Code": 401})
        return False

    def optional(self) -> None:
        """Asked by the clients and not needed: the real hubs may not have it either."""
        self.reply(404, {"Code": 404, "Message": "not offered"})

    # --- Hugging Face -------------------------------------------------------------------------------------------------
    def hf_repo(self, name: str) -> Repo | None:
        repo = self.state.hf.get(name)
        if repo is None or (repo.private and not self.known()):
            self.reply(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        return repo

    def hf_create(self) -> None:
        if not self.must_know():
            return
        given = json.loads(self.body)
        self.state.created.append(given)
        name = f"{given.get('organization') or 'tester'}/{given['name']}"
        if name in self.state.hf:
            self.reply(409, {"error": "You already created this dataset repo", "url": f"{self.state.url}/datasets/{name}"})
            return
        private = given.get("visibility") == "private" or given.get("private") is True
        self.state.hf[name] = Repo(private)
        self.reply(200, {"url": f"{self.state.url}/datasets/{name}", "name": name, "id": "1"})

    def hf_info(self, name: str, _rev: str | None = None) -> None:
        repo = self.hf_repo(name)
        if repo:
            siblings = [{"rfilename": p} for p in sorted(repo.files)]
            self.reply(200, {"id": name, "sha": repo.sha, "private": repo.private, "siblings": siblings, "tags": [], "downloads": 0, "likes": 0})

    def hf_yaml(self) -> None:
        import yaml

        head = yaml.safe_load(json.loads(self.body)["content"].split("---")[1])
        bad = [{"message": f"language {x!r} must be lowercase"} for x in head.get("language", []) if not re.fullmatch("[a-z]{2,3}", x)]
        self.reply(400 if bad else 200, {"errors": bad, "warnings": []})

    def hf_preupload(self, name: str, _rev: str) -> None:
        repo = self.hf_repo(name)
        if repo is None or not self.must_know():
            return
        out = []
        for item in json.loads(self.body)["files"]:
            path = item["path"]
            lfs = path.endswith((".parquet", ".mp4", ".png", ".jpg")) or item["size"] > 10_000_000
            have = repo.files.get(path)
            oid = None if have is None else (hashlib.sha256(have).hexdigest() if path in repo.large else git_blob(have))
            out.append({"path": path, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False, "oid": oid})
        self.reply(200, {"files": out})

    def lfs_batch(self, name: str, hf: bool = True) -> None:
        if not self.must_know():
            return
        objects = []
        for item in json.loads(self.body)["objects"]:
            entry: dict[str, Any] = {"oid": item["oid"], "size": item["size"], "authenticated": True}
            if item["oid"] not in self.state.blobs:
                entry["actions"] = {"upload": {"href": f"{self.state.url}/blob/{item['oid']}", "header": {}}}
                if hf:
                    entry["actions"]["verify"] = {"href": f"{self.state.url}/verify"}
            objects.append(entry)
        self.reply(200, {"transfer": "basic", "objects": objects} if hf else {"Code": 200, "Success": True, "Data": {"objects": objects}})

    def blob(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            self.reply(400, {"error": "the content is not that of the oid"})
            return
        self.state.blobs[oid] = self.body
        self.reply(200, {"Code": 200})

    def verify(self) -> None:
        self.reply(200 if json.loads(self.body)["oid"] in self.state.blobs else 404)

    def hf_commit(self, name: str, _rev: str) -> None:
        repo = self.hf_repo(name)
        if repo is None or not self.must_know():
            return
        lines = [json.loads(x) for x in self.body.decode().splitlines() if x.strip()]
        parent = lines[0]["value"].get("parentCommit")
        if parent and parent != repo.sha:
            self.reply(412, {"error": "A commit has happened since. Please refresh and try again."})
            return
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
                repo.large.discard(value["path"])
            elif line["key"] == "lfsFile":
                repo.files[value["path"]] = self.state.blobs[value["oid"]]
                repo.large.add(value["path"])
            elif line["key"] == "deletedFile":
                repo.files.pop(value["path"], None)
        repo.commits.append(self.body.decode()[:200])
        self.reply(200, {"commitOid": repo.sha, "commitUrl": f"{self.state.url}/datasets/{name}/commit/{repo.sha}", "success": True})

    def _entry(self, repo: Repo, path: str) -> dict[str, Any]:
        data = repo.files[path]
        out: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": git_blob(data)}
        if path in repo.large:
            out["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return out

    def hf_tree(self, name: str, _rev: str, under: str | None = None) -> None:
        repo = self.hf_repo(name)
        if repo is None:
            return
        prefix = f"{(under or '').strip('/')}/" if (under or "").strip("/") else ""
        deep = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        names = [p for p in sorted(repo.files) if p.startswith(prefix)]
        if prefix and not names:
            self.reply(404, {"error": "not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        out = [self._entry(repo, p) for p in names if deep or "/" not in p[len(prefix) :]]
        dirs = sorted({prefix + p[len(prefix) :].split("/")[0] for p in names if "/" in p[len(prefix) :]})
        self.reply(200, [*out, *[{"type": "directory", "path": d, "oid": "0" * 40, "size": 0} for d in dirs]])

    def hf_paths(self, name: str, _rev: str) -> None:
        repo = self.hf_repo(name)
        if repo is None:
            return
        text = self.body.decode()
        wanted = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text).get("paths", [])
        out: list[dict[str, Any]] = [self._entry(repo, p) for p in wanted if p in repo.files]
        out += [{"type": "directory", "path": p, "oid": "0" * 40, "size": 0} for p in wanted if any(f.startswith(f"{p}/") for f in repo.files)]
        self.reply(200, out)

    def hf_resolve(self, name: str, _rev: str, path: str) -> None:
        repo = self.hf_repo(name)
        if repo is None:
            return
        if path not in repo.files:
            self.reply(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": repo.sha})
            return
        data = repo.files[path]
        etag = hashlib.sha256(data).hexdigest() if path in repo.large else git_blob(data)
        headers = {"X-Repo-Commit": repo.sha, "ETag": f'"{etag}"', "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        self.reply(200, raw=data, headers=headers)

    def hf_refs(self, name: str) -> None:
        repo = self.hf_repo(name)
        if repo:
            tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": sha} for n, sha in repo.tags.items()]
            self.reply(200, {"branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": repo.sha}], "tags": tags, "converts": []})

    def hf_tag(self, name: str, _rev: str) -> None:
        repo = self.hf_repo(name)
        if repo is None or not self.must_know():
            return
        tag = json.loads(self.body)["tag"]
        if tag in repo.tags:
            self.reply(409, {"error": "Tag reference exists already"})
            return
        repo.tags[tag] = repo.sha
        self.reply(200, {})

    # --- ModelScope ---------------------------------------------------------------------------------------------------
    def ms_ok(self, data: Any) -> None:
        self.reply(200, {"Code": 200, "Success": True, "Message": "", "Data": data})

    def ms_create(self) -> None:
        if not self.must_know():
            return
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = BytesParser(policy=HTTP).parsebytes(head + self.body)
        given = {str(part.get_param("name", header="content-disposition")): part.get_content().strip() for part in form.iter_parts()}
        self.state.created.append(given)
        name = f"{given['Owner']}/{given['Name']}"
        if name in self.state.ms:
            self.reply(400, {"Code": 10020101, "Success": False, "Message": "the dataset already exists"})
            return
        self.state.ms[name] = Repo(given["Visibility"] == "1", given["License"])
        self.ms_ok({"Owner": given["Owner"], "Name": given["Name"], "Visibility": int(given["Visibility"])})

    def ms_repo(self, name: str) -> Repo | None:
        repo = self.state.ms.get(name)
        if repo is None or (repo.private and not self.known()):
            self.reply(404, {"Code": 10010205001, "Success": False, "Message": "the dataset does not exist"})
            return None
        return repo

    def ms_info(self, name: str) -> None:
        repo = self.ms_repo(name)
        if repo:
            owner, short = name.split("/")
            self.ms_ok({"Owner": owner, "Name": short, "Visibility": 1 if repo.private else 5, "License": repo.license})

    def ms_batch(self, name: str) -> None:
        self.lfs_batch(name, hf=False)

    def ms_commit(self, name: str, _rev: str) -> None:
        repo = self.ms_repo(name)
        if repo is None or not self.must_know():
            return
        given = json.loads(self.body)
        for action in given["actions"]:
            path = action["path"]
            if action["action"] == "delete":
                repo.files.pop(path, None)
            elif action["type"] == "lfs":
                repo.files[path] = self.state.blobs[action["sha256"]]
                repo.large.add(path)
            else:
                repo.files[path] = base64.b64decode(action["content"])
        repo.commits.append(given["commit_message"])
        self.ms_ok({"oid": repo.sha, "CommitId": repo.sha})

    def ms_tree(self, name: str) -> None:
        repo = self.ms_repo(name)
        if repo is None:
            return
        number, size = int(self.query.get("PageNumber", ["1"])[0]), int(self.query.get("PageSize", ["0"])[0])
        root = self.query.get("Root", [""])[0].strip("/")
        files = [
            {"Path": p, "Name": p.rsplit("/", 1)[-1], "Size": len(d), "Sha256": hashlib.sha256(d).hexdigest(), "Type": "blob", "IsLFS": p in repo.large}
            for p, d in sorted(repo.files.items())
            if p.startswith(root)
        ]  # fmt: skip
        self.ms_ok({"Files": files[(number - 1) * size : number * size] if size else files, "TotalCount": len(files)})

    def ms_revisions(self, name: str) -> None:
        repo = self.ms_repo(name)
        if repo:
            tags = [{"Revision": n, "CreatedAt": 0} for n in repo.tags]
            self.ms_ok({"RevisionMap": {"Branches": [{"Revision": "master", "CreatedAt": 0}], "Tags": tags}})

    def ms_tag(self, name: str) -> None:
        repo = self.ms_repo(name)
        if repo is None or not self.must_know():
            return
        given = json.loads(self.body)
        assert given["Ref"] == "master"
        repo.tags[given["TagName"]] = repo.sha
        self.ms_ok({})

    def ms_raw(self, name: str) -> None:
        repo = self.ms_repo(name)
        path = self.query["FilePath"][0]
        if repo:
            self.reply(200 if path in repo.files else 404, raw=repo.files.get(path, b""), headers={"Content-Type": "application/octet-stream"})


_ID = r"([^/]+/[^/]+)"
_ROUTES = [
    (r"GET /api/agent-harnesses|GET /api/v1/repos/internalAccelerationInfo", "optional"),
    (r"POST /api/repos/create", "hf_create"),
    (r"POST /api/validate-yaml", "hf_yaml"),
    (rf"POST /api/datasets/{_ID}/preupload/(.+)", "hf_preupload"),
    (rf"POST /datasets/{_ID}\.git/info/lfs/objects/batch", "lfs_batch"),
    (r"PUT /blob/([0-9a-f]{64})", "blob"),
    (r"POST /verify", "verify"),
    (rf"POST /api/datasets/{_ID}/commit/(.+)", "hf_commit"),
    (rf"GET /api/datasets/{_ID}/tree/([^/]+)(/.*)?", "hf_tree"),
    (rf"POST /api/datasets/{_ID}/paths-info/(.+)", "hf_paths"),
    (rf"GET /api/datasets/{_ID}/refs", "hf_refs"),
    (rf"POST /api/datasets/{_ID}/tag/(.+)", "hf_tag"),
    (rf"GET /api/v1/datasets/{_ID}/revisions", "ms_revisions"),
    (rf"POST /api/v1/datasets/{_ID}/repo/tag", "ms_tag"),
    (rf"GET /api/datasets/{_ID}/revision/(.+)", "hf_info"),
    (rf"GET /api/datasets/{_ID}", "hf_info"),
    (rf"(?:GET|HEAD) /datasets/{_ID}/resolve/([^/]+)/(.+)", "hf_resolve"),
    (r"POST /api/v1/datasets", "ms_create"),
    (rf"GET /(?:api|openapi)/v1/datasets/{_ID}", "ms_info"),
    (rf"POST /api/v1/repos/datasets/{_ID}/info/lfs/objects/batch", "ms_batch"),
    (rf"POST /api/v1/repos/datasets/{_ID}/commit/(.+)", "ms_commit"),
    (rf"GET /api/v1/datasets/{_ID}/repo/tree", "ms_tree"),
    (rf"GET /api/v1/datasets/{_ID}/repo", "ms_raw"),
]
