"""Errors of tasks on their way to the client: what was raised arrives, or else what can be read."""

from __future__ import annotations

from contextlib import suppress

from provenance_dask import _compat


def sendable(error: Exception) -> Exception:
    """An error as other processes can unpickle it: the error, if need be without what led to it, or its text."""
    if _compat.survives_pickling(error):
        return error
    led = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    with suppress(Exception):  # there are errors that take no attributes
        error.__cause__ = error.__context__ = None
        if led is not None:
            error.add_note(f"raised because of {_text(led)}")
        if _compat.survives_pickling(error):
            return error
    sent = RuntimeError(_text(error))
    for note in getattr(error, "__notes__", ()):
        sent.add_note(str(note))
    sent.add_note(f"a {type(error).__qualname__} cannot be pickled, so that this stands in for it")
    return sent.with_traceback(error.__traceback__)


def _text(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        return f"{name}: {error}"
    except Exception:  # noqa: BLE001  an error may fail to say what it is
        return name
