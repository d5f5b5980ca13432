"""What is said when PostgreSQL cannot do what it is asked."""

from __future__ import annotations

import re

import psycopg

from provenance.errors import RepoUnavailableError

_BY_STATE = {
    "25006": "it may only be read: connect to the primary server, or set write: false and delete: false",
    "28": "check the user and the password",
    "3D000": "create_db: true makes a missing database",
    "42501": "grant the user of the connection what it lacks, or connect as another one",
    "53100": "free some space on the server's disk",
    "53300": "the server takes no more connections: close some, raise max_connections, or use a pooler",
}
"""Remedies by SQLSTATE, or by its class."""
# Refused connections come without an SQLSTATE.
_BY_MESSAGE = (
    (r"password|authentication|pg_hba|role .* does not exist", _BY_STATE["28"]),
    (r"database .* does not exist", _BY_STATE["3D000"]),
    (r"translate host name|resolve|Name or service|No address", "check the host in the URL"),
    (r"refused|No such file|timeout|timed out|unreachable", "check that the server runs, and the host and the port"),
    (r"too many (clients|connections)|connection slots", _BY_STATE["53300"]),
)
_OTHERWISE = "check that the server runs and can be reached, then run again"


def unavailable(place: str, cause: BaseException) -> RepoUnavailableError:
    """The error for an operation that the database at `place` refused, or that did not reach it."""
    text = " ".join(str(cause).split())
    return RepoUnavailableError(
        f"the database {place} cannot be used: {type(cause).__name__}: {text}; {_remedy(cause, text)}"
    )


def _remedy(cause: BaseException, text: str) -> str:
    state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    if state is not None:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or _OTHERWISE
    return next((remedy for pattern, remedy in _BY_MESSAGE if re.search(pattern, text)), _OTHERWISE)
