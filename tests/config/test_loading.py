"""A configuration is loaded as a whole or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import provenance as p
from provenance.blobstores import ChainedStore, DiskStore, FsspecStore, MemoryStore
from provenance.repos.chained import ChainedRepo
from provenance.repos.memory import MemoryRepo
from provenance.repos.sql.repo import SqlRepo
from provenance.types import Permissions


def memory(**settings):
    return {"artifact_repos": {"main": {"type": "memory"}}, **settings}


def test_from_config_builds_stores_and_repos_without_using_them():
    built = p.from_config(
        {
            "blobstores": {"values": {"type": "memory"}},
            "artifact_repos": {"main": {"type": "memory", "store": "values"}, "other": {"type": "memory"}},
            "default_repo": "main",
            "use_cache": False,
        }
    )
    assert isinstance(built["blobstores"]["values"], MemoryStore)
    assert isinstance(built["repos"]["main"], MemoryRepo)
    assert built["artifact_repos"] is built["repos"]
    assert built["default_repo"] is built["repos"]["main"]
    assert built["repos"]["main"].store is built["blobstores"]["values"]
    assert list(built["repos"]) == ["main", "other"]
    assert built["repos"]["other"].name == "other"
    assert p.get_use_cache() is True
    assert p.current_config() == {}


def test_load_config_is_in_force_in_all_threads():
    returned = p.load_config(memory(use_cache=False, read_only=True, check_mutations=True))
    assert returned == p.current_config() == memory(use_cache=False, read_only=True, check_mutations=True)
    seen = []

    def look():
        seen.extend([p.get_default_repo().name, p.get_use_cache(), p.get_read_only(), p.get_check_mutations()])

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == ["main", False, True, True]
    assert p.get_repo_by_name("main") is p.get_default_repo()


def test_a_loaded_config_caches(tmp_path):
    p.load_config(
        {
            "blobstores": {"disk": {"type": "disk", "cachedir": tmp_path / "blobs"}},
            "artifact_repos": {"main": {"type": "sqlite", "db": tmp_path / "main.db", "store": "disk"}},
        }
    )
    calls = []

    @p.provenance()
    def f(n):
        calls.append(n)
        return "x" * n

    assert f(100_000) == f(100_000) == "x" * 100_000
    assert calls == [100_000]
    assert list(p.get_default_repo().store.ids())


def test_the_configuration_is_kept_as_it_was_given_and_shared_with_nobody(monkeypatch):
    monkeypatch.setenv("SECRET", "hush")
    given = {
        "blobstores": {"far": {"type": "fsspec", "url": "memory://x", "storage_options": {"key": "${SECRET}"}}},
        "artifact_repos": {"main": {"type": "memory", "store": "far"}},
    }
    p.load_config(given)
    given["blobstores"]["far"]["storage_options"]["key"] = "changed"
    kept = p.current_config()
    assert kept["blobstores"]["far"]["storage_options"] == {"key": "${SECRET}"}
    kept["artifact_repos"].clear()
    assert p.current_config()["artifact_repos"] == {"main": {"type": "memory", "store": "far"}}


def test_what_is_kept_can_be_loaded_again(tmp_path):
    kept = p.load_config(
        {
            "blobstores": {"disk": {"type": "disk", "cachedir": "blobs"}},
            "artifact_repos": {"main": {"type": "memory", "store": "disk"}},
        }
    )
    assert p.load_config(kept) == kept


def test_a_failed_load_keeps_the_old_configuration():
    p.load_config(memory(use_cache=False))
    repo = p.get_default_repo()
    for broken in (memory(use_cache="no"), {"artifact_repos": {"main": {"type": "memory", "store": "gone"}}}, []):
        with pytest.raises(p.ConfigError):
            p.load_config(broken)
    assert p.get_default_repo() is repo
    assert p.get_use_cache() is False
    assert p.current_config() == memory(use_cache=False)


def test_another_load_replaces_repos_and_settings():
    p.load_config(memory(use_cache=False, run_info_fn=dict))
    p.load_config({"artifact_repos": {"other": {"type": "memory"}}})
    assert p.get_default_repo().name == "other"
    assert p.get_use_cache() is True
    assert "host" in p.run_info()
    with pytest.raises(p.ConfigError, match="'main'"):
        p.get_repo_by_name("main")


def test_what_was_set_by_hand_stays_until_a_configuration_says_otherwise():
    p.set_use_cache(False)
    p.set_run_info_fn(lambda info: info.update(build=7))
    p.load_config(memory())
    assert p.get_use_cache() is False
    assert p.run_info()["build"] == 7
    p.load_config(memory(use_cache=True))
    assert p.get_use_cache() is True


def test_a_configuration_of_settings_only_leaves_the_repos_to_the_default():
    assert p.from_config({"use_cache": False})["default_repo"] is None
    p.load_config({"use_cache": False})
    assert p.get_default_repo().name == "embedded"
    assert p.get_use_cache() is False


class TestStores:
    def build(self, **options):
        return p.from_config({"blobstores": {"x": options}})["blobstores"]["x"]

    def test_every_store_has_permissions_and_a_policy_for_duplicates(self):
        store = self.build(
            type="memory", read=False, write=False, read_through_write=False, delete=False, on_duplicate_key="raise"
        )
        assert store.permissions == Permissions(read=False, write=False, read_through_write=False, delete=False)
        raising = self.build(type="memory", on_duplicate_key="raise")
        raising.put(b"1")
        with pytest.raises(p.DuplicateKeyError):
            raising.put(b"1")

    def test_disk(self, tmp_path):
        store = self.build(type="disk", cachedir=str(tmp_path / "a"), durable=True, verify="always")
        assert isinstance(store, DiskStore)
        assert store.cachedir == tmp_path / "a"
        assert store.name == "x"

    def test_fsspec_and_basepath(self):
        store = self.build(type="fsspec", url="memory://bucket/", basepath="/a/b", storage_options={})
        assert isinstance(store, FsspecStore)
        assert store.url == "memory://bucket/a/b"

    def test_fsspec_with_a_local_copy(self, tmp_path):
        store = self.build(type="fsspec", url="memory://copy", cachedir=tmp_path / "copy")
        path = store.local_path(store.put(b"1").key)
        assert path.is_relative_to(tmp_path / "copy")

    def test_chained(self):
        built = p.from_config(
            {
                "blobstores": {
                    "both": {"type": "chained", "stores": ["near", "far"], "delete": False},
                    "near": {"type": "memory"},
                    "far": {"type": "memory"},
                }
            }
        )["blobstores"]
        assert isinstance(built["both"], ChainedStore)
        assert built["both"].stores == (built["near"], built["far"])
        assert built["both"].permissions == Permissions(delete=False)

    @pytest.mark.parametrize("kind", ["s3", "gs", "az", "sftp"])
    def test_types_of_one_protocol_take_only_its_urls(self, kind):
        with pytest.raises(p.ConfigError, match=rf"blobstores\.x\.url: expected a URL that starts with {kind}://"):
            self.build(type=kind, url="memory://x")
        with pytest.raises(p.ConfigError, match=r"blobstores\.x: url or basepath is missing"):
            self.build(type=kind)

    @pytest.mark.parametrize(
        ("kind", "options", "url"),
        [
            ("s3", {"basepath": "bucket/a"}, "s3://bucket/a"),
            ("gs", {"url": "gs://bucket", "basepath": "a"}, "gs://bucket/a"),
            ("az", {"url": "az://bucket/a/"}, "az://bucket/a"),
            ("sftp", {"basepath": "host/folder"}, "sftp://host/folder"),
        ],
    )
    def test_where_stores_of_one_protocol_lie(self, kind, options, url, monkeypatch):
        urls = []
        monkeypatch.setattr(FsspecStore, "__init__", lambda self, *, url, **options: urls.append(url))
        self.build(type=kind, **options)
        assert urls == [url]


class TestRepos:
    def test_sqlite(self, tmp_path):
        built = p.from_config(
            {
                "blobstores": {"values": {"type": "memory"}},
                "artifact_repos": {
                    "path": {"type": "sqlite", "db": tmp_path / "a.db", "store": "values"},
                    "url": {
                        "type": "sqlite",
                        "db": f"sqlite:///{tmp_path}/b.db",
                        "store": "values",
                        "create_db": True,
                        "delete": False,
                    },
                },
                "default_repo": "url",
            }
        )
        assert all(isinstance(repo, SqlRepo) for repo in built["repos"].values())
        assert built["repos"]["url"].permissions == Permissions(delete=False)
        with p.using_repo(built["repos"]["path"]), p.capture_set("s"):
            p.provenance()(lambda: 1)()
        with p.using_repo(built["repos"]["url"]), p.capture_set("s"):
            p.provenance()(lambda: 1)()
        assert (tmp_path / "a.db").exists()
        assert (tmp_path / "b.db").exists()

    def test_chained(self):
        built = p.from_config(
            {
                "artifact_repos": {
                    "both": {"type": "chained", "repos": ["near", "far"], "write": False},
                    "near": {"type": "memory"},
                    "far": {"type": "memory", "read_through_write": False},
                },
                "default_repo": "both",
            }
        )
        both = built["default_repo"]
        assert isinstance(both, ChainedRepo)
        assert tuple(both.repos) == (built["repos"]["near"], built["repos"]["far"])
        assert both.permissions == Permissions(write=False)


class TestPaths:
    def config(self, db="main.db"):
        return {
            "blobstores": {"disk": {"type": "disk", "cachedir": "blobs"}, "url": {"type": "fsspec", "url": "far"}},
            "artifact_repos": {"main": {"type": "sqlite", "db": db, "store": "disk"}},
        }

    @pytest.mark.parametrize("db", ["main.db", "sqlite:///main.db", Path("main.db")])
    def test_of_a_dict_are_below_the_working_directory(self, tmp_path, db):
        kept = p.load_config(self.config(db))
        assert kept["blobstores"]["disk"]["cachedir"] == str(tmp_path / "blobs")
        assert kept["blobstores"]["url"]["url"] == str(tmp_path / "far")
        assert kept["artifact_repos"]["main"]["db"] == type(db)(str(db).replace("main.db", str(tmp_path / "main.db")))
        p.provenance()(lambda: 1)()
        assert (tmp_path / "main.db").exists()

    def test_of_a_file_are_below_its_folder(self, tmp_path):
        folder = tmp_path / "conf"
        folder.mkdir()
        (folder / "c.yaml").write_text("blobstores: {disk: {type: disk, cachedir: ../blobs}}")
        p.load_yaml_config("conf/c.yaml")
        assert (tmp_path / "blobs").is_dir()
        assert p.current_config()["blobstores"]["disk"]["cachedir"] == str(folder / "../blobs")

    def test_that_come_from_the_environment_are_judged_by_what_it_says(self, tmp_path, monkeypatch):
        config = {"blobstores": {"disk": {"type": "disk", "cachedir": "${DATA}/blobs"}}}
        monkeypatch.setenv("DATA", str(tmp_path / "abs"))
        assert p.load_config(config) == config
        assert (tmp_path / "abs/blobs").is_dir()
        monkeypatch.setenv("DATA", "rel")
        assert p.load_config(config)["blobstores"]["disk"]["cachedir"] == str(tmp_path / "${DATA}/blobs")
        assert (tmp_path / "rel/blobs").is_dir()

    def test_that_are_absolute_or_of_a_home_stay(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        config = {
            "blobstores": {
                "a": {"type": "disk", "cachedir": tmp_path / "abs"},
                "b": {"type": "disk", "cachedir": "~/blobs"},
                "c": {"type": "fsspec", "url": "memory://x"},
            }
        }
        assert p.load_config(config) == config
        assert (tmp_path / "home/blobs").is_dir()

    def test_need_a_working_directory(self, tmp_path):
        gone = tmp_path / "gone"
        gone.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(gone)
            gone.rmdir()
            with pytest.raises(p.ConfigError, match="working directory is gone"):
                p.load_config(memory())


class TestRunInfoFn:
    @pytest.fixture
    def module(self, tmp_path, monkeypatch):
        (tmp_path / "facts_of_run.py").write_text("def add(info):\n    info['build'] = 8\nnumber = 3\n")
        (tmp_path / "broken_facts.py").write_text("1 / 0\n")
        monkeypatch.syspath_prepend(tmp_path)

    @pytest.mark.parametrize("text", ["facts_of_run:add", "facts_of_run.add"])
    def test_may_be_named(self, module, text):
        p.load_config(memory(run_info_fn=text))
        assert p.run_info()["build"] == 8
        assert p.current_config()["run_info_fn"] == text

    def test_may_be_given_and_return_another_dict(self):
        p.load_config(memory(run_info_fn=lambda info: {"only": len(info) > 1}))
        assert p.run_info() == {"only": True}

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("nothing", "expected where to import a function from, as in 'package.module:function', got 'nothing'"),
            ("no_such_module.f", "cannot import 'f' from 'no_such_module': No module named 'no_such_module'"),
            ("facts_of_run:gone", "cannot import 'gone' from 'facts_of_run'"),
            ("broken_facts:add", "cannot import 'add' from 'broken_facts': division by zero"),
            ("facts_of_run:number", "expected a function, but 'facts_of_run:number' is a int"),
            (3, "expected a function, or where to import it from, as in 'package.module:function', got 3"),
        ],
    )
    def test_must_be_found(self, module, text, problem):
        with pytest.raises(p.ConfigError) as raised:
            p.load_config(memory(run_info_fn=text))
        assert str(raised.value).startswith(f"run_info_fn: {problem}")


class TestRemoteStores:
    def build(self, **options):
        return p.from_config({"blobstores": {"x": options}})["blobstores"]["x"]

    @pytest.mark.parametrize("protocol", ["s3", "gs", "az", "sftp"])
    def test_a_base_path_is_what_follows_the_protocol(self, protocol):
        assert self.build(type=protocol, basepath="/place/values/").url == f"{protocol}://place/values"
        assert self.build(type=protocol, url=f"{protocol}://place/", basepath="a/b").url == f"{protocol}://place/a/b"

    @pytest.mark.parametrize("basepath", ["../other", "a/../../b", "s3://other/x"])
    def test_base_paths_that_lead_elsewhere(self, basepath):
        with pytest.raises(p.ConfigError, match=r"blobstores\.x\.basepath"):
            self.build(type="s3", url="s3://bucket", basepath=basepath)

    def test_a_base_path_with_nul_in_it(self):
        with pytest.raises(p.ConfigError, match=r"blobstores\.x: .*control character"):
            self.build(type="s3", basepath="bucket/\0")

    def test_s3_config_are_further_storage_options(self):
        store = self.build(
            type="s3",
            basepath="bucket",
            storage_options={"key": "mine", "secret": "one"},
            s3_config={"aws_secret_access_key": "hush-hush", "region_name": "eu-north-1", "config_kwargs": {"a": 1}},
        )
        filesystem_options = store._storage_options
        assert filesystem_options["key"] == "mine"
        assert filesystem_options["aws_secret_access_key"] == "hush-hush"
        assert "hush-hush" not in repr(store)

    def test_the_names_of_boto_reach_the_service(self, s3):
        store = self.build(
            type="s3",
            basepath=f"{s3.bucket}/names of boto",
            s3_config={
                "aws_access_key_id": s3.key,
                "aws_secret_access_key": s3.secret,
                "endpoint_url": s3.endpoint,
                "region_name": "us-east-1",
            },
        )
        assert store.get(store.put(b"x").key) == b"x"

    def test_a_mapping_that_is_none_is_not_shown(self):
        with pytest.raises(p.ConfigError, match="s3_config: expected a mapping") as raised:
            self.build(type="s3", basepath="bucket", s3_config="key=hush-hush")
        assert "hush-hush" not in str(raised.value)
