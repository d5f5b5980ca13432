"""What can be a key of stored bytes."""

from __future__ import annotations

import re

from provenance.errors import InvalidIdError
from provenance.types import BlobKey

_KEY = re.compile(r"[0-9a-f]{64}(?:\.[a-z0-9]{1,16})?", re.ASCII)
_SHOWN = 100
_EXTENSION = re.compile(r"(?:\.[a-z0-9]{1,16})?", re.ASCII)


def is_key(key: object) -> bool:
    """Whether `key` has the form of a key: 64 hex digits, perhaps followed by an extension."""
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


def check_key(key: object) -> BlobKey:
    """Return `key` if it has the form of one.

    Raises
    ------
    InvalidIdError
        It does not, so that nothing can be stored under it (and no path outside the store be reached by it).
    """
    if isinstance(key, str) and _KEY.fullmatch(key):
        return BlobKey(key)
    msg = f"{_short(key)} is not the key of a blob: expected 64 lower-case hex digits and perhaps an ending like '.csv'"
    raise InvalidIdError(msg)


def check_extension(extension: object) -> str:
    """Return `extension` if it can follow a digest: empty, or a dot and up to 16 lower-case letters or digits.

    Raises
    ------
    InvalidIdError
        It cannot.
    """
    if isinstance(extension, str) and _EXTENSION.fullmatch(extension):
        return extension
    msg = f"{_short(extension)} is not a file extension: expected '' or a dot and up to 16 of a-z and 0-9, like '.csv'"
    raise InvalidIdError(msg)


def digest_of(key: BlobKey) -> str:
    """The digest part of a key."""
    return key[:64]


def _short(given: object) -> str:
    shown = repr(given)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
