"""What the tasks of a graph have in common: it goes with each of them as bytes that a process unpickles once."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from provenance.engine import FunctionSpec
from provenance.types import JobUse
from provenance_dask import _compat
from provenance_dask.shipping import Surroundings

_MOST_KEPT = 256

_kept: dict[bytes, Common] = {}


class _Parts(NamedTuple):
    spec: FunctionSpec
    where: Surroundings
    job: JobUse | None


class Common:
    """The function that tasks call, the surroundings they run in, and the job they work for.

    A scheduler passes it on without importing anything. A function that is pickled by value, as those of notebooks are,
    is made once in a process and not for each task; one that is found by its name is looked up again when the name
    stands for another, as after ``client.upload_file``.
    """

    __slots__ = ("_named", "_packed", "_parts")

    def __init__(self, parts: _Parts | None, packed: bytes | None) -> None:
        self._parts = parts
        self._packed = packed
        self._named: object = None

    @property
    def spec(self) -> FunctionSpec:
        """The function."""
        return self._here().spec

    @property
    def where(self) -> Surroundings:
        """The surroundings."""
        return self._here().where

    @property
    def job(self) -> JobUse | None:
        """The job, if there is one."""
        return self._here().job

    def _here(self) -> _Parts:
        if self._parts is None:
            parts = _Parts(*_compat.loads(self.packed()))
            self._named = _named(parts.spec)
            self._parts = parts
        return self._parts

    def packed(self) -> bytes:
        """The pickled parts."""
        if self._packed is None:
            self._packed = _compat.dumps(tuple(self._here()))
        return self._packed

    def is_current(self) -> bool:
        """Whether the name of the function still stands for what it stood for when it was unpickled."""
        return self._parts is None or self._named is _named(self._parts.spec)

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self.packed(),)


def common_to(spec: FunctionSpec, where: Surroundings, job: JobUse | None) -> Common:
    """What tasks that call one function have in common."""
    return Common(_Parts(spec, where, job), None)


def _named(spec: FunctionSpec) -> object:
    found: object = sys.modules.get(spec.module)
    for part in spec.qualname.split("."):
        found = getattr(found, part, None)
    return found


def _restored(packed: bytes) -> Common:
    known = _kept.get(packed)
    if known is None or not known.is_current():
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        known = _kept[packed] = Common(None, packed)
    return known


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.clear)  # surroundings are those of one process
