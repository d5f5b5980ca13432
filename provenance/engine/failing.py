"""Calls that raise: the error says which call it came from, and the call is recorded."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import cast

from provenance.engine.call import Call
from provenance.engine.preview import preview_inputs
from provenance.engine.run import current_run
from provenance.engine.spec import FunctionSpec
from provenance.engine.working import current_job
from provenance.types import JSON, FailedCall, Kargs

logger = logging.getLogger("provenance")

_MARK = "in the call "
_RUNS_A_BODY = frozenset({"compute_call", "run_async"})
_ARGUMENT_LIMIT = 60
_TEXT_LIMIT = 400
_MESSAGE_LIMIT = 2_000
_TRACEBACK_LIMIT = 20_000
_MOST_FRAMES = 100
"""Of a recursion without end each call on the way is recorded, so that all frames would be formatted as often."""


def report_failed(call: Call, error: BaseException, seconds: float) -> None:
    """Say in an error from which call it came, and record that call, which ran for so long.

    The innermost call is named, and the one that no other call made. That work was interrupted or cancelled is no
    failure of the call. What goes wrong here is in the log and does not hide the error.
    """
    if not isinstance(error, Exception) or isinstance(error, CancelledError):
        return
    if call.outer is None or not _came_from_nested(error):
        name_call(error, call.spec, call.inputs.kargs, call.inputs.varargs)
    if call.read_only or not call.repo.permissions.write:
        return
    try:
        call.repo.save_failed_call(_failed_call(call, error, seconds), current_run())
    except Exception as problem:  # noqa: BLE001  what is raised to the caller is the error of the call
        logger.warning("that a call of %s failed could not be recorded: %s", call.spec.label, problem)


def _failed_call(call: Call, error: Exception, seconds: float) -> FailedCall:
    spec, inputs, job = call.spec, call.inputs, current_job()
    return FailedCall(
        artifact_id=call.id,
        name=spec.name,
        version=spec.options.version,
        fn_module=spec.module,
        fn_name=spec.qualname,
        error_type=_qualified_name(type(error)),
        message=_bounded(_message(error), _MESSAGE_LIMIT),
        traceback=_bounded("".join(traceback.format_exception(error, limit=-_MOST_FRAMES)), _TRACEBACK_LIMIT),
        run_id=current_run().id,
        compute_seconds=seconds,
        input_hashes=inputs.digests.by_path(),
        inputs_json=preview_inputs(inputs.kargs, inputs.varargs),
        job_id=None if job is None else job.job_id,
    )


def _message(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  an error may fail to say what it is
        return ""


def _qualified_name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _bounded(text: str, limit: int) -> str:
    """A text without its middle, if it is long: a traceback says most at its ends."""
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}\n… {len(text) - limit} characters …\n{text[-limit // 2 :]}"


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
