"""Objects of Amazon S3, and of what speaks its protocol."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import md5
from typing import Any

from fsspec.asyn import sync

from provenance._util.parallel import for_each
from provenance.blobstores.remotes.base import LostUploadError, MissingPlaceError, TakenError, Upload
from provenance.blobstores.remotes.failures import code_of, is_refusal, status_of
from provenance.blobstores.remotes.parts import AT_ONCE, Part, Received, fetch_parts, goes_in_parts, parts_of, receive
from provenance.blobstores.remotes.retries import retried

_BLOCK = 1 << 20
_NOT_FOUND = 404
_PRECONDITION_FAILED = 412
_NO_UPLOAD = "NoSuchUpload"


class S3Remote:
    """A prefix of a bucket, through an `s3fs.S3FileSystem`.

    Every call is one request, retried here and nowhere else.
    """

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem = filesystem
        self._bucket, _, prefix = root.partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._bucket_is_there = False
        filesystem.retries = 1

    # ---- reading

    def size(self, path: str) -> int | None:
        """Size of an object in bytes, None if there is none."""
        try:
            return int(self._call("head_object", Key=self._key(path))["ContentLength"])
        except FileNotFoundError:
            self._check_bucket()
            return None

    def read(self, path: str) -> bytes:
        """All bytes of an object."""
        return receive(lambda received: self._read_on(path, received))

    def _read_on(self, path: str, received: Received) -> None:
        behind = {"Range": f"bytes={received.length}-"} if received.length else {}
        self._receive(received, Key=self._key(path), **behind)

    def _receive(self, received: Received, **request: Any) -> None:
        with _telling_of_missing_buckets():
            sync(self._filesystem.loop, self._stream, received, **request)

    async def _stream(self, received: Received, **request: Any) -> None:
        answer = await self._filesystem._call_s3("get_object", Bucket=self._bucket, **request)  # noqa: SLF001
        received.expect(int(answer["ContentLength"]))
        async with answer["Body"] as body:
            while piece := await body.read(_BLOCK):
                received.add(piece)

    def fetch(self, path: str, local: str) -> None:
        """Download an object in parts, behind those that the local file has."""
        size = self.size(path)
        if size is None:
            raise FileNotFoundError(path)
        fetch_parts(size, local, lambda start, end: receive(lambda got: self._read_range(path, start, end, got)))

    def _read_range(self, path: str, start: int, end: int, received: Received) -> None:
        self._receive(received, Key=self._key(path), Range=f"bytes={start + received.length}-{end - 1}")

    def names(self) -> Iterator[str]:
        """Paths of all objects, page by page."""
        page: dict[str, Any] = {}
        while True:
            answer = self._call("list_objects_v2", Prefix=self._prefix, **page)
            for found in answer.get("Contents", ()):
                yield found["Key"][len(self._prefix) :]
            if not answer.get("IsTruncated"):
                return
            page = {"ContinuationToken": answer["NextContinuationToken"]}

    # ---- writing

    def create(self, upload: Upload) -> None:
        """Upload an object if there is none."""
        finish = self._prepared(upload, IfNoneMatch="*")
        retried(finish)

    def replace(self, upload: Upload) -> None:
        """Upload an object, whether there is one or not."""
        retried(self._prepared(upload))

    def _prepared(self, upload: Upload, **condition: str) -> Callable[[], None]:
        """Do all of an upload but the one request that makes the object appear; that is returned."""
        key = self._key(upload.path)
        if not goes_in_parts(upload):
            whole = {"Key": key, "Body": upload.read(), "Metadata": upload.notes, **condition}
            return lambda: self._publish("put_object", **whole)
        try:
            upload_id, sent = self._send_parts(upload, key, *self._unfinished(key))
        except Exception as exc:
            if code_of(exc) != _NO_UPLOAD:
                raise
            upload_id, sent = self._send_parts(upload, key, None, {})  # the one to go on with has ended meanwhile
        parts = {"Key": key, "UploadId": upload_id, "MultipartUpload": {"Parts": sent}, **condition}
        return lambda: self._complete(upload, **parts)

    def _publish(self, method: str, **request: Any) -> None:
        try:
            self._ask(method, **request)
        except Exception as exc:
            if status_of(exc) == _PRECONDITION_FAILED:
                raise TakenError(request["Key"]) from exc
            raise

    def _complete(self, upload: Upload, **request: Any) -> None:
        try:
            self._publish("complete_multipart_upload", **request)
        except Exception as exc:
            if code_of(exc) != _NO_UPLOAD or self.size(upload.path) != upload.size:
                raise
            if "IfNoneMatch" in request:  # another writer has ended the same upload, or it was us
                raise TakenError(request["Key"]) from exc
        if self.size(upload.path) != upload.size:
            msg = f"{request['Key']} does not have {upload.size} bytes after its upload"
            raise LostUploadError(msg)

    def _send_parts(
        self, upload: Upload, key: str, upload_id: str | None, there: dict[int, tuple[int, str]]
    ) -> tuple[str, list[dict[str, Any]]]:
        """Upload a file in parts, but for those that are `there` from an upload that was interrupted."""
        if upload_id is None:
            made = self._call("create_multipart_upload", Key=key, Metadata=upload.notes)
            upload_id = str(made["UploadId"])
        whole = {"Key": key, "UploadId": upload_id}

        def send(part: Part) -> dict[str, Any]:
            data = upload.part(part.start, part.end)
            tag = f'"{md5(data, usedforsecurity=False).hexdigest()}"'
            if there.get(part.number) != (part.size, tag):
                tag = self._call("upload_part", PartNumber=part.number, Body=data, **whole)["ETag"]
            return {"PartNumber": part.number, "ETag": tag}

        return upload_id, for_each(send, parts_of(upload.size), at_once=AT_ONCE)

    def _unfinished(self, key: str) -> tuple[str | None, dict[int, tuple[int, str]]]:
        """The upload of `key` that was interrupted last, and the size and tag of each part it has."""
        try:
            uploads = self._call("list_multipart_uploads", Prefix=key).get("Uploads", ())
            ours = [each for each in uploads if each["Key"] == key]
            if not ours:
                return None, {}
            upload_id: str = max(ours, key=lambda each: each["Initiated"])["UploadId"]
            return upload_id, self._parts_of(key, upload_id)
        except Exception as exc:  # what the library raises depends on the answer
            if is_refusal(exc) or status_of(exc) in {404, 501}:  # not everyone who may write may list
                return None, {}
            raise

    def _parts_of(self, key: str, upload_id: str) -> dict[int, tuple[int, str]]:
        there: dict[int, tuple[int, str]] = {}
        page: dict[str, Any] = {}
        while True:
            answer = self._call("list_parts", Key=key, UploadId=upload_id, **page)
            for part in answer.get("Parts", ()):
                there[part["PartNumber"]] = (part["Size"], part["ETag"])
            if not answer.get("IsTruncated"):
                return there
            page = {"PartNumberMarker": answer["NextPartNumberMarker"]}

    # ---- the rest

    def writer_of(self, path: str) -> str | None:
        """Who uploaded an object, as its notes say."""
        writer: str | None = self._call("head_object", Key=self._key(path)).get("Metadata", {}).get("writer")
        return writer

    def set_aside(self, path: str) -> str:
        """Copy a damaged object to ``damaged/`` and remove it."""
        target = self._key(f"damaged/{path.replace('/', '')}-{os.urandom(4).hex()}")
        retried(lambda: self._filesystem.cp_file(f"{self._bucket}/{self._key(path)}", f"{self._bucket}/{target}"))
        self.remove(path)
        return f"{self._bucket}/{target}"

    def remove(self, path: str) -> None:
        """Remove an object that may be gone already."""
        self._call("delete_object", Key=self._key(path))

    def _key(self, path: str) -> str:
        return f"{self._prefix}{path}"

    def _call(self, method: str, **request: Any) -> dict[str, Any]:
        return retried(lambda: self._ask(method, **request))

    def _ask(self, method: str, **request: Any) -> dict[str, Any]:
        with _telling_of_missing_buckets():
            answer: dict[str, Any] = self._filesystem.call_s3(method, Bucket=self._bucket, **request)
        self._bucket_is_there = True
        return answer

    def _check_bucket(self) -> None:
        """An object that is not there may be so because there is no bucket; which is asked once."""
        if self._bucket_is_there:
            return
        try:
            self._call("head_bucket")
        except FileNotFoundError as exc:
            raise MissingPlaceError(self._bucket) from exc
        except PermissionError:  # who may read objects may not be allowed to ask about the bucket
            self._bucket_is_there = True


@contextmanager
def _telling_of_missing_buckets() -> Iterator[None]:
    """Tell missing buckets from missing objects, and from refusals for which the library has the same error."""
    try:
        yield
    except FileNotFoundError as exc:
        if code_of(exc) == "NoSuchBucket":
            raise MissingPlaceError(str(exc)) from exc
        if status_of(exc) != _NOT_FOUND and exc.__cause__ is not None:
            raise exc.__cause__ from None
        raise
