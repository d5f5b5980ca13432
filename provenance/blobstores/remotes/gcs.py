"""Objects of Google Cloud Storage."""

from __future__ import annotations

import contextlib
import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from hashlib import md5
from io import BytesIO
from typing import Any
from urllib.parse import quote

from aiohttp import ClientTimeout
from fsspec.asyn import sync
from gcsfs.retry import validate_response

from provenance._util.parallel import for_each
from provenance.blobstores.remotes.base import LostUploadError, MissingPlaceError, TakenError, Upload
from provenance.blobstores.remotes.failures import is_refusal
from provenance.blobstores.remotes.parts import AT_ONCE, Part, Received, fetch_parts, goes_in_parts, parts_of, receive
from provenance.blobstores.remotes.retries import retried

_BOUNDARY = "provenance-blob"
_STREAM = "application/octet-stream"
_BLOCK = 1 << 20
_COMPOSED = 32  # so many objects can be made one by one request
_ERRORS = 400
_TIMEOUT = ClientTimeout(total=None, sock_connect=10, sock_read=60)


class GcsRemote:
    """A prefix of a bucket, with the credentials and the session of a `gcsfs.core.GCSFileSystem`.

    Requests are made here, by the JSON API, so that each is one and is retried here and nowhere else.
    """

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem = filesystem
        self._bucket, _, prefix = root.partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._bucket_is_there = False

    # ---- reading

    def size(self, path: str) -> int | None:
        """Size of an object in bytes, None if there is none."""
        try:
            return int(self._json(f"o/{quote(self._name(path), safe='')}", fields="size")["size"])
        except FileNotFoundError:
            self._check_bucket()
            return None

    def read(self, path: str) -> bytes:
        """All bytes of an object."""
        try:
            return receive(lambda received: self._receive(received, path, f"bytes={received.length}-"))
        except FileNotFoundError:
            self._check_bucket()
            raise

    def _receive(self, received: Received, path: str, wanted: str) -> None:
        headers = {} if wanted == "bytes=0-" else {"Range": wanted}
        url = f"{self._host}/download/storage/v1/b/{quote(self._bucket)}/o/{quote(self._name(path), safe='')}"
        self._ask("GET", url, {"alt": "media"}, received, headers=headers)

    def fetch(self, path: str, local: str) -> None:
        """Download an object in parts, behind those that the local file has."""
        size = self.size(path)
        if size is None:
            raise FileNotFoundError(path)

        def read(start: int, end: int) -> bytes:
            return receive(lambda got: self._receive(got, path, f"bytes={start + got.length}-{end - 1}"))

        fetch_parts(size, local, read)

    def names(self) -> Iterator[str]:
        """Paths of all objects, page by page."""
        for found in self._list(self._prefix, "items(name),nextPageToken"):
            yield found["name"][len(self._prefix) :]

    # ---- writing

    def create(self, upload: Upload) -> None:
        """Upload an object if there is none: if its generation is 0."""
        retried(self._prepared(upload, ifGenerationMatch="0"))

    def replace(self, upload: Upload) -> None:
        """Upload an object, whether there is one or not."""
        retried(self._prepared(upload))

    def _prepared(self, upload: Upload, **condition: str) -> Callable[[], None]:
        """Do all of an upload but the one request that makes the object appear; that is returned."""
        name, metadata = self._name(upload.path), upload.notes
        if not goes_in_parts(upload):
            data = upload.read()
            return lambda: self._upload(name, data, metadata, **condition)
        names = self._send_parts(upload)
        return lambda: self._complete(upload, names, **condition)

    def _upload(self, name: str, data: bytes, notes: Mapping[str, str], **condition: str) -> None:
        """Upload an object with notes about it."""
        resource = json.dumps({"name": name, "metadata": notes, "md5Hash": _checksum(data)})
        head = f"--{_BOUNDARY}\nContent-Type: application/json; charset=UTF-8\n\n{resource}\n"
        start, end = f"{head}--{_BOUNDARY}\nContent-Type: {_STREAM}\n\n".encode(), f"\n--{_BOUNDARY}--".encode()
        params = {"uploadType": "multipart", **condition}
        self._send_checked(name, data, f"multipart/related; boundary={_BOUNDARY}", b"".join((start, data, end)), params)

    def _send_checked(self, name: str, data: bytes, kind: str, body: bytes, params: Mapping[str, str]) -> None:
        url = f"{self._host}/upload/storage/v1/b/{quote(self._bucket)}/o"
        try:
            answer = self._publish(url, {"fields": "md5Hash", **params}, headers={"Content-Type": kind}, data=body)
        except FileNotFoundError as exc:  # nothing else can be missing
            raise MissingPlaceError(self._bucket) from exc
        if answer.get("md5Hash") not in {None, _checksum(data)}:  # the service compares them itself where it is told to
            self._ask("DELETE", self._object(name))
            msg = f"{name} was changed on its way"
            raise ConnectionError(msg)

    def _send_parts(self, upload: Upload) -> list[str]:
        """Upload a file as one object for each part, but for those an interrupted upload has left."""
        folder = self._name(f"parts/{upload.path.replace('/', '')}/")
        parts = parts_of(upload.size, -(-upload.size // _COMPOSED**2))
        there = {each["name"]: each.get("md5Hash") for each in self._list(folder, "items(name,md5Hash),nextPageToken")}

        def send(part: Part) -> str:
            name, data = f"{folder}{part.number:04}-of-{len(parts):04}", upload.part(part.start, part.end)
            if there.get(name) != _checksum(data):
                params = {"uploadType": "media", "name": name}
                retried(lambda: self._send_checked(name, data, _STREAM, data, params))
            return name

        return for_each(send, parts, at_once=AT_ONCE)

    def _complete(self, upload: Upload, names: list[str], **condition: str) -> None:
        """Make the object of its parts, and remove these."""
        groups = [names[first : first + _COMPOSED] for first in range(0, len(names), _COMPOSED)]
        sources, others = names, list[str]()
        try:
            if len(groups) > 1:
                sources = others = [f"{group[0]}-and-on" for group in groups]
                for source, group in zip(sources, groups, strict=True):
                    self._compose(source, group, {})
            self._compose(self._name(upload.path), sources, upload.notes, **condition)
        except TakenError:
            self._discard([*names, *others])
            raise
        except Exception as exc:
            if self.size(upload.path) == upload.size:  # another writer had the same parts, and has removed them
                raise TakenError(upload.path) from exc
            raise
        if self.size(upload.path) != upload.size:
            msg = f"{self._name(upload.path)} does not have {upload.size} bytes after its upload"
            raise LostUploadError(msg)
        self._discard([*names, *others])

    def _discard(self, names: list[str]) -> None:
        with contextlib.suppress(Exception):  # what stays is in nobody's way
            for_each(lambda name: self._ask("DELETE", self._object(name)), names, at_once=AT_ONCE)

    def _compose(self, name: str, sources: list[str], metadata: Mapping[str, str], **condition: str) -> None:
        wanted = {
            "destination": {"contentType": _STREAM, "metadata": metadata},
            "sourceObjects": [{"name": source} for source in sources],
        }
        kind = {"Content-Type": "application/json"}
        self._publish(f"{self._object(name)}/compose", condition, headers=kind, data=json.dumps(wanted).encode())

    def _publish(self, url: str, params: Mapping[str, str], **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(self._ask("POST", url, params, **request))
        except FileExistsError as exc:
            raise TakenError(url) from exc
        return answer

    # ---- the rest

    def writer_of(self, path: str) -> str | None:
        """Who uploaded an object, as its notes say."""
        found = self._json(f"o/{quote(self._name(path), safe='')}", fields="metadata")
        writer: str | None = found.get("metadata", {}).get("writer")
        return writer

    def set_aside(self, path: str) -> str:
        """Copy a damaged object to ``damaged/`` and remove it."""
        target = self._name(f"damaged/{path.replace('/', '')}-{os.urandom(4).hex()}")
        copy = f"{self._object(self._name(path))}/rewriteTo/b/{quote(self._bucket)}/o/{quote(target, safe='')}"
        params: dict[str, str] = {}
        while not (answer := json.loads(retried(lambda: self._ask("POST", copy, params))))["done"]:
            params["rewriteToken"] = answer["rewriteToken"]  # a large object is copied by several requests
        self.remove(path)
        return f"{self._bucket}/{target}"

    def remove(self, path: str) -> None:
        """Remove an object that may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            retried(lambda: self._ask("DELETE", self._object(self._name(path))))

    def _list(self, prefix: str, fields: str) -> Iterator[dict[str, Any]]:
        page: dict[str, str] = {}
        while True:
            try:
                answer = self._json("o", prefix=prefix, fields=fields, **page)
            except FileNotFoundError as exc:  # nothing else can be missing
                raise MissingPlaceError(self._bucket) from exc
            yield from answer.get("items", ())
            if not answer.get("nextPageToken"):
                return
            page = {"pageToken": answer["nextPageToken"]}

    def _check_bucket(self) -> None:
        """An object that is not there may be so because there is no bucket; which is asked once."""
        if self._bucket_is_there:
            return
        try:
            self._json("", fields="name")
        except FileNotFoundError as exc:
            raise MissingPlaceError(self._bucket) from exc
        except Exception as exc:  # what the library raises depends on the answer
            if not is_refusal(exc):
                raise
        self._bucket_is_there = True  # or who may read objects may not ask about their bucket

    def _name(self, path: str) -> str:
        return f"{self._prefix}{path}"

    @property
    def _host(self) -> str:
        return str(self._filesystem._location)  # noqa: SLF001  it knows about emulators and mutual TLS

    def _object(self, name: str) -> str:
        return f"{self._host}/storage/v1/b/{quote(self._bucket)}/o/{quote(name, safe='')}"

    def _json(self, what: str, **params: str) -> dict[str, Any]:
        url = f"{self._host}/storage/v1/b/{quote(self._bucket)}/{what}".rstrip("/")
        answer: dict[str, Any] = json.loads(retried(lambda: self._ask("GET", url, params)))
        return answer

    def _ask(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None = None,
        received: Received | None = None,
        **request: Any,
    ) -> bytes:
        """One request; the body of the answer goes to `received`, if that is given."""
        whole = {"method": method, "url": url, "params": dict(params or {}), **request}
        return bytes(sync(self._filesystem.loop, self._send, whole, received))

    async def _send(self, request: dict[str, Any], received: Received | None) -> bytes:
        filesystem = self._filesystem
        await filesystem._set_session()  # noqa: SLF001  as its own requests do
        request["params"] = filesystem._get_params(request["params"])  # noqa: SLF001  it adds who pays
        request["headers"] = filesystem._get_headers(request.get("headers"))  # noqa: SLF001  it adds the credentials
        timeout = filesystem.requests_timeout
        request["timeout"] = _TIMEOUT if timeout is None else timeout
        if "data" in request:
            request["data"] = BytesIO(request["data"])  # it is sent piece by piece
        async with filesystem.session.request(**request) as answer:
            if received is None or answer.status >= _ERRORS:
                body: bytes = await answer.read()
                validate_response(answer.status, body, request["url"])
                return body
            received.expect(answer.content_length)
            async for piece in answer.content.iter_chunked(_BLOCK):
                received.add(piece)
        return b""


def _checksum(data: bytes) -> str:
    return b64encode(md5(data, usedforsecurity=False).digest()).decode()
