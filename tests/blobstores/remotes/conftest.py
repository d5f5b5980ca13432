"""Remote storage with a proxy in front of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provenance._util.payload import FileContent
from provenance.blobstores import FsspecStore
from provenance.blobstores.remotes import parts, retries
from tests.blobstores.remotes.large import LARGE
from tests.servers.proxy import HttpProxy, http_proxy


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_SECONDS", 0.001)


@dataclass
class Proxied:
    """A server, the proxy in front of it, and stores that get there through the proxy."""

    name: str
    server: Any
    proxy: HttpProxy
    folder: str

    def store(self, **options: Any) -> FsspecStore:
        """A store whose connection and bucket are known to work."""
        store = FsspecStore(self.server.url(self.folder), self.server.storage_options, **options)
        assert "f" * 64 not in store
        self.proxy.reset()
        return store


@pytest.fixture(scope="module", params=["s3", "moto", "gcs", "azure"])
def any_server(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any, HttpProxy]]:
    server = request.getfixturevalue(request.param)
    with http_proxy(server.endpoint) as proxy:
        yield request.param, dataclasses.replace(server, endpoint=proxy.endpoint), proxy


@pytest.fixture
def proxied(any_server: tuple[str, Any, HttpProxy], tmp_path: Any) -> Iterator[Proxied]:
    name, server, proxy = any_server
    proxy.reset()
    yield Proxied(name, server, proxy, f"proxied/{tmp_path.name}")
    proxy.reset()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Files are uploaded in parts from 5 MiB on, the least that S3 takes; downloads are split too."""
    monkeypatch.setattr(parts, "PART_BYTES", 5 << 20)
    monkeypatch.setattr(parts, "FETCHED_BYTES", 1 << 20)
    monkeypatch.setattr("provenance.blobstores.fsspec_._IN_MEMORY_BYTES", 1 << 20)
    return 5 << 20


@pytest.fixture
def source(tmp_path: Path) -> FileContent:
    (tmp_path / "source").write_bytes(LARGE)
    return FileContent(tmp_path / "source")
