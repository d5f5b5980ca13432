"""What a configuration may contain: every key with its type, default and meaning, as one table.

The table is what configurations are checked against, and what their documentation is made from.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias, get_args

from provenance._util.access import Shared
from provenance._util.sizes import parse_size
from provenance.blobstores.choices import DEFAULT_CACHE_BYTES, RETRY_SECONDS, OnUnreachable, Verify, WritePolicy
from provenance.config.environment import plain
from provenance.config.problems import EnvironmentText
from provenance.state import LEASE_SECONDS
from provenance.types import OnDuplicateKey, OnRepoError

SectionName: TypeAlias = Literal["blobstores", "artifact_repos"]
Place: TypeAlias = Literal["", "path", "url", "database"]


class Kind(NamedTuple):
    """What values an option takes.

    Attributes
    ----------
    expected : str
        The values, in words.
    accepts : callable
        Tells whether a value is one of them.
    read : callable
        Turns an accepted value into what it means.
    choices : tuple of str
        The texts among which one is to be chosen, if that is what it takes.
    secret : bool
        Whether values may hold passwords, so that messages must not show them.
    place : str
        In what form the value names a place that may be relative, if it does.
    refers_to : str, optional
        The section whose entries the value names.
    """

    expected: str
    accepts: Callable[[object], bool]
    read: Callable[[object], object] = plain
    choices: tuple[str, ...] = ()
    secret: bool = False
    place: Place = ""
    refers_to: SectionName | None = None


class Option(NamedTuple):
    """One key of an entry."""

    name: str
    kind: Kind
    doc: str
    default: object = None
    required: bool = False


class EntryType(NamedTuple):
    """One value of ``type``, and the options that entries of this type have.

    `protocol` is the one of the URL, where the type stands for a single one.
    """

    name: str
    doc: str
    options: tuple[Option, ...]
    protocol: str = ""

    def option(self, name: str) -> Option | None:
        """The option called `name`, if this type has it."""
        return next((option for option in self.options if option.name == name), None)


class Section(NamedTuple):
    """One of the two mappings of names to entries."""

    name: SectionName
    noun: str
    types: tuple[EntryType, ...]

    def type(self, name: object) -> EntryType | None:
        """The type called `name`, if there is one."""
        return next((kind for kind in self.types if kind.name == name), None)

    def option(self, name: str) -> Option | None:
        """The option called `name` of any type: it means the same in all of them."""
        found = (kind.option(name) for kind in self.types)
        return next((option for option in found if option is not None), None)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool) or (isinstance(value, EnvironmentText) and value.lower() in {"true", "false"})


def _read_flag(value: object) -> bool:
    return value.lower() == "true" if isinstance(value, str) else bool(value)


def _is_path(value: object) -> bool:
    return _is_text(value) or isinstance(value, os.PathLike)


def _read_path(value: object) -> str:
    return str(os.fspath(value))  # type: ignore[call-overload]  # accepted as a path before


def _is_database(value: object) -> bool:
    return _is_path(value) and ("://" not in (text := _read_path(value)) or text.startswith("sqlite:"))


def _is_postgres_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("postgresql://", "postgresql+psycopg://"))


def _is_size(value: object) -> bool:
    try:
        parse_size(value)
    except ValueError:
        return False
    return True


def _is_names(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_text, value))


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _is_seconds(value: object) -> bool:
    if isinstance(value, EnvironmentText):
        try:
            value = float(value)
        except ValueError:
            return False
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _read_seconds(value: object) -> float:
    return float(value)  # type: ignore[arg-type]  # accepted as seconds before


def _one_of(choices: tuple[str, ...]) -> Kind:
    expected = "one of " + ", ".join(choices)
    return Kind(expected, lambda value: isinstance(value, str) and value in choices, choices=choices)


FLAG = Kind("true or false", _is_flag, _read_flag)
TEXT = Kind("a text", _is_text)
PATH = Kind("a path", _is_path, _read_path, place="path")
URL = Kind("a URL", _is_text, secret=True, place="url")
DATABASE = Kind("a path or a URL like sqlite:///path", _is_database, _read_path, secret=True, place="database")
POSTGRES_URL = Kind("a URL like postgresql://user@host/database", _is_postgres_url, secret=True)
SECONDS = Kind("a number of seconds", _is_seconds, _read_seconds)
DURATION = Kind("a number of seconds above 0", lambda v: _is_seconds(v) and _read_seconds(v) > 0, _read_seconds)
SIZE = Kind("a number of bytes or a text like '10 GB'", _is_size, parse_size)
MAPPING = Kind("a mapping", _is_mapping, secret=True)
STORE = Kind("the name of a blobstore", _is_text, refers_to="blobstores")
STORES = Kind("a list of names of blobstores", _is_names, refers_to="blobstores")
REPOS = Kind("a list of names of repos", _is_names, refers_to="artifact_repos")
FUNCTION = Kind(
    "a function, or where to import it from, as in 'package.module:function'", lambda v: callable(v) or _is_text(v)
)

_PERMISSIONS = (
    Option("read", FLAG, "Whether it may be read.", default=True),
    Option("write", FLAG, "Whether it may be written.", default=True),
    Option("read_through_write", FLAG, "Whether a chain may copy into it what it found further down.", default=True),
    Option("delete", FLAG, "Whether anything may be deleted from it.", default=True),
)
_STORE = (
    *_PERMISSIONS,
    Option(
        "on_duplicate_key",
        _one_of(get_args(OnDuplicateKey)),
        "What happens when bytes are stored that are there already.",
        default="skip",
    ),
)
_SHARED = Option(
    "shared", _one_of(get_args(Shared)), "Whether the group of the folder may use it too; its owner only if left out."
)
_REMOTE = (
    Option("url", URL, "Where the bytes are kept, as in `s3://bucket/prefix`."),
    Option("basepath", TEXT, "Folder under `url`; without `url`, what follows the protocol, as in `bucket/prefix`."),
    Option("storage_options", MAPPING, "Options of the fsspec filesystem, such as `endpoint_url`."),
    Option("cachedir", PATH, "Local folder that keeps a copy of what was read or written."),
    Option("cache_bytes", SIZE, "How many bytes are kept in `cachedir`, or `unlimited`.", default=DEFAULT_CACHE_BYTES),
    Option(
        "always_check_remote",
        FLAG,
        "Whether the remote side is asked each time whether it still has what there is a local copy of.",
        default=False,
    ),
    Option("cleanup_cachedir", FLAG, "Whether a process removes its local copies when it ends.", default=False),
    *_STORE,
)
_DATABASE_REPO = (
    Option("store", STORE, "The blobstore that keeps the bytes of values.", required=True),
    Option("create_db", FLAG, "Whether the database and its tables are created when they are missing.", default=True),
    Option(
        "grace_seconds",
        SECONDS,
        "How long bytes stay when nothing refers to them any more.",
        default=0.0,
    ),
    Option(
        "on_repo_error",
        _one_of(get_args(OnRepoError)),
        "What a call does whose look-up does not reach the database: fail, or compute.",
        default="raise",
    ),
    Option("journal", PATH, "Folder for what is computed while the database is out of reach; the user's own if none."),
    *_PERMISSIONS,
)

_CHAIN = (
    Option(
        "write_policy",
        _one_of(get_args(WritePolicy)),
        "Which of the members that may be written must take what is written: each, the nearest, or at least one.",
        default="all",
    ),
    Option(
        "on_unreachable",
        _one_of(get_args(OnUnreachable)),
        "Whether a member that is out of reach is left out for a while, with one warning, or is an error.",
        default="skip",
    ),
    Option("retry_seconds", SECONDS, "How long such a member is left out.", default=RETRY_SECONDS),
    *_PERMISSIONS,
)

BLOBSTORES = Section(
    "blobstores",
    "blobstore",
    (
        EntryType("memory", "In the memory of the process; gone when it ends.", _STORE),
        EntryType(
            "disk",
            "Files in a folder.",
            (
                Option("cachedir", PATH, "The folder; it is created when the store may be written.", required=True),
                _SHARED,
                Option("durable", FLAG, "Whether bytes survive a power failure once stored.", default=False),
                Option("verify", _one_of(get_args(Verify)), "How often a process verifies a file.", default="once"),
                *_STORE,
            ),
        ),
        EntryType("fsspec", "Files or objects at any URL that fsspec knows.", _REMOTE),
        EntryType(
            "s3",
            "Amazon S3 and what speaks its protocol (extra `s3`).",
            (
                *_REMOTE,
                Option("s3_config", MAPPING, "The same as `storage_options`, with the names of s3fs or those of boto."),
            ),
            protocol="s3",
        ),
        EntryType("gs", "Google Cloud Storage (extra `gcs`).", _REMOTE, protocol="gs"),
        EntryType("az", "Azure Blob Storage (extra `azure`).", _REMOTE, protocol="az"),
        EntryType("sftp", "A folder of another host, through SSH (extra `sftp`).", _REMOTE, protocol="sftp"),
        EntryType(
            "chained",
            "Several stores, one behind the other: the first that has sound bytes is read, all are written.",
            (Option("stores", STORES, "The members, the quickest first.", required=True), *_CHAIN),
        ),
    ),
)
ARTIFACT_REPOS = Section(
    "artifact_repos",
    "repo",
    (
        EntryType(
            "memory",
            "In the memory of the process; gone when it ends.",
            (
                Option("store", STORE, "The blobstore that keeps the bytes; one in memory if none is given."),
                *_PERMISSIONS,
            ),
        ),
        EntryType(
            "sqlite",
            "An SQLite database, for the processes of one host.",
            (
                Option("db", DATABASE, "Path of the file, or an `sqlite:///` URL.", required=True),
                _SHARED,
                Option("durable", FLAG, "Whether rows survive a power failure once stored.", default=False),
                *_DATABASE_REPO,
            ),
        ),
        EntryType(
            "postgres",
            "A PostgreSQL database, for any number of hosts (extra `postgres`).",
            (
                Option("db", POSTGRES_URL, "URL of the database.", required=True),
                Option("schema", TEXT, "Schema that holds the tables; the connection's own if none is given."),
                *_DATABASE_REPO,
            ),
        ),
        EntryType(
            "chained",
            "Several repos, one behind the other: the first that has an artifact is read, all are written.",
            (Option("repos", REPOS, "The members, the quickest first.", required=True), *_CHAIN),
        ),
    ),
)
SECTIONS = (BLOBSTORES, ARTIFACT_REPOS)

PROTOTYPE = Option(
    "prototype", TEXT, "Another entry of the section, whose options this one takes over unless it sets them."
)
SETTINGS = (
    Option(
        "default_repo",
        Kind("the name of a repo", _is_text, refers_to="artifact_repos"),
        "The repo used where none is named; may be left out if there is only one.",
    ),
    Option("use_cache", FLAG, "Whether stored results are reused.", default=True),
    Option("read_only", FLAG, "Whether nothing is recorded.", default=False),
    Option("check_mutations", FLAG, "Whether proxies are checked for changed values.", default=False),
    Option("single_flight", FLAG, "Whether equal calls that overlap wait for one of them to compute.", default=True),
    Option(
        "lease_seconds",
        DURATION,
        "How long others wait for a process that computes and is not heard of. It says so every third of that time.",
        default=LEASE_SECONDS,
    ),
    Option(
        "run_info_fn",
        FUNCTION,
        "Adds to what is recorded about the process: changes its dict in place or returns another.",
    ),
)
