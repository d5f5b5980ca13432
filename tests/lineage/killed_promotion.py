"""Promotes in a child of this process, which is killed after it was told a number of times that something was moved.

Each line of standard input is one attempt: where from, where to, what, and that number; the answer says how it ended.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import provenance as p
from provenance.blobstores import DiskStore, FsspecStore
from provenance.repos.sql import SqlRepo

IMPORTED_ONCE = (
    "aiobotocore.session",
    "aiobotocore.httpsession",
    "asyncio",
    "concurrent.futures.thread",
    "provenance.lineage",
    "provenance.repos.sql.postgres.database",
    "psycopg",
    "s3fs",
)
"""Before there are children; they start no thread."""


class ToldDiskStore(DiskStore):
    pipe = -1

    def _put(self, payload, extension):
        ref = super()._put(payload, extension)
        os.write(self.pipe, b".")
        return ref


class ToldFsspecStore(FsspecStore):
    pipe = -1

    def _put(self, payload, extension):
        ref = super()._put(payload, extension)
        os.write(self.pipe, b".")
        return ref


def opened(place):
    if "folder" in place:
        return SqlRepo(f"{place['folder']}.db", ToldDiskStore(f"{place['folder']}-blobs"), name="disk")
    store = ToldFsspecStore(place["url"], place["storage_options"], name="s3")
    return SqlRepo(place["db"], store, schema=place["schema"], name="postgres")


def promote(attempt, pipe):
    ToldDiskStore.pipe = ToldFsspecStore.pipe = pipe
    source, target = opened(attempt["source"]), opened(attempt["target"])
    artifact_set = source.get_set_by_labels(attempt["labels"])
    done = 0

    def tell(progress):
        nonlocal done
        if progress.artifacts > done:
            done = progress.artifacts
            os.write(pipe, b".")

    with p.using_repo(source):
        p.promote(artifact_set, target, from_repo=source, progress=tell)


def answer(**how):
    sys.stdout.write(json.dumps(how) + "\n")
    sys.stdout.flush()


def main():
    for module in IMPORTED_ONCE:
        importlib.import_module(module)
    for line in sys.stdin:
        attempt = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            try:
                promote(attempt, writing)
            except BaseException as exc:  # noqa: BLE001  it is told to the test
                answer(failed=repr(exc))
                os._exit(1)
            os._exit(0)
        os.close(writing)
        told = 0
        while told < attempt["moves"] and os.read(reading, 1):
            told += 1
        if told == attempt["moves"]:
            os.kill(child, signal.SIGKILL)
        os.close(reading)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 1:
            answer(status=status)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
