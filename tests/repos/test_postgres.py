"""A PostgreSQL database is shared by hosts, and says what is wrong when it cannot be used."""

from __future__ import annotations

import pytest
from blake3 import blake3

from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.testing.repos import RepoContract


def open_repo(server, place, name="postgres", **options):
    """A repo with a schema of its own, named after a folder."""
    schema = f"t{blake3(f'{place}/{name}'.encode()).hexdigest(16)}"
    store = DiskStore(place / f"{name}-blobs")
    return SqlRepo(server.url(), store, name=name, **{"schema": schema, **options})


class TestPostgresRepo(RepoContract):
    @pytest.fixture(autouse=True)
    def on_server(self, postgres):
        self.server = postgres

    def make_repo(self, place, name="postgres", **options):
        return open_repo(self.server, place, name, **options)
