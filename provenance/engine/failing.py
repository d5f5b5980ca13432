"""Calls that raise: the error says which call it came from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from provenance.engine.call import Call
from provenance.engine.preview import preview_inputs
from provenance.engine.spec import FunctionSpec
from provenance.types import JSON, Kargs

_MARK = "in the call "
_RUNS_A_BODY = frozenset({"compute_call", "run_async"})
_ARGUMENT_LIMIT = 60
_TEXT_LIMIT = 400


def report_failed(call: Call, error: Exception) -> None:
    """Say in an error from which call it came: the innermost one, and the one that no other call made."""
    if call.outer is None or not _came_from_nested(error):
        name_call(error, call.spec, call.inputs.kargs, call.inputs.varargs)


def _came_from_nested(error: Exception) -> bool:
    """Whether the traceback of an error, which begins where a body is run, leads through another such place."""
    here = error.__traceback__
    if here is None:
        return False
    module, place = here.tb_frame.f_globals, here.tb_next
    while place is not None:
        if place.tb_frame.f_code.co_name in _RUNS_A_BODY and place.tb_frame.f_globals is module:
            return True
        place = place.tb_next
    return False


def name_call(error: BaseException, spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...]) -> None:
    """Add a note to an error that names the function and its arguments, shortened; no value is loaded.

    Parameters that are removed are left out. An error that takes no notes is left as it is.
    """
    shown = {name: value for name, value in kargs.items() if name not in spec.options.remove}
    note = _MARK + _shown_call(spec, shown, varargs)
    if note not in getattr(error, "__notes__", ()):
        with suppress(Exception):
            error.add_note(note)


def names_call(error: BaseException) -> bool:
    """Whether the notes of an error name a call."""
    return any(str(note).startswith(_MARK) for note in getattr(error, "__notes__", ()))


def _shown_call(spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...]) -> str:
    try:
        preview = cast("Mapping[str, JSON]", preview_inputs(kargs, varargs))
    except Exception:  # noqa: BLE001  an argument may raise whatever is asked of it
        return f"{spec.label}(…)"
    shown = [f"{name}={_shown(value)}" for name, value in cast("Mapping[str, JSON]", preview["kargs"]).items()]
    if varargs:
        shown.append(f"*{_shown(preview['varargs'])}")
    text = ", ".join(shown)
    return f"{spec.label}({text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + '…'})"


def _shown(value: JSON) -> str:
    if isinstance(value, dict) and value.keys() == {"artifact"}:
        return f"<artifact {str(value['artifact'])[:12]}>"
    text = repr(value)
    return text if len(text) <= _ARGUMENT_LIMIT else f"{text[:_ARGUMENT_LIMIT]}…"
