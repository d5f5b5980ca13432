"""An artifact: the record of one call, bound to the repo it lies in; and how one is found by its id."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

from provenance import state
from provenance.errors import ArtifactNotFoundError, StorageError
from provenance.types import JSON, ArtifactId, ArtifactRecord, Durations, Repo, ValueId, Version

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.artifacts.proxy import ArtifactProxy


class Artifact:
    """What is known of one call: function, version, inputs, run, durations, and where the value lies.

    Artifacts come from repos, from proxies (``proxy.artifact``) and from `load_artifact`. They compare and hash
    by id, and pickle as their id.
    """

    __slots__ = ("record", "repo")

    def __init__(self, record: ArtifactRecord, repo: Repo) -> None:
        self.record = record
        self.repo = repo

    @property
    def id(self) -> ArtifactId:
        """Content key of the call: 64 hex digits."""
        return self.record.id

    @property
    def value_id(self) -> ValueId:
        """Hash of the value; of an archived file, the digest of its bytes, perhaps with the extension."""
        return self.record.value_id

    @property
    def name(self) -> str:
        """The ``name=`` given to the decorator, else the function's name."""
        return self.record.name

    @property
    def version(self) -> Version:
        """The ``version=`` given to the decorator."""
        return self.record.version

    @property
    def fn_module(self) -> str:
        """Module of the function."""
        return self.record.fn_module

    @property
    def fn_name(self) -> str:
        """Qualified name of the function inside its module."""
        return self.record.fn_name

    @property
    def composite(self) -> bool:
        """Whether the value is a dict of member artifacts."""
        return self.record.composite

    @property
    def serializer(self) -> str:
        """Name of the serializer the value was stored with."""
        return self.record.serializer

    @property
    def load_kwargs(self) -> Mapping[str, object]:
        """Keyword arguments given to the serializer when loading."""
        return self.record.load_kwargs

    @property
    def dump_kwargs(self) -> Mapping[str, object]:
        """Keyword arguments given to the serializer when dumping."""
        return self.record.dump_kwargs

    @property
    def value_type(self) -> str:
        """Qualified name of the value's type."""
        return self.record.value_type

    @property
    def custom_fields(self) -> Mapping[str, JSON]:
        """The JSON object given to the decorator, with ``tags`` in it."""
        return self.record.custom_fields

    @property
    def tags(self) -> list[str]:
        """The tags given to the decorator, sorted as recorded."""
        tags = self.record.custom_fields.get("tags")
        return [str(tag) for tag in tags] if isinstance(tags, list) else []

    @property
    def durations(self) -> Durations:
        """Seconds spent on hashing inputs, computing, hashing the value and storing."""
        return self.record.durations

    @property
    def hash_duration(self) -> float:
        """Seconds spent on hashing the inputs."""
        return self.record.durations.hash

    @property
    def compute_duration(self) -> float:
        """Seconds spent in the function body."""
        return self.record.durations.compute

    @property
    def value_id_duration(self) -> float:
        """Seconds spent on hashing the value."""
        return self.record.durations.value_hash

    @property
    def computed_at(self) -> datetime | None:
        """When the artifact was recorded (UTC, by the database's clock); None if it was not."""
        return self.record.computed_at

    @property
    def input_hashes(self) -> Mapping[str, str]:
        """Value hash of each argument that counts, by its path (``kargs['a']``, ``varargs[0]``)."""
        return self.record.input_hashes

    @property
    def input_artifact_ids(self) -> tuple[ArtifactId, ...]:
        """Ids of the artifacts that were arguments of the call, each once, in order of their paths."""
        return tuple(dict.fromkeys(edge.artifact_id for edge in self.record.edges if edge.kind == "input"))

    @property
    def run_id(self) -> str:
        """Id of the process that computed the value."""
        return self.record.run_id

    @property
    def run_info(self) -> Mapping[str, JSON]:
        """Facts about the process that computed the value; empty if none were recorded."""
        run = self.repo.find_run(self.record.run_id)
        return {} if run is None else run.info

    @property
    def is_stored(self) -> bool:
        """Whether the artifact is in its repo (false after a computation in read-only mode)."""
        if self.record.journaled:
            self._look_again()
        return self.record.sequence is not None

    @property
    def is_recorded(self) -> bool:
        """Whether the artifact is in its repo, or waits in the repo's journal until it can be stored."""
        return self.record.sequence is not None or self.record.journaled

    def _look_again(self) -> None:
        """Become the stored artifact as soon as there is one."""
        try:
            self.record = self.repo.find_records((self.record.id,)).get(self.record.id, self.record)
        except StorageError:
            return

    @property
    def value(self) -> object:
        """The value, read and verified at each access; a new object each time."""
        return self.repo.load_value(self.record)

    @property
    def inputs(self) -> object:
        """The inputs of the call as ``{'kargs': {...}, 'varargs': (...)}``; artifacts among them are proxies."""
        return self.repo.load_inputs(self.record)

    def proxy(self) -> ArtifactProxy:
        """Return a proxy of the value that loads it when it is first used."""
        from provenance.artifacts.proxy import lazy_proxy  # noqa: PLC0415  wrapt is loaded with the first proxy

        return lazy_proxy(self)

    def value_repr(self) -> object:
        """What the hash of an artifact is made of: its id, so that it differs from its proxy."""
        return self.record.id

    def __reduce__(self) -> tuple[object, ...]:
        return restore_artifact, (self.record.id, self.repo.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifact) and other.record.id == self.record.id

    def __hash__(self) -> int:
        return hash(self.record.id)

    def __repr__(self) -> str:
        return f"<Artifact {self.name} {self.id[:12]}>"


