"""Mistakes in a configuration: the error names the key path, what was expected and the nearest valid name."""

from __future__ import annotations

import pytest

import provenance as p


def stores(**entries):
    return {"blobstores": entries}


def repos(**entries):
    return {"blobstores": {"values": {"type": "memory"}}, "artifact_repos": entries}


MISTAKES = {
    "no mapping": ([], "configuration: expected a mapping with keys such as blobstores and artifact_repos, got a list"),
    "unknown key": (
        {"blobstore": {}},
        "configuration: 'blobstore' is not a key; did you mean 'blobstores'? (valid: blobstores, ",
    ),
    "key that is like no other": ({"zzz": 1}, "configuration: 'zzz' is not a key (valid: blobstores,"),
    "key that is no text": ({3: 1}, "configuration: 3 is not a key (valid: blobstores,"),
    "section that is no mapping": (
        {"blobstores": ["disk"]},
        "blobstores: expected a mapping of names to blobstores, got a list",
    ),
    "empty section": ({"artifact_repos": None}, "artifact_repos: expected a mapping of names to repos, got nothing"),
    "name that is no text": (
        stores() | {"blobstores": {1: {}}},
        "blobstores: expected names of blobstores as texts, got 1",
    ),
    "entry that is no mapping": (stores(a="disk"), "blobstores.a: expected a mapping of options, got 'disk'"),
    "no type": (stores(a={}), "blobstores.a: type is missing; expected one of memory, disk, fsspec,"),
    "unknown type": (
        stores(a={"type": "dsk"}),
        "blobstores.a.type: 'dsk' is not a type of blobstore; did you mean 'disk'? (valid: memory, disk,",
    ),
    "type that is no text": (
        stores(a={"type": ["disk"]}),
        "blobstores.a.type: ['disk'] is not a type of blobstore (valid: ",
    ),
    "unknown option": (
        stores(a={"type": "disk", "cache_dir": "/x"}),
        "blobstores.a.cache_dir: 'cache_dir' is not an option of a blobstore of type disk; did you mean 'cachedir'?",
    ),
    "option of another type": (
        stores(a={"type": "memory", "cachedir": "/x"}),
        "blobstores.a.cachedir: 'cachedir' is not an option of a blobstore of type memory (valid: ",
    ),
    "missing option": (
        stores(a={"type": "disk"}),
        "blobstores.a.cachedir: a blobstore of type disk needs it; expected a path",
    ),
    "flag": (
        stores(a={"type": "memory", "write": "no"}),
        "blobstores.a.write: expected true or false, got 'no'",
    ),
    "number as flag": (stores(a={"type": "memory", "write": 1}), "blobstores.a.write: expected true or false, got 1"),
    "choice": (
        stores(a={"type": "memory", "on_duplicate_key": "skipp"}),
        (
            "blobstores.a.on_duplicate_key: expected one of skip, overwrite, check_collision, raise, got 'skipp'; "
            "did you mean 'skip'?"
        ),
    ),
    "choice that is no text": (
        stores(a={"type": "memory", "on_duplicate_key": 1}),
        "blobstores.a.on_duplicate_key: expected one of skip, overwrite, check_collision, raise, got 1",
    ),
    "path": (stores(a={"type": "disk", "cachedir": 3}), "blobstores.a.cachedir: expected a path, got 3"),
    "empty path": (stores(a={"type": "disk", "cachedir": ""}), "blobstores.a.cachedir: expected a path, got ''"),
    "mapping": (
        stores(a={"type": "fsspec", "url": "memory://", "storage_options": []}),
        "blobstores.a.storage_options: expected a mapping, got a list",
    ),
    "no url": (stores(a={"type": "fsspec"}), "blobstores.a: url is missing; expected where the bytes are kept"),
    "basepath of nothing": (
        stores(a={"type": "fsspec", "basepath": "x"}),
        "blobstores.a: url is missing; expected where the bytes are kept",
    ),
    "unknown protocol": (
        stores(a={"type": "fsspec", "url": "nope://x"}),
        "blobstores.a: blobstore 'a' cannot use the URL",
    ),
    "missing store": (
        repos(a={"type": "memory", "store": "vales"}),
        "artifact_repos.a.store: 'vales' is not a blobstore; did you mean 'values'? (valid: values)",
    ),
    "store that is no name": (
        repos(a={"type": "memory", "store": {"type": "memory"}}),
        "artifact_repos.a.store: expected the name of a blobstore, got a dict",
    ),
    "no store": (
        repos(a={"type": "sqlite", "db": "x.db"}),
        "artifact_repos.a.store: a repo of type sqlite needs it; expected the name of a blobstore",
    ),
    "no db": (
        repos(a={"type": "sqlite", "store": "values"}),
        "artifact_repos.a.db: a repo of type sqlite needs it; expected a path or a URL like sqlite:///path",
    ),
    "schema of sqlite": (
        repos(a={"type": "sqlite", "db": "x.db", "store": "values", "schema": "s"}),
        "artifact_repos.a.schema: 'schema' is not an option of a repo of type sqlite; ",
    ),
    "another database's url": (
        repos(a={"type": "sqlite", "db": "postgresql://me:hush@host/db", "store": "values"}),
        "artifact_repos.a.db: expected a path or a URL like sqlite:///path, got another text",
    ),
    "a path for a server": (
        repos(a={"type": "postgres", "db": "hush.db", "store": "values"}),
        "artifact_repos.a.db: expected a URL like postgresql://user@host/database, got another text",
    ),
    "members": (
        stores(a={"type": "chained", "stores": []}),
        "blobstores.a.stores: expected a list of names of blobstores, got a list",
    ),
    "missing member": (
        stores(a={"type": "chained", "stores": ["b", "c"]}, b={"type": "memory"}),
        "blobstores.a.stores[1]: 'c' is not a blobstore (valid: ",
    ),
    "missing prototype": (
        stores(a={"prototype": "bse"}, base={"type": "memory"}),
        "blobstores.a.prototype: 'bse' is not a blobstore; did you mean 'base'? (valid: a, base)",
    ),
    "prototype that is no name": (stores(a={"prototype": 3}), "blobstores.a.prototype: expected a text, got 3"),
    "inherited option that does not fit": (
        stores(a={"prototype": "b", "type": "memory"}, b={"type": "disk", "cachedir": "/x"}),
        "blobstores.a.cachedir (from its prototype): 'cachedir' is not an option of a blobstore of type memory",
    ),
    "use of what is only a prototype": (
        {
            "blobstores": {"base": {"write": False}, "a": {"prototype": "base", "type": "memory"}},
            "artifact_repos": {"r": {"type": "memory", "store": "base"}},
        },
        "artifact_repos.r.store: blobstores.base is only a prototype: it has no type",
    ),
    "use of a prototype that lacks an option": (
        {
            "blobstores": {"base": {"type": "disk"}, "a": {"prototype": "base", "cachedir": "x"}},
            "artifact_repos": {"r": {"type": "memory", "store": "base"}},
        },
        "artifact_repos.r.store: blobstores.base is only a prototype: it has no cachedir",
    ),
    "unknown option of what is only a prototype": (
        stores(base={"wirte": False}, a={"prototype": "base", "type": "memory"}),
        "blobstores.base.wirte: 'wirte' is not an option of a blobstore; did you mean 'write'?",
    ),
    "default repo": (
        repos(main={"type": "memory"}) | {"default_repo": "man"},
        "default_repo: 'man' is not a repo; did you mean 'main'? (valid: main)",
    ),
    "default repo without repos": ({"default_repo": "a"}, "default_repo: 'a' is not a repo (valid: none)"),
    "no default among several": (
        repos(a={"type": "memory"}, b={"type": "memory"}),
        "default_repo: expected the name of one of the repos, as there are several: a, b",
    ),
    "setting": ({"use_cache": "yes"}, "use_cache: expected true or false, got 'yes'"),
}


