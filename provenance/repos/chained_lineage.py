"""What has to do with several members of a chain at once: copies of what is found, and lineage through all of them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from functools import partial

from provenance.artifacts.artifact import Artifact
from provenance.blobstores.tiers import Tiers
from provenance.errors import NotFoundError, ProvenanceError, StorageError
from provenance.repos.base import BaseRepo
from provenance.repos.located import Located
from provenance.repos.transfer import copied_draft
from provenance.types import ArtifactId, ArtifactRecord, Draft

logger = logging.getLogger("provenance.repos")


def copy_up(tiers: Tiers[BaseRepo], located: Located, position: int) -> None:
    """Copy an artifact of the member at a position, whose value was just read, into earlier ones.

    That a copy cannot be made is reported, and no failure.
    """
    if not tiers.taking_copies(position):
        return
    record, source = located.record, tiers.members[position]
    try:
        draft = copied_draft(record, source, located)
    except (NotFoundError, StorageError) as exc:
        logger.warning("artifact %s could not be copied from repo %r: %s", record.id, source.name, exc)
    else:
        tiers.copy_up(position, partial(_save, draft))


def copy_rows_up(tiers: Tiers[BaseRepo], records: Iterable[ArtifactRecord], position: int) -> None:
    """Copy artifacts of which there is no more than a row, many at once, as `copy_up` does."""
    source = tiers.members[position]
    artifacts = [Artifact(record, source) for record in records]
    if artifacts:
        tiers.copy_up(position, partial(_put_each, artifacts))


def _put_each(artifacts: list[Artifact], repo: BaseRepo) -> None:
    failures = (outcome for outcome in repo.put_each(artifacts) if not isinstance(outcome, Artifact))
    for failure in failures:
        raise failure


def _save(draft: Draft, repo: BaseRepo) -> ArtifactRecord:
    return repo.save(draft)


def downstream(tiers: Tiers[BaseRepo], ids: Collection[ArtifactId], failures: list[ProvenanceError]) -> set[ArtifactId]:
    """What the members in reach know to be made with these artifacts, along a lineage through all of them.

    Why one could not be asked is appended to `failures`.
    """
    found: set[ArtifactId] = set()
    fresh = set(ids)
    positions = list(range(len(tiers.members)))
    while fresh:
        met: set[ArtifactId] = set()
        for position in tuple(positions):
            try:
                met |= tiers.attempt(position, "look up", partial(_downstream, frozenset(fresh)))
            except StorageError as exc:
                failures.append(exc)
                positions.remove(position)
        fresh = met - found
        found |= fresh
    return found


def _downstream(ids: Collection[ArtifactId], repo: BaseRepo) -> set[ArtifactId]:
    return repo.downstream(ids)
