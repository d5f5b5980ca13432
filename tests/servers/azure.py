"""A server of Azure Blob Storage of the tests' own: Azurite, which keeps everything in memory."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ci.check import AZURITE
from tests.parts import missing
from tests.servers.processes import HOST, free_ports, listening, running, temporary_folder

CONTAINER = "provenance-tests"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and the key that every Azurite has; they are in its documentation."""


@dataclass(frozen=True)
class Azure:
    """A running server."""

    endpoint: str
    bucket: str = CONTAINER
    key: str = KEY

    @property
    def storage_options(self) -> dict:
        """What a store needs to get there."""
        return {"connection_string": self.connection_string()}

    def connection_string(self, key: str = KEY) -> str:
        """How to get there with some key."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};"
            f"BlobEndpoint={self.endpoint}/{ACCOUNT};"
        )

    def url(self, folder: str) -> str:
        """The URL of a folder in the container."""
        return f"az://{self.bucket}/{folder}"


@contextmanager
def azure_server() -> Iterator[Azure]:
    """Start a server with one container."""
    from azure.storage.blob import BlobServiceClient

    program, node = Path(sys.prefix, AZURITE), shutil.which("node")
    if node is None or not program.exists():
        missing("Azurite, from npm")
    [port] = free_ports(1)
    options = ["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    server = Azure(f"http://{HOST}:{port}")
    with temporary_folder("az") as folder:
        command = [node, program, "--blobHost", HOST, "--blobPort", port, *options]
        with running(command, folder, lambda: listening(port)):
            with BlobServiceClient.from_connection_string(server.connection_string()) as client:
                client.create_container(CONTAINER)
            yield server
