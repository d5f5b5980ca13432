"""Two repos on disk, the default one and another to share with."""

from __future__ import annotations

import pytest

import provenance as p
from provenance.blobstores import DiskStore
from provenance.repos.sql.repo import SqlRepo


def open_repo(folder, name, **options):
    return SqlRepo(folder / f"{name}.db", DiskStore(folder / f"{name}-blobs"), name=name, **options)


@pytest.fixture
def here(tmp_path):
    with p.using_repo(open_repo(tmp_path, "here")) as repo:
        yield repo


@pytest.fixture
def team(tmp_path):
    return open_repo(tmp_path, "team")
