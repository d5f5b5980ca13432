"""Writers that are killed in the middle of a large blob."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from provenance._util.payload import FileContent
from tests.blobstores.remotes.large import KEY, LARGE, is_part, sent_parts

WRITER = """
import sys
from pathlib import Path
from provenance._util.payload import FileContent
from provenance.blobstores import FsspecStore
from provenance.blobstores import fsspec_
from provenance.blobstores.remotes import parts

parts.PART_BYTES, fsspec_._IN_MEMORY_BYTES = 5 << 20, 1 << 20
url, options, source = sys.argv[1:]
print(FsspecStore(url, eval(options)).put(FileContent(Path(source))).key)
"""


@pytest.mark.usefixtures("small_parts")
class TestKills:
    def write(self, proxied: Any, source: FileContent) -> subprocess.Popen:
        url = proxied.server.url(proxied.folder)
        command = [sys.executable, "-c", WRITER, url, repr(proxied.server.storage_options), str(source.path)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    @pytest.mark.parametrize("at", [1, 3], ids=["the first part", "the last part"])
    def test_a_writer_that_is_killed_leaves_nothing_to_see_and_can_be_followed(self, proxied, source, at):
        store = proxied.store()
        lock, seen, victim = threading.Lock(), [], []
        started = threading.Event()

        def kill(request: str) -> bool:
            with lock:
                if not is_part(proxied.name)(request):
                    return False
                seen.append(request)
                if len(seen) < at:
                    return False
            started.wait()
            os.kill(victim[0].pid, signal.SIGKILL)
            return True

        fault = proxied.proxy.fail("drop", 1000, fits=kill)
        victim.append(self.write(proxied, source))
        started.set()
        assert victim[0].wait(60) == -signal.SIGKILL
        assert fault.done
        proxied.proxy.faults.clear()
        assert KEY not in store
        assert list(store.ids()) == []
        proxied.proxy.reset()
        store.put(source)
        assert store.get(KEY) == LARGE
        assert list(store.ids()) == [KEY]
        assert sent_parts(proxied) <= 3
