"""What the tests of repos have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest

import provenance as p
from provenance.repos.base import BaseRepo
from provenance.repos.single import SingleRepo
from provenance.testing.drafts import an_id
from provenance.types import (
    ArtifactId,
    ArtifactRecord,
    BlobStore,
)


class RepoCase:
    """How a repo is made for tests, and how its bytes are lost; see `provenance.testing.repos`."""

    def make_repo(self, place: Path, **options: Any) -> BaseRepo:
        """Make a repo, or open it again, that keeps what it holds in or by the name of `place`, an existing folder.

        It has a store of its own, called anything, and takes ``grace_seconds`` besides the options of all repos.
        """
        raise NotImplementedError

    def stores(self, repo: BaseRepo) -> Iterable[BlobStore]:
        """The stores in which a repo keeps copies of the same bytes."""
        return [cast("SingleRepo", repo).store]

    @pytest.fixture
    def repo(self, tmp_path: Path) -> BaseRepo:
        """A repo that permits everything."""
        return self.make_repo(tmp_path)

    def reopened(self, repo: BaseRepo, place: Path, artifact_id: ArtifactId) -> ArtifactRecord:
        """The record as a repo reads it that has not seen it before; the repo's own where nothing is kept."""
        other = self.make_repo(place)
        return other.find_records([artifact_id]).get(artifact_id) or repo.find_records([artifact_id])[artifact_id]

    def lose_value(self, repo: BaseRepo, record: ArtifactRecord) -> None:
        """Delete the bytes of a value behind the repo's back."""
        assert record.value_blob is not None
        for store in self.stores(repo):
            store.delete(record.value_blob.key)

    @staticmethod
    def lose_value_of(repo: SingleRepo, record: ArtifactRecord) -> None:
        """Delete the bytes of a value behind the back of a repo with one store."""
        assert record.value_blob is not None
        repo.store.delete(record.value_blob.key)

    @staticmethod
    def seeds(found: p.Found[p.ArtifactRow], most: int = 100) -> list[int]:
        """The seeds that the artifacts were made of, in the order of the rows."""
        by_id = {an_id(seed): seed for seed in range(most)}
        return [by_id[row.id] for row in found]
