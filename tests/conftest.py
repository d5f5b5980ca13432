"""What holds for every test: it starts with an unconfigured library, in a folder of its own, and leaves no trace."""

from __future__ import annotations

import pytest

from provenance import state

pytest.register_assert_rewrite("provenance.testing")


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch, tmp_path):
    """No settings, no configuration from the environment, and nothing to be found upwards of the working directory."""
    for variable in ("PROVENANCE_CONFIG", "PROVENANCE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    before = state.settings()
    state.install(state.Settings())
    yield
    state.install(before)


# Servers are started by the first test in a process that wants one, and stopped when the process ends.


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server; see `tests.servers.postgres.Server`."""
    from tests.servers.postgres import postgres_server

    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session", params=["system", "wheel"])
def each_postgres(request):
    """A PostgreSQL server of the system, and then the one of the wheel."""
    from tests.servers.postgres import postgres_server

    with postgres_server(request.param) as server:
        yield server


@pytest.fixture
def line(postgres):
    """A relay in front of the PostgreSQL server, that can be cut; see `tests.servers.relay.Relay`."""
    from tests.servers.relay import relay

    with relay(postgres.socket) as running:
        yield running


@pytest.fixture(scope="session")
def pgbouncer(postgres):
    """The PostgreSQL server behind a pooler; see `tests.servers.pgbouncer.Pooler`."""
    from tests.servers.pgbouncer import pooler

    with pooler(postgres) as server:
        yield server


@pytest.fixture(scope="session")
def s3():
    """An S3 server with a bucket; see `tests.servers.s3.S3`."""
    from tests.servers.s3 import s3_server

    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def moto():
    """Another S3 server with a bucket, which takes any credentials; see `tests.servers.s3.S3`."""
    from tests.servers.moto_ import moto_server

    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def gcs():
    """A server of Google Cloud Storage with a bucket; see `tests.servers.gcs.Gcs`."""
    from tests.servers.gcs import gcs_server

    with gcs_server() as server:
        yield server


@pytest.fixture(scope="session")
def azure():
    """A server of Azure Blob Storage with a container; see `tests.servers.azure.Azure`."""
    from tests.servers.azure import azure_server

    with azure_server() as server:
        yield server


@pytest.fixture(scope="session")
def sftp():
    """An SSH server; see `tests.servers.sftp.Sftp`."""
    from tests.servers.sftp import sftp_server

    with sftp_server() as server:
        yield server
