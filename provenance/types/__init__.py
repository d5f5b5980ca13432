"""The words of the library as types: ids, plain records, and the contracts between its layers.

Everything here is data or a Protocol. A record is what is stored; an
:class:`~provenance.artifacts.artifact.Artifact` is a record bound to the repo it came from.
"""

# Longer than 400 lines: it is the list of the words that all layers share.

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple, NewType, Protocol, TypeAlias, runtime_checkable

from provenance._util.payload import Buffers, Staged
from provenance.errors import RepoUnreachableError, StorageError

if TYPE_CHECKING:
    from provenance.types.records import Draft as Draft
    from provenance.types.records import FailedCall as FailedCall
    from provenance.types.records import JobRecord as JobRecord
    from provenance.types.records import SetRecord as SetRecord

ArtifactId = NewType("ArtifactId", str)
"""Content key of a call: 64 hex digits."""
ValueId = NewType("ValueId", str)
"""Value hash of a result: 64 hex digits, for an archived file perhaps followed by its extension."""
RecipeKey = NewType("RecipeKey", str)
"""Key of a call known before its lazy inputs are: 64 hex digits."""
BlobKey = NewType("BlobKey", str)
"""Digest of stored bytes: 64 hex digits, perhaps followed by a file extension."""
SetId = NewType("SetId", str)
"""Digest of the sorted member ids of an artifact set: 64 hex digits."""

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Version: TypeAlias = int | str
Kargs: TypeAlias = dict[str, object]
OnRepoError: TypeAlias = Literal["raise", "compute"]
"""What happens to a call whose look-up does not reach the database."""
OnDuplicateKey: TypeAlias = Literal["skip", "overwrite", "check_collision", "raise"]


class Fingerprint(NamedTuple):
    """What identifies a value: its digest, and what stands for it inside a container's encoding.

    Attributes
    ----------
    digest : str
        The value hash, 64 hex digits.
    encoding : bytes
        ``C(v)`` of the canonical encoding: the encoding itself when it is short, else ``b"H"`` and the
        32 bytes of the digest.
    """

    digest: str
    encoding: bytes


@runtime_checkable
class CarriesArtifact(Protocol):
    """A stand-in for a value that knows the value's encoding without having the value."""

    def __provenance_encoding__(self) -> bytes:
        """``C(v)`` of the value this object stands for."""


class Permissions(NamedTuple):
    """What may be done with a repo or blobstore.

    ``read_through_write`` lets a chain copy into this member what it found further down.
    """

    read: bool = True
    write: bool = True
    read_through_write: bool = True
    delete: bool = True


class BlobRef(NamedTuple):
    """Where stored bytes lie: their key and their size in bytes."""

    key: BlobKey
    size: int


class Payload(Protocol):
    """Bytes on their way into a blobstore."""

    @property
    def size(self) -> int | None:
        """Bytes in all when they are in memory already, else None."""

    def write_to(self, file: BinaryIO) -> None:
        """Write all bytes; may be called more than once."""


class BlobStore(Protocol):
    """Stored bytes addressed by their BLAKE3 digest.

    Every ``get`` and ``local_path`` returns verified bytes or raises.
    """

    @property
    def name(self) -> str: ...
    @property
    def permissions(self) -> Permissions: ...
    def __contains__(self, key: object) -> bool: ...
    def get(self, key: BlobKey) -> bytes:
        """The bytes of `key`; `BlobNotFoundError` or `BlobCorruptError` if there are none to trust."""

    def local_path(self, key: BlobKey) -> Path | None:
        """A verified local file with the bytes of `key`, never written again; None where the store has no files."""

    def save_as(self, key: BlobKey, file: Path) -> None:
        """Write the verified bytes of `key` to a file, without having all of them in memory where that can be."""

    def put(self, data: Payload | bytes, *, extension: str = "") -> BlobRef:
        """Store bytes without clobbering; the key is their digest followed by `extension`."""

    def stage(self, payload: Buffers) -> Staged | None:
        """Write bytes that are about to be put, which tells their digest; None where that would not help."""

    def delete(self, key: BlobKey) -> None: ...
    def ids(self) -> Iterator[BlobKey]: ...
    def batch_contains(self, keys: Iterable[object]) -> set[BlobKey]:
        """Those of `keys` that are in the store."""

    def batch_stored(self, keys: Iterable[object]) -> set[BlobKey]:
        """Those of `keys` that are in the store itself, whatever a local cache has."""

    def batch_get(self, keys: Iterable[BlobKey]) -> list[bytes]:
        """The bytes of `keys`, in their order; all of them are in memory at once."""

    def batch_put(self, items: Iterable[Payload | bytes], *, extension: str = "") -> list[BlobRef]:
        """Store bytes; the refs are in the order of the items, which are taken when they are about to be stored."""

    def batch_delete(self, keys: Iterable[BlobKey]) -> None: ...


