"""Ids as they are written and as they are asked for: strings, artifacts or proxies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from provenance._util.deferred import Deferred
from provenance.artifacts.artifact import Artifact
from provenance.errors import ArtifactNotFoundError, InvalidIdError, InvalidInputsError
from provenance.types import ArtifactId, SetId

if TYPE_CHECKING:
    from provenance.artifacts import found_rows
else:
    found_rows = Deferred("provenance.artifacts.found_rows")

ArtifactLike: TypeAlias = object
"""An artifact id, an `Artifact`, an `ArtifactRow` or a proxy; a proxy is never loaded by asking for its id."""

_HEX_ID = re.compile(r"[0-9a-f]{64}")


def is_proxy(obj: object) -> bool:
    """Tell whether an object is an `ArtifactProxy`, without loading its value.

    ``isinstance(obj, ArtifactProxy)`` says the same.
    """
    return hasattr(type(obj), "__provenance_proxy__")


def artifact_id_of(obj: ArtifactLike) -> ArtifactId:
    """The artifact id that `obj` is or carries.

    Raises
    ------
    InvalidIdError
        `obj` is neither an artifact, nor a proxy, nor 64 lower-case hex digits.
    """
    if isinstance(obj, str) and type(obj) is str:
        return ArtifactId(checked_id(obj, "artifact"))
    if is_proxy(obj):
        return obj.artifact_id  # type: ignore[attr-defined,no-any-return]
    if isinstance(obj, Artifact):
        return obj.id
    if isinstance(obj, found_rows.ArtifactRow):
        return obj.id
    msg = f"expected an artifact, a proxy or an artifact id, got {type(obj).__name__}: {obj!r:.80}"
    raise InvalidIdError(msg)


def stored_artifact(obj: object) -> Artifact:
    """The artifact that `obj` is or carries.

    Raises
    ------
    InvalidInputsError
        `obj` is neither an artifact nor a proxy.
    ArtifactNotFoundError
        The artifact was never stored.
    """
    artifact = obj.artifact if is_proxy(obj) else obj  # type: ignore[attr-defined]
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


def artifact_ids_of(objs: ArtifactLike | Iterable[ArtifactLike]) -> list[ArtifactId]:
    """The ids of one artifact-like object or of several, in order."""
    if isinstance(objs, str | Artifact) or is_proxy(objs):
        return [artifact_id_of(objs)]
    if not isinstance(objs, Iterable):
        return [artifact_id_of(objs)]
    return [artifact_id_of(obj) for obj in objs]


def set_id_of(obj: object) -> SetId:
    """The set id that `obj` is or has."""
    return SetId(checked_id(getattr(obj, "id", obj), "set"))


def checked_id(value: object, kind: str) -> str:
    """`value` if it can be an id, else `InvalidIdError`."""
    if isinstance(value, str) and _HEX_ID.fullmatch(value):
        return value
    msg = f"not a valid {kind} id: {value!r:.80}; ids are 64 lower-case hex digits"
    raise InvalidIdError(msg)
