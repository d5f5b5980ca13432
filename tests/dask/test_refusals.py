"""Workers that differ from the client in what both must share are refused by name, before anything is computed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from contextlib import contextmanager
from pathlib import Path

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import ConfigError, WorkerRefusedError
from provenance.hashing import SCHEME
from tests.dask.pipeline import add, eager_add, source
from tests.dask.shell import PRELOAD, ROOT
from tests.parts import missing
from tests.servers.hosts import network

HERE = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture(scope="module")
def wires():
    """A host with a kernel of its own, and one that shares this machine's, like a container."""
    with network("other", "container") as wires:
        yield wires


@contextmanager
def scheduler(host="127.0.0.1"):
    """A client of a scheduler in this process that has no workers yet."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=0, host=host, dashboard_address="127.0.0.1:0") as cluster, Client(cluster) as client:
        yield client


def worker_command(client, *arguments, python=sys.executable):
    options = ["--no-nanny", "--no-dashboard", "--nthreads", "1"]
    return [python, "-m", "dask", "worker", client.cluster.scheduler_address, *options, *arguments]


@contextmanager
def worker(client, *arguments, python=sys.executable, **environment):
    """A worker of its own program; yields its address."""
    command = worker_command(client, *arguments, python=python)
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with Path("worker.log").open("ab") as log, subprocess.Popen(command, env=variables, stdout=log, stderr=log) as run:
        try:
            client.wait_for_workers(1, timeout=60)
            yield next(iter(client.scheduler_info()["workers"]))
        finally:
            run.terminate()


@contextmanager
def worker_on(client, host, *arguments, **environment):
    """A worker on another host."""
    variables = {"PYTHONPATH": str(ROOT), **environment}
    command = worker_command(client, *arguments, "--host", host.address)
    with host.running(*command, environment=variables, log=Path(f"{host.name}.log").absolute()):
        client.wait_for_workers(1, timeout=60)
        yield next(iter(client.scheduler_info()["workers"]))


# ---- versions


def another_version(folder, version, scheme=SCHEME):
    """A copy of the library that is called another version of it, and perhaps hashes by another scheme."""
    for package in ("provenance", "provenance_dask"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path, old, new in (
        ("__init__.py", f'__version__ = "{p.__version__}"', f'__version__ = "{version}"'),
        ("hashing/__init__.py", f"SCHEME: int = {SCHEME}", f"SCHEME: int = {scheme}"),
    ):
        text = (folder / "provenance" / path).read_text("utf-8")
        assert text.count(old) == 1
        (folder / "provenance" / path).write_text(text.replace(old, new), "utf-8")
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def test_another_version_of_the_library(configured, tmp_path, executions, log):
    with scheduler() as client, worker(client, **another_version(tmp_path / "lib", "9.8.7")) as address:
        with pytest.raises(WorkerRefusedError) as caught:
            add(source(1, log=log), 1, log=log).compute()
        assert (caught.value.worker, caught.value.host) == (address, p.run_info()["host"])
        assert caught.value.differences == (("provenance", p.__version__, "9.8.7"),)
        for part in (f"worker {address} on host", "provenance 9.8.7", f"provenance {p.__version__}", "environment"):
            assert part in str(caught.value)
        for way in (client.compute, dask.compute, pd.persist, lambda node: pd.connect(client)):
            with pytest.raises(WorkerRefusedError, match=r"9\.8\.7"):
                way(source(1, log=log))
        assert "provenance" not in client.run_on_scheduler(names_of_plugins)  # for workers of other clients
    assert executions.take() == []


def names_of_plugins(dask_scheduler):
    return list(dask_scheduler.worker_plugins)


def test_several_workers_and_several_differences(configured, tmp_path, executions, log):
    theirs = another_version(tmp_path / "lib", "9.8.7", scheme="77")
    with scheduler() as client, worker(client, **theirs), worker(client, **theirs):
        await_(lambda: len(client.scheduler_info()["workers"]) == 2)
        with pytest.raises(WorkerRefusedError) as caught:
            source(1, log=log).compute()
        first, second = sorted(client.scheduler_info()["workers"], key=caught.value.worker.__ne__)
    assert caught.value.differences == (("provenance", p.__version__, "9.8.7"), ("hash scheme", str(SCHEME), "77"))
    assert first in str(caught.value)
    assert caught.value.__notes__ == [f"and on 1 more: {second}"]
    assert executions.take() == []


def test_a_worker_that_comes_later_is_refused_its_tasks(configured, tmp_path, executions, log):
    """The others go on; it is the task that it gets that fails, and says which worker it was."""
    theirs = another_version(tmp_path / "lib", "9.8.7")
    with scheduler() as client:
        with worker(client):
            assert source(1, log=log).compute() == 1
        await_(lambda: not client.scheduler_info()["workers"])
        with worker(client, **theirs) as address, pytest.raises(WorkerRefusedError, match=address):
            source(2, log=log).compute()
    assert executions.take() == ["source"]


def await_(condition):
    for _ in range(600):
        if condition():
            return
        threading.Event().wait(0.05)
    raise TimeoutError(condition)


def test_a_worker_that_cannot_load_the_library(configured, tmp_path, executions, log):
    """All it has of it is what Dask loads in every process."""
    (tmp_path / "lib" / "provenance_dask").mkdir(parents=True)
    (tmp_path / "lib" / "provenance_dask" / "__init__.py").touch()
    shutil.copy(ROOT / "provenance_dask" / "sizes.py", tmp_path / "lib" / "provenance_dask")
    with scheduler() as client, worker(client, PYTHONPATH=str(tmp_path / "lib")) as address:
        with pytest.raises(WorkerRefusedError, match=r"cannot load .*No module named") as caught:
            source(1, log=log).compute()
        assert address in str(caught.value)
        assert p.__version__ in str(caught.value)
    assert executions.take() == []


def another_python():
    """The interpreter of another minor version that is on this machine, or None."""
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    managed = Path("~/.local/share/uv/python").expanduser()
    found = sorted(root.glob("versions/3.1[1-9]*/bin/python"))
    found += sorted(managed.glob("cpython-3.1[1-9]*/bin/python3"))
    found += [Path(f"/usr/bin/python3.{minor}") for minor in range(11, 20)]
    say = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    for python in found:
        if python.exists():
            done = subprocess.run([python, "-c", say], capture_output=True, text=True, check=False)
            if done.returncode == 0 and done.stdout.strip() != HERE:
                return str(python), done.stdout.strip()
    return None


def test_another_python(configured, tmp_path, executions, log):
    """With the packages of this one; in place of blake3, which is compiled, something that can be imported."""
    python, version = another_python() or missing("another Python")
    (tmp_path / "blake3.py").write_text("from hashlib import blake2b as blake3\n", "utf-8")
    packages = os.pathsep.join([str(tmp_path), str(ROOT), sysconfig.get_path("purelib")])
    with scheduler() as client, worker(client, python=python, PYTHONPATH=packages) as address:
        told = f"worker {address} .* Python {version}, .* Python {HERE}"
        with pytest.raises(WorkerRefusedError, match=told) as caught:
            source(1, log=log).compute()
        assert caught.value.differences == (("Python", HERE, version),)
    assert executions.take() == []


# ---- SQLite on other hosts


def test_sqlite_is_refused_on_another_host(wires, configured, tmp_path, executions, log):
    with (
        scheduler(wires.home) as client,
        worker_on(client, wires.hosts["other"]) as address,
        pytest.raises(WorkerRefusedError) as caught,
    ):
        add(source(1, log=log), 1, log=log).compute()
    here = p.run_info()["host"]
    assert (caught.value.worker, caught.value.host) == (address, "other")
    assert caught.value.differences == (("host", here, "other"),)
    for part in (f"worker {address} on host other", str(tmp_path / "p.db"), f"host {here}", "PostgreSQL", "'local'"):
        assert part in str(caught.value)
    assert executions.take() == []


def test_sqlite_is_shared_with_another_network_and_host_name_of_the_same_kernel(wires, configured, executions, log):
    """As in containers that have the folder."""
    with scheduler(wires.home) as client, worker_on(client, wires.hosts["container"]):
        result = add(source(1, log=log), 1, log=log).compute()
        assert result == 2
        assert result.artifact.run_info["host"] == "container"
    assert executions.take() == ["add", "source"]


# ---- results that would go elsewhere


def config_file(folder, config):
    (folder / "theirs.yaml").write_text(json.dumps(config), "utf-8")  # JSON is YAML
    return str(folder / "theirs.yaml")


@pytest.fixture
def elsewhere(sqlite_config, tmp_path):
    """A configuration whose repo has the name of the client's and is another one, as a file."""
    other = {"type": "sqlite", "db": str(tmp_path / "other.db"), "store": "disk"}
    return config_file(tmp_path, {**sqlite_config, "artifact_repos": {"local": other}})


