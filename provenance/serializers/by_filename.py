"""Serializers made of a `dump` and a `load` that are given the name of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from provenance._util.payload import Buffers
from provenance.errors import SerializationError
from provenance.serializers.mapping import file_memory
from provenance.serializers.records import Kwargs, Serializer
from provenance.types import Payload

Dump: TypeAlias = Callable[..., Any]
Load: TypeAlias = Callable[..., Any]


def by_filename(name: str, dump: Dump, load: Load, content_type: str) -> Serializer:
    """Make a serializer of ``dump(obj, filename, **kwargs)`` and ``load(filename, **kwargs)``."""

    def pack(value: object, kwargs: Kwargs) -> Payload:
        from tempfile import TemporaryDirectory  # noqa: PLC0415  loaded when first used

        with TemporaryDirectory(prefix="provenance-") as folder:
            dump(value, str(Path(folder) / "value"), **dict(kwargs))
            return _take(Path(folder), name)

    def unpack(source: bytes | Path, kwargs: Kwargs) -> object:
        if isinstance(source, Path):
            return load(str(source), **dict(kwargs))
        from tempfile import TemporaryDirectory  # noqa: PLC0415  loaded when first used

        with TemporaryDirectory(prefix="provenance-") as folder:
            path = Path(folder) / "value"
            path.write_bytes(source)
            return load(str(path), **dict(kwargs))

    return Serializer(name, content_type, pack, unpack)


def _take(folder: Path, name: str) -> Payload:
    """The one file in `folder`; a large one stays mapped when the folder goes, and takes its space with it."""
    written = list(folder.iterdir())
    if len(written) != 1 or not written[0].is_file():
        found = ", ".join(sorted(path.name for path in written)) or "nothing"
        msg = f"dump of serializer {name!r} must write exactly one file at the name it is given, but wrote {found}"
        raise SerializationError(msg)
    return Buffers((file_memory(written[0], "r"),))
