"""Many blobs are on their way at the same time."""

from __future__ import annotations

import threading
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

import provenance as p
from provenance._util.payload import Buffers
from provenance.blobstores import FsspecStore, MemoryStore
from provenance.repos import copying
from provenance.repos.memory import MemoryRepo
from provenance.testing.drafts import a_draft, an_id
from tests.servers.delaying import delaying

COUNT = 40


@pytest.fixture
def source():
    return filled(MemoryRepo(name="source"), 20_000)


def filled(repo, size):
    for seed in range(COUNT):
        repo.save(replace(a_draft(seed), value=Buffers((seed.to_bytes(2, "big") * (size // 2),))))
    return repo


def test_a_distant_store_is_written_and_read_by_many_at_once(s3, source):
    with delaying(urlsplit(s3.endpoint).port, 0.01) as proxy:
        options = {**s3.storage_options, "endpoint_url": f"http://127.0.0.1:{proxy.port}"}
        far = MemoryRepo(FsspecStore(s3.url("parallel"), options), name="far")
        p.promote(map(an_id, range(COUNT)), far, from_repo=source)
        assert proxy.most_waiting >= 4
        proxy.most_waiting = 0
        back = MemoryRepo(name="back")
        p.promote(map(an_id, range(COUNT)), back, from_repo=far)
        assert proxy.most_waiting >= 4
        assert set(back.store.ids()) == set(source.store.ids())


def test_bytes_that_are_in_memory_at_once_are_limited(monkeypatch, source):
    """Threads wait for each other's bytes to be stored; a blob that is larger than the limit goes alone."""
    monkeypatch.setattr(copying, "_IN_FLIGHT_BYTES", 50_000)
    lock, two, three = threading.Lock(), threading.Event(), threading.Event()
    held, most = [], []

    class Watched(MemoryStore):
        def _put(self, payload, extension):
            with lock:
                held.append(payload.size)
                most.append(sum(held))
                at_once = len(held)
            if at_once == 2 and not two.is_set():
                two.set()
                three.wait(0.5)  # for a third one, which should not come
            elif at_once > 2:
                three.set()
            elif payload.size == 20_000:
                two.wait(30)  # the first one stays until another has come
            try:
                return super()._put(payload, extension)
            finally:
                with lock:
                    held.remove(payload.size)

    target = MemoryRepo(Watched(name="watched"))
    target.batch_put(source.batch_get_by_id(map(an_id, range(COUNT))))
    assert len(most) == COUNT
    assert 20_000 < max(most) <= 50_000
    large = MemoryRepo(name="large")
    for seed in range(3):
        large.save(replace(a_draft(seed), value=Buffers((bytes([seed]) * 60_000,))))
    other = MemoryRepo(Watched(name="watched"))
    other.batch_put([*large.batch_get_by_id([an_id(seed) for seed in range(3)])])
    assert most[COUNT:] == [60_000] * 3
