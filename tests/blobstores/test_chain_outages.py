"""Chains of stores whose members really are out of reach: servers that were killed, ports where nobody listens, folders
that are gone."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from provenance.blobstores import ChainedStore, DiskStore, FsspecStore, MemoryStore
from provenance.errors import BlobNotFoundError, StorageError, TierUnavailableError
from provenance.testing.blobstores import BIG, key_of
from tests.servers import s3 as s3_server
from tests.servers.processes import HOST, free_ports, running, temporary_folder

ONE_ATTEMPT = {"config_kwargs": {"retries": {"total_max_attempts": 1}, "connect_timeout": 2, "read_timeout": 5}}


def warnings_of(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("provenance") and record.levelno >= logging.WARNING
    ]


class RestartableS3:
    """An S3 server that can be killed and started again, with what it holds."""

    def __init__(self, folder):
        self._folder = folder
        self._ports = free_ports(10)
        self.server = s3_server.S3(f"http://{HOST}:{self._ports[0]}")
        (folder / "s3.json").write_text(json.dumps(s3_server._identities()))
        self._running = contextlib.ExitStack()

    def start(self, is_ready=lambda: True):
        """Start it, and wait until it has found what it holds."""
        environment = {"HOME": str(self._folder), "TMPDIR": str(self._folder)}
        command = s3_server._command(self._folder, self._ports)
        self._running.enter_context(
            running(
                command,
                self._folder,
                lambda: s3_server._has_bucket(self.server) and is_ready(),
                env=environment,
            )
        )

    def stop(self):
        self._running.close()


@pytest.fixture
def own_s3():
    with temporary_folder("s3") as folder:
        server = RestartableS3(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def s3_store(server, folder, **options):
    return FsspecStore(server.url(folder), {**server.storage_options, **ONE_ATTEMPT}, name="team", **options)


def test_an_s3_server_that_is_killed_and_started_again(own_s3, tmp_path, caplog):
    near, far = DiskStore(tmp_path, name="near"), s3_store(own_s3.server, "killed")
    patient = ChainedStore([near, far], name="patient", write_policy="any", retry_seconds=0)
    strict = ChainedStore([near, far], name="strict", on_unreachable="raise")
    both = patient.put(BIG).key
    distant = far.put(b"only there").key

    own_s3.stop()
    assert patient.get(both) == BIG
    unsent = patient.put(b"written during the outage").key
    patient.put(b"and more")
    for ask in (patient.get, patient.local_path, patient.__contains__):
        with pytest.raises(TierUnavailableError, match=r"'patient' cannot read in its member 'team'.*s3://"):
            ask(distant)
    with pytest.raises(TierUnavailableError, match=r"'strict' cannot write in its member 'team'.*stored in 'near'"):
        strict.put(b"for all")
    assert near.get(key_of(b"for all")) == b"for all"
    told = [text for text in warnings_of(caplog) if "'patient'" in text]
    assert 1 <= len(told) <= 2  # writing and reading were tried
    assert all(own_s3.server.secret not in text for text in warnings_of(caplog))

    def has_found_its_blobs():
        with contextlib.suppress(StorageError):
            return far.get(distant) == b"only there"
        return False

    own_s3.start(has_found_its_blobs)
    assert patient.get(distant) == b"only there"
    assert near.get(distant) == b"only there"
    assert unsent not in far
    assert strict.put(b"written during the outage").key in far


def test_a_port_where_nobody_listens(tmp_path, caplog):
    [port] = free_ports(1)
    options = {"key": "k", "secret": "hush", "endpoint_url": f"http://{HOST}:{port}", **ONE_ATTEMPT}
    near = DiskStore(tmp_path)
    chain = ChainedStore([FsspecStore("s3://bucket/x", options, name="nobody"), near], write_policy="any")
    for number in range(5):
        key = chain.put(b"%d" % number).key
        assert chain.get(key) == b"%d" % number
        assert key in chain
    assert 1 <= len(warnings_of(caplog)) <= 2
    with pytest.raises(TierUnavailableError, match="'nobody'"):
        chain.get(key_of(b"unknown"))


def test_a_folder_that_is_removed(tmp_path):
    near, far = DiskStore(tmp_path / "near"), MemoryStore()
    chain = ChainedStore([near, far])
    key = chain.put(BIG).key
    shutil.rmtree(tmp_path / "near")
    assert chain.get(key) == BIG
    assert near.get(key) == BIG  # made again by the copy
    with pytest.raises(BlobNotFoundError):
        chain.get(key_of(b"unknown"))


def test_a_file_where_a_folder_was(tmp_path, caplog):
    near, far = DiskStore(tmp_path / "near", name="near"), MemoryStore()
    chain = ChainedStore([near, far], write_policy="any", retry_seconds=3600)
    key = chain.put(BIG).key
    shutil.rmtree(tmp_path / "near")
    (tmp_path / "near").write_text("in the way")
    for _ in range(3):
        assert chain.get(key) == BIG
        assert chain.put(b"x").key in chain
    [warning] = [text for text in warnings_of(caplog) if "'near'" in text][:1]
    assert "out of reach" in warning
    assert len(warnings_of(caplog)) == 1


def become_somebody():
    """Be nobody who may look everywhere."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


@pytest.fixture
def closed_folder():
    """A folder with a blob in it that only root can look into."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    DiskStore(folder / "blobs").put(b"x")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    (folder / "blobs").chmod(0o000)
    yield folder / "blobs"
    (folder / "blobs").chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_that_may_not_be_looked_into(closed_folder, fork):
    key = key_of(b"x")

    def work():
        become_somebody()
        closed, far = DiskStore(closed_folder, name="closed", write=False), MemoryStore()
        with pytest.raises(StorageError, match=r"'closed' cannot look for .* give this process the right"):
            assert key in closed
        chain = ChainedStore([closed, far])
        with pytest.raises(TierUnavailableError, match="'closed'"):
            assert key in chain
        with pytest.raises(TierUnavailableError, match="'closed'"):
            chain.get(key)
        far.put(b"x")
        assert chain.get(key) == b"x"
        assert key in chain

    assert fork(work).exit_code() == 0
