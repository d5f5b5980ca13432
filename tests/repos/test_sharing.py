"""Folders and databases of one user alone, and of a group of users."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import provenance as p
from provenance._util import access
from provenance._util.access import GROUP, make_folders
from provenance.blobstores import DiskStore, FsspecStore
from provenance.errors import BlobCorruptError, ConfigError, RepoUnavailableError, StorageError
from provenance.repos.sql.repo import SqlRepo
from provenance.testing.blobstores import BIG, key_of
from provenance.testing.drafts import LARGE, a_draft, an_id

GROUP_ID = 61000
ALICE, BOB, CAROL = 61001, 61002, 61003
AS_ROOT = os.geteuid() == 0


def mode(path: str | os.PathLike[str]) -> str:
    return f"{stat.S_IMODE(os.stat(path).st_mode):o}"


def modes(folder: Path) -> dict[str, set[str]]:
    """The modes of all folders and of all files below a folder, and of itself."""
    found: dict[str, set[str]] = {"folders": {mode(folder)}, "files": set()}
    for path in folder.rglob("*"):
        found["folders" if path.is_dir() else "files"].add(mode(path))
    return found


@pytest.fixture(params=[0o022, 0o077, 0o000], ids=["usual", "private", "open"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def store_and_damage(store: DiskStore) -> None:
    """Everything that makes files and folders: new ones, damaged ones, replaced ones."""
    for data in (b"x", BIG):
        key = store.put(data).key
        path = store.path_of(key)
        path.chmod(0o600)
        path.write_bytes(b"harm")
        with pytest.raises(BlobCorruptError):
            store.get(key)
        store.put(data)
        path = store.path_of(key)
        path.chmod(0o600)
        path.write_bytes(b"much harm")
        store.put(data)


@pytest.mark.usefixtures("umask")
class TestModes:
    def test_a_store_is_its_owners(self, tmp_path: Path) -> None:
        store = DiskStore(tmp_path / "new" / "blobs")
        store_and_damage(store)
        shutil.rmtree(store.cachedir / "damaged")
        assert modes(tmp_path / "new") == {"folders": {"700"}, "files": {"400"}}

    def test_so_is_a_cache(self, tmp_path: Path) -> None:
        store = FsspecStore(f"memory://{tmp_path.name}", cachedir=tmp_path / "new" / "cache")
        key = store.put(b"x").key
        assert store.local_path(key) is not None
        assert modes(tmp_path / "new") == {"folders": {"700"}, "files": {"400", "600"}}

    def test_and_a_database(self, tmp_path: Path) -> None:
        repo = SqlRepo(tmp_path / "new" / "folder" / "repo.db", DiskStore(tmp_path / "blobs"))
        repo.save(a_draft(1, LARGE))
        assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {
            "repo.db",
            "repo.db-wal",
            "repo.db-shm",
        }
        assert modes(tmp_path / "new") == {"folders": {"700"}, "files": {"600"}}
        repo.close()

    def test_and_the_embedded_default(self, tmp_path: Path) -> None:
        @p.provenance()
        def f(x: int) -> bytes:
            return bytes(x)

        f(100_000)
        assert modes(tmp_path / ".provenance") == {"folders": {"700"}, "files": {"400", "600"}}
        p.get_default_repo().close()  # type: ignore[attr-defined]

    def test_a_shared_store_is_its_groups(self, tmp_path: Path) -> None:
        store = DiskStore(tmp_path / "new" / "blobs", shared="group")
        store_and_damage(store)
        shutil.rmtree(store.cachedir / "damaged")
        assert modes(tmp_path / "new") == {"folders": {"2770"}, "files": {"440"}}

    def test_what_is_overwritten_and_durable_is_too(self, tmp_path: Path) -> None:
        store = DiskStore(tmp_path / "blobs", shared="group", durable=True, on_duplicate_key="overwrite")
        store.put(b"x")
        shutil.rmtree(store.path_of(key_of(b"x")).parent)
        store.put(b"x")
        store.put(b"x")
        assert modes(tmp_path / "blobs") == {"folders": {"2770"}, "files": {"440"}}

    def test_so_is_a_shared_database(self, tmp_path: Path) -> None:
        repo = SqlRepo(tmp_path / "new" / "folder" / "repo.db", DiskStore(tmp_path / "blobs"), shared="group")
        repo.save(a_draft(1, LARGE))
        assert len(list((tmp_path / "new" / "folder").iterdir())) == 3
        assert modes(tmp_path / "new") == {"folders": {"2770"}, "files": {"660"}}
        repo.close()


class TestOpeningLater:
    def test_a_store_of_ones_own_is_opened_to_the_group(self, tmp_path: Path) -> None:
        private = DiskStore(tmp_path / "blobs")
        store_and_damage(private)
        (tmp_path / "blobs" / "notes.txt").touch(0o600)
        store = DiskStore(tmp_path / "blobs", shared="group")
        assert {mode(store.path_of(key)) for key in store.ids()} == {"440"}
        assert modes(tmp_path / "blobs")["folders"] == {"2770"}
        assert mode(tmp_path / "blobs" / "notes.txt") == "600"

    def test_that_is_done_once(self, tmp_path: Path) -> None:
        store = DiskStore(tmp_path / "blobs", shared="group")
        path = store.path_of(store.put(b"x").key)
        path.chmod(0o400)
        DiskStore(tmp_path / "blobs", shared="group")
        assert mode(path) == "400"

    def test_a_store_of_another_is_not_looked_through(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        DiskStore(tmp_path / "blobs")
        opened: list[object] = []
        monkeypatch.setattr(DiskStore, "_open_to_group", lambda self, _: opened.append(self))
        user = os.geteuid()
        monkeypatch.setattr(access.os, "geteuid", lambda: user + 1)
        DiskStore(tmp_path / "blobs", shared="group")
        assert opened == []
        monkeypatch.setattr(access.os, "geteuid", lambda: user)
        DiskStore(tmp_path / "blobs", shared="group")
        assert len(opened) == 1

    def test_what_is_open_to_more_stays_so(self, tmp_path: Path) -> None:
        (tmp_path / "blobs").mkdir()
        (tmp_path / "blobs").chmod(0o2775)
        DiskStore(tmp_path / "blobs", shared="group").put(b"x")
        assert mode(tmp_path / "blobs") == "2775"

    def test_a_store_that_may_not_be_written_changes_nothing(self, tmp_path: Path) -> None:
        DiskStore(tmp_path / "blobs").put(b"x")
        DiskStore(tmp_path / "blobs", shared="group", write=False)
        assert modes(tmp_path / "blobs") == {"folders": {"700"}, "files": {"400"}}

    def test_a_database_of_ones_own_is_opened_where_its_folder_is(self, tmp_path: Path) -> None:
        folder, blobs = tmp_path / "folder", DiskStore(tmp_path / "blobs")
        private = SqlRepo(folder / "repo.db", blobs)
        private.save(a_draft(1, LARGE))
        with pytest.raises(ConfigError, match=f"chmod 2770 {folder}"):
            SqlRepo(folder / "repo.db", blobs, shared="group")
        assert modes(folder) == {"folders": {"700"}, "files": {"600"}}
        folder.chmod(0o2770)
        shared = SqlRepo(folder / "repo.db", blobs, shared="group")
        assert modes(folder) == {"folders": {"2770"}, "files": {"660"}}
        private.close()
        shared.close()

    def test_an_existing_folder_is_not_touched_for_a_private_database(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder").chmod(0o755)
        SqlRepo(tmp_path / "folder" / "repo.db", DiskStore(tmp_path / "blobs")).close()
        assert mode(tmp_path / "folder") == "755"


class TestMistakes:
    def test_only_a_group_can_be_given(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="shared of blobstore 'mine' must be 'group'"):
            DiskStore(tmp_path / "blobs", name="mine", shared="all")  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=r"shared of the database .*repo\.db must be 'group'"):
            SqlRepo(tmp_path / "repo.db", DiskStore(tmp_path / "blobs"), shared="all")  # type: ignore[arg-type]

    def test_postgresql_has_rights_of_its_own(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="users and rights of its own"):
            SqlRepo("postgresql://nowhere/x", DiskStore(tmp_path / "blobs"), shared="group")

    def test_a_file_in_place_of_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for shared in (None, "group"):
            with pytest.raises(StorageError, match="must be a folder"):
                DiskStore(tmp_path / "file", shared=shared)  # type: ignore[arg-type]
            with pytest.raises(RepoUnavailableError, match="cannot be made"):
                SqlRepo(tmp_path / "file" / "repo.db", DiskStore(tmp_path / "blobs"), shared=shared)  # type: ignore[arg-type]
        assert [path.name for path in tmp_path.iterdir() if "~" in path.name] == []

    def test_the_configuration_has_the_option(self, tmp_path: Path) -> None:
        p.load_config(
            {
                "blobstores": {"files": {"type": "disk", "cachedir": "team/values", "shared": "group"}},
                "artifact_repos": {
                    "main": {"type": "sqlite", "db": "team/repo.db", "store": "files", "shared": "group"}
                },
            }
        )

        @p.provenance()
        def f(x: int) -> bytes:
            return bytes(x)

        f(100_000)
        assert modes(tmp_path / "team") == {"folders": {"2770"}, "files": {"440", "660"}}
        p.get_default_repo().close()  # type: ignore[attr-defined]


def test_a_folder_that_another_process_makes_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shared"
    rename = os.rename

    def late(source: str, target: str) -> None:
        make = tmp_path / "shared" / "file"
        make.parent.mkdir()
        make.touch()
        rename(source, target)

    monkeypatch.setattr(access.os, "rename", late)
    assert make_folders(folder, GROUP) == []
    assert [path.name for path in tmp_path.rglob("*")] == ["shared", "file"]


@pytest.fixture
def team() -> Iterator[Path]:
    """A folder of a group, without setgid, that its members may write; everyone may look into the folder it is in."""
    outer = Path(tempfile.mkdtemp(prefix="provenance-team-"))
    outer.chmod(0o755)
    (outer / "team").mkdir()
    os.chown(outer / "team", 0, GROUP_ID)
    (outer / "team").chmod(0o770)
    yield outer / "team"
    shutil.rmtree(outer)


def as_user(user: int, groups: list[int], work: Callable[[], Any], umask: int = 0o077) -> int:
    """Run something in a forked process of another user; 0 if nothing was raised."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.umask(umask)
            os.setgroups(groups)
            os.setgid(user)
            os.setuid(user)
            os.chdir("/")
            work()
            code = 0
        except BaseException:  # noqa: BLE001  the exit code tells
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not AS_ROOT, reason="only root can become other users")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
class TestUsers:
    """What the processes need is imported before they are forked: other users may not read the installed packages."""

    def test_members_of_the_group_use_each_others_blobs(self, team: Path) -> None:
        def store() -> DiskStore:
            return DiskStore(team / "values", shared="group")

        def alice() -> None:
            refs = [store().put(data) for data in (b"a1", b"a2", BIG)]
            assert len(refs) == 3

        def bob() -> None:
            mine = store()
            assert mine.get(key_of(b"a1")) == b"a1"
            path = mine.local_path(key_of(BIG))
            assert path is not None
            assert path.read_bytes() == BIG
            for number in range(300):  # in shards of both
                mine.put(b"%d" % number)
            mine.delete(key_of(b"a2"))

        def alice_again() -> None:
            mine = store()
            assert key_of(b"a2") not in mine
            assert [mine.get(key_of(b"%d" % number)) for number in range(300)] == [b"%d" % n for n in range(300)]

        assert as_user(ALICE, [GROUP_ID], alice) == 0
        assert as_user(BOB, [GROUP_ID], bob) == 0
        assert as_user(ALICE, [GROUP_ID], alice_again) == 0
        owners = {(path.stat().st_uid, path.stat().st_gid) for path in (team / "values").rglob("*")}
        assert owners == {(ALICE, GROUP_ID), (BOB, GROUP_ID)}
        assert modes(team / "values") == {"folders": {"2770"}, "files": {"440"}}

    def test_they_repair_each_others_damage(self, team: Path) -> None:
        def alice() -> None:
            store_and_damage(DiskStore(team / "values", shared="group"))

        def bob() -> None:
            logging.disable()
            mine = DiskStore(team / "values", shared="group")
            with pytest.raises(BlobCorruptError):
                mine.get(key_of(b"x"))
            mine.put(b"x")
            mine.put(BIG)
            assert (mine.get(key_of(b"x")), mine.get(key_of(BIG))) == (b"x", BIG)

        assert as_user(ALICE, [GROUP_ID], alice) == 0
        for data in (b"x", BIG):
            path = DiskStore(team / "values", write=False).path_of(key_of(data))
            path.write_bytes(b"y")
        assert as_user(BOB, [GROUP_ID], bob) == 0
        assert as_user(ALICE, [GROUP_ID], lambda: DiskStore(team / "values").get(key_of(BIG))) == 0

    def test_others_get_nothing(self, team: Path) -> None:
        team.chmod(0o777)

        def alice() -> None:
            DiskStore(team / "values", shared="group").put(b"x")

        def carol() -> None:
            with pytest.raises(StorageError, match=r"Permission denied|right"):
                DiskStore(team / "values", write=False).get(key_of(b"x"))

        assert as_user(ALICE, [GROUP_ID], alice, umask=0) == 0
        assert as_user(CAROL, [], carol) == 0

    def test_without_the_option_a_store_is_the_owners(self, team: Path) -> None:
        def bob() -> None:
            with pytest.raises(StorageError):
                DiskStore(team / "values", write=False).get(key_of(b"x"))

        assert as_user(ALICE, [GROUP_ID], lambda: DiskStore(team / "values").put(b"x"), umask=0) == 0
        assert as_user(BOB, [GROUP_ID], bob) == 0

    def test_a_private_store_is_opened_to_the_group_of_its_folder(self, team: Path) -> None:
        assert as_user(ALICE, [GROUP_ID], lambda: DiskStore(team / "values").put(b"x")) == 0
        os.chown(team / "values", ALICE, GROUP_ID)
        assert as_user(ALICE, [GROUP_ID], lambda: DiskStore(team / "values", shared="group")) == 0
        assert as_user(BOB, [GROUP_ID], lambda: DiskStore(team / "values", shared="group").get(key_of(b"x"))) == 0

    def test_who_is_not_of_the_folders_group_shares_with_the_own_one(self, team: Path) -> None:
        team.chmod(0o777)
        assert as_user(CAROL, [], lambda: DiskStore(team / "values", shared="group").put(b"x")) == 0
        assert (team / "values").stat().st_gid == CAROL
        assert as_user(BOB, [CAROL], lambda: DiskStore(team / "values", shared="group").get(key_of(b"x"))) == 0

    @pytest.mark.parametrize("closed", [True, False], ids=["closed before", "still open"])
    def test_members_of_the_group_write_one_database(self, team: Path, closed: bool) -> None:
        def repo() -> SqlRepo:
            return SqlRepo(
                team / "folder" / "repo.db", DiskStore(team / "folder" / "values", shared="group"), shared="group"
            )

        left_open: list[SqlRepo] = []

        def use(name: str, others: list[str]) -> Callable[[], None]:
            def work() -> None:
                mine = repo()
                mine.save(a_draft(name, name + LARGE))
                for other in (name, *others):
                    assert mine.get_value(an_id(other)) == other + LARGE
                if closed:
                    mine.close()
                else:
                    left_open.append(mine)  # until the process ends without closing it

            return work

        assert as_user(ALICE, [GROUP_ID], use("alice", [])) == 0
        assert as_user(BOB, [GROUP_ID], use("bob", ["alice"])) == 0
        assert as_user(ALICE, [GROUP_ID], use("alice2", ["alice", "bob"])) == 0
        files = {path.name: (mode(path), path.stat().st_gid) for path in (team / "folder").glob("repo*")}
        assert set(files.values()) == {("660", GROUP_ID)}
        assert ("repo.db-wal" in files) is not closed

    def test_two_members_make_it_at_the_same_time(self, team: Path) -> None:
        import threading

        def work() -> None:
            store = DiskStore(team / "folder" / "values", shared="group")
            repo = SqlRepo(team / "folder" / "repo.db", store, shared="group")
            for number in range(20):
                store.put(b"%d" % number)
            repo.save(a_draft(os.getpid(), LARGE))

        results: list[int] = []
        users = [ALICE, BOB, ALICE, BOB]
        threads = [
            threading.Thread(target=lambda user=user: results.append(as_user(user, [GROUP_ID], work))) for user in users
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [0] * 4
        assert modes(team / "folder")["folders"] == {"2770"}

    def test_a_database_of_another_that_is_not_shared(self, team: Path) -> None:
        def alice() -> None:
            SqlRepo(team / "repo.db", DiskStore(team / "values")).close()

        def bob() -> None:
            with pytest.raises(RepoUnavailableError):
                SqlRepo(team / "repo.db", DiskStore(team / "values", write=False))

        assert as_user(ALICE, [GROUP_ID], alice, umask=0) == 0
        assert mode(team / "repo.db") == "600"
        assert as_user(BOB, [GROUP_ID], bob) == 0


def test_sqlite_gives_its_other_files_the_mode_of_the_database(tmp_path: Path) -> None:
    """What the above builds on."""
    (tmp_path / "a.db").touch()
    (tmp_path / "a.db").chmod(0o660)
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    assert {mode(path) for path in tmp_path.glob("a.db*")} == {"660"}
    connection.close()
