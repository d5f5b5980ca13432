"""What a repo with one blobstore asks of the place its rows lie in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from provenance.errors import LeaseLostError
from provenance.types import (
    JSON,
    ArtifactId,
    ArtifactRecord,
    BlobKey,
    JobUse,
    JobUses,
    Lease,
    Leases,
    RecipeKey,
    RunRecord,
    SetId,
    ValueId,
)

if TYPE_CHECKING:
    from provenance.repos.labellings import Arrange, History
    from provenance.repos.queries import FailedCallQuery, Query, Row
    from provenance.types import FailedCall, JobRecord, SetRecord


class Inserted(NamedTuple):
    """The stored record, and whether this call stored it."""

    record: ArtifactRecord
    is_new: bool


UNKNOWN_SWEEPS = -1
"""A number of sweeps that never is the present one."""


class BlobCheck(NamedTuple):
    """How to make sure that the blobs of a row are there.

    They were put when `sweeps` was the number of sweeps. If there were others since, `restore` puts a blob again that
    did not survive them; it is called while no other caller can sweep.
    """

    sweeps: int
    restore: Callable[[BlobKey], None]


class Entry(NamedTuple):
    """A row to be stored, the facts about its process, and how to make sure that its blobs are there.

    The lease ends, unless it is that of a composite, and the use by a job is noted, in the transaction that stores the
    row. If the lease was taken over, nothing is stored.
    """

    record: ArtifactRecord
    run: RunRecord | None
    blobs: BlobCheck
    lease: Lease | None = None
    job: JobUse | None = None


class Jobs(Protocol):
    """Rows of jobs, and of what they used. Every method is one transaction."""

    def begin(self, record: JobRecord, run: RunRecord) -> JobRecord:
        """Store a job unless it is there, and the facts about the process that begins it.

        Returns
        -------
        JobRecord
            With the time it began.
        """

    def end(self, job_id: str) -> None:
        """Note that a job is over."""

    def add(self, job_id: str, uses: JobUses) -> None:
        """Note what a job used; "computed" and "nested" take the place of "hit", and stay."""

    def uses(self, job_id: str) -> JobUses:
        """What a job used, as far as it was noted."""


def lease_lost(lease: Lease) -> LeaseLostError:
    """The error for a lease that was taken over by one who has stored nothing yet."""
    return LeaseLostError(
        f"lease {lease.fence} of {lease.holder} for artifact {lease.artifact_id} was over, and was taken over"
    )


class Rows(Protocol):
    """Rows of a repo. Every method is one transaction; permissions, bytes and caching are the repo's."""

    @property
    def jobs(self) -> Jobs:
        """The rows of jobs."""

    @property
    def sweeps(self) -> int:
        """How many sweeps that removed blobs this process knows of."""

    @property
    def leases(self) -> Leases:
        """Who computes what at present."""

    def records(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        """The stored records among `ids`."""

    def records_by_recipe(self, keys: Collection[RecipeKey]) -> dict[RecipeKey, ArtifactRecord]:
        """The stored records that these keys led to."""

    def latest_with_value(self, value_id: ValueId) -> ArtifactRecord | None:
        """The record with this value that was stored last."""

    def run(self, run_id: str) -> RunRecord | None:
        """The facts about one process."""

    def insert(self, entry: Entry) -> Inserted:
        """Store a row with its edges, recipe, run and references to blobs, unless its id is taken.

        Raises
        ------
        BlobNotFoundError
            A blob the row would refer to is gone and cannot be restored.
        LeaseLostError
            The lease was taken over, and no row has the id yet.
        """

    def insert_many(self, entries: Sequence[Entry], recipes: Mapping[RecipeKey, ArtifactId]) -> list[Inserted]:
        """Do for each of several rows, in this order, what `insert` does, and let recipe keys lead to them.

        All are stored or, if this raises what `insert` raises, none is.
        """

    def replace(self, old: ArtifactRecord, new: Entry) -> ArtifactRecord:
        """Put other bytes in the place of lost ones, unless another caller did so already.

        Recipe keys of everything downstream are removed if the value is another one.
        """

    def add_recipes(self, recipes: Mapping[RecipeKey, ArtifactId]) -> None:
        """Let recipe keys lead to stored artifacts; ids that are not stored are left out."""

    def recipes_of(self, ids: Collection[ArtifactId]) -> dict[RecipeKey, ArtifactId]:
        """The recipe keys that lead to these artifacts."""

    def count_sweeps(self) -> int:
        """Look up how many sweeps there were, which `sweeps` is from then on."""

    def remove(self, ids: Collection[ArtifactId]) -> None:
        """Remove rows, and note which blobs nothing refers to any more."""

    def downstream(self, ids: Collection[ArtifactId]) -> set[ArtifactId]:
        """Everything that refers to `ids`, directly or through others, whether these are stored here or not."""

    def remove_recipes(self, ids: Collection[ArtifactId]) -> None:
        """Remove the recipe keys that lead to these artifacts."""

    def sweep(self, grace_seconds: float, delete: Callable[[Collection[BlobKey]], None]) -> None:
        """Delete the blobs that nothing has referred to for at least so long."""

    def set_by_id(self, set_id: SetId) -> SetRecord | None:
        """A set, with the labels it was last saved under."""

    def latest_set(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """The set last saved under labels that contain these."""

    def save_set(self, record: SetRecord) -> SetRecord:
        """Store a set unless it is there, and append its labels to the history."""

    def set_ids(self) -> set[SetId]:
        """The ids of all sets."""

    def label_history(self) -> History:
        """Under which labels sets were saved, in that order."""

    def arrange_labels(self, arrange: Arrange) -> None:
        """Give the history of labels another order, and add to it; sets that are not here are left out of it."""

    def remove_set(self, set_id: SetId) -> None:
        """Remove a set with its history."""

    def save_failed_call(self, call: FailedCall, run: RunRecord) -> FailedCall:
        """Store a call that raised."""

    def failed_calls(self, query: FailedCallQuery) -> list[FailedCall]:
        """The calls that raised that a query asks for, the last ones first."""

    def search(self, query: Query) -> Iterator[Row]:
        """The rows that a query asks for, in its order, fetched as they are needed."""

    def count(self, query: Query) -> int:
        """How many rows a query asks for."""

    def close(self) -> None:
        """Give back what is held open."""
