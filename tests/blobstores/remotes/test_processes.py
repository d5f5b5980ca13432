"""Remote stores in threads, in forked processes, and in those of a Dask cluster."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import provenance as p
from provenance.blobstores import FsspecStore
from provenance.testing.blobstores import key_of

SERVERS = ("s3", "gcs", "azure", "sftp")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture(params=SERVERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FsspecStore:
    server = request.getfixturevalue(request.param)
    place = tmp_path / "blobs" if request.param == "sftp" else f"processes/{tmp_path.name}"
    return FsspecStore(server.url(place), server.storage_options)


class TestForks:
    def test_a_forked_process_has_connections_of_its_own(self, store: FsspecStore, fork: Any) -> None:
        store.put(b"parent")

        def work() -> None:
            assert store.get(key_of(b"parent")) == b"parent"
            store.put(b"child")

        assert [process.exit_code() for process in [fork(work), fork(work)]] == [0, 0]
        assert store.get(key_of(b"child")) == b"child"
        store.put(b"parent again")
        assert len(list(store.ids())) == 3

    def test_forks_while_threads_are_at_work(self, store: FsspecStore, fork: Any) -> None:
        with ThreadPoolExecutor(4) as pool:
            puts = [pool.submit(store.put, b"%d" % number) for number in range(40)]
            children = [fork(lambda: store.put(b"child")) for _ in range(3)]
            keys = {put.result().key for put in puts}
        assert [child.exit_code() for child in children] == [0, 0, 0]
        assert set(store.ids()) == keys | {key_of(b"child")}

    def test_a_store_that_was_not_used_before_the_fork(self, store: FsspecStore, fork: Any) -> None:
        assert fork(lambda: store.put(b"child")).exit_code() == 0
        assert store.get(key_of(b"child")) == b"child"


def test_many_threads_share_a_store(store: FsspecStore) -> None:
    def work(number: int) -> None:
        data = os.urandom(20_000)
        ref = store.put(data)
        assert ref.key in store
        assert store.get(ref.key) == data
        if number % 2:
            store.delete(ref.key)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(64)))
    assert len(list(store.ids())) == 32


def test_more_objects_than_a_page_holds(s3: Any, tmp_path: Path) -> None:
    """A page of S3 has 1,000."""
    store = FsspecStore(s3.url(f"many/{tmp_path.name}"), s3.storage_options)
    store.batch_put([b"%d" % number for number in range(1100)])
    keys = list(store.ids())
    assert len(keys) == len(set(keys)) == 1100


def test_stores_of_one_process_share_a_connection(s3: Any) -> None:
    one, other = (FsspecStore(s3.url(name), s3.storage_options) for name in ("one", "other"))
    another = FsspecStore(s3.url("one"), {**s3.storage_options, "default_block_size": 1 << 20})
    filesystems = [store._here()._filesystem for store in (one, other, another)]
    assert filesystems[0] is filesystems[1]
    assert filesystems[0] is not filesystems[2]


def test_a_dask_cluster(s3: Any, tmp_path: Path) -> None:
    """Workers get there by the configuration; what they store is found by the client."""
    from distributed import Client, LocalCluster

    import provenance_dask

    p.load_config(
        {
            "blobstores": {"s3": {"type": "s3", "basepath": f"{s3.bucket}/dask", "s3_config": s3.storage_options}},
            "artifact_repos": {"db": {"type": "sqlite", "db": str(tmp_path / "artifacts.db"), "store": "s3"}},
        }
    )
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, local_directory=tmp_path) as cluster,
        Client(cluster) as client,
    ):
        provenance_dask.connect(client)
        nodes = [provenance_dask.lazy(make)(number) for number in range(6)]
        results = provenance_dask.compute(*nodes)
    assert [bytes(result)[:1] for result in results] == [b"%d" % number for number in range(6)]
    assert all(result.artifact.record.value_blob is not None for result in results)
    assert pickle.loads(pickle.dumps(results[0])) == results[0]


@p.provenance()
def make(number):
    return b"%d" % number * 50_000
