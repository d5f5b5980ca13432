"""A repo in the memory of the process."""

from __future__ import annotations

import os
import secrets
from typing import Unpack

from provenance.blobstores import MemoryStore
from provenance.repos.memory_rows import MemoryRows
from provenance.repos.options import RepoOptions
from provenance.repos.single import SingleRepo
from provenance.types import BlobStore, RecordPlace


class MemoryRepo(SingleRepo):
    """Keep artifacts in memory: for tests, for notebooks, and in front of a slow repo.

    Values are serialised here too, so that every reader gets a value of its own. What it holds is gone when the
    process ends; a forked process has a copy.

    Parameters
    ----------
    store : BlobStore, optional
        Where larger values lie; in memory too unless given.
    name : str
        What the repo is called in the configuration and in messages.
    grace_seconds : float
        How long bytes stay when nothing refers to them any more.
    **options
        See `provenance.repos.base.BaseRepo`.
    """

    def __init__(
        self,
        store: BlobStore | None = None,
        *,
        name: str = "memory",
        grace_seconds: float = 0.0,
        **options: Unpack[RepoOptions],
    ) -> None:
        self._identity = secrets.token_hex(8)
        own = MemoryStore(name=name) if store is None else store
        super().__init__(MemoryRows(), own, name, grace_seconds=grace_seconds, **options)

    def record_places(self) -> tuple[RecordPlace, ...]:
        """Return this memory, which is another one in a forked process."""
        address = f"the memory of process {os.getpid()}"
        return (RecordPlace(address, f"{self._identity}-{os.getpid()}", "process", self._permissions.write),)