_reading: ContextVar[Repo | None] = ContextVar("provenance_reading", default=None)


class reading_from:  # noqa: N801  reads as a statement: with reading_from(repo)
    """Resolve references inside a value in the repo that the value is being read from."""

    __slots__ = ("_repo", "_token")

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    def __enter__(self) -> None:
        self._token = _reading.set(self._repo)

    def __exit__(self, *exc_info: object) -> None:
        _reading.reset(self._token)


def reading_repo() -> Repo | None:
    """The repo a value is being read from, if one is."""
    return _reading.get()


def find_artifact(artifact_id: ArtifactId, near: Repo | None = None, repo_name: str | None = None) -> Artifact:
    """The artifact with this id, from the first repo that has it.

    Asked in order: the repo at hand, the repo of that name, the repo in force, every other configured one.

    Raises
    ------
    ArtifactNotFoundError
        None of them has it.
    """
    if near is not None and (record := near.find_records([artifact_id]).get(artifact_id)):
        return Artifact(record, near)
    for repo in sorted(state.known_repos(), key=lambda repo: repo.name != repo_name):
        if record := repo.find_records([artifact_id]).get(artifact_id):
            return Artifact(record, repo)
    names = ", ".join(repr(repo.name) for repo in state.known_repos())
    msg = (
        f"no artifact {artifact_id} in any configured repo ({names}); "
        "configure the repo it was stored in, or compute it again"
    )
    raise ArtifactNotFoundError(msg)


def restore_artifact(artifact_id: ArtifactId, repo_name: str | None) -> Artifact:
    """Unpickle an artifact from its id."""
    return find_artifact(artifact_id, reading_repo(), repo_name)


_storing: ContextVar[bool] = ContextVar("provenance_storing", default=False)


class storing:  # noqa: N801  reads as a statement: with storing()
    """Write references to artifacts that wait in a journal as ids: what is written is read when they are stored."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _storing.set(True)

    def __exit__(self, *exc_info: object) -> None:
        _storing.reset(self._token)


def is_restorable(artifact: Artifact) -> bool:
    """Whether whoever unpickles the artifact's id, from what is being written, can find the artifact."""
    return artifact.is_recorded if _storing.get() else artifact.is_stored
