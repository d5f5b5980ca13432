"""Settings hold for the process, overlays for a context; and what is recorded about the process."""

from __future__ import annotations

import os
import threading

import pytest

import provenance as p
from provenance.engine import run
from provenance.repos.memory import MemoryRepo


def in_thread(fn):
    results = []
    thread = threading.Thread(target=lambda: results.append(fn()))
    thread.start()
    thread.join()
    return results[0]


def test_the_default_repo_holds_in_all_threads():
    repo = MemoryRepo(name="mine")
    p.set_default_repo(repo)
    assert in_thread(p.get_default_repo) is repo


def test_using_repo_nests_and_holds_in_its_own_context_only(repo):
    p.set_default_repo(MemoryRepo(name="default"))
    inner = MemoryRepo(name="inner")
    with p.using_repo(inner) as used:
        assert used is inner
        assert p.get_default_repo() is inner
        assert in_thread(p.get_default_repo).name == "default"
    assert p.get_default_repo() is repo


def test_repos_are_found_by_name(repo):
    named = MemoryRepo(name="named")
    p.state.change(repos={"named": named})
    assert p.get_repo_by_name("named") is named
    with p.using_repo("named"):
        assert p.get_default_repo() is named
    p.set_default_repo("named")
    assert in_thread(p.get_default_repo) is named
    with pytest.raises(p.ConfigError, match="named"):
        p.get_repo_by_name("other")


def test_settings_hold_in_all_threads():
    for get, change in [
        (p.get_use_cache, p.set_use_cache),
        (p.get_read_only, p.set_read_only),
        (p.get_check_mutations, p.set_check_mutations),
    ]:
        before = get()
        change(not before)
        assert in_thread(get) is (not before)
        change(before)


def test_run_info_tells_about_the_process_and_is_made_once():
    info = p.run_info()
    assert info["pid"] == os.getpid()
    assert {"host", "user", "argv", "cwd", "python", "platform", "git_commit", "started_at"} <= set(info)
    info["pid"] = 0
    assert p.run_info()["pid"] == os.getpid()


@pytest.mark.parametrize("in_place", [True, False])
def test_run_info_fn_adds_facts(in_place):
    seen = []

    def add(info):
        seen.append(info["pid"])
        if in_place:
            info["build"] = 7
            return None
        return {**info, "build": 7}

    p.set_run_info_fn(add)
    f = p.provenance(name="f")(lambda n: n)
    assert f(1).artifact.run_info["build"] == 7
    assert f(2).artifact.run_info["build"] == 7
    assert p.run_info()["build"] == 7
    assert seen == [os.getpid()]


def test_a_run_info_fn_that_returns_something_else_is_refused():
    p.set_run_info_fn(lambda info: [1])
    with pytest.raises(p.UsageError, match="run_info_fn"):
        p.run_info()


def test_a_forked_process_has_a_run_of_its_own():
    parent = run.current_run().id
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, run.current_run().id.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 64).decode() != parent
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("layout", ["loose", "packed", "detached", "unborn", "none"])
def test_the_git_commit_is_read_from_the_files_of_git(layout, tmp_path, monkeypatch):
    commit = "c" * 40
    git = tmp_path / ".git"
    if layout != "none":
        (git / "refs" / "heads").mkdir(parents=True)
        (git / "HEAD").write_text(commit if layout == "detached" else "ref: refs/heads/main\n")
    if layout == "loose":
        (git / "refs" / "heads" / "main").write_text(commit + "\n")
    if layout == "packed":
        (git / "packed-refs").write_text(f"# pack-refs\n{'d' * 40} refs/heads/x\n{commit} refs/heads/main\n")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    p.set_run_info_fn(lambda info: None)
    assert p.run_info()["git_commit"] == (None if layout in ("none", "unborn") else commit)


def test_a_working_directory_that_is_gone_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    p.set_run_info_fn(lambda info: None)
    assert p.run_info()["cwd"] is None
    monkeypatch.chdir(tmp_path)
