"""What belongs to an artifact, and is counted and used with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from provenance.types import ArtifactId, ArtifactRecord, Repo

K = TypeVar("K")


def parts_of(record: ArtifactRecord) -> Iterator[ArtifactId]:
    """The calls nested in an artifact's call, and the members of a composite."""
    for edge in record.edges:
        if edge.kind == "call" or (record.composite and edge.kind == "result"):
            yield edge.artifact_id


def members_of(record: ArtifactRecord) -> list[ArtifactId]:
    """The members of a composite; nothing else has any."""
    return [edge.artifact_id for edge in record.edges if edge.kind == "result"] if record.composite else []


def members_among(records: Iterable[ArtifactRecord]) -> set[ArtifactId]:
    """The members of all composites among these."""
    return {member for record in records if record.composite for member in members_of(record)}


def whole(records: Mapping[K, ArtifactRecord], repo: Repo) -> Mapping[K, ArtifactRecord]:
    """These records without composites of which a member was deleted, which have to be computed again."""
    members = members_among(records.values())
    if not members:
        return records
    there = repo.find_records(members)
    return {key: record for key, record in records.items() if all(member in there for member in members_of(record))}
