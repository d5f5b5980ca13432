"""The server that tests of PostgreSQL share; it is started by the first of them in a process."""

from __future__ import annotations

import pytest

from tests.repos.servers import postgres_server


@pytest.fixture(scope="session")
def postgres():
    with postgres_server() as server:
        yield server
