"""Every repo keeps the same promises."""

from __future__ import annotations

import pytest

from provenance.blobstores import DiskStore, MemoryStore
from provenance.errors import ConfigError
from provenance.repos.chained import ChainedRepo
from provenance.repos.memory import MemoryRepo
from provenance.repos.sql import SqlRepo
from provenance.testing.repos import RepoContract


def memory(place, name, **options):
    # Opened again, it is the same: there is no other memory that could hold it.
    return MemoryRepo(MemoryStore(), name=name, **options)


def sqlite(place, name, **options):
    return SqlRepo(place / f"{name}.db", DiskStore(place / f"{name}-blobs"), name=name, **options)


class TestMemoryRepo(RepoContract):
    def make_repo(self, place, name="memory", **options):
        return memory(place, name, **options)


class TestSqliteRepo(RepoContract):
    def make_repo(self, place, name="sqlite", **options):
        return sqlite(place, name, **options)


class ChainContract(RepoContract):
    members = ()
    write_policy = "all"
    on_unreachable = "skip"

    def make_repo(self, place, name="chained", grace_seconds=0.0, **options):
        made = [
            make(place, f"member{position}", grace_seconds=grace_seconds) for position, make in enumerate(self.members)
        ]
        return ChainedRepo(
            made, name=name, write_policy=self.write_policy, on_unreachable=self.on_unreachable, **options
        )

    def stores(self, repo):
        written = repo.repos[:1] if self.write_policy == "first" else repo.repos
        return [member.store for member in written]


class TestMemoryBeforeSqlite(ChainContract):
    members = (memory, sqlite)


class TestSqliteBeforeSqlite(ChainContract):
    members = (sqlite, sqlite)


class TestSqliteBeforeMemoryByFirst(ChainContract):
    members = (sqlite, memory)
    write_policy = "first"


class TestMemoryBeforeSqliteByAny(ChainContract):
    members = (memory, sqlite)
    write_policy = "any"
    on_unreachable = "raise"


def test_a_chain_needs_a_member():
    with pytest.raises(ConfigError, match="at least one member"):
        ChainedRepo([], name="empty")
