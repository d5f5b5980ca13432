"""``cloudpickle``: functions, classes and objects that are defined in a notebook, a script or another function."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from provenance._util.payload import Buffers
from provenance.serializers.records import Kwargs, Serializer


def pack(value: object, kwargs: Kwargs) -> Buffers:
    """Pickle a value by ``cloudpickle.dumps(value, **kwargs)``."""
    import cloudpickle  # noqa: PLC0415  loaded when first used

    options: dict[str, Any] = {"protocol": 5, **kwargs}
    return Buffers((cloudpickle.dumps(value, **options),))


def unpack(source: bytes | Path, kwargs: Kwargs) -> object:
    """Read a value back by ``pickle.loads(data, **kwargs)``."""
    options: dict[str, Any] = dict(kwargs)
    data = source.read_bytes() if isinstance(source, Path) else source
    return pickle.loads(data, **options)  # noqa: S301  bytes are verified first


SERIALIZER = Serializer("cloudpickle", "application/x-python-pickle", pack, unpack)
