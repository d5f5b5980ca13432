"""An S3 server of the tests' own: SeaweedFS, in a temporary folder."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers.processes import HOST, free_ports, running, temporary_folder

BUCKET = "provenance-tests"
_WRITER = ("writerkey", "writersecret-hush")
_ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
_READER = ("readerkey", "readersecret-hush")


@dataclass(frozen=True)
class S3:
    """A running server.

    `key` and `secret` may do everything; `reader` is a pair of them that may only read the bucket.
    """

    endpoint: str
    bucket: str = BUCKET
    key: str = _WRITER[0]
    secret: str = _WRITER[1]
    reader: tuple[str, str] = _READER

    @property
    def storage_options(self) -> dict:
        """What a store (or `fsspec.filesystem`) needs to get there."""
        return {"key": self.key, "secret": self.secret, "endpoint_url": self.endpoint}

    def url(self, folder: str) -> str:
        """The URL of a folder in the bucket."""
        return f"s3://{self.bucket}/{folder}"


@contextmanager
def s3_server(host: str = HOST) -> Iterator[S3]:
    """Start a server with one bucket, at an address of this machine."""
    with temporary_folder("s3") as folder:
        ports = free_ports(10, host)
        server = S3(f"http://{host}:{ports[0]}")
        (folder / "s3.json").write_text(json.dumps(_identities()))
        environment = {"HOME": str(folder), "TMPDIR": str(folder)}
        try:
            with running(_command(folder, ports, host), folder, lambda: _has_bucket(server), env=environment):
                yield server
        finally:
            for port in ports:  # it has sockets whose place cannot be chosen
                for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                    left.unlink(missing_ok=True)


def _identities() -> dict:
    def identity(name: str, keys: tuple[str, str], *actions: str) -> dict:
        key, secret = keys
        return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}

    return {
        "identities": [
            identity("writer", _WRITER, "Admin"),
            identity("reader", _READER, f"Read:{BUCKET}", f"List:{BUCKET}"),
        ]
    }


def _command(folder: Path, ports: list[int], host: str = HOST) -> list[object]:
    s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc, admin, admin_grpc = ports
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed") or "weed"
    return [
        program,
        "mini",
        f"-dir={folder}",
        f"-ip={host}",
        f"-ip.bind={host}",
        f"-bucket={BUCKET}",
        f"-s3.config={folder}/s3.json",
        f"-s3.port={s3}",
        f"-s3.port.grpc={s3_grpc}",
        f"-s3.localSocket={folder}/s3.sock",
        f"-filer.localSocket={folder}/filer.sock",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-master.port={master}",
        f"-master.port.grpc={master_grpc}",
        "-master.telemetry=false",
        f"-volume.port={volume}",
        f"-volume.port.grpc={volume_grpc}",
        "-volume.preStopSeconds=0",
        f"-filer.port={filer}",
        f"-filer.port.grpc={filer_grpc}",
        f"-admin.port={admin}",
        f"-admin.port.grpc={admin_grpc}",
        "-admin.ui=false",
        "-webdav=false",
    ]


def _has_bucket(server: S3) -> bool:
    """Whether it answers, and has made the bucket."""
    options = {"aws_access_key_id": server.key, "aws_secret_access_key": server.secret, "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=server.endpoint, **options, config=_ONCE)
    try:
        client.head_bucket(Bucket=server.bucket)
    except (BotoCoreError, ClientError):
        return False
    finally:
        client.close()
    return True
