"""Jobs: what was computed for them on workers, what they reused, and how they are listed."""

from __future__ import annotations

import subprocess
import sys

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import IncompleteSetWarning
from provenance.repos.memory import MemoryRepo
from tests.dask.pipeline import add, eager_add, fails, nests, now, plain_sum, slow, source, split, spreads, total, tree


def uses_of(job):
    """How a job used artifacts, by their names."""
    repo = p.get_default_repo()
    return sorted((p.load_artifact(key).name, used_as) for key, (used_as, _) in repo.job_uses(job.id).items())


def row_of(job):
    (row,) = [row for row in pd.jobs() if row.id == job.id]
    return row


def pipeline(log):
    parts = split(source(4, log=log), log=log)
    return total([add(parts["whole"], 1, log=log), nests(2, log=log)], log=log)


COMPUTED = [
    ("add", "computed"),
    ("eager_add", "nested"),
    ("nests", "computed"),
    ("source", "computed"),
    ("split", "computed"),
    ("split_tenth", "nested"),
    ("split_whole", "nested"),
    ("total", "computed"),
]
WAYS = {
    "compute": lambda client, node: pd.compute(node),
    "persist": lambda client, node: pd.persist(node),
    "dask.compute": lambda client, node: dask.compute(node),
    "client.compute": lambda client, node: client.compute(node),
    "client.persist": lambda client, node: client.persist(node),
    "delayed": lambda client, node: dask.delayed(plain)(node).compute(),
    "threads": lambda client, node: node.compute(scheduler="threads"),
    "sync": lambda client, node: dask.compute(node, scheduler="sync"),
    "processes": lambda client, node: node.compute(scheduler="processes"),
}


def plain(x):
    return p.unwrap(x)


@pytest.mark.parametrize("way", WAYS)
def test_a_job_has_what_was_computed_and_then_what_was_reused(client, log, way):
    with pd.job({"name": "nightly", "way": way}) as cold, p.capture_set() as captured:
        result = WAYS[way](client, pipeline(log))  # noqa: F841  futures live as long as it does
    assert uses_of(cold) == COMPUTED
    with pd.job("nightly") as warm:
        again = WAYS[way](client, pipeline(log))  # noqa: F841  as above
    assert uses_of(warm) == [(name, "hit") for name, _ in COMPUTED]
    assert p.get_default_repo().job_uses(cold.id).keys() == captured[0].artifact_ids
    first, second = row_of(cold), row_of(warm)
    assert (first.computed, first.hits, first.failed) == (8, 0, 0)
    assert (second.computed, second.hits, second.failed) == (0, 8, 0)
    assert first.labels == {"name": "nightly", "way": way}
    assert first.hosts == second.hosts == (p.run_info()["host"],)
    assert first.seconds_run == pytest.approx(second.seconds_saved)
    assert first.seconds_run > second.seconds_run == first.seconds_saved == 0
    assert first.start <= first.end <= second.start
    assert [row.id for row in pd.jobs(label="nightly")] == [warm.id, cold.id]


def test_a_job_that_lacks_half_computes_half(client, log):
    pd.compute(tree(4, log))
    with pd.job() as job:
        pd.compute(tree(8, log))
    row = row_of(job)
    assert (row.hits, row.computed) == (7, 8)
    assert job.labels == row.labels == {}


def test_what_a_body_has_the_cluster_compute_is_nested(client, log):
    with pd.job() as job, p.capture_set() as cold:
        spreads([1, 2], log=log).compute()
    assert uses_of(job) == [*[("add", "nested")] * 2, *[("source", "nested")] * 2, ("spreads", "computed")]
    with p.capture_set() as warm:
        dask.compute(spreads([1, 2], log=log))
    assert warm[0] == cold[0]
    assert len(cold[0]) == 5


def test_eager_calls_and_loads_belong_to_the_job(repo, log):
    loaded = eager_add(1, log=log).artifact
    with pd.job("eager") as job:
        eager_add(2, log=log)
        eager_add(1, log=log)
        p.load_artifact(loaded.id)
    assert uses_of(job) == [("eager_add", "computed"), ("eager_add", "hit")]


def test_uncached_calls_are_computed_each_time(client, log):
    for _ in range(2):
        with pd.job() as job:
            dask.compute(add(now(1, log=log), 1, log=log))
        assert ("now", "computed") in uses_of(job)


def test_work_that_was_handed_out_is_waited_for(client, log):
    with pd.job() as job, p.capture_set() as captured:
        (node,) = pd.persist(add(slow(0.5, log=log), 1, log=log))
    assert len(captured[0]) == 2
    assert (row_of(job).computed, node.status) == (2, "computed")


def test_what_cannot_be_waited_for_is_named(client, log):
    with pytest.warns(IncompleteSetWarning, match="1 of slow"), p.capture_set() as captured:
        client.compute(slow(0.3, log=log)).cancel()
    assert len(captured[0]) == 0


def test_a_graph_that_nobody_ran_is_named(repo, log):
    with pytest.warns(IncompleteSetWarning, match="1 of add"), p.capture_set():
        dask.delayed(plain)(add(1, 2, log=log))


def test_a_job_whose_block_raises_ends_with_what_it_used(client, log):
    add(1, 1, log=log).compute()
    failing = fails(source(5, log=log), log=log)
    with pytest.raises(LookupError), pd.job() as job:
        dask.compute(add(1, 1, log=log), failing)
    assert uses_of(job) == [("add", "hit"), ("source", "computed")]
    row = row_of(job)
    assert (row.failed, row.end is not None) == (1, True)