def test_a_worker_whose_own_repo_is_another_one(configured, elsewhere, tmp_path, executions, log):
    with scheduler() as client, worker(client, *PRELOAD, DASK_PROVENANCE__CONFIG=elsewhere) as address:
        with dask.config.set({"provenance.connect": False}), pytest.raises(WorkerRefusedError) as caught:
            source(1, log=log).compute()
        for part in (f"worker {address}", str(tmp_path / "other.db"), str(tmp_path / "p.db"), "the same database"):
            assert part in str(caught.value)
        assert executions.take() == []
        assert source(1, log=log).compute() == 1  # where workers take over what the client has
        assert eager_add(1, 1, log=log) == 2
    assert p.get_default_repo().get_by_id(source(1).artifact_id).value == 1


def test_a_worker_whose_own_repo_is_the_same_under_another_address(configured, tmp_path, executions, log):
    (tmp_path / "link").symlink_to(tmp_path)
    same = {"type": "sqlite", "db": str(tmp_path / "link" / "p.db"), "store": "disk"}
    theirs = config_file(tmp_path, {**configured, "artifact_repos": {"local": same}})
    with (
        scheduler() as client,
        worker(client, *PRELOAD, DASK_PROVENANCE__CONFIG=theirs),
        dask.config.set({"provenance.connect": False}),
    ):
        assert source(1, log=log).compute() == 1
        assert executions.take() == ["source"]
        assert pd.plan(source(1, log=log)).to_run == 0
        now_other = {"type": "sqlite", "db": str(tmp_path / "other.db"), "store": "disk"}
        p.load_config({**configured, "artifact_repos": {"local": now_other}})
        with pytest.raises(WorkerRefusedError, match=r"/link/p\.db .*/other\.db"):
            source(2, log=log).compute()
    assert executions.take() == []


