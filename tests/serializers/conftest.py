"""What the tests of serializers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provenance._util.payload import bytes_of
from provenance.serializers import pack, registry, unpack

Roundtrip = Callable[..., Any]


@pytest.fixture(params=["bytes", "file"])
def roundtrip(request: pytest.FixtureRequest, tmp_path: Path) -> Roundtrip:
    """Store a value with a serializer and read it back, from bytes and from a file."""

    def through(value: object, name: str, dump_kwargs: Any = None, load_kwargs: Any = None) -> object:
        data = bytes_of(pack(value, name, dump_kwargs or {}))
        if request.param == "bytes":
            return unpack(data, name, load_kwargs or {})
        path = tmp_path / "value"
        path.write_bytes(data)
        return unpack(path, name, load_kwargs or {})

    return through


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget afterwards what a test registers."""
    monkeypatch.setattr(registry, "_serializers", dict(registry._serializers))
    monkeypatch.setattr(registry, "_by_class", dict(registry._by_class))
