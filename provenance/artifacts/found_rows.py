"""What a search finds: one row of facts for each artifact, set, run or job, without values and without unpickling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provenance.artifacts.artifact import Artifact, find_artifact
from provenance.types import JSON, ArtifactId, Durations, Repo, RunRecord, SetId, ValueId, Version

if TYPE_CHECKING:
    from provenance.artifacts.proxy import ArtifactProxy


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRow:
    """One artifact that a search found.

    Rows compare by what they say, and pickle without the repo they were found in.

    Attributes
    ----------
    sequence : int
        Grows with every artifact that is stored in a repo; "newest" goes by it.
    id, value_id : str
        Content key of the call, and hash of its value.
    name, version
        As given to the decorator.
    fn_module, fn_name : str
        Module and qualified name of the function.
    value_type, serializer : str
        Qualified name of the value's type, and the serializer it was stored with.
    composite : bool
        Whether the value is a dict of member artifacts.
    size : int
        Bytes of the stored value.
    custom_fields, input_hashes : mapping
        As recorded: JSON, and value hashes of the arguments by their paths.
    run_id : str
        The process that computed it; see `provenance.runs`.
    computed_at : datetime
        When it was recorded, in UTC.
    durations : Durations
        Seconds spent on hashing inputs, computing, hashing the value and storing.
    """

    sequence: int
    id: ArtifactId
    value_id: ValueId
    name: str
    version: Version
    fn_module: str
    fn_name: str
    value_type: str
    serializer: str
    composite: bool
    size: int
    custom_fields: Mapping[str, JSON]
    input_hashes: Mapping[str, str]
    run_id: str
    computed_at: datetime
    durations: Durations
    repo: Repo | None = field(default=None, repr=False, compare=False)

    __hash__ = None  # type: ignore[assignment]  # it holds dicts

    @property
    def tags(self) -> list[str]:
        """The tags given to the decorator."""
        tags = self.custom_fields.get("tags")
        return [str(tag) for tag in tags] if isinstance(tags, list) else []

    @property
    def artifact(self) -> Artifact:
        """The artifact itself, looked up when asked for.

        Raises
        ------
        ArtifactNotFoundError
            It was deleted since.
        """
        return find_artifact(self.id, self.repo)

    def proxy(self) -> ArtifactProxy:
        """Return a proxy of the value that loads it when it is first used."""
        return self.artifact.proxy()

    def order_value(self, column: str) -> Any:
        """What the row is ordered by."""
        return self.durations.compute if column == "compute_duration" else getattr(self, column)

    def in_repo(self, repo: Repo) -> ArtifactRow:
        """The row as one that was found in `repo`."""
        return replace(self, repo=repo)

    def as_dict(self) -> dict[str, object]:
        """Return what the row says, flat: tags as a list, each duration by itself."""
        flat = _facts(self)
        del flat["durations"]
        for name, seconds in self.durations._asdict().items():
            flat[f"{name}_duration"] = seconds
        return {**flat, "tags": self.tags}

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (ArtifactRow, _facts(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRow:
    """One artifact set that a search found.

    Attributes
    ----------
    sequence : int
        Grows with every set that is stored in a repo; "newest" goes by it.
    id : str
        Digest of the members.
    labels : mapping or None
        Those it was last saved under.
    size : int
        Number of members.
    created_at : datetime
        When it was first stored, in UTC.
    """

    sequence: int
    id: SetId
    labels: Mapping[str, JSON] | None
    size: int
    created_at: datetime
    repo: Repo | None = field(default=None, repr=False, compare=False)

    __hash__ = None  # type: ignore[assignment]  # it holds dicts

    def order_value(self, column: str) -> Any:
        """What the row is ordered by."""
        return getattr(self, column)

    def in_repo(self, repo: Repo) -> SetRow:
        """The row as one that was found in `repo`."""
        return replace(self, repo=repo)

    def as_dict(self) -> dict[str, object]:
        """Return what the row says."""
        return _facts(self)

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (SetRow, _facts(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One process that a search found.

    Attributes
    ----------
    id : str
        What artifacts call it; ``find(run=row.id)`` finds them.
    info : mapping
        What was recorded about it; see `provenance.run_info`.
    recorded_at : datetime
        When the repo first heard of it, in UTC.
    """

    id: str
    info: Mapping[str, JSON]
    recorded_at: datetime
    repo: Repo | None = field(default=None, repr=False, compare=False)

    __hash__ = None  # type: ignore[assignment]  # it holds dicts

    @property
    def host(self) -> str | None:
        """Name of the host it ran on, if that was recorded."""
        host = self.info.get("host")
        return host if isinstance(host, str) else None

    @property
    def record(self) -> RunRecord:
        """The facts as they are stored."""
        return RunRecord(self.id, self.info)

    def order_value(self, column: str) -> Any:
        """What the row is ordered by."""
        return getattr(self, column)

    def in_repo(self, repo: Repo) -> RunRow:
        """The row as one that was found in `repo`."""
        return replace(self, repo=repo)

    def as_dict(self) -> dict[str, object]:
        """Return what the row says, with each recorded fact by itself."""
        return {"id": self.id, "recorded_at": self.recorded_at, **self.info}

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (RunRow, _facts(self))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JobRow:
    """One job that a search found.

    Attributes
    ----------
    sequence : int
        Grows with every job that begins in a repo; "newest" goes by it.
    id : str
        As `Job` has it.
    labels : mapping
        What it was given to be found by.
    hits : int
        How many artifacts it used that were stored already. Noted when its block ends.
    computed : int
        How many it computed, members of composites and nested calls among them; of what its workers do, as they do it.
    failed : int
        How many of its calls raised, and have no result that the job used.
    seconds_run : float
        How long the bodies of its calls ran, all together, from the durations recorded with what it computed. Nested
        calls and members count with the calls they were computed in, and calls that raised do not.
    seconds_saved : float
        How long it took to compute its hits, counted alike.
    hosts : tuple of str
        Where it ran: the host it was begun on, and those that computed for it.
    run_id : str
        The process that began it; see `provenance.runs`.
    start : datetime
        When it began, in UTC.
    end : datetime or None
        When its block ended; None while it runs, and if the process did not live to see the end.
    """

    sequence: int
    id: str
    labels: Mapping[str, JSON]
    hits: int = 0
    computed: int = 0
    failed: int = 0
    seconds_run: float = 0.0
    seconds_saved: float = 0.0
    hosts: tuple[str, ...] = ()
    run_id: str
    start: datetime
    end: datetime | None
    repo: Repo | None = field(default=None, repr=False, compare=False)

    __hash__ = None  # type: ignore[assignment]  # it holds a dict

    def order_value(self, column: str) -> Any:
        """What the row is ordered by."""
        return getattr(self, column)

    def in_repo(self, repo: Repo) -> JobRow:
        """The row as one that was found in `repo`."""
        return replace(self, repo=repo)

    def as_dict(self) -> dict[str, object]:
        """Return what the row says."""
        return _facts(self)

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (JobRow, _facts(self))

    def __repr__(self) -> str:
        ended = "has no end" if self.end is None else f"took {self.end - self.start}"
        return (
            f"<JobRow {self.id[:12]} {dict(self.labels)!r:.80}: {self.hits} hits, {self.computed} computed, "
            f"{self.failed} failed; ran {self.seconds_run:.3g} s, saved {self.seconds_saved:.3g} s; "
            f"on {', '.join(self.hosts)}; began {self.start:%Y-%m-%d %H:%M:%S} UTC, {ended}>"
        )


def _facts(row: ArtifactRow | SetRow | RunRow | JobRow) -> dict[str, Any]:
    return {part.name: getattr(row, part.name) for part in fields(row) if part.name != "repo"}


def _restored(kind: Any, facts: dict[str, Any]) -> object:
    return kind(**facts)
