"""Rows of a database that could not be opened when its repo was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from provenance.repos.sql.rows import SqlRows


class LateRows:
    """Opens the database when it is first asked for something, and is its `SqlRows` from then on.

    Parameters
    ----------
    open_rows : callable
        Opens the database; what it raises is raised by whatever was asked for.
    """

    def __init__(self, open_rows: Callable[[], SqlRows]) -> None:
        self._open_rows = open_rows

    def __getattr__(self, name: str) -> Any:
        opened = self.__dict__.get("_opened")
        if opened is None:
            fresh = self._open_rows()
            opened = self.__dict__.setdefault("_opened", fresh)
            if opened is not fresh:  # another thread was first
                fresh.close()
        return getattr(opened, name)

    def close(self) -> None:
        """Give back what is held open, if anything is."""
        opened = self.__dict__.get("_opened")
        if opened is not None:
            opened.close()