CIRCLES = {
    "chain of itself": (
        stores(a={"type": "chained", "stores": ["a"]}),
        "blobstores.a.stores[0]: blobstores hold each other in a circle: a → a",
    ),
    "circle of chains": (
        repos(a={"type": "chained", "repos": ["m", "b"]}, b={"type": "chained", "repos": ["a"]}, m={"type": "memory"}),
        "artifact_repos.b.repos[0]: repos hold each other in a circle: a → b → a",
    ),
    "prototype of itself": (
        stores(a={"prototype": "a"}),
        "blobstores.a.prototype: prototypes form a circle: a → a",
    ),
    "circle of prototypes": (
        stores(a={"prototype": "b"}, b={"prototype": "c"}, c={"prototype": "a"}),
        "blobstores.c.prototype: prototypes form a circle: a → b → c → a",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_every_mistake_is_told(case):
    config, message = MISTAKES[case]
    with pytest.raises(p.ConfigError) as raised:
        p.from_config(config)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("case", CIRCLES)
def test_every_circle_is_shown_once_around(case):
    config, message = CIRCLES[case]
    with pytest.raises(p.ConfigError) as raised:
        p.from_config(config)
    assert str(raised.value) == message


def test_messages_do_not_show_secrets(monkeypatch):
    monkeypatch.setenv("FLAG", "hush")
    for config in (
        {"use_cache": "${FLAG}"},
        repos(a={"type": "sqlite", "db": "oracle://me:hush@host", "store": "values"}),
        repos(a={"type": "postgres", "db": "postgres//me:hush@host", "store": "values"}),
    ):
        with pytest.raises(p.ConfigError) as raised:
            p.from_config(config)
        assert "hush" not in str(raised.value)


def test_a_configuration_that_holds_itself():
    config = {"blobstores": {"a": {"type": "memory"}}}
    config["blobstores"]["a"]["inner"] = [config]
    with pytest.raises(p.ConfigError, match=r"^blobstores\.a\.inner\[0\]: a mapping or list holds itself"):
        p.load_config(config)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(p.ConfigError, match=r"^blobstores\.a: .*/file/blobs"):
        p.load_config(stores(a={"type": "disk", "cachedir": tmp_path / "file/blobs"}))


def test_a_database_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(p.RepoUnavailableError, match=r"^artifact_repos\.a: .*main\.db"):
        p.load_config(repos(a={"type": "sqlite", "db": tmp_path / "file/main.db", "store": "values"}))