def test_an_error_of_configuring_a_worker_names_it(client, sqlite_config, tmp_path, log, monkeypatch):
    monkeypatch.setenv("ONLY_HERE", str(tmp_path))
    sqlite_config["artifact_repos"]["local"]["db"] = "${ONLY_HERE}/p.db"
    p.load_config(sqlite_config)
    with pytest.raises(ConfigError, match="ONLY_HERE") as caught:
        source(1, log=log).compute()
    first, second = client.scheduler_info()["workers"]
    told = "\n".join(caught.value.__notes__)
    assert "raised on worker tcp://" in told
    assert first in told
    assert second in told


def test_what_was_compared_is_not_compared_for_each_task(client, executions, log):
    client.run(count_comparisons)
    assert len(pd.compute([source(n, log=log) for n in range(20)])[0]) == 20
    assert pd.compute(*(add(source(n, log=log), n, log=log) for n in range(20)))[19] == 38
    assert set(client.run(comparisons).values()) == {1}


def count_comparisons():
    from provenance_dask import shipping

    compare = shipping.check_versions

    def counting(*arguments):
        counting.count += 1
        compare(*arguments)

    counting.count = 0
    shipping.check_versions = counting


def comparisons():
    from provenance_dask import shipping

    return shipping.check_versions.count


def test_a_configuration_that_means_something_else_on_the_worker(sqlite_config, tmp_path, executions, log, monkeypatch):
    """It is the same text, with another value of an environment variable."""
    monkeypatch.setenv("TEAM", "ours")
    sqlite_config["artifact_repos"]["local"]["db"] = str(tmp_path / "${TEAM}.db")
    p.load_config(sqlite_config)
    told = pytest.raises(WorkerRefusedError, match=r"/theirs\.db .*/ours\.db")
    with scheduler() as client, worker(client, TEAM="theirs"), told:
        source(1, log=log).compute()
    assert executions.take() == []