def test_what_failed_and_was_computed_then_has_not_failed(client, log, tmp_path):
    flag = tmp_path / "flag"
    with pd.job() as job:
        with pytest.raises(FileNotFoundError):
            pd.compute(fickle_file(str(flag)))
        flag.write_text("there")
        pd.compute(fickle_file(str(flag)))
    assert (row_of(job).failed, row_of(job).computed) == (0, 1)


@pd.provenance()
def fickle_file(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_a_job_is_listed_while_it_runs(client, log):
    with pd.job("running") as job:
        eager_add(1, log=log)
        row = pd.jobs(label="running").first()
        assert (row.id, row.end, row.computed, row.hits) == (job.id, None, 1, 0)
    assert row_of(job).end is not None


def test_a_job_whose_process_dies_is_listed_without_an_end(configured, log):
    program = f"""
import os
import provenance as p, provenance_dask as pd
from tests.dask.pipeline import add, source
p.load_config({configured!r})
with pd.job("dies") as job:
    pd.compute(add(source(1, log={log!r}), log={log!r}), scheduler="sync")
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    (row,) = pd.jobs()
    assert (row.labels, row.end, row.computed, row.hits) == ({"name": "dies"}, None, 2, 0)


def test_two_jobs_that_share_a_task_both_have_it(client, cluster, configured, log):
    from distributed import Client

    with pd.job("one") as one:
        future = client.compute(add(slow(0.5, log=log), 1, log=log))
        with Client(cluster) as other_client, other_client.as_current(), outside_of_jobs(), pd.job("other") as other:
            other_client.compute(add(slow(0.5, log=log), 1, log=log)).result()
        future.result()
    assert uses_of(one) == [("add", "computed"), ("slow", "computed")]
    assert uses_of(other) == [("add", "hit"), ("slow", "hit")]


class outside_of_jobs:  # noqa: N801  reads as a statement
    """Stands for another process: the job around it is not that of what is inside."""

    def __enter__(self):
        from provenance.engine import jobs, working

        self.undo = [(variable, variable.set(None)) for variable in (jobs._innermost, working._use)]

    def __exit__(self, *exc_info):
        for variable, token in self.undo:
            variable.reset(token)


def test_what_a_job_inside_of_another_uses_belongs_to_both(repo, log):
    eager_add(1, log=log)
    with pd.job("outer") as outer:
        eager_add(2, log=log)
        with pd.job("inner") as inner:
            eager_add(3, log=log)
            eager_add(1, log=log)
        eager_add(4, log=log)
    assert [used for _, used in uses_of(inner)] == ["computed", "hit"]
    assert [used for _, used in uses_of(outer)] == ["computed", "computed", "computed", "hit"]


def test_what_was_computed_into_another_repo_counts_as_computed(repo, log):
    other = MemoryRepo(name="elsewhere")
    p.state.change(repos={"elsewhere": other})
    try:
        with pd.job() as job:
            p.provenance(name="far", repo=other)(lambda: 1)()
        (use,) = repo.job_uses(job.id).values()
        assert use[0] == "computed"
    finally:
        p.state.change(repos={})


def test_an_ordinary_task_is_outside_of_the_job(client, log):
    pd.connect(client)
    with pd.job() as job:
        assert client.submit(plain_sum, 1, log).result() == 2
    assert uses_of(job) == []


def test_keys_of_tasks_are_the_same_in_every_job(repo, log):
    keys = []
    for _ in range(2):
        with pytest.warns(IncompleteSetWarning, match="1 of add"), pd.job():
            keys.append(add(1, 2, log=log).__dask_keys__())
    assert keys[0] == keys[1]


def test_jobs_are_not_read_by_unpickling(client, log, tmp_path):
    with pd.job() as job:
        pd.compute(heavy_marker(str(tmp_path / "unpickled")))
    (tmp_path / "unpickled").unlink(missing_ok=True)
    assert row_of(job).computed == 1
    assert not (tmp_path / "unpickled").exists()


class Marker:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return _marked, (self.path,)

    def value_repr(self):
        return self.path


def _marked(path):
    with open(path, "w", encoding="utf-8"):
        return Marker(path)


@pd.provenance()
def heavy_marker(path):
    return Marker(path)


def test_labels_that_are_not_json_are_refused_before_anything_runs(repo):
    ran = []
    with pytest.raises(p.InvalidLabelsError), pd.job({"x": object()}):
        ran.append(1)
    assert (ran, list(pd.jobs())) == ([], [])


def test_a_repo_that_may_not_be_written_has_no_jobs():
    with p.using_repo(MemoryRepo(write=False)), pytest.raises(p.PermissionDeniedError, match="write"), pd.job():
        pass


def test_jobs_are_listed_in_a_few_queries(configured, log, monkeypatch):
    for number in range(30):
        with pd.job("many"):
            eager_add(number, log=log)
    database = p.get_default_repo()._rows._database
    queries = []
    real = type(database).fetch_all
    monkeypatch.setattr(type(database), "fetch_all", lambda self, *args: queries.append(args) or real(self, *args))
    assert [row.computed for row in pd.jobs(label="many")] == [1] * 30
    assert len(queries) == 4
