"""How much memory large blobs take."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MEMORY = """
import resource, sys
from provenance._util.payload import Streamed
from provenance.blobstores import FsspecStore

def write(file):
    block = bytes(range(256)) * 4096
    for number in range(int(sys.argv[4])):
        file.write(block[number:] + block[:number])

url, options, cachedir = sys.argv[1:4]
options = eval(options)
warm = FsspecStore(url, options)
warm.get(warm.put(b"x").key)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
key = warm.put(Streamed(write)).key
put = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert FsspecStore(url, options, cachedir=cachedir).local_path(key).stat().st_size == int(sys.argv[4]) << 20
got = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((put - before) >> 10, (got - before) >> 10)
"""


@pytest.mark.parametrize(
    ("name", "size", "limit"), [("s3", 200, 140), ("gcs", 200, 140), ("azure", 200, 140), ("sftp", 80, 40)]
)
def test_memory_stays_small_however_large_a_blob_is(name, size, limit, request, tmp_path):
    """In MiB; a whole blob would not fit in what is allowed."""
    server = request.getfixturevalue(name)
    url = server.url(tmp_path / "blobs" if name == "sftp" else "memory")
    command = [sys.executable, "-c", MEMORY, url, repr(server.storage_options), str(tmp_path / "cache"), str(size)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "MALLOC_ARENA_MAX": "1"}
    )
    assert done.returncode == 0, done.stderr
    for_put, for_get = map(int, done.stdout.split())
    assert for_put < limit
    assert for_get < limit
