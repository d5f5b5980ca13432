"""The options that every repo has."""

from __future__ import annotations

from typing import TypedDict


class RepoOptions(TypedDict, total=False):
    """What may be done with a repo; see `provenance.repos.base.BaseRepo`."""

    read: bool
    write: bool
    read_through_write: bool
    delete: bool
