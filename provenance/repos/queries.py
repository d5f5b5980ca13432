"""What can be asked of a repo's rows: which artifacts, sets, runs or jobs, in which order, and how many at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeAlias, TypeVar

from provenance.artifacts.found_rows import ArtifactRow, JobRow, RunRow, SetRow
from provenance.repos.storable_text import storable_text
from provenance.types import JSON, ArtifactId, FailedCall, Version

Row: TypeAlias = ArtifactRow | SetRow | RunRow | JobRow
R = TypeVar("R", ArtifactRow, SetRow, RunRow, JobRow)


@dataclass(frozen=True, slots=True)
class Order:
    """By which column rows are ordered; those that are equal there go by their sequence, runs by their id."""

    column: str
    descending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time from `since` on and before `until`; either may be open."""

    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, time: datetime) -> bool:
        return (self.since is None or self.since <= time) and (self.until is None or time < self.until)

    @property
    def is_open(self) -> bool:
        """Whether every time lies in it."""
        return self.since is None and self.until is None


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function by its qualified name, and by its module where that is known."""

    module: str | None
    qualname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactQuery:
    """Artifacts for which everything holds that is given.

    Attributes
    ----------
    functions : tuple of FunctionName
        One of which made it; any if there are none.
    fields : mapping
        Contained in the custom fields, in the sense of `provenance.repos.containment`.
    inputs : mapping
        Value hashes of arguments, by their paths.
    input_artifact : ArtifactId
        One of the arguments is this artifact, or has it inside.
    labels : mapping
        It is a member of a set that was saved under labels containing these.
    """

    COLUMNS: ClassVar = ("sequence", "computed_at", "name", "compute_duration", "size")

    name: str | None = None
    functions: tuple[FunctionName, ...] = ()
    version: Version | None = None
    fields: Mapping[str, JSON] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    input_artifact: ArtifactId | None = None
    run: str | None = None
    labels: Mapping[str, JSON] | None = None
    period: Period = Period()
    order: Order = Order("sequence")
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuery:
    """Sets that were saved under labels containing these, and have this member, where these are given."""

    COLUMNS: ClassVar = ("sequence", "created_at")

    labels: Mapping[str, JSON] | None = None
    artifact: ArtifactId | None = None
    period: Period = Period()
    order: Order = Order("sequence")
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Runs whose recorded facts contain these."""

    COLUMNS: ClassVar = ("recorded_at",)

    info: Mapping[str, JSON] = field(default_factory=dict)
    period: Period = Period()
    order: Order = Order("recorded_at")
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCallQuery:
    """Calls that raised, the last ones first, for which everything holds that is given."""

    artifact: ArtifactId | None = None
    name: str | None = None
    job: str | None = None
    limit: int | None = None

    def __contains__(self, call: FailedCall) -> bool:
        wanted = ((self.artifact, call.artifact_id), (self.name, call.name), (self.job, call.job_id))
        return all(asked is None or asked == has for asked, has in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Jobs whose labels contain these."""

    COLUMNS: ClassVar = ("sequence", "start")

    labels: Mapping[str, JSON] = field(default_factory=dict)
    period: Period = Period()
    order: Order = Order("sequence")
    limit: int | None = None


Query: TypeAlias = ArtifactQuery | SetQuery | RunQuery | JobQuery


def rank(row: Row, column: str) -> Any:
    """What a row is ordered by: its value in a column, of texts the bytes that databases store and compare."""
    value = row.order_value(column)
    return storable_text(value).encode() if isinstance(value, str) else value


def tie(row: Row) -> Any:
    """What rows with the same rank are ordered by."""
    return row.id if isinstance(row, RunRow) else row.sequence
