"""Leases of a chain: those of one of its members."""

from __future__ import annotations

from collections.abc import Collection

from provenance.blobstores.tiers import Tiers
from provenance.errors import TierUnavailableError
from provenance.repos.base import BaseRepo
from provenance.types import ArtifactId, Claim, Lease, Leases


class ChainedLeases:
    """The leases of one member, who is left alone for a while when it is out of reach.

    Parameters
    ----------
    tiers : Tiers
        The members.
    position : int
        Which one of them keeps the leases.
    """

    def __init__(self, tiers: Tiers[BaseRepo], position: int) -> None:
        self._tiers = tiers
        self._position = position

    def acquire(self, artifact_id: ArtifactId, holder: str, seconds: float) -> Claim:
        """Ask for the lease of an artifact that is not stored."""
        return self._tiers.attempt(
            self._position, "write", lambda repo: _leases(repo).acquire(artifact_id, holder, seconds)
        )

    def renew(self, leases: Collection[Lease], seconds: float) -> set[Lease]:
        """Let leases last so long from now, and return those that were not taken over."""
        return self._tiers.attempt(self._position, "write", lambda repo: _leases(repo).renew(leases, seconds))

    def release(self, lease: Lease) -> None:
        """End a lease, unless it was taken over."""
        self._tiers.attempt(self._position, "write", lambda repo: _leases(repo).release(lease))


def _leases(repo: BaseRepo) -> Leases:
    leases = repo.leases
    if leases is None:
        msg = f"repo {repo.name!r} keeps no leases"
        raise TierUnavailableError(msg)
    return leases
