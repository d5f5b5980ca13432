"""Stored results that are lost or damaged are computed again by whoever meets them, and are whole afterwards."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path

import dask
import numpy as np
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import BlobCorruptError, BlobNotFoundError
from provenance.repos.memory import MemoryRepo
from provenance_dask.lost import Repairs
from tests.dask.pipeline import block, block_of, block_pair, block_sum, fickle, note, over, uncached_block

TOTAL = 3 * 2048


def damage(*artifacts):
    """Overwrite the stored bytes of values, whose size stays, and forget what this process has verified."""
    for artifact in artifacts:
        file = file_of(artifact)
        file.chmod(0o644)
        file.write_bytes(b"x" * file.stat().st_size)
    p.load_config(p.current_config())


def file_of(artifact):
    key = artifact.record.value_blob.key
    folder = Path(p.current_config()["blobstores"]["disk"]["cachedir"])
    (file,) = (found for found in folder.rglob("*") if found.is_file() and key.endswith(found.name))
    return file


def is_sound(artifact_id):
    """Whether the stored value can be read."""
    p.load_config(p.current_config())
    return p.load_proxy(artifact_id)[0] == 3


@pytest.fixture
def stored(configured, executions, log):
    """A stored block whose bytes are damaged."""
    result = block(3, log=log).compute(scheduler="sync")
    damage(result.artifact)
    assert executions.take() == ["block"]
    return result.artifact_id


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_a_damaged_input_is_computed_again(stored, executions, log, scheduler):
    assert block_sum(block(3, log=log), log=log).compute(scheduler=scheduler) == TOTAL
    assert executions.take() == ["block", "block_sum"]
    assert is_sound(stored)


@pytest.mark.parametrize("way", ["dask.compute", "delayed", "persist"])
def test_a_damaged_input_is_computed_again_by_other_ways(stored, executions, log, way):
    node = block_sum(block(3, log=log), log=log)
    if way == "dask.compute":
        (result,) = dask.compute(node, scheduler="sync")
    elif way == "delayed":
        result = dask.delayed(p.unwrap)(node).compute(scheduler="sync")
    else:
        result = node.persist(scheduler="sync").compute(scheduler="sync")
    assert result == TOTAL
    assert executions.take() == ["block", "block_sum"]
    assert is_sound(stored)


def test_a_damaged_proxy_among_the_arguments_is_computed_again(stored, executions, log):
    assert block_sum(p.load_proxy(stored), log=log).compute(scheduler="sync") == TOTAL
    assert executions.take() == ["block", "block_sum"]
    assert is_sound(stored)


def test_a_damaged_result_is_computed_again_when_it_is_used(stored, executions, log):
    result = block(3, log=log).compute(scheduler="sync")
    assert executions.take() == []
    assert result.sum() == TOTAL
    assert executions.take() == ["block"]
    assert is_sound(stored)


def test_everything_above_that_is_damaged_is_computed_again(configured, executions, log):
    chain = over(over(block(3, log=log), log=log), log=log)
    damage(*p.dependencies(chain.compute(scheduler="sync")))
    executions.take()
    assert block_sum(chain, log=log).compute(scheduler="sync") == TOTAL + 2 * 2048
    assert executions.take() == ["block", "block_sum", "over", "over"]


def test_damaged_members_of_composites_are_computed_again(configured, executions, log):
    pair = block_pair(3, log=log)
    result = pair.compute(scheduler="sync")
    damage(result["one"].artifact)
    executions.take()
    assert block_sum(pair["one"], log=log).compute(scheduler="sync") == TOTAL
    assert executions.take() == ["block_pair", "block_sum"]
    assert is_sound(result["one"].artifact_id)


def test_damaged_results_that_are_never_looked_up_are_computed_again(configured, executions, log):
    proxy = p.load_proxy(uncached_block(3, log=log).compute(scheduler="sync").artifact_id)
    damage(proxy.artifact)
    executions.take()
    assert block_sum(p.load_proxy(proxy.artifact_id), log=log).compute(scheduler="sync") == TOTAL
    assert executions.take() == ["block_sum", "uncached_block"]


# ---- where the worker cannot tell how the input came about: the graph knows


def local_block(**options):
    """A function that no name leads to."""

    @pd.provenance(name="local_block", **options)
    def make(number, log=None):
        note(log, "local")
        return np.full(2048, number)

    return make


@pytest.mark.parametrize("options", [{"ignore": ["log"]}, {"remove": ["log"]}])
def test_a_function_that_cannot_be_imported_is_known_to_the_graph(configured, executions, log, options):
    make = local_block(**options)
    result = make(3, log=log).compute(scheduler="sync")
    damage(result.artifact)
    executions.take()
    node = make(3, log=log)
    assert block_sum(node, log=log).compute(scheduler="sync") == TOTAL
    assert executions.take() == ["block_sum", "local"]
    assert is_sound(result.artifact_id)
    assert block_sum(make(3, log=log), log=log).compute(scheduler="sync") == TOTAL
    assert executions.take() == []
    assert not node.step.is_lost


def test_several_such_inputs_are_computed_again(configured, executions, log):
    make = local_block(ignore=["log"])
    damage(*(make(n, log=log).compute(scheduler="sync").artifact for n in range(4)))
    executions.take()
    sums = [block_sum(make(n, log=log), log=log) for n in range(4)]
    assert pd.compute(*sums, scheduler="sync") == (0, 2048, 4096, 6144)
    assert set(executions.take()) == {"block_sum", "local"}


def test_members_of_such_composites_are_computed_again(configured, executions, log):
    @pd.provenance(name="local_pair", returns_composite=True, ignore=["log"])
    def pair(number, log=None):
        note(log, "pair")
        return {"one": np.full(2048, number), "other": 1}

    result = pair(3, log=log).compute(scheduler="sync")
    damage(result["one"].artifact)
    executions.take()
    assert block_sum(pair(3, log=log)["one"], log=log).compute(scheduler="sync") == TOTAL
    assert executions.take() == ["block_sum", "pair"]
    assert is_sound(result["one"].artifact_id)


def test_what_comes_out_otherwise_is_what_the_rest_is_made_of(configured, executions, log):
    """A function that does not keep its promise: what depends on it is keyed by the value it gave last."""
    result = fickle(3, log=log).compute(scheduler="sync")
    damage(result.artifact)
    executions.take()
    total = block_sum(fickle(3, log=log), log=log).compute(scheduler="sync")
    assert executions.take().count("block_sum") == 1
    p.load_config(p.current_config())
    last = p.load_proxy(result.artifact_id)
    assert total == last.sum() > 2048
    assert total.artifact.input_hashes["kargs['values']"] == p.hash(last)
    assert p.hash(last) == p.hash(p.unwrap(last))


class Damaged(MemoryRepo):
    """Its bytes stay where they are when they turn out to be damaged, as those of a store that is not written."""

    def __init__(self):
        super().__init__(name="damaged")
        self.damaged = set()

    def load_value(self, record):
        if record.id in self.damaged:
            message = "damaged"
            raise BlobCorruptError(message)
        return super().load_value(record)

    def save(self, draft):
        self.damaged.discard(draft.record.id)
        return super().save(draft)


def _by_id(dsk, keys, **kwargs):
    """A scheduler between whose tasks results travel as ids."""
    graph, results = dict(dsk), {}

    def result_of(key):
        if key not in results:
            task = graph[key]
            results[key] = task({name: pickle.loads(pickle.dumps(result_of(name))) for name in task.dependencies})
        return results[key]

    return [result_of(key) for key in keys]


def test_bytes_that_stay_damaged_are_no_hit_when_the_graph_is_sent_again(executions, log):
    repo = Damaged()
    p.set_default_repo(repo)
    make = local_block(ignore=["log"])
    repo.damaged.add(make(3, log=log).compute(scheduler="sync").artifact_id)
    executions.take()
    assert block_sum(make(3, log=log), log=log).compute(scheduler=_by_id) == TOTAL
    assert executions.take() == ["block_sum", "local"]
    node = make(4, log=log)
    repo.damaged.add(node.compute(scheduler="sync").artifact_id)
    assert block_sum(node, log=log).compute(scheduler=_by_id) == 4 * 2048


def test_what_was_not_recorded_is_not_made_up(configured, executions, log):
    """The argument `log` was removed and has no default: only the graph knows it."""
    stored = block_of(3, log).compute(scheduler="sync")
    damage(stored.artifact)
    executions.take()
    with pytest.raises(BlobCorruptError):
        block_sum(p.load_proxy(stored.artifact_id), log=log).compute(scheduler="sync")
    assert block_sum(block_of(3, log), log=log).compute(scheduler="sync") == TOTAL
    assert executions.take() == ["block_of", "block_sum"]


def test_it_is_repaired_where_it_is_stored(configured, executions, log, tmp_path):
    configured["artifact_repos"]["other"] = {"type": "sqlite", "db": str(tmp_path / "other.db"), "store": "disk"}
    p.load_config(configured)
    with p.using_repo("other"):
        stored = block(3, log=log).compute(scheduler="sync").artifact
    damage(stored)
    other = p.get_repo_by_name("other")
    assert block_sum(other[stored.id].proxy(), log=log).compute(scheduler="sync") == TOTAL
    assert executions.take() == ["block", "block", "block_sum"]
    assert stored.id not in p.get_default_repo()
    with p.using_repo("other"):
        assert is_sound(stored.id)


def test_another_version_of_the_function_is_not_asked(stored, executions, log, monkeypatch):
    @pd.provenance(version=2, ignore=["log"])
    def block(number, length=2048, log=None):
        note(log, "wrong")
        return np.full(length, -1)

    monkeypatch.setattr("tests.dask.pipeline.block", block)
    with pytest.raises(BlobCorruptError):
        block_sum(p.load_proxy(stored), log=log).compute(scheduler="sync")
    assert executions.take() == []


# ---- what cannot be helped is an error that names the artifact


def test_a_proxy_that_nobody_can_compute_is_an_error(configured, log):
    proxy = local_block(ignore=["log"])(3, log=log).compute(scheduler="sync")
    damage(proxy.artifact)
    with pytest.raises(BlobCorruptError) as caught:
        block_sum(p.load_proxy(proxy.artifact_id), log=log).compute(scheduler="sync")
    assert caught.value.artifact_id == proxy.artifact_id


def test_outside_of_tasks_a_bare_proxy_is_an_error(stored):
    with pytest.raises(BlobCorruptError) as caught:
        p.load_proxy(stored).sum()
    assert caught.value.artifact_id == stored


def test_it_is_not_tried_for_ever(stored, log):
    node = block(3, log=log)
    error = BlobNotFoundError("gone")
    error.artifact_id = stored
    with Repairs() as repairs:
        tried = list(
            itertools.takewhile(lambda _: repairs.note(error, {node.step: p.load_artifact(stored)}), range(99))
        )
        assert node.step.is_lost
    assert 1 < len(tried) < 20
    assert not node.step.is_lost


def test_workers_repair_what_they_meet(client, executions, log):
    result = block(3, log=log).compute()
    damage(result.artifact)
    client.run(p.load_config, p.current_config())
    executions.take()
    assert client.compute(block_sum(block(3, log=log), log=log)).result() == TOTAL
    assert executions.take() == ["block", "block_sum"]
    assert is_sound(result.artifact_id)


def test_a_held_result_is_no_obstacle(client, executions, log):
    """The first worker still holds the value; the second cannot read it, and the scheduler must not offer it again."""
    here, there = client.scheduler_info()["workers"]
    make = local_block(ignore=["log"])
    (kept,) = pd.persist(make(3, log=log), workers=[here])
    damage(kept.compute().artifact)
    client.run(p.load_config, p.current_config())
    executions.take()
    assert pd.compute(block_sum(make(3, log=log), log=log), workers=[there]) == (TOTAL,)
    assert executions.take() == ["block_sum", "local"]


def test_a_cluster_gets_again_what_its_workers_cannot_repair(client, executions, log):
    make = local_block(ignore=["log"])
    result = make(3, log=log).compute()
    damage(result.artifact)
    client.run(p.load_config, p.current_config())
    executions.take()
    assert block_sum(make(3, log=log), log=log).compute() == TOTAL
    assert executions.take() == ["block_sum", "local"]
    assert is_sound(result.artifact_id)
