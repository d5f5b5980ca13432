"""Copy files into the blobstore as artifacts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, cast

from provenance import state
from provenance.artifacts.archived import ArchivedFile
from provenance.artifacts.artifact import Artifact
from provenance.engine.options import normalize_custom_fields
from provenance.engine.preview import preview_inputs
from provenance.engine.run import current_run
from provenance.engine.values import DescribedValue, describe_file
from provenance.errors import BlobCorruptError
from provenance.hashing import SCHEME, digest_of, hash_file
from provenance.repos.capture import note_use
from provenance.serializers import pack
from provenance.types import FILE_SERIALIZER, INPUTS_SERIALIZER, JSON, ArtifactId, ArtifactRecord, Draft, Durations

if TYPE_CHECKING:
    from provenance.artifacts.proxy import ArtifactProxy

_NAME = "archive_file"


def archive_file(
    filename: str | os.PathLike[str],
    name: str | None = None,
    delete_original: bool = False,  # noqa: FBT001, FBT002  the published signature
    custom_fields: Mapping[str, JSON] | None = None,
    preserve_ext: bool = False,  # noqa: FBT001, FBT002
) -> ArtifactProxy:
    """Copy a file into the default repo, so that it can be an input of other functions.

    Parameters
    ----------
    filename : str or path
        A regular file.
    name : str, optional
        The artifact's name; ``archive_file`` if not given.
    delete_original : bool
        Remove the file after its archived copy was verified and recorded.
    custom_fields : mapping, optional
        A JSON object to search by. The same file with other fields is another artifact of the same value.
    preserve_ext : bool
        End the value id, and the name of the stored file, with the extension: lower-cased and in its usual
        spelling (``.jpeg`` becomes ``.jpg``).

    Returns
    -------
    ArtifactProxy
        A proxy of an `ArchivedFile`, usable wherever a path is.

    Raises
    ------
    ArchiveError
        There is no such file, or it is a folder.
    """
    repo = state.default_repo()
    started = perf_counter()
    described = describe_file(filename, preserve_extension=preserve_ext)
    seconds = perf_counter() - started
    fields = normalize_custom_fields(custom_fields)
    artifact_name = name or _NAME
    key = ArtifactId(digest_of("provenance.archive", artifact_name, described.value_id, fields))
    record = repo.find_records([key]).get(key)
    if record is None or not repo.has_value(record):
        record = repo.save(_draft(key, artifact_name, described, fields, seconds))
    artifact = Artifact(record, repo)
    note_use(artifact)
    if delete_original:
        remove_original(Path(filename), artifact)
    return artifact.proxy()


def _draft(key: ArtifactId, name: str, described: DescribedValue, fields: Mapping[str, JSON], seconds: float) -> Draft:
    run = current_run()
    original = cast("ArchivedFile", described.value).path
    kargs: dict[str, object] = {"filename": str(original)}
    record = ArtifactRecord(
        id=key,
        value_id=described.value_id,
        value_encoding=described.encoding,
        name=name,
        version=0,
        fn_module="provenance",
        fn_name=_NAME,
        hash_scheme=SCHEME,
        serializer=FILE_SERIALIZER,
        run_id=run.id,
        value_type=described.type_name,
        input_hashes={},
        inputs_json=preview_inputs(kargs, ()),
        custom_fields=fields,
        durations=Durations(value_hash=seconds),
    )
    inputs = pack({"kargs": kargs, "varargs": ()}, INPUTS_SERIALIZER, {})
    return Draft(record=record, run=run, value=described.file, inputs=inputs, value_extension=described.extension)


def remove_original(original: Path, artifact: Artifact) -> None:
    """Remove a file whose archived copy is recorded and was read back sound.

    Raises
    ------
    BlobCorruptError
        The archived copy does not have the digest it is recorded with; the original stays.
    """
    archived = cast("ArchivedFile", artifact.value)
    if archived.path.resolve() == original.resolve():
        return
    if hash_file(archived.path) != artifact.value_id[:64]:
        msg = f"the archived copy of {str(original)!r} is damaged; the original is kept: archive it again"
        raise BlobCorruptError(msg)
    original.unlink()
