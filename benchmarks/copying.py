"""Promotion to and from a store that is far away, beside one blob after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import provenance as p
from benchmarks.measure import Pair
from provenance._util.payload import Buffers
from provenance.blobstores import DiskStore, FsspecStore
from provenance.repos.base import BaseRepo
from provenance.repos.memory import MemoryRepo
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import a_draft, an_id
from provenance.types import BlobStore
from tests.servers.delaying import delaying
from tests.servers.s3 import s3_server

_Move: TypeAlias = Callable[[Sequence[str], BaseRepo, BaseRepo], None]

_ROUND_TRIP_SECONDS = 0.02
_VALUE_BYTES = 20_000


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[list[Pair]]:
    """Blobs of 20 KB to and from S3 with a round trip of 20 ms; rows to SQLite, many at once and one by one."""
    blobs, rows = (3, 10) if tiny else (100, 2_000)
    fresh = count()
    with ExitStack() as stack:
        server = stack.enter_context(s3_server())
        port = urlsplit(server.endpoint).port
        assert port is not None  # noqa: S101  the server listens at one
        proxy = stack.enter_context(delaying(port, _ROUND_TRIP_SECONDS / 2))
        options = {**server.storage_options, "endpoint_url": f"http://127.0.0.1:{proxy.port}"}

        def far_store() -> BlobStore:
            return FsspecStore(server.url(f"far-{next(fresh)}"), options, name="far")

        def near_repo() -> BaseRepo:
            place = folder / f"near-{next(fresh)}"
            return SqlRepo(f"{place}.db", DiskStore(f"{place}-blobs"), name="near")

        near = _filled(MemoryRepo(name="near"), blobs, _VALUE_BYTES)
        far = _filled(MemoryRepo(far_store(), name="far"), blobs, _VALUE_BYTES)
        small = _filled(MemoryRepo(name="small"), rows, 100)
        ids, small_ids = [an_id(seed) for seed in range(blobs)], [an_id(seed) for seed in range(rows)]

        def to_far(move: _Move) -> None:
            move(ids, near, MemoryRepo(far_store(), name="target"))

        yield [
            Pair(
                f"promote {blobs} blobs of 20 KB to S3 20 ms away",
                "one at a time",
                lambda: to_far(_promoted),
                lambda: to_far(_one_by_one),
                1,
                3.0,
            ),
            Pair(
                "the same, from there to a disk",
                "one at a time",
                lambda: _promoted(ids, far, near_repo()),
                lambda: _one_by_one(ids, far, near_repo()),
                1,
                3.0,
            ),
            Pair(
                f"promote {rows} small values to SQLite",
                "one at a time",
                lambda: _promoted(small_ids, small, near_repo()),
                lambda: _one_by_one(small_ids, small, near_repo()),
                1,
                None,
            ),
        ]


def _filled(repo: BaseRepo, number: int, size: int) -> BaseRepo:
    for seed in range(number):
        repo.save(replace(a_draft(seed), value=Buffers((seed.to_bytes(4, "big") * (size // 4),))))
    return repo


def _promoted(ids: Sequence[str], source: BaseRepo, target: BaseRepo) -> None:
    p.promote(ids, target, from_repo=source)


def _one_by_one(ids: Sequence[str], source: BaseRepo, target: BaseRepo) -> None:
    for key in ids:
        target.put(source[key])
