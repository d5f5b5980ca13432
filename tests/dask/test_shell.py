"""A cluster started from the shell with the preload: values go through the repo, and only ids through the scheduler."""

from __future__ import annotations

import json

import numpy as np
import pytest

import provenance as p
import provenance_dask as pd
from tests.dask.pipeline import Executions, block, block_sum, eager_add, weigh
from tests.dask.shell import shell_cluster

MEGABYTE = 1_000_000
LENGTH = MEGABYTE  # 8 MB of integers


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shell")


@pytest.fixture(scope="module")
def config_file(folder):
    """A configuration that workers read by themselves."""
    config = {
        "blobstores": {"disk": {"type": "disk", "cachedir": str(folder / "blobs")}},
        "artifact_repos": {"local": {"type": "sqlite", "db": str(folder / "p.db"), "store": "disk"}},
        "default_repo": "local",
    }
    (folder / "provenance.yaml").write_text(json.dumps(config), "utf-8")  # JSON is YAML
    return folder / "provenance.yaml"


@pytest.fixture(scope="module")
def wire(folder, config_file):
    with shell_cluster(folder, DASK_PROVENANCE__CONFIG=str(config_file)) as wire:
        yield wire


@pytest.fixture
def executions(folder):
    executions = Executions(folder / "executions")
    executions.take()
    return executions


@pytest.fixture
def client(wire, config_file):
    from distributed import Client

    p.load_yaml_config(str(config_file))
    with Client(wire.address) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


def test_workers_are_configured_by_the_preload(client, executions):
    """No client has connected them: an ordinary task is cached where their configuration says."""
    assert set(client.run(_repo_name).values()) == {"local"}
    assert client.submit(_adds, 1, executions.path).result() == 2
    assert eager_add(1, 1, log=executions.path) == 2
    assert executions.take() == ["eager_add"]


def _repo_name():
    return p.get_default_repo().name


def _adds(x, log):
    return p.unwrap(eager_add(x, 1, log=log))


def test_values_never_go_through_the_scheduler(client, wire, executions, log):
    before = wire.bytes
    sums = [block_sum(block(n, length=LENGTH, log=log), log=log) for n in range(16)]
    results = pd.compute(*sums, *(block(n, length=LENGTH, log=log) for n in range(16)))
    assert results[:16] == tuple(n * LENGTH for n in range(16))
    assert results[16][-1] == 0
    assert wire.bytes - before < MEGABYTE  # of 128 that were computed


def test_large_literals_are_stored_once_and_go_as_ids(client, wire, executions, folder, log):
    """200 MB of literals, of which 40 MB differ; a warning of Dask's about a large graph would be an error here."""
    stored, before = large_files(folder), wire.bytes
    literals = [np.full(LENGTH, 1000 + index % 5) for index in range(25)]
    nodes = [weigh(values, index, log=log) for index, values in enumerate(literals)]
    results = pd.compute(*nodes)
    assert results == tuple((1000 + index % 5) * LENGTH + index for index in range(25))
    assert wire.bytes - before < MEGABYTE
    assert len(large_files(folder) - stored) == 5


def large_files(folder):
    return {file for file in (folder / "blobs").rglob("*") if file.is_file() and file.stat().st_size > LENGTH}


def test_after_the_workers_lost_their_memory_nothing_is_computed_again(client, executions, log):
    def nodes():
        return [block_sum(block(100 + n, length=2048, log=log), log=log) for n in range(4)]

    (kept,) = pd.persist(nodes())
    assert pd.compute(kept)[0][1] == 101 * 2048
    assert executions.take() == ["block"] * 4 + ["block_sum"] * 4
    client.restart()
    client.wait_for_workers(2, timeout=60)
    assert pd.compute(*nodes()) == tuple((100 + n) * 2048 for n in range(4))
    assert executions.take() == []
    weights = [weigh(block(100 + n, length=2048, log=log), n, log=log) for n in range(4)]
    assert pd.compute(*weights) == tuple((100 + n) * 2048 + n for n in range(4))
    assert executions.take() == ["weigh"] * 4
