"""Records that are made when something is stored or listed: what a hit does not need.

They are names of `provenance.types`, which imports them when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from provenance.types import (
    JSON,
    ArtifactId,
    ArtifactRecord,
    JobUse,
    Lease,
    Payload,
    RunRecord,
    SetId,
    Version,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A named piece of work, and the process that began it. One read from a repo has `started_at` set."""

    id: str
    labels: Mapping[str, JSON]
    run_id: str
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """A call that raised.

    Attributes
    ----------
    artifact_id : str
        The id that its result would have had.
    name, version
        As given to the decorator.
    fn_module, fn_name : str
        Module and qualified name of the function.
    error_type, message, traceback : str
        Qualified name of the error's type, its text, and the traceback as it is printed; long ones are cut.
    run_id : str
        The process that it ran in; see `provenance.runs`.
    compute_seconds : float
        How long it ran.
    input_hashes : mapping
        Value hashes of the arguments by their paths.
    inputs_json : JSON
        What is shown of the inputs.
    job_id : str or None
        The job that it was called for.
    failed_at : datetime
        When it was recorded, in UTC.
    sequence : int
        Grows with every call that is recorded in a repo.
    """

    artifact_id: ArtifactId
    name: str
    version: Version
    fn_module: str
    fn_name: str
    error_type: str
    message: str
    traceback: str
    run_id: str
    compute_seconds: float
    input_hashes: Mapping[str, str] = field(default_factory=dict)
    inputs_json: JSON = None
    job_id: str | None = None
    failed_at: datetime | None = None
    sequence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A computed call that is about to be stored: the record without its bytes, and the bytes.

    A payload of None leaves what the record says (its value already lies in the store). When it is stored, the lease it
    was computed under ends, unless it is that of a composite with this member, and its use by a job is noted.
    """

    record: ArtifactRecord
    run: RunRecord
    value: Payload | None
    inputs: Payload | None
    value_extension: str = ""
    lease: Lease | None = None
    job: JobUse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRecord:
    """An immutable set of artifact ids, with the labels it was last saved or loaded under.

    `created_at` is when the set was first stored, `saved_at` when it was saved under these labels; both are set by the
    repo unless they are given.
    """

    id: SetId
    artifact_ids: frozenset[ArtifactId]
    labels: Mapping[str, JSON] | None = None
    created_at: datetime | None = None
    saved_at: datetime | None = field(default=None, compare=False)
