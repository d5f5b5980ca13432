"""Files that downloads go on with."""

from __future__ import annotations

import os

from provenance.blobstores.partial import partial_file
from provenance.types import BlobKey

KEY = BlobKey("ab" * 32)


def test_one_caller_has_the_file_and_others_get_empty_ones(tmp_path):
    with partial_file(tmp_path, KEY) as first, partial_file(tmp_path, KEY) as second:
        assert first == str(tmp_path / f"{KEY}.part")
        assert second != first
        assert not os.path.exists(second)
    with partial_file(tmp_path, KEY) as again:
        assert again == first


def test_a_process_that_is_forked_meanwhile_does_not_keep_it(tmp_path, fork):
    read, write = os.pipe()
    with partial_file(tmp_path, KEY) as first:
        child = fork(lambda: os.read(read, 1))
    with partial_file(tmp_path, KEY) as again:
        assert again == first
    os.write(write, b".")
    assert child.exit_code() == 0
