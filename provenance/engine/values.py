"""Describe a computed value for storage: its hash, its bytes, and what it refers to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from provenance._util.payload import FileContent, Staged
from provenance.artifacts.archived import ArchivedFile, canonical_extension
from provenance.artifacts.ids import is_proxy
from provenance.artifacts.proxy import ArtifactProxy, plain_value
from provenance.errors import ArchiveError, SerializationError, StorageError
from provenance.hashing import fingerprint, fingerprint_of_long, hash_file
from provenance.serializers import pack, serializer_for
from provenance.serializers.array import NAME as ARRAY
from provenance.serializers.array import encoded_array
from provenance.types import (
    FILE_SERIALIZER,
    ArtifactRecord,
    BlobRef,
    CarriesArtifact,
    InputEdge,
    Payload,
    Repo,
    ValueId,
)

FALLBACK_SERIALIZER = "cloudpickle"
_NO_OPTIONS: Mapping[str, Any] = {}


class Encoding(NamedTuple):
    """How the caller asked a value to be serialised; `serializer` is None where it did not say."""

    serializer: str | None = None
    load_kwargs: Mapping[str, Any] = _NO_OPTIONS
    dump_kwargs: Mapping[str, Any] = _NO_OPTIONS


class DescribedValue(NamedTuple):
    """A value's identity and the artifacts inside it; `value` is what the caller gets.

    `source` is set when the value already lies in the repo as another artifact's, `file` when it is a file, and
    `staged` when its bytes were written as they were hashed.
    """

    value: object
    value_id: ValueId
    encoding: bytes
    edges: tuple[InputEdge, ...] = ()
    source: ArtifactRecord | None = None
    file: FileContent | None = None
    staged: Staged | None = None
    extension: str = ""

    @property
    def type_name(self) -> str:
        """Qualified name of the value's type."""
        kind = type(self.value)
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class PackedValue(NamedTuple):
    """A value's bytes and how they were made; without a payload they lie in the repo already."""

    serializer: str
    load_kwargs: Mapping[str, Any]
    dump_kwargs: Mapping[str, Any]
    payload: Payload | None = None
    blob: BlobRef | None = None
    inline: bytes | None = None


def describe_value(value: object, repo: Repo) -> DescribedValue:
    """Hash a value; one that is a proxy of an artifact of this repo is that artifact's value again.

    Raises
    ------
    HashingError
        The value has no deterministic encoding.
    """
    carriers: list[tuple[str, CarriesArtifact]] = []
    identity = fingerprint(value, path="result", carriers=carriers)
    edges = edges_to(carriers, "result") if carriers else ()
    if not is_proxy(value):
        return DescribedValue(value=value, value_id=ValueId(identity.digest), encoding=identity.encoding, edges=edges)
    assert isinstance(value, ArtifactProxy)  # noqa: S101  narrows for the type checker
    record = value.artifact.record
    same = value.artifact.is_stored and value.artifact.repo is repo and identity.encoding == record.value_encoding
    return DescribedValue(
        value=plain_value(value),
        value_id=record.value_id if same else ValueId(identity.digest),
        encoding=identity.encoding,
        edges=edges,
        source=record if same else None,
    )


def stage_value(value: object, wanted: Encoding, repo: Repo) -> DescribedValue | None:
    """Hash and write a large array in one pass, as its stored bytes are what its hash is made of.

    None for any other value, and where the repo cannot take it: `describe_value` is to be used then. Who gets the
    staged bytes discards them, should they not be stored.
    """
    payload = encoded_array(value)
    if payload is None or wanted.dump_kwargs or (wanted.serializer or serializer_for(value)) != ARRAY:
        return None
    try:
        staged = repo.stage(payload)
    except StorageError:  # it is met once more when the value is stored, and dealt with there
        return None
    if staged is None:
        return None
    identity = fingerprint_of_long(staged.digest)
    return DescribedValue(value=value, value_id=ValueId(identity.digest), encoding=identity.encoding, staged=staged)


def describe_file(path: object, *, preserve_extension: bool) -> DescribedValue:
    """Hash a file that is to be archived; its value id is the digest of its bytes, perhaps with the extension.

    Raises
    ------
    ArchiveError
        `path` is no path, or there is no readable file.
    """
    content = FileContent(readable_file(path))
    extension = canonical_extension(content.path) if preserve_extension else ""
    blob_id = hash_file(content.path) + extension
    archived = ArchivedFile(content.path, blob_id)
    return DescribedValue(
        value=archived,
        value_id=ValueId(blob_id),
        encoding=fingerprint(archived).encoding,
        file=content,
        extension=extension,
    )


def pack_value(described: DescribedValue, wanted: Encoding) -> PackedValue:
    """Serialise a described value.

    Raises
    ------
    SerializationError
        No serializer takes it.
    """
    source = described.source
    if source is not None:
        return PackedValue(
            serializer=source.serializer,
            load_kwargs=source.load_kwargs,
            dump_kwargs=source.dump_kwargs,
            blob=source.value_blob,
            inline=source.value_inline,
        )
    if described.file is not None:
        return _packed(FILE_SERIALIZER, described.file, wanted)
    if described.staged is not None:
        return _packed(ARRAY, described.staged, wanted)
    name = wanted.serializer or serializer_for(described.value)
    try:
        payload = pack(described.value, name, wanted.dump_kwargs)
    except SerializationError:
        if wanted.serializer is not None or wanted.dump_kwargs:
            raise
        name = FALLBACK_SERIALIZER
        payload = pack(described.value, name, {})
    return _packed(name, payload, wanted)


def _packed(serializer: str, payload: Payload, wanted: Encoding) -> PackedValue:
    return PackedValue(
        serializer=serializer, load_kwargs=wanted.load_kwargs, dump_kwargs=wanted.dump_kwargs, payload=payload
    )


def edges_to(carriers: list[tuple[str, CarriesArtifact]], kind: Any) -> tuple[InputEdge, ...]:
    """Edges to the stored artifacts among stand-ins."""
    return tuple(
        InputEdge(path, carrier.artifact_id, kind)
        for path, carrier in carriers
        if isinstance(carrier, ArtifactProxy) and carrier.artifact.is_recorded
    )


def readable_file(path: object) -> Path:
    """`path` as a ``Path`` to a readable file.

    Raises
    ------
    ArchiveError
        It is none.
    """
    try:
        found = Path(plain_value(path))  # type: ignore[arg-type]
    except TypeError as error:
        msg = f"expected the path of a file to archive, got {type(path).__name__}; return a str or a path"
        raise ArchiveError(msg) from error
    if not found.exists():
        msg = f"cannot archive {str(found)!r}: there is no such file"
        raise ArchiveError(msg)
    if not found.is_file():
        msg = f"cannot archive {str(found)!r}: it is not a regular file; pack a folder into one file first"
        raise ArchiveError(msg)
    return found
