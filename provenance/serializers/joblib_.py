"""``joblib``, the default: plain pickle, and arrays that can be mapped where there are large ones.

Whatever is written here `joblib.load` reads. joblib itself is only imported for values with large arrays, for
options of its own, and to read what needs it.
"""

from __future__ import annotations

import errno
import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from provenance._util.deferred import Deferred
from provenance._util.payload import Buffers, Streamed
from provenance.errors import ProvenanceError
from provenance.serializers.records import Kwargs, Serializer
from provenance.types import Payload

if TYPE_CHECKING:
    from provenance.serializers import failures, mapping, pickling
else:
    # What small values that are read do not need.
    failures, mapping, pickling = (
        Deferred(f"provenance.serializers.{name}") for name in ("failures", "mapping", "pickling")
    )

_LARGE_BYTES = 1 << 16
_MOST_MAPS = 64
_PICKLE = b"\x80"
_MARK = b"joblib"
_FRAMES = b"pandas"
_HEAD_BYTES = 1 << 16
_NO_MORE_MAPS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def pack(value: object, kwargs: Kwargs) -> Payload:
    """Serialize a value, by ``joblib.dump(value, file, **kwargs)`` when there are options or large arrays.

    joblib maps each array by itself, which takes a file descriptor each: a value of very many arrays is pickled.
    So is one with frames, as joblib would put `numpy.memmap` objects into them, which pandas tells from arrays.
    """
    if kwargs:
        return _joblib_payload(value, kwargs)
    sizes: list[int] = []

    def keep_out(buffer: pickle.PickleBuffer) -> bool:
        sizes.append(buffer.raw().nbytes)
        return False

    stream = pickling.dump_stream(value, keep_out)
    if not sizes:
        return Buffers((stream,))
    if sum(sizes) >= _LARGE_BYTES and len(sizes) <= _MOST_MAPS and _FRAMES not in bytes(stream):
        return _joblib_payload(value, {})
    return Buffers((pickling.dump_stream(value, None),))


def _joblib_payload(value: object, kwargs: Kwargs) -> Streamed:
    import joblib  # noqa: PLC0415  loaded when first used

    options: dict[str, Any] = dict(kwargs)

    def write(file: BinaryIO) -> None:
        try:
            joblib.dump(value, file, **options)
        except (OSError, ProvenanceError):
            raise
        except Exception as exc:  # whatever a value's own pickling raises
            raise failures.dump_failure(value, "joblib", exc) from exc

    return Streamed(write)


def unpack(source: bytes | Path, kwargs: Kwargs) -> object:
    """Read a value back; ``mmap_mode`` is ``"c"`` (copy-on-write) by default, other options are `joblib.load`'s."""
    if not kwargs and isinstance(source, bytes) and _is_plain_pickle(source):
        return pickle.loads(source)  # noqa: S301  bytes are verified first
    mode = mapping.check_mode(kwargs.get("mmap_mode", "c"))
    options = {key: option for key, option in kwargs.items() if key != "mmap_mode"}
    if isinstance(source, Path):
        return _unpack_file(source, mode, options)
    return _joblib_load(io.BytesIO(source), None, options)


def _unpack_file(path: Path, mode: str | None, options: dict[str, object]) -> object:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[:1] != _PICKLE:
        return _joblib_load(path, None, options)
    if not options and _MARK not in head and _is_plain_pickle(memory := mapping.file_memory(path, "r")):
        return pickle.loads(memory)  # noqa: S301  bytes are verified first
    if mode is None or path.stat().st_size < mapping.MAP_FROM_BYTES:
        return _joblib_load(path, None, options)
    return _joblib_load(path, mode, options)


def _is_plain_pickle(data: bytes | memoryview) -> bool:
    raw: Any = data.obj if isinstance(data, memoryview) else data
    return bool(raw[:1] == _PICKLE and raw.find(_MARK) < 0)


def _joblib_load(source: Path | BinaryIO, mode: str | None, options: dict[str, Any]) -> object:
    import joblib  # noqa: PLC0415  loaded when first used

    options.setdefault("ensure_native_byte_order", False)  # a value comes back as it was
    try:
        return joblib.load(source, mmap_mode=mode, **options)
    except OSError as exc:
        if mode is None or exc.errno not in _NO_MORE_MAPS:
            raise
    return joblib.load(source, mmap_mode=None, **options)


SERIALIZER = Serializer("joblib", "application/x-joblib", pack, unpack)
