"""Moto's S3 server, in a thread of the tests' process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from tests.servers.processes import HOST
from tests.servers.s3 import S3


@contextmanager
def moto_server() -> Iterator[S3]:
    """Start a server with one bucket; it takes any credentials."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        s3 = S3(f"http://{HOST}:{port}", key="any", secret="any-secret")
        client = boto3.client(
            "s3",
            endpoint_url=s3.endpoint,
            aws_access_key_id=s3.key,
            aws_secret_access_key=s3.secret,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=s3.bucket)
        client.close()
        yield s3
    finally:
        server.stop()
