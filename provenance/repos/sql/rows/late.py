"""Rows of a database that could not be opened when its repo was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from provenance._util.patience import Patience
from provenance.errors import RepoUnreachableError
from provenance.repos.sql.rows.artifacts import SqlRows


class LateRows:
    """Opens the database when it is first asked for something, and is its `SqlRows` from then on.

    Parameters
    ----------
    open_rows : callable
        Opens the database; what it raises is raised by whatever was asked for.
    """

    def __init__(self, open_rows: Callable[[], SqlRows]) -> None:
        self._open_rows = open_rows
        self._patience = Patience()
        self._failure: RepoUnreachableError | None = None

    def __getattr__(self, name: str) -> Any:
        opened = self.__dict__.get("_opened")
        if opened is None:
            fresh = self._opened_now()
            opened = self.__dict__.setdefault("_opened", fresh)
            if opened is not fresh:  # another thread was first
                fresh.close()
        return getattr(opened, name)

    def _opened_now(self) -> SqlRows:
        if self._failure is not None and self._patience.is_over:
            raise RepoUnreachableError(*self._failure.args)
        try:
            with self._patience.trying(RepoUnreachableError):
                return self._open_rows()
        except RepoUnreachableError as exc:
            self._failure = exc.with_traceback(None)
            raise

    def close(self) -> None:
        """Give back what is held open, if anything is."""
        opened = self.__dict__.get("_opened")
        if opened is not None:
            opened.close()
