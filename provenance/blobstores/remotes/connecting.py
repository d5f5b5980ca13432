"""From a URL and options to the storage they name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit
from weakref import WeakValueDictionary

from provenance.blobstores.remotes.base import Remote
from provenance.blobstores.remotes.files import APPEAR_AT_ONCE, FileRemote
from provenance.errors import ConfigError


def check_url(url: str, shown: str, store: str) -> None:
    """Check that a URL can name a place and that there is what it takes to get there, without connecting to it.

    Parameters
    ----------
    url, shown : str
        The URL, and how it may be shown.
    store : str
        Name of the store.

    Raises
    ------
    ConfigError
        The URL has parts that no place has; fsspec does not know its protocol; or a package is not installed.
    """
    first, *others = url.split("::")
    protocols = [part.partition("://")[0] for part in others if "://" in part]
    if "://" in first or others:
        protocols.append(first.partition("://")[0])
    problem = _problem_of_path(url, protocols) or next(filter(None, map(_problem_of_protocol, protocols)), None)
    if problem:
        msg = f"blobstore {store!r} cannot use the URL {shown!r}: {problem}"
        raise ConfigError(msg)


def _problem_of_path(url: str, protocols: list[str]) -> str | None:
    if _CONTROL.search(url):
        return "it has a control character in it; remove that"
    if len(protocols) == 1 and protocols[0] in _OPENERS:
        path = url.partition("://")[2]
        if "://" in path or ".." in path.split("/"):
            return "what follows the protocol must be a plain path, without '..' and without another protocol"
        if not path.strip("/"):
            return "it names no bucket or host"
    return None


def _problem_of_protocol(protocol: str) -> str | None:
    """Why there is no way to get there, if so. Large packages are looked for, and only loaded when they are needed."""
    if protocol in _PACKAGES:
        package, extra = _PACKAGES[protocol]
        missing = find_spec(package) is None
        return f"it takes the package {package}; pip install 'provenance[{extra}]'" if missing else None
    from fsspec.registry import get_filesystem_class  # noqa: PLC0415  loaded when first used

    try:
        get_filesystem_class(protocol)
    except (ValueError, ImportError) as exc:
        return f"{exc}; check its protocol, or install the package that provides it"
    return None


def connect(url: str, storage_options: Mapping[str, Any]) -> Remote:
    """Open the folder at `url`; raises what its library raises."""
    protocol = url.partition("://")[0] if "://" in url and "::" not in url else ""
    opened = _OPENERS.get(protocol, _open_files)
    return opened(url, storage_options)


def _open_files(url: str, options: Mapping[str, Any]) -> Remote:
    from fsspec.core import url_to_fs  # noqa: PLC0415  loaded when first used

    filesystem, root = url_to_fs(url, **options)
    protocols = {filesystem.protocol} if isinstance(filesystem.protocol, str) else set(filesystem.protocol)
    return FileRemote(filesystem, root.rstrip("/"), bool(protocols & APPEAR_AT_ONCE), "memory" in protocols)


def _open_s3(url: str, options: Mapping[str, Any]) -> Remote:
    from s3fs import S3FileSystem  # noqa: PLC0415  loaded when first used

    from provenance.blobstores.remotes.s3 import S3Remote  # noqa: PLC0415  same

    once = {"retries": {"total_max_attempts": 1}, "max_pool_connections": 32}
    named = {_BOTO_NAMES.get(name, name): value for name, value in options.items() if name not in _BOTO_CLIENT}
    client = {name: options[name] for name in _BOTO_CLIENT if name in options}
    given = {
        **named,
        "config_kwargs": {**once, **options.get("config_kwargs", {})},
        "client_kwargs": {**client, **options.get("client_kwargs", {})},
    }
    return S3Remote(_shared(S3FileSystem, given), _path(url))


def _open_gcs(url: str, options: Mapping[str, Any]) -> Remote:
    # The class at the top of the package asks for the kind of each bucket by another protocol first.
    from gcsfs.core import GCSFileSystem  # noqa: PLC0415  loaded when first used

    from provenance.blobstores.remotes.gcs import GcsRemote  # noqa: PLC0415  same

    return GcsRemote(_shared(GCSFileSystem, options), _path(url))


def _open_azure(url: str, options: Mapping[str, Any]) -> Remote:
    from adlfs import AzureBlobFileSystem  # noqa: PLC0415  loaded when first used

    from provenance.blobstores.remotes.azure import AzureRemote  # noqa: PLC0415  same

    named = AzureBlobFileSystem._get_kwargs_from_urls(url)  # noqa: SLF001  a URL may name the account
    root = AzureBlobFileSystem._strip_protocol(url)  # noqa: SLF001
    return AzureRemote(_shared(AzureBlobFileSystem, {**named, **options}), root.strip("/"))


_filesystems: WeakValueDictionary[tuple[int, str, str], Any] = WeakValueDictionary()


def _shared(kind: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """A filesystem that stores of this process with the same options share, and nobody else.

    fsspec's own memory of filesystems would hand it to others, and to forked processes.
    """
    known = (os.getpid(), str(kind), repr(sorted(options.items())))
    filesystem = _filesystems.get(known)
    return _filesystems.setdefault(known, filesystem or kind(**options, skip_instance_cache=True))


def _open_sftp(url: str, options: Mapping[str, Any]) -> Remote:
    from provenance.blobstores.remotes.sftp import SftpRemote  # noqa: PLC0415  loaded when first used
    from provenance.blobstores.remotes.ssh import Channels  # noqa: PLC0415  same

    parts = urlsplit(url)
    named = {
        "host": parts.hostname,
        "port": parts.port,
        "username": parts.username and unquote(parts.username),
        "password": parts.password and unquote(parts.password),
    }
    given = {**options, **{name: value for name, value in named.items() if value}}
    host = given.pop("host", None)
    if not host:
        msg = "no host is given, neither in the URL nor as an option"
        raise ValueError(msg)
    return SftpRemote(Channels(str(host), given), parts.path.rstrip("/"))


def _path(url: str) -> str:
    return url.partition("://")[2].strip("/")


_OPENERS: dict[str, Callable[[str, Mapping[str, Any]], Remote]] = {
    "s3": _open_s3,
    "s3a": _open_s3,
    "gs": _open_gcs,
    "gcs": _open_gcs,
    "az": _open_azure,
    "abfs": _open_azure,
    "abfss": _open_azure,
    "sftp": _open_sftp,
    "ssh": _open_sftp,
}
_PACKAGES = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "az": ("adlfs", "azure"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
    "sftp": ("paramiko", "sftp"),
    "ssh": ("paramiko", "sftp"),
}
"""What provides each protocol, and which extra of this package installs it."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BOTO_NAMES = {
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "aws_session_token": "token",
    "profile_name": "profile",
}
_BOTO_CLIENT = ("region_name", "verify", "use_ssl", "api_version")
