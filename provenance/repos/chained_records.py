"""Records of one artifact in several members of a chain, and how they are made to agree."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from provenance.artifacts.artifact import Artifact
from provenance.blobstores.tiers import Tiers
from provenance.errors import NotFoundError, StorageError
from provenance.repos.base import BaseRepo, OnBlob
from provenance.repos.failures import Failure
from provenance.repos.transfer import copied_draft, copied_payload
from provenance.types import ArtifactRecord, BlobKey, Draft, SetRecord

_NEVER = datetime.min.replace(tzinfo=UTC)


def save_in_members(tiers: Tiers[BaseRepo], draft: Draft) -> ArtifactRecord:
    """Store a draft in the members that may be written, as the policy says, and return the record of the first.

    If another caller has stored the same call there with another value, that one is what the others get. The member
    that keeps the leases is written before all others, which take nothing if the lease was lost.
    """
    winner: Artifact | None = None
    leasing = None if draft.lease is None else tiers.last_written()

    def store(repo: BaseRepo) -> Artifact:
        nonlocal winner
        if winner is not None and winner.value_id != draft.record.value_id:
            return repo.put(winner)
        own = draft if leasing is None or repo is tiers.members[leasing] else replace(draft, lease=None)
        stored = Artifact(repo.save(_for(tiers, repo, own if winner is None else _dated(own, winner.record))), repo)
        winner = winner or stored
        return stored

    return tiers.write(store, leasing)[0].record


class _SourceError(Exception):
    """Where an artifact should come from cannot give it, which is no failure of the member that should take it."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def put_in_members(tiers: Tiers[BaseRepo], given: Artifact) -> ArtifactRecord:
    """Store an artifact of another repo in the members that may be written, as the policy says.

    It is read once, if one of them lacks it.
    """
    drafts: list[Draft] = []

    def store(repo: BaseRepo) -> ArtifactRecord:
        existing = repo.find_records((given.id,)).get(given.id)
        if existing is not None and repo.has_value(existing):
            return existing
        if not drafts:
            drafts.append(_draft_of(given))
        return repo.save(drafts[0])

    try:
        return tiers.write(store)[0]
    except _SourceError as exc:
        raise exc.cause from None


def put_each_in_members(
    tiers: Tiers[BaseRepo], artifacts: Sequence[Artifact], on_blob: OnBlob | None
) -> list[Artifact | Failure]:
    """Store artifacts of other repos in the members that may be written, as the policy says.

    Unless it is enough that any of them took it, what one could not take counts as not stored. Only blobs of the first
    one are told of.
    """
    told = [on_blob]
    taken = tiers.write(lambda repo: repo.put_each(artifacts, told.pop() if told else None))
    return [_agreed(outcomes, is_one_enough=tiers.needs_one) for outcomes in zip(*taken, strict=True)]


def blobs_in_all(tiers: Tiers[BaseRepo], keys: Collection[BlobKey]) -> set[BlobKey]:
    """Those of these blobs that every member has that may be written."""
    members = tiers.permitting("write")
    found = [tiers.attempt(position, "look up", lambda repo: repo.blobs_there(keys)) for position, _ in members]
    return set(keys).intersection(*found)


def _agreed(outcomes: Sequence[Artifact | Failure], *, is_one_enough: bool) -> Artifact | Failure:
    deciding = (outcome for outcome in outcomes if isinstance(outcome, Artifact) is is_one_enough)
    return next(deciding, outcomes[0])


def _draft_of(given: Artifact) -> Draft:
    assert isinstance(given.repo, BaseRepo)  # noqa: S101  every repo is built on the base
    try:
        return copied_draft(given.record, given.repo)
    except (NotFoundError, StorageError) as exc:
        raise _SourceError(exc) from exc


def _for(tiers: Tiers[BaseRepo], repo: BaseRepo, draft: Draft) -> Draft:
    """The draft with the bytes it takes for granted, where a member does not have them."""
    record = draft.record
    if draft.value is not None or record.value_blob is None or repo.has_value(record):
        return draft
    for position, has_it in tiers.answers("read", lambda other: other.has_value(record), []):
        if has_it:
            payload = copied_payload(tiers.members[position].value_source(record).source)
            return replace(draft, value=payload, value_extension=record.value_blob.key[64:])
    return draft


def _dated(draft: Draft, stored: ArtifactRecord) -> Draft:
    """The draft with the time that the first member's clock gave it, so that all members agree."""
    return replace(draft, record=draft.record._replace(computed_at=stored.computed_at))


def own_record(repo: BaseRepo, record: ArtifactRecord) -> ArtifactRecord | None:
    """A member's own record of this artifact, if it has the same value."""
    own = repo.find_records((record.id,)).get(record.id)
    return own if own is not None and own.value_id == record.value_id else None


def has_bytes(record: ArtifactRecord) -> bool:
    """Whether a row says where its value is; one that was damaged does not."""
    return record.value_inline is not None or record.value_blob is not None


def lies_in_row(record: ArtifactRecord) -> bool:
    """Whether the row is all there is of an artifact."""
    return record.value_inline is not None and record.inputs_blob is None


def dated_set(record: SetRecord, first: SetRecord | None) -> SetRecord:
    """The set with the times that the first member's clock gave it, so that all members agree."""
    return record if first is None else replace(record, created_at=first.created_at, saved_at=first.saved_at)


def saved_at(record: SetRecord) -> datetime:
    """When a set was saved under its labels; before all others if it has none."""
    return record.saved_at or _NEVER
