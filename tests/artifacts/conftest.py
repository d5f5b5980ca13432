"""Every test here runs against an empty repo in memory, unless it asks for another."""

from __future__ import annotations

import pytest

import provenance as p
from provenance.repos.memory import MemoryRepo


@pytest.fixture(autouse=True)
def repo():
    with p.using_repo(MemoryRepo(name="test")) as repo:
        yield repo


@pytest.fixture
def calls():
    """A list that functions under test append to when their body runs."""
    return []
