"""Calls of small atoms that were made before: what hashing their arguments gave is remembered."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

from provenance.engine.digests import Digests
from provenance.hashing.bulk import dumps
from provenance.hashing.grammar import ATOMS
from provenance.types import ArtifactId, Kargs

_SIZED = frozenset({str, bytes})
_MOST_CALLS = 4096
_LONGEST = 256
"""Characters or bytes of an argument up to which it is looked for."""


class Familiar(NamedTuple):
    """What is known of a call by its arguments alone."""

    digests: Digests
    id: ArtifactId


class FamiliarCalls:
    """Digests and content keys of one function's calls, by the bytes of their arguments.

    Threads share it without a lock: each step is one operation on a dict.
    """

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[bytes, Familiar] = {}

    def find(self, arguments: bytes) -> Familiar | None:
        """What is known of the call with these arguments."""
        return self._calls.get(arguments)

    def add(self, arguments: bytes, known: Familiar) -> None:
        """Remember a call; all are forgotten when there are too many."""
        if len(self._calls) >= _MOST_CALLS:
            self._calls = {}
        self._calls[arguments] = known


def bytes_of(kargs: Kargs, varargs: tuple[object, ...]) -> bytes | None:
    """Bytes that are equal for calls with equal arguments only; None unless all of these are small atoms."""
    for value in chain(kargs.values(), varargs) if varargs else kargs.values():
        kind = type(value)
        if kind not in ATOMS or (kind in _SIZED and len(value) > _LONGEST):  # type: ignore[arg-type]
            return None
    return dumps((kargs, varargs))