INPUTS_SERIALIZER = "joblib"
"""Serializer of the inputs of every call."""
FILE_SERIALIZER = "file"
"""Recorded as the serializer of archived files: their blob is the file itself."""

InputKind: TypeAlias = Literal["input", "result", "call"]
"""How one artifact refers to another: as an argument, from inside its value, or as a nested call."""


class InputEdge(NamedTuple):
    """One reference from an artifact to another.

    `path` is the place of the reference, as in ``kargs['model'].steps[0]``; for a nested call it is empty.
    """

    path: str
    artifact_id: ArtifactId
    kind: InputKind = "input"


class Durations(NamedTuple):
    """Seconds one call spent: hashing its inputs, computing, hashing the value, storing it."""

    hash: float = 0.0
    compute: float = 0.0
    value_hash: float = 0.0
    store: float = 0.0


class RunRecord(NamedTuple):
    """Facts about one process: `info` is a JSON object (host, argv, git ref ...)."""

    id: str
    info: Mapping[str, JSON]


_NOTHING: Mapping[str, Any] = {}


class ArtifactRecord(NamedTuple):
    """The row of one artifact. A record read from a repo has `sequence` and `computed_at` set.

    One that is `journaled` waits to be stored until its repo can be reached. It is a tuple, as look-ups make thousands:
    a frozen dataclass with as many fields takes four times as long to make, and six times as long to change.
    """

    id: ArtifactId
    value_id: ValueId
    value_encoding: bytes
    name: str
    version: Version
    fn_module: str
    fn_name: str
    hash_scheme: int
    serializer: str
    run_id: str
    composite: bool = False
    load_kwargs: Mapping[str, object] = _NOTHING
    dump_kwargs: Mapping[str, object] = _NOTHING
    value_type: str = ""
    value_callable: bool = False
    value_blob: BlobRef | None = None
    value_inline: bytes | None = None
    inputs_blob: BlobRef | None = None
    inputs_inline: bytes | None = None
    input_hashes: Mapping[str, str] = _NOTHING
    inputs_json: JSON = None
    custom_fields: Mapping[str, JSON] = _NOTHING
    durations: Durations = Durations()
    edges: tuple[InputEdge, ...] = ()
    recipe: RecipeKey | None = None
    code_id: str | None = None
    computed_at: datetime | None = None
    sequence: int | None = None
    journaled: bool = False


class Lease(NamedTuple):
    """The right of one holder to compute and store one artifact; a later lease has a larger `fence`."""

    artifact_id: ArtifactId
    holder: str
    fence: int


class Claim(NamedTuple):
    """What came of asking for a lease: it, or the record of what is stored; neither while another one holds it."""

    lease: Lease | None = None
    record: ArtifactRecord | None = None


class Leases(Protocol):
    """Who computes what at present, by the clock of the place that keeps it.

    What is stored under a lease ends it, in the same transaction; see `Draft`. All methods may raise `StorageError`.
    """

    def acquire(self, artifact_id: ArtifactId, holder: str, seconds: float) -> Claim:
        """Ask for the lease of an artifact that is not stored, for so long; one that is over is taken from its holder.

        A holder that asks again is given a new lease in place of its own.
        """

    def renew(self, leases: Collection[Lease], seconds: float) -> set[Lease]:
        """Let leases last so long from now, and return those that were not taken over."""

    def release(self, lease: Lease) -> None:
        """End a lease, unless it was taken over."""


UsedAs: TypeAlias = Literal["hit", "computed", "nested"]
"""How a job used an artifact: found stored, computed, or computed inside of another call."""


class JobUse(NamedTuple):
    """That a job used the artifact this goes with, and how."""

    job_id: str
    used_as: UsedAs


