"""Numbers of bytes as people write them."""

from __future__ import annotations

import re

_TEXT = r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)(b?)"
_POWERS = ("", "k", "m", "g", "t", "p")


def parse_size(given: object) -> int | None:
    """Bytes as a whole number, or a text like ``"500 MB"`` or ``"1.5 GiB"``; None for ``"unlimited"``.

    >>> parse_size("10 GB"), parse_size("1 KiB"), parse_size(5), parse_size("unlimited")
    (10000000000, 1024, 5, None)

    Raises
    ------
    ValueError
        It is neither, or not at least one byte.
    """
    if given == "unlimited":
        return None
    size = _size(given)
    if size is None or size < 1:
        msg = f"expected a number of bytes, a text like '10 GB' or '500 MiB', or 'unlimited', got {given!r:.80}"
        raise ValueError(msg)
    return size


def _size(given: object) -> int | None:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    match = re.fullmatch(_TEXT, given.strip(), re.IGNORECASE | re.ASCII) if isinstance(given, str) else None
    if match is None:
        return None
    number, prefix, binary, unit = match.groups()
    if binary and not (prefix and unit):
        return None
    return int(float(number) * (1024 if binary else 1000) ** _POWERS.index(prefix.lower()))
