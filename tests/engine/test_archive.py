"""Files as artifacts."""

from __future__ import annotations

import hashlib
import os

import pytest

import provenance as p
from provenance.blobstores import DiskStore
from provenance.hashing import hash_file
from provenance.repos.memory import MemoryRepo


@pytest.fixture(params=["memory", "disk"])
def any_repo(request, tmp_path):
    store = DiskStore(tmp_path / "blobs") if request.param == "disk" else None
    with p.using_repo(MemoryRepo(store=store, name="files")) as repo:
        yield repo


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "Clip.MPEG"
    path.write_bytes(b"frames" * 100)
    return path


def test_an_archived_file_is_read_through_its_proxy(any_repo, clip):
    proxy = p.archive_file(clip)
    with open(proxy, "rb") as file:
        assert file.read() == clip.read_bytes()
    assert proxy.read_bytes() == clip.read_bytes()
    assert os.fspath(proxy) != str(clip)
    assert clip.exists()
    assert proxy.artifact.value_id == hash_file(clip)
    assert proxy.artifact.name == "archive_file"
    assert proxy.artifact.inputs == {"kargs": {"filename": str(clip)}, "varargs": ()}


def test_the_extension_is_preserved_in_canonical_form(any_repo, clip):
    proxy = p.archive_file(clip, preserve_ext=True)
    assert proxy.artifact.value_id == hash_file(clip) + ".mpg"
    assert os.fspath(proxy).endswith(".mpg")


@pytest.mark.parametrize(("name", "extension"), [("a.JPEG", ".jpg"), ("a.tar.GZ", ".gz"), ("a", ""), ("a.b c", "")])
def test_canonical_extensions(name, extension, tmp_path):
    (tmp_path / name).write_bytes(b"1")
    assert p.archive_file(tmp_path / name, preserve_ext=True).artifact.value_id[64:] == extension


def test_delete_original_removes_the_file_after_it_was_recorded(any_repo, clip):
    content = clip.read_bytes()
    proxy = p.archive_file(clip, delete_original=True)
    assert not clip.exists()
    assert proxy.read_bytes() == content


def test_other_custom_fields_are_another_artifact_of_the_same_value(any_repo, clip):
    one = p.archive_file(clip, name="clip", custom_fields={"take": 1})
    two = p.archive_file(clip, name="clip", custom_fields={"take": 2})
    again = p.archive_file(clip, name="clip", custom_fields={"take": 1})
    assert one.artifact.id == again.artifact.id != two.artifact.id
    assert one.artifact.value_id == two.artifact.value_id
    assert two.artifact.custom_fields == {"take": 2}
    assert one.artifact.name == "clip"


def test_an_archived_file_is_an_input_with_lineage(any_repo, clip):
    @p.provenance()
    def digest(path):
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    result = digest(p.archive_file(clip))
    assert result == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert [a.name for a in p.dependencies(result)] == ["archive_file", "digest"]


def test_a_function_can_return_a_file_to_archive(any_repo, tmp_path, calls):
    @p.provenance(archive_file=True, delete_original_file=True, preserve_file_ext=True)
    def render(text):
        calls.append(text)
        path = tmp_path / "out.JPEG"
        path.write_text(text)
        return str(path)

    one = render("hello")
    assert one.read_text() == "hello"
    assert not (tmp_path / "out.JPEG").exists()
    assert one.artifact.value_id.endswith(".jpg")
    again = render("hello")
    assert again.read_text() == "hello"
    assert p.hash(again) == p.hash(one)
    assert calls == ["hello"]


@pytest.mark.parametrize("bad", ["missing.bin", "."])
def test_what_is_no_file_is_refused(bad, tmp_path):
    with pytest.raises(p.ArchiveError, match="cannot archive"):
        p.archive_file(tmp_path / bad)
    f = p.provenance(name="f", archive_file=True)(lambda: tmp_path / bad)
    with pytest.raises(p.ArchiveError):
        f()
    g = p.provenance(name="g", archive_file=True)(lambda: 3)
    with pytest.raises(p.ArchiveError, match="int"):
        g()


@pytest.mark.parametrize("verify", ["once", "never"])
def test_the_original_stays_when_the_archived_copy_is_damaged(tmp_path, clip, verify):
    store = DiskStore(tmp_path / "blobs", verify=verify)
    with p.using_repo(MemoryRepo(store=store, name="files")):
        proxy = p.archive_file(clip)
        path = os.fspath(proxy)
        os.chmod(path, 0o600)
        with open(path, "wb") as file:
            file.write(b"other" * 120)
        with pytest.raises(p.ProvenanceError):
            p.archive_file(clip, delete_original=True)
        assert clip.exists()