JobUses: TypeAlias = Mapping[ArtifactId, tuple[UsedAs, str]]
"""How a job used artifacts, and the ids of the runs that computed or found them."""


class RecordPlace(NamedTuple):
    """One place in which a repo keeps its records.

    Attributes
    ----------
    address : str
        How messages call it: a path, or a URL without user and password.
    identity : str or None
        Tells it from every other place, under whatever address it is reached; None where that is not known.
    scope : {"process", "host", "network"}
        Who can share it: only this process, the processes of this host, or other hosts as well.
    writes : bool
        Whether what is stored in the repo is recorded there.
    """

    address: str
    identity: str | None
    scope: Literal["process", "host", "network"]
    writes: bool


class Repo(Protocol):
    """What the engine needs of a repo: records by key in batches, and one way to store a call.

    The public methods (``get_by_id``, ``put`` ...) are built on these by `provenance.repos.base`.
    """

    @property
    def name(self) -> str: ...
    @property
    def permissions(self) -> Permissions: ...
    def record_places(self) -> tuple[RecordPlace, ...]:
        """The places its records lie in; none where nothing is known of them."""

    def find_records(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        """The stored records among `ids`."""

    def find_record(self, artifact_id: ArtifactId) -> ArtifactRecord | None:
        """The stored record with this id."""

    def forget_records(self, ids: Collection[ArtifactId] | None = None) -> None:
        """Forget which of these records, or of all, this process has seen lately, as others may have deleted them."""

    def find_recipes(self, keys: Collection[RecipeKey]) -> dict[RecipeKey, ArtifactRecord]:
        """The stored records among those that `keys` led to."""

    @property
    def leases(self) -> Leases | None:
        """Who computes what at present; None where that is not kept."""

    def has_value(self, record: ArtifactRecord) -> bool:
        """Whether the bytes of the record's value are there (not whether they are sound)."""

    def save(self, draft: Draft) -> ArtifactRecord:
        """Store blobs, then the row; returns the stored record, which is the winner's if another was first.

        Raises `LeaseLostError`, and stores nothing, if the lease was taken over by one who has stored nothing yet.
        """

    def stage(self, payload: Buffers) -> Staged | None:
        """Write a value's bytes that are about to be saved, which tells their digest; None where that cannot be."""

    def spool(self, draft: Draft, error: StorageError) -> ArtifactRecord:
        """Keep what `save` failed to store with `error` until it can be stored, or raise `error`."""

    def counts_as_miss(self, error: RepoUnreachableError) -> bool:
        """Whether a call whose look-up failed with `error` goes on as if nothing were stored."""

    def add_recipes(self, recipes: Mapping[RecipeKey, ArtifactId]) -> None:
        """Record further recipe keys that led to stored artifacts."""

    def load_value(self, record: ArtifactRecord) -> object:
        """Read, verify and deserialise the value."""

    def load_inputs(self, record: ArtifactRecord) -> object:
        """Read, verify and deserialise the inputs of the call."""

    def find_run(self, run_id: str) -> RunRecord | None:
        """The facts recorded about one process."""

    def save_failed_call(self, call: FailedCall, run: RunRecord) -> FailedCall:
        """Record a call that raised; it is never found as a result."""

    def begin_job(self, record: JobRecord, run: RunRecord) -> JobRecord:
        """Store a job and the facts about the process that begins it; the record has the time it began."""

    def end_job(self, job_id: str) -> None:
        """Note that a job is over."""

    def add_job_uses(self, job_id: str, uses: JobUses) -> None:
        """Note what a job used; what is noted as computed stays."""

    def job_uses(self, job_id: str) -> JobUses:
        """What a job used, as far as it was noted."""

    def find_set(self, set_id: SetId) -> SetRecord | None: ...
    def latest_set(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """The set that was last saved under labels containing `labels`."""

    def save_set(self, record: SetRecord) -> SetRecord:
        """Store the set and, when it has labels, append to their history."""


def __getattr__(name: str) -> Any:
    """Import what a first hit does not need when it is first asked for."""
    if name not in {"Draft", "FailedCall", "JobRecord", "SetRecord"}:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module("provenance.types.records"), name)
    globals()[name] = value
    return value
