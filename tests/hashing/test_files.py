"""The digest of a file is the digest of its bytes."""

import pytest
from blake3 import blake3

from provenance.hashing import hash_file
from provenance.hashing.digest import THREADED_FROM, Digests


@pytest.mark.parametrize("size", [0, 1, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9 << 20])
def test_files_of_all_sizes(tmp_path, size):
    data = bytes(range(256)) * (size // 256 + 1)
    file = tmp_path / "file"
    file.write_bytes(data[:size])
    assert hash_file(file) == hash_file(str(file)) == blake3(data[:size]).hexdigest()


def test_what_is_no_file(tmp_path):
    with pytest.raises(OSError, match="missing"):
        hash_file(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        hash_file(tmp_path)


@pytest.mark.parametrize("sizes", [[], [5], [10] * 1000, [1 << 20, 3, 1 << 21, 7], [700_000] * 5, [0, 3 << 20, 0]])
def test_pieces_give_the_digest_of_all(sizes):
    pieces = [bytes([i % 256]) * size for i, size in enumerate(sizes)]
    assert Digests().of(iter(pieces), sum(sizes)) == blake3(b"".join(pieces)).digest()


def test_a_piece_may_be_overwritten_by_the_next():
    buffer = bytearray(3 << 20)

    def pieces():
        for i in range(3):
            buffer[:] = bytes([i]) * len(buffer)
            yield memoryview(buffer)
            yield memoryview(buffer)[:10]

    expected = b"".join(bytes([i]) * (len(buffer) + 10) for i in range(3))
    assert Digests().of(pieces(), len(expected)) == blake3(expected).digest()


def test_long_values_are_digested_one_after_the_other():
    digests = Digests()
    for size in (THREADED_FROM, 10, THREADED_FROM + 5, THREADED_FROM - 1):
        assert digests.of([b"a" * size], size) == blake3(b"a" * size).digest()


def test_what_was_begun_and_not_ended_is_not_part_of_the_next():
    def failing():
        yield b"a" * THREADED_FROM
        raise RuntimeError("lost")

    digests, data = Digests(), b"b" * THREADED_FROM
    for _ in range(2):
        with pytest.raises(RuntimeError, match="lost"):
            digests.of(failing(), 2 * THREADED_FROM)
        assert digests.of([data], len(data)) == blake3(data).digest()
