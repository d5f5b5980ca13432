"""What a serializer is, and how its failures are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from provenance.types import Payload

Kwargs: TypeAlias = Mapping[str, object]
Pack: TypeAlias = Callable[[object, Kwargs], Payload]
Unpack: TypeAlias = Callable[[bytes | Path, Kwargs], object]


class Serializer(NamedTuple):
    """How values become bytes and bytes become values again.

    Attributes
    ----------
    name : str
        The name it is selected by and recorded under.
    content_type : str
        Media type of the bytes.
    pack : callable
        ``pack(value, dump_kwargs)`` gives the bytes as a payload; it may refer to the value's own memory.
    unpack : callable
        ``unpack(bytes_or_path, load_kwargs)`` gives a new value that no other caller holds.
    """

    name: str
    content_type: str
    pack: Pack
    unpack: Unpack


def dotted_name(cls: type) -> str:
    """Module and qualified name of a class, as in ``pandas.DataFrame``."""
    return f"{cls.__module__}.{cls.__qualname__}"
