"""The S3 server of the tests behaves as the tests of stores rely on."""

from __future__ import annotations

import pytest
import s3fs


def test_who_may_what(s3):
    filesystem = s3fs.S3FileSystem(**s3.storage_options, skip_instance_cache=True)
    filesystem.pipe_file(f"{s3.bucket}/servers/x", b"x")
    reader = s3fs.S3FileSystem(**{**s3.storage_options, "key": s3.reader[0], "secret": s3.reader[1]})
    assert reader.cat_file(f"{s3.bucket}/servers/x") == b"x"
    with pytest.raises(PermissionError):
        reader.pipe_file(f"{s3.bucket}/servers/x", b"y")
    with pytest.raises(FileNotFoundError, match="bucket"):
        filesystem.pipe_file("another-bucket/x", b"x")


def test_an_object_is_created_once(s3):
    filesystem = s3fs.S3FileSystem(**s3.storage_options, skip_instance_cache=True)
    filesystem.pipe_file(f"{s3.bucket}/servers/once", b"x", mode="create")
    with pytest.raises(OSError, match="pre-conditions"):
        filesystem.pipe_file(f"{s3.bucket}/servers/once", b"y", mode="create")
    assert filesystem.cat_file(f"{s3.bucket}/servers/once") == b"x"
