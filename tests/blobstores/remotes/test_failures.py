"""Errors of remote stores: typed, with store, action and remedy, and without secrets."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import traceback
from typing import Any

import pytest

from provenance.blobstores import FsspecStore
from provenance.blobstores.secrets import Secrets
from provenance.errors import (
    BlobCorruptError,
    BlobNotFoundError,
    ConfigError,
    PermissionDeniedError,
    StorageError,
    StoreUnavailableError,
)
from provenance.testing.blobstores import MISSING, key_of

KEY = key_of(b"x")
OPERATIONS = {
    "store": lambda store: store.put(b"x"),
    "read": lambda store: store.get(KEY),
    "look": lambda store: KEY in store,
    "delete": lambda store: store.delete(KEY),
    "list": lambda store: list(store.ids()),
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS)


def failure(store: Any, operation: str, kind: type[StorageError] = StorageError) -> str:
    """The message of the error, which has the name of the store and what was to be done."""
    with pytest.raises(kind) as raised:
        OPERATIONS[operation](store)
    message = str(raised.value)
    assert store.name in message
    assert operation in message
    return message


class TestPlaces:
    @every_operation
    @pytest.mark.parametrize("name", ["s3", "moto", "gcs", "azure"])
    def test_a_missing_bucket(self, name, operation, request):
        server = dataclasses.replace(request.getfixturevalue(name), bucket="nowhere-to-be-found")
        store = FsspecStore(server.url("x"), server.storage_options, name="mine")
        if operation == "delete" and name == "gcs":  # it has one answer for both
            store.delete(KEY)
            return
        assert "bucket" in failure(store, operation)

    @every_operation
    @pytest.mark.parametrize(
        ("url", "options"),
        [
            ("s3://b/x", {"key": "k", "secret": "s", "endpoint_url": "http://nowhere.invalid"}),
            ("gs://b/x", {"token": "anon", "endpoint_url": "http://nowhere.invalid"}),
            ("az://b/x", {"connection_string": "AccountName=a;AccountKey=aaaa;BlobEndpoint=http://nowhere.invalid/a;"}),
            ("sftp://nowhere.invalid/x", {"username": "u", "password": "pass"}),
        ],
        ids=["s3", "gcs", "azure", "sftp"],
    )
    def test_an_unknown_host(self, url, options, operation):
        message = failure(FsspecStore(url, options, name="mine"), operation, StoreUnavailableError)
        assert "no host of this name" in message

    @every_operation
    @pytest.mark.parametrize("protocol", ["s3", "gs", "az", "sftp"])
    def test_nobody_listens_there(self, protocol, operation):
        from tests.servers.processes import free_ports

        [port] = free_ports(1)
        endpoint = f"http://127.0.0.1:{port}"
        url = f"sftp://127.0.0.1:{port}/x" if protocol == "sftp" else f"{protocol}://b/x"
        options: dict[str, Any] = {
            "s3": {"key": "k", "secret": "s", "endpoint_url": endpoint},
            "gs": {"token": "anon", "endpoint_url": endpoint},
            "az": {"connection_string": f"AccountName=a;AccountKey=aaaa;BlobEndpoint={endpoint}/a;"},
            "sftp": {"username": "u", "password": "pass"},
        }[protocol]
        message = failure(FsspecStore(url, options, name="mine"), operation, StoreUnavailableError)
        assert "tried several times" in message

    @pytest.mark.parametrize(
        "url",
        [
            "s3://bucket/../x",
            "gs://bucket/a/../../b",
            "sftp://host/s3://x",
            "s3://",
            "s3:///",
            "az://c/a\0b",
            "s3://b/\n",
        ],
    )
    def test_places_that_cannot_be(self, url):
        with pytest.raises(ConfigError, match="'mine'"):
            FsspecStore(url, name="mine")

    def test_a_package_that_is_not_installed_is_named_with_its_extra(self, monkeypatch):
        monkeypatch.setattr("provenance.blobstores.remotes.connecting.find_spec", lambda name: None)
        with pytest.raises(ConfigError, match=r"s3fs; pip install 'provenance\[s3\]'"):
            FsspecStore("s3://bucket/x")


class TestRights:
    def test_wrong_keys(self, s3, azure):
        for name, options in (
            ("key", {"key": "another", "secret": s3.secret}),
            ("secret", {"key": s3.key, "secret": "another-secret"}),
        ):
            store = FsspecStore(s3.url("rights"), {**options, "endpoint_url": s3.endpoint}, name=name)
            for operation in OPERATIONS:
                assert "credentials" in failure(store, operation, PermissionDeniedError)
        wrong = azure.connection_string("d3Jvbmcga2V5IHdyb25nIGtleSB3cm9uZyBrZXk=")
        store = FsspecStore(azure.url("rights"), {"connection_string": wrong}, name="mine")
        for operation in OPERATIONS:
            assert "credentials" in failure(store, operation, PermissionDeniedError)

    def test_who_may_only_read(self, s3):
        owner = FsspecStore(s3.url("readable"), s3.storage_options)
        owner.put(b"x")
        key, secret = s3.reader
        store = FsspecStore(s3.url("readable"), {**s3.storage_options, "key": key, "secret": secret}, name="mine")
        assert store.get(KEY) == b"x"
        assert KEY in store
        assert list(store.ids()) == [KEY]
        with pytest.raises(PermissionDeniedError, match="what they permit"):
            store.put(b"y")
        with pytest.raises(PermissionDeniedError):
            store.delete(KEY)

    def test_damage_is_told_by_who_may_not_move_it_away(self, s3):
        from provenance.blobstores.remotes.base import Upload

        owner = FsspecStore(s3.url("damaged"), s3.storage_options)
        owner._here().create(Upload(f"{KEY[:2]}/{KEY[2:]}", b"y", KEY, 1))
        key, secret = s3.reader
        store = FsspecStore(s3.url("damaged"), {**s3.storage_options, "key": key, "secret": secret})
        with pytest.raises(BlobCorruptError):
            store.get(KEY)

    @pytest.mark.parametrize("any_server", ["s3"], indirect=True)
    @pytest.mark.parametrize("code", ["ExpiredToken", "TokenRefreshRequired"])
    def test_a_token_that_has_expired(self, proxied, code):
        store = proxied.store()
        body = f"<Error><Code>{code}</Code><Message>The provided token has expired.</Message></Error>".encode()
        proxied.proxy.fail(400, 1000, body=body)
        for operation in ("store", "read", "list"):
            proxied.proxy.requests.clear()
            assert "expired: renew" in failure(store, operation, PermissionDeniedError)
            assert len(proxied.proxy.requests) == 1

    def test_a_clock_that_is_a_day_off(self, s3, monkeypatch):
        import botocore.auth

        now = botocore.auth.get_current_datetime
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **o: now(*a, **o) + dt.timedelta(1))
        store = FsspecStore(s3.url("clock"), s3.storage_options, name="mine")
        for operation in ("store", "read", "list"):
            assert "set the clock of this machine" in failure(store, operation, PermissionDeniedError)


class TestLostBytes:
    def test_an_object_that_the_service_loses(self, proxied):
        store = proxied.store()
        store.put(b"x")
        store._here().remove(f"{KEY[:2]}/{KEY[2:]}")
        assert KEY not in store
        with pytest.raises(BlobNotFoundError, match=store.name):
            store.get(KEY)

    def test_missing_is_not_unreachable(self, proxied):
        with pytest.raises(BlobNotFoundError):
            proxied.store().get(MISSING)


class TestSecrets:
    SECRETS = ("hush-hush", "p%40ss-word", "p@ss-word", "c2VjcmV0LWtleQ==")

    @pytest.mark.parametrize(
        ("url", "options"),
        [
            ("s3://b/x", {"key": "hush-hush", "secret": "hush-hush", "endpoint_url": "http://hush-hush.invalid"}),
            ("s3://b/x", {"aws_secret_access_key": "hush-hush", "endpoint_url": "http://hush-hush.invalid"}),
            ("gs://b/x", {"token": {"refresh_token": "hush-hush"}, "endpoint_url": "http://hush-hush.invalid"}),
            (
                "az://b/x",
                {
                    "connection_string": "AccountName=a;AccountKey=c2VjcmV0LWtleQ==;BlobEndpoint=http://c2VjcmV0LWtleQ==.invalid/a"
                },
            ),
            (
                "az://b/x",
                {"account_name": "a", "sas_token": "sv=1&sig=hush-hush", "account_host": "a.hush-hush.invalid"},
            ),
            ("sftp://me:p%40ss-word@nowhere.invalid/x", {}),
            ("sftp://nowhere.invalid/x", {"username": "me", "password": "p@ss-word"}),
        ],
    )
    def test_are_never_shown(self, url, options, caplog):
        store = FsspecStore(url, options)
        shown = [repr(store), store.name, store.url]
        with caplog.at_level(logging.DEBUG, "provenance"):
            for operation in OPERATIONS.values():
                with pytest.raises(StorageError) as raised:
                    operation(store)
                shown.extend(traceback.format_exception_only(raised.value))
                cause = raised.value.__cause__
                shown.append(str(cause))
        shown.extend(record.getMessage() for record in caplog.records if record.name.startswith("provenance"))
        for secret in self.SECRETS:
            assert not [text for text in shown if secret in text]

    def test_forms_of_secrets_are_known_without_being_given(self):
        secrets = Secrets.of("s3://b", {})
        for text, hidden in (
            ("https://a.blob/c?sv=2&sig=abc%2Fdef&se=1", "https://a.blob/c?sv=2&sig=***&se=1"),
            ("sftp://me:word@host/x", "sftp://***@host/x"),
            ("AccountKey=abc==;More=1", "AccountKey=***;More=1"),
            ("Authorization: Bearer ya29.abc", "Authorization: Bearer ***"),
        ):
            assert secrets.hide(text) == hidden

    def test_what_is_no_secret_stays(self):
        options = {
            "key_filename": "/home/me/.ssh/id",
            "endpoint_url": "http://host",
            "client_kwargs": {"region_name": "eu"},
        }
        text = "cannot read /home/me/.ssh/id at http://host in eu"
        assert Secrets.of("s3://bucket", options).hide(text) == text
