"""Blobs of Azure Blob Storage."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from hashlib import md5
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobBlock
from fsspec.asyn import sync

from provenance._util.parallel import for_each
from provenance.blobstores.remotes.base import MissingPlaceError, TakenError, Upload
from provenance.blobstores.remotes.failures import code_of
from provenance.blobstores.remotes.parts import AT_ONCE, Part, Received, fetch_parts, goes_in_parts, parts_of, receive
from provenance.blobstores.remotes.retries import retried

_ONCE = {"retry_total": 0}
"""Requests are retried here and nowhere else."""


class AzureRemote:
    """A prefix of a container, with the client of an `adlfs.AzureBlobFileSystem`."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem = filesystem
        self._container, _, prefix = root.partition("/")
        self._prefix = f"{prefix}/" if prefix else ""

    # ---- reading

    def size(self, path: str) -> int | None:
        """Size of a blob in bytes, None if there is none."""
        try:
            return int(retried(lambda: self._ask(self._blob(path).get_blob_properties)).size)
        except FileNotFoundError:
            return None

    def read(self, path: str) -> bytes:
        """All bytes of a blob."""
        return receive(lambda received: self._run(self._stream, path, received, received.length, None))

    async def _stream(self, path: str, received: Received, start: int, length: int | None) -> None:
        behind = {"offset": start, "length": length} if start or length is not None else {}
        stream = await self._blob(path).download_blob(max_concurrency=1, **behind, **_ONCE)
        received.expect(int(stream.size))
        async for piece in stream.chunks():
            received.add(piece)

    def fetch(self, path: str, local: str) -> None:
        """Download a blob in parts, behind those that the local file has."""
        size = self.size(path)
        if size is None:
            raise FileNotFoundError(path)

        def read(start: int, end: int) -> bytes:
            return receive(lambda got: self._run(self._stream, path, got, start + got.length, end - start - got.length))

        fetch_parts(size, local, read)

    def names(self) -> Iterator[str]:
        """Paths of all blobs, page by page."""
        marker: str | None = None
        while True:
            names, marker = retried(lambda marker=marker: self._run(self._page, marker))  # type: ignore[misc]
            yield from (name[len(self._prefix) :] for name in names)
            if not marker:
                return

    async def _page(self, marker: str | None) -> tuple[list[str], str | None]:
        container = self._filesystem.service_client.get_container_client(self._container)
        pages = container.list_blob_names(name_starts_with=self._prefix, **_ONCE).by_page(marker)
        async for page in pages:
            return [name async for name in page], pages.continuation_token
        return [], None

    # ---- writing

    def create(self, upload: Upload) -> None:
        """Upload a blob if there is none."""
        retried(self._prepared(upload, match_condition=MatchConditions.IfMissing))

    def replace(self, upload: Upload) -> None:
        """Upload a blob, whether there is one or not."""
        retried(self._prepared(upload))

    def _prepared(self, upload: Upload, **condition: Any) -> Callable[[], None]:
        """Do all of an upload but the one request that makes the blob appear; that is returned."""
        blob = self._blob(upload.path)
        about = {"metadata": upload.notes, **condition}
        if not goes_in_parts(upload):
            data = upload.read()
            whole = {"length": len(data), "validate_content": True, "overwrite": not condition, **about}
            return lambda: self._publish(blob.upload_blob, data, **whole)
        blocks = self._send_blocks(upload)
        return lambda: self._publish(blob.commit_block_list, blocks, **about)

    def _send_blocks(self, upload: Upload) -> list[BlobBlock]:
        """Upload the parts of a file as blocks, but for those an interrupted upload has left.

        The name of a block has the digest of its bytes. The service forgets blocks that belong to no blob after a
        week.
        """
        blob = self._blob(upload.path)
        there = self._unfinished(upload.path)

        def send(part: Part) -> BlobBlock:
            data = upload.part(part.start, part.end)
            name = f"{part.number:05}-{md5(data, usedforsecurity=False).hexdigest()}"
            if there.get(name) != part.size:
                retried(lambda: self._ask(blob.stage_block, name, data, length=part.size, validate_content=True))
            return BlobBlock(block_id=name)

        return for_each(send, parts_of(upload.size), at_once=AT_ONCE)

    def _unfinished(self, path: str) -> dict[str, int]:
        try:
            _, blocks = retried(lambda: self._ask(self._blob(path).get_block_list, "uncommitted"))
        except FileNotFoundError:
            return {}
        return {block.id: block.size for block in blocks}

    def _publish(self, method: Any, data: object, **options: Any) -> None:
        try:
            self._ask(method, data, **options)
        except ResourceExistsError as exc:
            raise TakenError(str(exc)) from exc

    # ---- the rest

    def writer_of(self, path: str) -> str | None:
        """Who uploaded a blob, as its notes say."""
        found = retried(lambda: self._ask(self._blob(path).get_blob_properties))
        writer: str | None = found.metadata.get("writer")
        return writer

    def set_aside(self, path: str) -> str:
        """Copy a damaged blob to ``damaged/`` and remove it."""
        target = f"damaged/{path.replace('/', '')}-{os.urandom(4).hex()}"
        retried(lambda: self._ask(self._blob(target).start_copy_from_url, self._blob(path).url, requires_sync=True))
        self.remove(path)
        return f"{self._container}/{self._prefix}{target}"

    def remove(self, path: str) -> None:
        """Remove a blob that may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            retried(lambda: self._ask(self._blob(path).delete_blob))

    def _blob(self, path: str) -> Any:
        return self._filesystem.service_client.get_blob_client(self._container, f"{self._prefix}{path}")

    def _ask(self, method: Any, *args: Any, **options: Any) -> Any:
        """One request."""
        return self._run(method, *args, **options, **_ONCE)

    def _run(self, function: Any, *args: Any, **options: Any) -> Any:
        try:
            return sync(self._filesystem.loop, function, *args, **options)
        except ResourceNotFoundError as exc:
            if code_of(exc) == "ContainerNotFound":
                raise MissingPlaceError(self._container) from exc
            raise FileNotFoundError(str(exc)) from exc
