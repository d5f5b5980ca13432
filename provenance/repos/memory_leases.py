"""Leases in a dict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from itertools import count
from time import monotonic

from provenance.types import ArtifactId, ArtifactRecord, Claim, Lease


class MemoryLeases:
    """Who computes what, in the memory of the process.

    Parameters
    ----------
    artifacts : mapping
        What is stored.
    locked : callable
        Locks that, and the leases.
    """

    def __init__(
        self,
        artifacts: Mapping[ArtifactId, ArtifactRecord],
        locked: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._artifacts = artifacts
        self._locked = locked
        self._held: dict[ArtifactId, tuple[Lease, float]] = {}
        self._fences = count(1)

    def acquire(self, artifact_id: ArtifactId, holder: str, seconds: float) -> Claim:
        """Ask for the lease of an artifact that is not stored."""
        with self._locked():
            record = self._artifacts.get(artifact_id)
            if record is not None:
                return Claim(record=record)
            known = self._held.get(artifact_id)
            if known is not None and known[1] > monotonic() and known[0].holder != holder:
                return Claim()
            lease = Lease(artifact_id, holder, next(self._fences))
            self._held[artifact_id] = (lease, monotonic() + seconds)
            return Claim(lease=lease)

    def renew(self, leases: Collection[Lease], seconds: float) -> set[Lease]:
        """Let leases last so long from now, and return those that were not taken over."""
        with self._locked():
            held = {lease for lease in leases if self._has(lease)}
            self._held.update({lease.artifact_id: (lease, monotonic() + seconds) for lease in held})
            return held

    def release(self, lease: Lease) -> None:
        """End a lease, unless it was taken over."""
        with self._locked():
            if self._has(lease):
                del self._held[lease.artifact_id]

    def is_held(self, lease: Lease, artifact_id: ArtifactId) -> bool:
        """Whether a lease still holds for an artifact that is being stored; its own one ends with that."""
        with self._locked():
            held = self._has(lease)
            if held and lease.artifact_id == artifact_id:
                del self._held[artifact_id]
            return held

    def _has(self, lease: Lease) -> bool:
        known = self._held.get(lease.artifact_id)
        return known is not None and known[0] == lease
