"""Functions that worker processes can import, and that raise. Each appends a line to `log` when its body runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import provenance as core
import provenance_dask as pd
from tests.dask.pipeline import note


class OddError(Exception):
    """Cannot be made of its `args`."""

    def __init__(self, code, *, hint):
        super().__init__(f"{code}: {hint}")
        self.code = code


class SlottedError(Exception):
    __slots__ = ("code",)


@dataclass(frozen=True)
class FrozenError(Exception):
    """Takes no attributes, and no notes."""

    code: int


class LockedError(Exception):
    """Cannot be pickled."""

    def __init__(self, message):
        super().__init__(message)
        self.lock = threading.Lock()


def make_error(kind):
    if kind == "odd":
        return OddError(7, hint="look")
    if kind == "slotted":
        return SlottedError("with slots")
    if kind == "frozen":
        return FrozenError(7)
    if kind == "locked":
        return LockedError("holds a lock")
    return ValueError("plain")


@pd.provenance(ignore=["log"])
def raises(kind, log=None):
    note(log, "raises")
    raise make_error(kind)


@pd.provenance(ignore=["log"])
def raises_from(kind, log=None):
    note(log, "raises_from")
    raise LookupError("consequence") from make_error(kind)


@pd.provenance(remove=["secret"], pass_proxies=True)
def keeps_quiet(values, text, *more, secret=""):
    raise ValueError("quiet")


@pd.provenance(returns_composite=True)
def no_composite(number):
    return number


@core.provenance()
def innermost(number):
    raise ValueError(number)


@core.provenance()
def between(number):
    return innermost(number + 1)


@pd.provenance()
def outermost(number):
    return between(number + 1)


@core.provenance()
async def raises_later(number):
    raise ValueError(number)
