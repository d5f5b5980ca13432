"""What has to do with several members of a chain at once: copies of what is found, and lineage through all of them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from functools import partial

from provenance.blobstores.tiers import Tiers
from provenance.errors import NotFoundError, ProvenanceError, StorageError
from provenance.repos.base import BaseRepo, Located
from provenance.repos.transfer import copied_draft
from provenance.types import ArtifactId, ArtifactRecord, Draft

logger = logging.getLogger("provenance.repos")


def copy_up(tiers: Tiers[BaseRepo], located: Iterable[Located], position: int) -> None:
    """Copy artifacts of the member at a position, whose values were just read, into earlier ones.

    That a copy cannot be made is reported, and no failure.
    """
    if not tiers.taking_copies(position):
        return
    source = tiers.members[position]
    for found in located:
        try:
            draft = copied_draft(found.record, source, found)
        except (NotFoundError, StorageError) as exc:
            logger.warning("artifact %s could not be copied from repo %r: %s", found.record.id, source.name, exc)
            continue
        tiers.copy_up(position, partial(_save, draft))


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
