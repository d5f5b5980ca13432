"""What every repo promises, as a test class to subclass.

A subclass gives `make_repo`::

    class TestMyRepo(RepoContract):
        def make_repo(self, place, **options):
            return MyRepo(place / "repo", MyStore(place / "blobs"), **options)
"""

from __future__ import annotations

from provenance.testing.repo_batches import BatchContract
from provenance.testing.repo_changes import ChangeContract
from provenance.testing.repo_failures import FailureContract
from provenance.testing.repo_found import FoundContract
from provenance.testing.repo_jobs import JobContract
from provenance.testing.repo_leases import LeaseContract
from provenance.testing.repo_lookups import LookupContract
from provenance.testing.repo_records import RecordContract
from provenance.testing.repo_searches import SearchContract
from provenance.testing.repo_set_searches import SetSearchContract
from provenance.testing.repo_sets import SetContract


class RepoContract(
    RecordContract,
    LookupContract,
    ChangeContract,
    LeaseContract,
    BatchContract,
    SetContract,
    SearchContract,
    FoundContract,
    FailureContract,
    SetSearchContract,
    JobContract,
):
    """Tests of the promises of `provenance.repos.base.BaseRepo`; subclass it once per backend."""
