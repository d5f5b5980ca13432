"""Artifacts on their way from one repo to another: bytes are copied as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from provenance._util.payload import Buffers, FileContent
from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import is_proxy
from provenance.errors import ArtifactNotFoundError, InvalidInputsError
from provenance.types import Payload

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


def copied_payload(source: bytes | Path) -> Payload:
    """Stored bytes, or the file they are in, as a payload."""
    return FileContent(source) if isinstance(source, Path) else Buffers((source,))
