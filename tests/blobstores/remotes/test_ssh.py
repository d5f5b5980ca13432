"""What is particular to storage behind SSH."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provenance._util.payload import FileContent
from provenance.blobstores import FsspecStore
from provenance.blobstores.remotes import parts
from provenance.errors import PermissionDeniedError, StorageError
from provenance.testing.blobstores import key_of
from tests.blobstores.remotes.large import KEY, LARGE
from tests.servers.proxy import tcp_proxy

SMALL = key_of(b"x")


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "far away" / "blobs"


@pytest.fixture
def store(sftp: Any, place: Path) -> FsspecStore:
    return FsspecStore(sftp.url(place), sftp.storage_options, name="mine")


class TestFiles:
    def test_files_are_sharded_read_only_and_nothing_else_stays(self, store: FsspecStore, place: Path) -> None:
        store.put(b"x")
        assert files_in(place) == [f"{SMALL[:2]}/{SMALL[2:]}"]
        assert (place / SMALL[:2] / SMALL[2:]).stat().st_mode & 0o777 == 0o400
        assert (place / SMALL[:2]).stat().st_mode & 0o777 == 0o700

    def test_the_loser_of_a_race_leaves_nothing(self, store: FsspecStore, place: Path) -> None:
        (place / SMALL[:2]).mkdir(parents=True)
        (place / SMALL[:2] / SMALL[2:]).write_bytes(b"x")
        store.put(b"x")
        assert files_in(place) == [f"{SMALL[:2]}/{SMALL[2:]}"]

    def test_folders_that_cannot_be_made(self, sftp: Any, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StorageError, match="'mine' cannot store"):
            FsspecStore(sftp.url(tmp_path / "file" / "blobs"), sftp.storage_options, name="mine").put(b"x")


class TestInterruptions:
    @pytest.mark.usefixtures("small_parts")
    def test_an_upload_goes_on_behind_what_is_there(
        self, store: FsspecStore, place: Path, source: FileContent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from provenance.blobstores.remotes import sftp as module

        (place / "tmp").mkdir(parents=True)
        (place / "tmp" / f"{KEY}.part").write_bytes(LARGE[:9_000_000])
        starts = []
        write = module._write
        monkeypatch.setattr(
            module, "_write", lambda file, upload, start: starts.append(start) or write(file, upload, start)
        )
        store.put(source)
        assert starts == [9_000_000]
        assert store.get(KEY) == LARGE
        assert files_in(place) == [f"{KEY[:2]}/{KEY[2:]}"]

    @pytest.mark.usefixtures("small_parts")
    def test_what_is_there_is_compared_first(self, store: FsspecStore, place: Path, source: FileContent) -> None:
        (place / "tmp").mkdir(parents=True)
        (place / "tmp" / f"{KEY}.part").write_bytes(b"y" + LARGE[1:9_000_000])
        store.put(source)
        assert store.get(KEY) == LARGE

    @pytest.mark.usefixtures("small_parts")
    @pytest.mark.parametrize("size", [100, 3_000_000, len(LARGE) - 1000])
    def test_a_connection_that_breaks_is_made_again(
        self, sftp: Any, place: Path, source: FileContent, size: int
    ) -> None:
        with tcp_proxy(sftp.port) as proxy:
            options = {**sftp.storage_options, "host_key_policy": "auto_add"}
            store = FsspecStore(f"sftp://127.0.0.1:{proxy.port}{place}", options)
            proxy.cut_after = [size, size]
            store.put(source)
            assert proxy.connections >= 2
            assert store.get(KEY) == LARGE
        assert files_in(place) == [f"{KEY[:2]}/{KEY[2:]}"]

    def test_a_writer_that_is_killed_leaves_nothing_to_see(
        self, sftp: Any, store: FsspecStore, place: Path, source: FileContent
    ) -> None:
        with tcp_proxy(sftp.port) as proxy:
            options = {**sftp.storage_options, "host_key_policy": "auto_add"}
            command = [sys.executable, "-c", _WRITER, f"sftp://127.0.0.1:{proxy.port}{place}", repr(options)]
            writer = subprocess.Popen([*command, str(source.path)], stderr=subprocess.PIPE)
            proxy.on_bytes = (6_000_000, lambda: os.kill(writer.pid, signal.SIGKILL))
            _, told = writer.communicate(timeout=60)
            assert writer.returncode == -signal.SIGKILL, told
        assert KEY not in store
        assert list(store.ids()) == []
        store.put(source)
        assert store.get(KEY) == LARGE


_WRITER = """
import sys
from pathlib import Path
from provenance._util.payload import FileContent
from provenance.blobstores import FsspecStore
url, options, source = sys.argv[1:]
FsspecStore(url, eval(options)).put(FileContent(Path(source)))
"""


class TestWhoAndWhere:
    def test_who_may_only_read(self, sftp: Any, store: FsspecStore, place: Path) -> None:
        store.put(b"x")
        reader = FsspecStore(sftp.url(place), {**sftp.storage_options, "key_filename": sftp.reader}, name="mine")
        assert reader.get(SMALL) == b"x"
        assert list(reader.ids()) == [SMALL]
        for operation in (lambda: reader.put(b"y"), lambda: reader.delete(SMALL)):
            with pytest.raises(PermissionDeniedError, match="'mine'"):
                operation()

    def test_a_key_that_the_server_does_not_know(self, sftp: Any, place: Path, tmp_path: Path) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
        options = {**sftp.storage_options, "key_filename": str(tmp_path / "key")}
        with pytest.raises(PermissionDeniedError, match="credentials"):
            FsspecStore(sftp.url(place), options).put(b"x")

    def test_a_host_that_is_not_known_is_not_trusted(self, sftp: Any, place: Path, tmp_path: Path) -> None:
        options = {**sftp.storage_options, "known_hosts": str(tmp_path / "hosts")}
        (tmp_path / "hosts").touch()
        with pytest.raises(PermissionDeniedError, match="known_hosts"):
            FsspecStore(sftp.url(place), options).put(b"x")
        FsspecStore(sftp.url(place), {**options, "host_key_policy": "auto_add"}).put(b"x")

    def test_a_host_with_another_key_than_the_one_that_is_known(self, sftp: Any, place: Path, tmp_path: Path) -> None:
        other = (sftp.folder / "key.pub").read_text().split()
        (tmp_path / "hosts").write_text(f"[127.0.0.1]:{sftp.port} {other[0]} {other[1]}\n")
        options = {**sftp.storage_options, "known_hosts": str(tmp_path / "hosts"), "host_key_policy": "auto_add"}
        with pytest.raises(PermissionDeniedError, match="compare its key"):
            FsspecStore(sftp.url(place), options).put(b"x")

    def test_a_policy_that_there_is_not(self, sftp: Any, place: Path) -> None:
        with pytest.raises(StorageError, match="auto_add"):
            FsspecStore(sftp.url(place), {**sftp.storage_options, "host_key_policy": "never"}).put(b"x")

    def test_host_and_user_as_options(self, sftp: Any, place: Path) -> None:
        options = {**sftp.storage_options, "host": "127.0.0.1", "port": sftp.port}
        store = FsspecStore(f"sftp://{place}", options)
        store.put(b"x")
        assert files_in(place) == [f"{SMALL[:2]}/{SMALL[2:]}"]


def test_parts_are_what_the_tests_think(small_parts: int) -> None:
    assert parts.PART_BYTES == small_parts < len(LARGE)
