"""One draft as a file: its bytes, then its record as JSON, then how long that is.

The name of the file ends with the digest of its content, so that a damaged one is noticed. Nothing in it is unpickled.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from provenance._util.payload import FilePart
from provenance.types import ArtifactRecord, BlobRef, Draft, Durations, InputEdge, JobUse, Payload, RunRecord

FORMAT = 1
"""Version of the format of entries."""
_LENGTH_BYTES = 8
_BYTES = ("value_encoding", "value_inline", "inputs_inline")
_BLOBS = ("value_blob", "inputs_blob")
# What the repo gives a record, and what only holds as long as it is in the journal.
_GIVEN = ("sequence", "journaled")


def write_entry(draft: Draft, file: BinaryIO) -> None:
    """Write a draft to a file."""
    sections: dict[str, Any] = {}
    for name, payload in (("value", draft.value), ("inputs", draft.inputs)):
        if payload is not None:
            start = file.tell()
            payload.write_to(file)
            sections[name] = {"start": start, "length": file.tell() - start, "sized": payload.size is not None}
    content = {
        "format": FORMAT,
        "record": _as_json(draft.record),
        "run": {"id": draft.run.id, "info": draft.run.info},
        "sections": sections,
        "extension": draft.value_extension,
        "job": None if draft.job is None else draft.job._asdict(),
    }
    text = json.dumps(content, allow_nan=False).encode()
    file.write(text)
    file.write(len(text).to_bytes(_LENGTH_BYTES, "big"))


def read_entry(path: Path) -> Draft | None:
    """Read the draft in a file whose content was verified; None if its format is a later one."""
    with path.open("rb") as file:
        end = file.seek(-_LENGTH_BYTES, 2)
        length = int.from_bytes(file.read(), "big")
        file.seek(end - length)
        content = json.loads(file.read(length))
    if content["format"] > FORMAT:
        return None
    sections = content["sections"]
    return Draft(
        record=_record(content["record"]),
        run=RunRecord(content["run"]["id"], content["run"]["info"]),
        value=_payload(path, sections.get("value")),
        inputs=_payload(path, sections.get("inputs")),
        value_extension=content["extension"],
        job=_job(content.get("job")),
    )


def _job(found: dict[str, Any] | None) -> JobUse | None:
    """The job that a call was computed for; entries of earlier libraries name none."""
    return None if found is None else JobUse(**found)


def _payload(path: Path, section: Mapping[str, Any] | None) -> Payload | None:
    if section is None:
        return None
    length = section["length"]
    return FilePart(path, section["start"], length, length if section["sized"] else None)


def _as_json(record: ArtifactRecord) -> dict[str, Any]:
    found = {name: value for name, value in record._asdict().items() if name not in _GIVEN}
    for name in _BYTES:
        found[name] = None if found[name] is None else b64encode(found[name]).decode()
    for name in _BLOBS:
        found[name] = None if found[name] is None else found[name]._asdict()
    found["durations"] = record.durations._asdict()
    found["edges"] = [edge._asdict() for edge in record.edges]
    found["computed_at"] = None if record.computed_at is None else record.computed_at.isoformat()
    return found


def _record(found: dict[str, Any]) -> ArtifactRecord:
    for name in _BYTES:
        found[name] = None if found[name] is None else b64decode(found[name])
    for name in _BLOBS:
        found[name] = None if found[name] is None else BlobRef(**found[name])
    found["durations"] = Durations(**found["durations"])
    found["edges"] = tuple(InputEdge(**edge) for edge in found["edges"])
    computed_at = found["computed_at"]
    found["computed_at"] = None if computed_at is None else datetime.fromisoformat(computed_at)
    return ArtifactRecord(**found)
