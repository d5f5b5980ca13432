"""Compute a stored artifact again whose bytes are lost or damaged, from the inputs that were recorded with it."""

from __future__ import annotations

import logging
import sys
from typing import Any, cast

from provenance import state
from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import is_proxy
from provenance.artifacts.proxy import plain_value, recomputing
from provenance.engine import key
from provenance.engine.call import Call, prepare
from provenance.engine.execute import compute_call
from provenance.engine.spec import FunctionSpec, spec_of
from provenance.errors import ProvenanceError
from provenance.types import Kargs

logger = logging.getLogger("provenance")


def recomputing_lost() -> recomputing:
    """Compute lost or damaged values again that are met inside a ``with`` block, where that can be done.

    For proxies that know their artifact only: those of calls do it by themselves. Needed are a function that can be
    imported, and all its arguments among the recorded inputs; else the error stands.
    """
    return recomputing(_recompute)


def _recompute(artifact: Artifact, error: Exception) -> object:
    """The value of an artifact whose bytes cannot be read, computed and stored again; else raises the error."""
    with state.using_repo(artifact.repo):
        call = _recorded_call(artifact)
        if call is None:
            raise error
        logger.warning("the stored value of %r cannot be read and is computed again: %s", artifact, error)
        result: Any = compute_call(call)
        if call.id != artifact.id and call.spec.options.returns_composite:
            result = result[_member_of(call, artifact)]
        # What depends on the artifact is keyed by the value that it had.
        if is_proxy(result) and result.artifact.record.value_encoding != artifact.record.value_encoding:
            raise error
        return plain_value(result)


def _recorded_call(artifact: Artifact) -> Call | None:
    """The call that made an artifact, if it can be told from what was recorded, and is the same today."""
    spec = _function_of(artifact)
    if spec is None or spec.options.input_process_fn is not None:
        return None  # what was recorded then is not what the function was given
    try:
        inputs = cast("dict[str, Any]", artifact.inputs)
        kargs: Kargs = {**spec.binder.defaults, **inputs["kargs"]}
        call = prepare(spec, kargs, tuple(inputs["varargs"]), artifact.record.recipe)
    except (ProvenanceError, TypeError) as error:
        logger.warning("the inputs of %r cannot be read: %s", artifact, error)
        return None
    if spec.binder.named - kargs.keys() or not _made(call, artifact):
        return None
    return call


def _function_of(artifact: Artifact) -> FunctionSpec | None:
    record = artifact.record
    try:
        __import__(record.fn_module)
    except ImportError:
        return None
    found: object = sys.modules.get(record.fn_module)
    for part in record.fn_name.split("."):
        found = getattr(found, part, None)
    return spec_of(found)


def _made(call: Call, artifact: Artifact) -> bool:
    """Whether an artifact is what a call makes: its id says so."""
    if call.spec.options.returns_composite and call.id != artifact.id:
        return key.member_id(call.id, _member_of(call, artifact)) == artifact.id
    if not call.use_cache:
        return key.uncached_id(call.id, artifact.value_id) == artifact.id
    return call.id == artifact.id


def _member_of(call: Call, artifact: Artifact) -> str:
    return artifact.name.removeprefix(f"{call.spec.name}_")
