"""Calls that raised in several members of a chain, as those of one repo."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from provenance.blobstores.tiers import Tiers
from provenance.repos.base import BaseRepo
from provenance.repos.queries import FailedCallQuery
from provenance.types import FailedCall, RunRecord


def save_failed_call_in_members(tiers: Tiers[BaseRepo], call: FailedCall, run: RunRecord) -> FailedCall:
    """Record a call that raised in the members that may be written, as the policy says, at the time of the first."""
    first: FailedCall | None = None

    def save(repo: BaseRepo) -> FailedCall:
        nonlocal first
        saved = repo.save_failed_call(call if first is None else replace(call, failed_at=first.failed_at), run)
        first = first or saved
        return saved

    return tiers.write(save)[0]


def failed_calls_of_members(tiers: Tiers[BaseRepo], query: FailedCallQuery) -> list[FailedCall]:
    """The calls that raised that the members in reach know of, each once, the last ones first."""
    found: list[FailedCall] = []
    for _, calls in tiers.answers("look up", lambda repo: repo.failed_calls(query), []):
        known = set(map(_identity, found))
        found += [call for call in calls if _identity(call) not in known]
    return sorted(found, key=attrgetter("failed_at"), reverse=True)[: query.limit]


def _identity(call: FailedCall) -> tuple[object, ...]:
    """The same for what several members were told of one call."""
    return call.artifact_id, call.run_id, call.failed_at, call.compute_seconds
