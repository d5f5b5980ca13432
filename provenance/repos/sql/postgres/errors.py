"""What is said when PostgreSQL cannot do what it is asked."""

from __future__ import annotations

import re

import psycopg

from provenance.errors import RepoUnavailableError, RepoUnreachableError

_BY_STATE = {
    "25006": "it may only be read: connect to the primary server, or set write: false and delete: false",
    "28": "check the user and the password",
    "3D000": "create_db: true makes a missing database",
    "42501": "grant the user of the connection what it lacks, or connect as another one",
    "53100": "free some space on the server's disk",
    "53300": "the server takes no more connections: close some, raise max_connections, or use a pooler",
}
"""Remedies by SQLSTATE, or by its class."""
_CERTIFICATE = (
    "check the host in the URL, and that sslrootcert is the certificate of the authority that signed the server's; "
    "sslmode says how much is verified"
)
# Refused connections come without an SQLSTATE.
_REFUSALS = (
    (r"password authentication failed|no password supplied", _BY_STATE["28"]),
    (r"certificate|SSL (is not|was required|error)|does not support SSL|no encryption", _CERTIFICATE),
    (r"password|authentication|pg_hba|role .* does not exist", _BY_STATE["28"]),
    (r"database .* does not exist", _BY_STATE["3D000"]),
    (r"permission denied for database", _BY_STATE["42501"]),
    (r"read-only", _BY_STATE["25006"]),
)
_OUTAGES = (
    (r"translate host name|resolve|Name or service|No address", "check the host in the URL"),
    (r"refused|No such file|timeout|timed out|unreachable", "check that the server runs, and the host and the port"),
    (r"too many (clients|connections)|connection slots", _BY_STATE["53300"]),
)
# What passes: lost connections, no room, a server that starts or stops, a system error, a deadlock.
_OUTAGE_STATES = ("08", "40", "53", "57P", "58")
_OTHERWISE = "check that the server runs and can be reached, then run again"


def unavailable(place: str, cause: BaseException) -> RepoUnavailableError:
    """The error for an operation that the database at `place` refused, or that did not reach it."""
    text = " ".join(str(cause).split())
    kind = RepoUnreachableError if is_outage(cause) else RepoUnavailableError
    return kind(f"the database {place} cannot be used: {type(cause).__name__}: {text}; {_remedy(cause, text)}")


def is_outage(cause: BaseException) -> bool:
    """Whether the server could not be reached, or could not do what it can do at other times."""
    if not isinstance(cause, psycopg.OperationalError):
        return False
    if cause.sqlstate is not None:
        return cause.sqlstate.startswith(_OUTAGE_STATES)
    text = str(cause)
    return not any(re.search(pattern, text) for pattern, _ in _REFUSALS)


def _remedy(cause: BaseException, text: str) -> str:
    state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    if state is not None:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or _OTHERWISE
    return next((remedy for pattern, remedy in (*_REFUSALS, *_OUTAGES) if re.search(pattern, text)), _OTHERWISE)
