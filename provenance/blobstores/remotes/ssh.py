"""One connection to an SSH server, shared by threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import paramiko

from provenance.blobstores.remotes.base import TakenError

T = TypeVar("T")

_MOST_CHANNELS = 6  # servers allow 10 in one connection, unless they are told otherwise
_SECONDS_TO_CONNECT = 15.0
_SECONDS_TO_ANSWER = 60.0
_CLOSED = "Socket is closed"  # all that paramiko says


class Channels:
    """A connection that is made when it is first used, again when it was lost, and has an SFTP channel per user.

    Parameters
    ----------
    host : str
        The server.
    options : mapping
        What `paramiko.SSHClient.connect` takes, such as ``port``, ``username``, ``password`` and ``key_filename``;
        ``known_hosts``, a file of host keys besides those of the user and the system; and ``host_key_policy``: what
        to do about a host that is in none of them: ``reject``, which is the default, ``warning`` or ``auto_add``.
    """

    def __init__(self, host: str, options: Mapping[str, Any]) -> None:
        self._host = host
        self._options = {"timeout": _SECONDS_TO_CONNECT, "banner_timeout": _SECONDS_TO_CONNECT, **options}
        self._known_hosts = self._options.pop("known_hosts", None)
        self._policy = str(self._options.pop("host_key_policy", "reject"))
        if self._policy not in _POLICIES:
            msg = f"host_key_policy must be one of {', '.join(_POLICIES)}, got {self._policy!r}"
            raise ValueError(msg)
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(_MOST_CHANNELS)
        self._client: paramiko.SSHClient | None = None
        self._idle: list[tuple[paramiko.SSHClient, Any]] = []

    def use(self, work: Callable[[Any], T]) -> T:
        """Do something with a channel of one's own.

        A channel on which anything unexpected has happened is not used again; nor is a connection that is no longer
        alive.
        """
        with self._room:
            client, sftp = self._take()
            try:
                result = work(sftp)
            except Exception as exc:
                if _is_answer(exc):
                    self._idle.append((client, sftp))
                    raise
                self._drop(client, sftp)
                if str(exc) == _CLOSED:
                    raise ConnectionResetError(_CLOSED) from exc
                raise
            except BaseException:
                self._drop(client, sftp)
                raise
            self._idle.append((client, sftp))
            return result

    def _take(self) -> tuple[paramiko.SSHClient, Any]:
        while True:
            with contextlib.suppress(IndexError):
                client, sftp = self._idle.pop()
                if client is self._client and _is_alive(client):
                    return client, sftp
                continue
            client = self._connected()
            sftp = client.open_sftp()
            channel = sftp.get_channel()
            if channel is not None:
                channel.settimeout(_SECONDS_TO_ANSWER)
            return client, sftp

    def _connected(self) -> paramiko.SSHClient:
        with self._lock:
            if self._client is not None and _is_alive(self._client):
                return self._client
            if self._client is not None:
                self._client.close()
            client = paramiko.SSHClient()
            client.load_system_host_keys()
            if self._known_hosts is not None:
                client.load_host_keys(str(Path(self._known_hosts).expanduser()))
            client.set_missing_host_key_policy(_POLICIES[self._policy]())
            try:
                client.connect(self._host, **self._options)
            except BaseException:
                client.close()
                raise
            self._client = client
            return client

    def _drop(self, client: paramiko.SSHClient, sftp: Any) -> None:
        with contextlib.suppress(Exception):  # it is broken already
            sftp.close()
        if not _is_alive(client):
            client.close()


def _is_alive(client: paramiko.SSHClient) -> bool:
    transport = client.get_transport()
    return transport is not None and transport.is_active()


def _is_answer(exc: Exception) -> bool:
    """Whether it is what the server said about a file, and not that the connection is broken."""
    if isinstance(exc, FileNotFoundError | PermissionError | TakenError):
        return True
    return type(exc) is OSError and exc.errno is None and str(exc) != _CLOSED


class UnknownHostError(Exception):
    """Nobody has said which key the host has."""


class _Reject:
    def missing_host_key(self, _client: object, hostname: str, _key: object) -> None:
        msg = f"the key of {hostname} is in no known_hosts file"
        raise UnknownHostError(msg)


_POLICIES = {"reject": _Reject, "warning": paramiko.WarningPolicy, "auto_add": paramiko.AutoAddPolicy}
