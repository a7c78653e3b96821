"""Publishing through the real clients against a contract server, a git remote and a folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from curate.cli import build
from curate.errors import CurateError, PublishRefused, UsageError
from curate.publish import hub
from curate.publish.release import ReleaseResult, verify
from curate.publish.upload import publish
from tests.hubsim.server import TOKEN, Fault, Hub, Repo

HUBS = ("hf", "modelscope")


@pytest.fixture
def folder(released: tuple[Path, ReleaseResult]) -> Path:
    return released[1].path


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    import huggingface_hub.constants

    # The chunk store behind the default upload path is a native library with its own service; the older path is the same contract.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    wait = time.sleep
    monkeypatch.setattr(time, "sleep", lambda s: wait(min(s, 0.01)))
    with Hub() as running:
        yield running
        assert running.unknown == [], "the client asked for something the contract server does not know"


def repos(sim: Hub, to: str) -> dict[str, Repo]:
    return sim.hf if to == "hf" else sim.ms


@pytest.mark.parametrize("to", HUBS)
def test_private_complete_and_a_second_time_nothing_is_sent(sim: Hub, folder: Path, to: str) -> None:
    plan = publish(folder, to, "tester/set", endpoint=sim.url)
    repo = repos(sim, to)["tester/set"]
    assert repo.private
    assert plan.made
    assert plan.verified == len(plan.files) == len(list(repo.files))
    assert {p: (folder / p).read_bytes() for p in repo.files} == repo.files
    puts = sim.puts()
    again = publish(folder, to, "tester/set", endpoint=sim.url)
    assert sim.puts() == puts
    assert not again.made
    assert not list(folder.glob(".ms_upload_cache*"))


@pytest.mark.parametrize("to", HUBS)
def test_dry_run_contacts_nobody(sim: Hub, folder: Path, to: str) -> None:
    plan = publish(folder, to, "tester/set", endpoint=sim.url, dry_run=True)
    assert sim.log == []
    assert not plan.sent
    assert {f["path"] for f in plan.files} == {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("to", HUBS)
def test_a_public_repository_is_never_written_by_accident(sim: Hub, folder: Path, to: str) -> None:
    repos(sim, to)["tester/set"] = Repo(private=False, license="x", files={"README.md": b"mine"})
    with pytest.raises(PublishRefused, match="is public, asked for was private; nothing was uploaded"):
        publish(folder, to, "tester/set", endpoint=sim.url)
    assert repos(sim, to)["tester/set"].files == {"README.md": b"mine"}
    assert publish(folder, to, "tester/set", private=False, endpoint=sim.url).verified


@pytest.mark.parametrize("to", HUBS)
def test_public_only_when_asked_and_never_a_repository_turned_public(sim: Hub, folder: Path, to: str) -> None:
    publish(folder, to, "tester/open", private=False, endpoint=sim.url)
    assert not repos(sim, to)["tester/open"].private
    repos(sim, to)["tester/shut"] = Repo(private=True)
    with pytest.raises(PublishRefused, match="is private, asked for was public"):
        publish(folder, to, "tester/shut", private=False, endpoint=sim.url)


def test_modelscopes_own_create_call_cannot_win(sim: Hub, folder: Path) -> None:
    publish(folder, "modelscope", "tester/set", endpoint=sim.url)
    assert [c["Visibility"] for c in sim.created] == ["1"]
    assert sim.created[0]["License"] == "other"


@pytest.mark.parametrize("to", HUBS)
@pytest.mark.parametrize(("status", "hint"), [(401, "token is missing or wrong"), (403, "may not write")])
def test_refused(sim: Hub, folder: Path, to: str, status: int, hint: str) -> None:
    sim.faults.append(Fault(r"POST .*(repos/create|v1/datasets)$", status, times=99))
    with pytest.raises(CurateError, match=f"answered {status}") as e:
        publish(folder, to, "tester/set", endpoint=sim.url)
    assert hint in e.value.hint
    assert repos(sim, to) == {}


@pytest.mark.parametrize("to", HUBS)
def test_wrong_token(sim: Hub, folder: Path, to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret-wrong")
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "secret-wrong")
    with pytest.raises(CurateError, match="answered 401") as e:
        publish(folder, to, "tester/set", endpoint=sim.url)
    assert "secret-wrong" not in str(e.value)


@pytest.mark.parametrize("to", HUBS)
@pytest.mark.parametrize("status", [429, 500, 503, 0])
@pytest.mark.parametrize("at", [r"PUT /blob", r"POST .*commit/", r"POST .*objects/batch", r"GET .*tree"])
def test_busy_or_broken_then_well(sim: Hub, folder: Path, to: str, status: int, at: str) -> None:
    sim.faults.append(Fault(at, status, times=2, headers={"Retry-After": "0"}))
    plan = publish(folder, to, "tester/set", endpoint=sim.url)
    assert sim.faults[0].times == 0, "the fault was met"
    assert plan.verified == len(plan.files)
    assert repos(sim, to)["tester/set"].private


def test_conflict_is_tried_again(sim: Hub, folder: Path) -> None:
    sim.faults.append(Fault(r"POST .*commit/", 412, times=1))
    assert publish(folder, "hf", "tester/set", endpoint=sim.url).verified


@pytest.mark.parametrize("to", HUBS)
def test_broken_for_good_says_so_and_a_later_call_resumes(sim: Hub, folder: Path, to: str) -> None:
    sim.faults.append(Fault(r"POST .*commit/", 403, times=99))
    with pytest.raises(CurateError) as e:
        publish(folder, to, "tester/set", endpoint=sim.url)
    assert e.value.exit_code == 1
    puts = sim.puts()
    assert puts > 0
    sim.faults.clear()
    assert publish(folder, to, "tester/set", endpoint=sim.url).verified
    assert sim.puts() == puts, "what was there already was not sent twice"


@pytest.mark.parametrize("to", HUBS)
def test_a_file_that_did_not_arrive_is_found(sim: Hub, folder: Path, to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = hub.HuggingFace if to == "hf" else hub.ModelScope
    upload = kind.upload

    def lose(self: object, repo: str, source: Path, message: str) -> None:
        upload(self, repo, source, message)  # type: ignore[arg-type]
        repos(sim, to)[repo].files["LICENSE"] = b"other"

    monkeypatch.setattr(kind, "upload", lose)
    with pytest.raises(CurateError, match="LICENSE has another"):
        publish(folder, to, "tester/set", endpoint=sim.url)


@pytest.mark.parametrize("to", HUBS)
def test_a_new_version_replaces_old_shards_and_leaves_other_files(sim: Hub, folder: Path, to: str) -> None:
    repos(sim, to)["tester/set"] = Repo(private=True, files={"data/train/captions-00001.parquet": b"old", "notes.md": b"mine"})
    plan = publish(folder, to, "tester/set", endpoint=sim.url)
    there = repos(sim, to)["tester/set"].files
    assert "data/train/captions-00001.parquet" not in there
    assert there["notes.md"] == b"mine"
    assert "notes.md" in plan.notes[0]


def test_uploaded_set_loads_back_equal_from_hf(sim: Hub, folder: Path, tmp_path: Path) -> None:
    publish(folder, "hf", "tester/set", endpoint=sim.url)
    got = _load("tester/set", tmp_path, {"HF_ENDPOINT": sim.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"})
    _equal(got, folder)


def test_uploaded_set_loads_back_equal_from_modelscope(sim: Hub, folder: Path, tmp_path: Path) -> None:
    from modelscope_hub import HubApi

    publish(folder, "modelscope", "tester/set", endpoint=sim.url)
    there = sim.ms["tester/set"]
    HubApi(endpoint=sim.url, token=TOKEN).download_repo("tester/set", "dataset", local_dir=str(tmp_path / "down"))
    for path, data in there.files.items():
        assert (tmp_path / "down" / path).read_bytes() == data
    _equal(_load(str(tmp_path / "down"), tmp_path, {"HF_HUB_OFFLINE": "1"}), folder)


def _load(name: str, cache: Path, env: dict[str, str]) -> dict[str, list[dict[str, object]]]:
    code = "import datasets, json, sys; d = datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2]); print(json.dumps({k: list(v) for k, v in d.items()}))"
    out = subprocess.run(
        [sys.executable, "-c", code, name, str(cache / "cache")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HOME": str(cache), **env},
    )
    assert out.returncode == 0, out.stderr[-2000:]
    loaded: dict[str, list[dict[str, object]]] = json.loads(out.stdout.splitlines()[-1])
    return loaded


def _equal(got: dict[str, list[dict[str, object]]], folder: Path) -> None:
    assert set(got) == {p.name for p in (folder / "data").iterdir()}
    for split, items in got.items():
        assert items == pl.read_parquet(folder / "data" / split / "captions.parquet").to_dicts()


def test_git_remote(folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    plan = publish(folder, "git", str(bare))
    assert plan.verified == len(plan.files)
    publish(folder, "git", str(bare))
    subprocess.run(["git", "clone", "-q", str(bare), str(tmp_path / "back")], check=True)
    shutil.rmtree(tmp_path / "back" / ".git")
    (tmp_path / "back" / ".gitattributes").unlink()
    assert verify(tmp_path / "back") == []
    tags = subprocess.run(["git", "tag"], cwd=bare, capture_output=True, text=True, check=True).stdout.split()
    commits = subprocess.run(["git", "rev-list", "--count", "main"], cwd=bare, capture_output=True, text=True, check=True).stdout.strip()
    assert (tags, commits) == (["v1.0.0"], "1")


def test_git_remote_that_is_not_there_and_password_is_hidden(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CurateError, match="git clone failed") as e:
        publish(folder, "git", f"file://user:pa55@{tmp_path}/nothing.git")
    assert "pa55" not in str(e.value)


def test_folder_copy_resumes_and_refuses_foreign_folders(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert publish(folder, "folder", str(out)).verified
    assert verify(out) == []
    (out / "LICENSE").write_text("torn")
    (out / ".incomplete").touch()
    publish(folder, "folder", str(out))
    assert verify(out) == []
    (out / "mine.txt").write_text("x")
    with pytest.raises(PublishRefused, match=r"mine\.txt"):
        publish(folder, "folder", str(out))


def test_changed_or_draft_releases_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "data/train/captions.jsonl").write_text("{}\n")
    with pytest.raises(PublishRefused, match="the bytes are not those that were released"):
        publish(copy, "folder", str(tmp_path / "out"))
    with pytest.raises(UsageError, match="unknown target"):
        publish(folder, "modelscop", "a/b")


def test_keyring_is_asked_when_the_environment_has_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(keyring, "get_password", lambda service, name: f"{service}:{name}")
    assert hub.token("hf", ("HF_TOKEN",)) == "leishu:hf"


def test_command(sim: Hub, folder: Path) -> None:
    run = CliRunner().invoke(build(), ["publish", str(folder), "--to", "hf", "--repo", "tester/cli", "--endpoint", sim.url, "--json"])
    assert run.exit_code == 0, run.output
    said = json.loads(run.stdout.strip().splitlines()[-1])
    assert (said["private"], said["sent"]) == (True, True)
    assert TOKEN not in run.output
    dry = CliRunner().invoke(build(), ["publish", str(folder), "--to", "folder", "--out", "x", "--dry-run"])
    assert "dry run" in dry.output


@pytest.mark.parametrize("to", HUBS)
def test_the_version_is_tagged_and_a_tag_is_never_moved(sim: Hub, folder: Path, to: str) -> None:
    assert publish(folder, to, "tester/set", endpoint=sim.url).notes == []
    repo = repos(sim, to)["tester/set"]
    assert repo.tags == {"v1.0.0": repo.sha}
    again = publish(folder, to, "tester/set", endpoint=sim.url)
    assert [n for n in again.notes if "another commit" in n] == []
    before = dict(repo.tags)
    repo.files["extra.txt"] = b"x"
    repo.commits.append("somebody else")
    said = publish(folder, to, "tester/set", endpoint=sim.url).notes
    assert repo.tags == before
    assert any("v1.0.0 was there already" in n for n in said)


def test_a_tag_that_the_hub_refuses_is_told(sim: Hub, folder: Path) -> None:
    sim.faults.append(Fault(r"POST .*repo/tag$", 404, times=99))
    plan = publish(folder, "modelscope", "tester/set", endpoint=sim.url)
    assert plan.verified == len(plan.files)
    assert any("v1.0.0 was not set" in n for n in plan.notes)
    sim.faults.append(Fault(r"POST .*tag/main$", 500, times=1))
    publish(folder, "hf", "tester/set", endpoint=sim.url)
    assert repos(sim, "hf")["tester/set"].tags, "tried again after a fault of the server"
