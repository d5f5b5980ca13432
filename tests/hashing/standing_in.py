"""A stand-in for a value that gives its encoding and fails on anything else."""

from __future__ import annotations

from provenance.hashing import fingerprint


class StandIn:
    """Whoever touches the value, or any attribute, gets an error."""

    __slots__ = ("_encoding",)

    def __init__(self, encoding: bytes) -> None:
        object.__setattr__(self, "_encoding", encoding)

    def __provenance_encoding__(self) -> bytes:
        return object.__getattribute__(self, "_encoding")

    def __getattribute__(self, name: str):
        raise AssertionError(f"the value was touched: {name}")

    def __repr__(self) -> str:
        return "<stand-in>"


def stand_in(value: object) -> StandIn:
    return StandIn(fingerprint(value).encoding)
