"""What the failures of client libraries mean, without importing any of them."""

from __future__ import annotations

import errno
import socket
import ssl

from provenance._util.causes import causes

_LOWEST_STATUS = 100
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_PASSING_CODES = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "InternalError",
        "Md5Mismatch",
        "OperationAborted",
        "RequestTimeout",
        "ServerBusy",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "XAmzContentSHA256Mismatch",
    }
)
_REFUSING_CODES = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
"""Those that come with another status than 401 or 403."""
_PASSING_ERRNO = frozenset(
    {
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EPIPE,
        errno.ETIMEDOUT,
    }
)
_PASSING_TYPES = frozenset(
    {
        # aiohttp
        "ClientOSError",
        "ClientPayloadError",
        "ServerDisconnectedError",
        # botocore
        "ConnectionClosedError",
        "ConnectTimeoutError",
        "EndpointConnectionError",
        "HTTPClientError",
        "IncompleteReadError",
        "ReadTimeoutError",
        "ResponseStreamingError",
        # azure.core
        "ServiceRequestError",
        "ServiceResponseError",
        # paramiko
        "NoValidConnectionsError",
        "SSHException",
    }
)
_CREDENTIAL_TYPES = frozenset(
    {
        "AuthenticationException",  # paramiko
        "BadHostKeyException",
        "PasswordRequiredException",
        "UnknownHostError",  # this library
        "ClientAuthenticationError",  # azure.core
        "CredentialUnavailableError",
        "DefaultCredentialsError",  # google.auth
        "RefreshError",
        "NoCredentialsError",  # botocore
        "PartialCredentialsError",
    }
)


def status_of(exc: BaseException) -> int | None:
    """The HTTP status the storage answered with, if it was that."""
    return next((status for link in causes(exc) if (status := _status(link)) is not None), None)


def _status(link: BaseException) -> int | None:
    response = getattr(link, "response", None)
    if isinstance(response, dict):  # botocore
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:  # azure, aiohttp and gcsfs, in this order
        status = getattr(link, "status_code", None) or getattr(link, "status", None) or getattr(link, "code", None)
    return status if isinstance(status, int) and status >= _LOWEST_STATUS else None


def code_of(exc: BaseException) -> str:
    """The name by which the storage calls what went wrong, such as ``NoSuchBucket``; empty if it gave none."""
    for link in causes(exc):
        response = getattr(link, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
        code = getattr(link, "error_code", None)
        if code is not None:
            return str(getattr(code, "value", code))
    return ""


def is_transient(exc: BaseException) -> bool:
    """Whether the same may succeed when it is tried again."""
    links = list(causes(exc))
    if any(isinstance(link, socket.gaierror) or _is_of(link, _CREDENTIAL_TYPES) for link in links):
        return is_lost_name(links)
    if code_of(exc) in _PASSING_CODES:
        return True
    for link in links:  # what is closest to the caller says most
        if _passes(link):
            return True
        status = _status(link)
        if status is not None:
            return status in _PASSING_STATUS
    return False


def is_lost_name(links: list[BaseException]) -> bool:
    """Whether a host's name could not be looked up for the moment only."""
    return any(isinstance(link, socket.gaierror) and link.errno == socket.EAI_AGAIN for link in links)


def is_unknown_host(exc: BaseException) -> bool:
    """Whether there is no host of this name."""
    return any(isinstance(link, socket.gaierror) for link in causes(exc))


def is_refusal(exc: BaseException) -> bool:
    """Whether the storage, or the library on behalf of it, does not accept who asks."""
    if status_of(exc) in {401, 403} or code_of(exc) in _REFUSING_CODES:
        return True
    return any(_refuses(link) for link in causes(exc))


def _refuses(link: BaseException) -> bool:
    if isinstance(link, PermissionError) or _is_of(link, _CREDENTIAL_TYPES):
        return True
    return type(link) is OSError and str(link).startswith("Forbidden")  # gcsfs


def _passes(link: BaseException) -> bool:
    if isinstance(link, TimeoutError | ConnectionError | EOFError | ssl.SSLError):
        return not isinstance(link, ssl.SSLCertVerificationError)
    if isinstance(link, OSError) and link.errno in _PASSING_ERRNO:
        return True
    return _is_of(link, _PASSING_TYPES)


def _is_of(link: BaseException, names: frozenset[str]) -> bool:
    return any(kind.__name__ in names for kind in type(link).__mro__)
