"""Workers that cannot reach the database while the client can: an error that says so, or results all the same."""

from __future__ import annotations

import itertools

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import RepoUnreachableError
from tests.dask.mortal import await_that
from tests.dask.pipeline import add, block, block_sum, source, total


@pytest.fixture
def apart(client, postgres, line, tmp_path):
    """Gives workers a configuration in which they reach the client's database through a relay that can be cut."""

    def config(db, **options):
        repo = {"type": "postgres", "db": db, "schema": tmp_path.name[:40], "store": "disk", **options}
        return {
            "blobstores": {"disk": {"type": "disk", "cachedir": str(tmp_path / "shared-blobs")}},
            "artifact_repos": {"shared": repo},
            "default_repo": "shared",
        }

    def connect(**options):
        p.load_config(config(postgres.url("provenance_tests")))
        pd.connect(client, config(line.url("provenance_tests"), journal=str(tmp_path / "journal"), **options))

    with dask.config.set({"provenance.connect": False}):
        yield connect
    line.down = False


def test_a_worker_that_cannot_reach_the_database_says_so(apart, line, executions, log):
    apart()
    assert source(1, log=log).compute() == 1
    line.down = True
    with pytest.raises(RepoUnreachableError) as caught:
        add(source(1, log=log), 1, log=log).compute()
    assert str(line.port) in str(caught.value)
    assert caught.value.__notes__[0].startswith("in the call tests.dask.pipeline.add(a=<artifact ")
    assert executions.take() == ["source"]
    line.down = False
    assert add(source(1, log=log), 1, log=log).compute() == 2
    assert executions.take() == ["add"]
    assert p.failed_calls() == []


def test_a_stored_input_that_a_worker_cannot_read_is_an_error_all_the_same(apart, line, executions, log):
    apart(on_repo_error="compute")
    node = add(block_sum(block(1, log=log), log=log), 1, log=log)
    block(1, log=log).compute()
    executions.take()
    line.down = True
    with pytest.raises(RepoUnreachableError) as caught:
        node.compute()
    assert caught.value.__notes__[0].startswith("in the call tests.dask.pipeline.block_sum(values=<artifact ")
    assert executions.take() == []
    line.down = False
    assert node.compute() == 2049
    assert executions.take() == ["add", "block_sum"]


def test_a_worker_may_compute_what_it_cannot_look_up(apart, line, executions, log):
    apart(on_repo_error="compute")
    assert source(1, log=log).compute() == 1
    assert executions.take() == ["source"]
    line.down = True

    def node():
        return total([add(source(number, log=log), 1, log=log) for number in range(10, 14)], log=log)

    assert node().compute() == 50
    assert executions.take() == ["add"] * 4 + ["source"] * 4 + ["total"]
    assert pd.plan(node()).to_run > 0  # nothing of it is stored yet
    line.down = False
    numbers = itertools.count(100)
    await_that(lambda: is_replayed(node(), next(numbers), log), "nothing is stored later")
    executions.take()
    assert node().compute() == 50
    assert executions.take() == []


def is_replayed(node, number, log):
    """Whether a node is stored, after workers have used the repo once more."""
    source(number, log=log).compute()
    return pd.plan(node).to_run == 0
