"""What belongs to an artifact, and is counted and used with it."""

from __future__ import annotations

from collections.abc import Iterator

from provenance.types import ArtifactId, ArtifactRecord


def parts_of(record: ArtifactRecord) -> Iterator[ArtifactId]:
    """The calls nested in an artifact's call, and the members of a composite."""
    for edge in record.edges:
        if edge.kind == "call" or (record.composite and edge.kind == "result"):
            yield edge.artifact_id
