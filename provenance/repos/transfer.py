"""Artifacts on their way from one repo to another: bytes are copied as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from provenance._util.payload import Buffers, FileContent
from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import is_proxy
from provenance.errors import ArtifactNotFoundError, BlobCorruptError, BlobNotFoundError, InvalidInputsError
from provenance.repos.base import BaseRepo, Located
from provenance.types import ArtifactRecord, Draft, Payload, RunRecord

if TYPE_CHECKING:
    from provenance.artifacts.proxy import ArtifactProxy


def stored_artifact(obj: object) -> Artifact:
    """The artifact that `obj` is or carries.

    Raises
    ------
    InvalidInputsError
        `obj` is neither an artifact nor a proxy.
    ArtifactNotFoundError
        The artifact was never stored.
    """
    artifact = cast("ArtifactProxy", obj).artifact if is_proxy(obj) else obj
    if not isinstance(artifact, Artifact):
        msg = f"expected an artifact or a proxy to store, got {type(obj).__name__}; get it from its repo first"
        raise InvalidInputsError(msg)
    if not artifact.is_stored:
        msg = (
            f"artifact {artifact.id} ({artifact.name}) was computed without being stored, so it has no bytes; "
            "compute it again in a repo that may be written"
        )
        raise ArtifactNotFoundError(msg)
    return artifact


def copied_draft(record: ArtifactRecord, source: BaseRepo, located: Located | None = None) -> Draft:
    """What to store elsewhere for an artifact to lie there too; `located` is its value, if it was just read.

    Raises
    ------
    BlobNotFoundError, BlobCorruptError
        Its value is lost or damaged.
    """
    found, value = located or source.value_source(record)
    recipe = found.recipe
    if recipe is not None:
        leads_to = source.find_recipes((recipe,)).get(recipe)
        if leads_to is None or leads_to.id != found.id:
            recipe = None  # it was forgotten since the record was read
    inputs = _inputs(found, source)
    return Draft(
        record=replace(found, recipe=recipe, sequence=None, inputs_blob=None),
        run=source.find_run(found.run_id) or RunRecord(found.run_id, {}),
        value=None if found.value_blob is None else copied_payload(value),
        inputs=inputs,
        value_extension="" if found.value_blob is None else found.value_blob.key[64:],
    )


def _inputs(record: ArtifactRecord, source: BaseRepo) -> Payload | None:
    if record.inputs_blob is None:
        return None  # they are in the record
    try:
        return copied_payload(source.inputs_source(record))
    except (BlobNotFoundError, BlobCorruptError):
        return None  # the value can do without them, and nothing could bring them back


def copied_payload(source: bytes | Path) -> Payload:
    """Stored bytes, or the file they are in, as a payload."""
    return FileContent(source) if isinstance(source, Path) else Buffers((source,))
