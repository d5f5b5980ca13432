"""How often stores ask their servers, and what they do about answers that are none."""

from __future__ import annotations

from typing import Any

import pytest

from provenance.blobstores.remotes import retries
from provenance.errors import DuplicateKeyError, PermissionDeniedError, StorageError, StoreUnavailableError
from provenance.testing.blobstores import BIG, MISSING, key_of

DATA = b"x" * 16384
KEY = key_of(DATA)
OPERATIONS = {
    "put": lambda store: store.put(b"y" * 100),
    "get": lambda store: store.get(KEY),
    "contains": lambda store: KEY in store,
    "delete": lambda store: store.delete(KEY),
    "ids": lambda store: list(store.ids()),
}
EXPECTED = {"put": (key_of(b"y" * 100), 100), "get": DATA, "contains": True, "delete": None, "ids": [KEY]}


def expected(operation: str, result: Any) -> bool:
    wanted = EXPECTED[operation]
    return (result.key, result.size) == wanted if operation == "put" else result == wanted


class TestHowMany:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_everything_is_one_request(self, proxied, operation):
        store = proxied.store()
        store.put(DATA)
        proxied.proxy.reset()
        assert expected(operation, OPERATIONS[operation](store))
        assert len(proxied.proxy.requests) == 1

    def test_putting_what_is_there_asks_for_its_size(self, proxied):
        store = proxied.store()
        store.put(DATA)
        proxied.proxy.reset()
        store.put(DATA)
        assert len(proxied.proxy.requests) == 2
        assert proxied.proxy.bodies[1] == 0

    def test_what_is_large_and_there_is_not_sent_again(self, proxied):
        store = proxied.store()
        store.put(BIG)
        proxied.proxy.reset()
        store.put(BIG)
        assert proxied.proxy.bodies == [0]

    def test_asking_for_what_is_not_there_is_one_request_too(self, proxied):
        store = proxied.store()
        assert MISSING not in store
        assert len(proxied.proxy.requests) == 1

    def test_the_digest_and_a_checksum_go_with_the_bytes(self, proxied):
        proxied.store().put(DATA)
        [head] = proxied.proxy.heads
        if proxied.name == "gcs":
            assert proxied.proxy.bodies[0] > len(DATA) + 64  # both are in the body
        else:
            digest = head.get("x-amz-meta-blake3", head.get("x-ms-meta-blake3"))
            assert digest == KEY
            assert "x-amz-checksum-crc32" in head or "content-md5" in head


class TestPassingFailures:
    @pytest.mark.parametrize("kind", [503, 500, 429, "drop", "drop answer"])
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_are_tried_again(self, proxied, operation, kind):
        store = proxied.store()
        store.put(DATA)
        proxied.proxy.reset()
        fault = proxied.proxy.fail(kind, 2)
        assert expected(operation, OPERATIONS[operation](store))
        assert fault.done == 2
        assert 3 <= len(proxied.proxy.requests) <= 4  # one more where an answer was lost

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_are_not_tried_forever(self, proxied, operation):
        store = proxied.store()
        proxied.proxy.fail(503, 1000)
        with pytest.raises(StoreUnavailableError, match=f"{store.name}.*tried several times"):
            OPERATIONS[operation](store)
        assert len(proxied.proxy.requests) == retries.ATTEMPTS

    def test_a_lost_answer_is_no_duplicate(self, proxied):
        store = proxied.store(on_duplicate_key="raise")
        proxied.proxy.fail("drop answer")
        store.put(DATA)
        assert store.get(KEY) == DATA
        with pytest.raises(DuplicateKeyError):
            store.put(DATA)

    def test_a_download_goes_on_where_it_was_cut(self, proxied):
        store = proxied.store()
        store.put(BIG)
        proxied.proxy.reset()
        proxied.proxy.fail("cut")
        assert store.get(key_of(BIG)) == BIG

    @pytest.mark.parametrize("any_server", ["s3", "moto", "gcs"], indirect=True)  # Azure's library drops what arrived
    def test_it_asks_for_the_rest_only(self, proxied):
        store = proxied.store()
        store.put(BIG)
        proxied.proxy.reset()
        proxied.proxy.fail("cut")
        assert store.get(key_of(BIG)) == BIG
        ranges = [head.get("range") or head.get("x-ms-range") for head in proxied.proxy.heads]
        start = int(str(ranges[-1]).removeprefix("bytes=").partition("-")[0])
        assert 0 < start <= len(BIG) // 2 + 1

    @pytest.mark.parametrize("any_server", ["s3", "gcs", "azure"], indirect=True)  # moto checks nothing
    def test_bytes_that_change_on_their_way_are_sent_again(self, proxied):
        store = proxied.store()
        proxied.proxy.fail("flip")
        store.put(DATA)
        assert store.get(KEY) == DATA
        assert len(proxied.proxy.requests) >= 3


class TestLastingFailures:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_a_refusal_is_told_at_once(self, proxied, operation):
        store = proxied.store()
        store.put(DATA)
        proxied.proxy.reset()
        proxied.proxy.fail(403, 1000)
        with pytest.raises(PermissionDeniedError, match="credentials"):
            OPERATIONS[operation](store)
        assert len(proxied.proxy.requests) == 1

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_a_request_that_is_wrong_is_told_at_once(self, proxied, operation):
        store = proxied.store()
        store.put(DATA)
        proxied.proxy.reset()
        proxied.proxy.fail(400, 1000)
        with pytest.raises(StorageError, match=store.name):
            OPERATIONS[operation](store)
        # the library of S3 asks whether the bucket lies in another region
        asked = [request for request in proxied.proxy.requests if request != f"HEAD /{proxied.server.bucket}"]
        assert len(asked) == 1
