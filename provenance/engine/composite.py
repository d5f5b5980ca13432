"""Results that are dicts of members: every member is an artifact of its own."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from provenance.artifacts.proxy import holding_proxy
from provenance.engine import key
from provenance.engine.record import Recorder, Target
from provenance.engine.spec import FunctionSpec
from provenance.engine.values import Encoding, describe_value
from provenance.errors import CompositeError
from provenance.hashing import hash_value
from provenance.types import ValueId


def check_members(spec: FunctionSpec, value: object) -> None:
    """Refuse a composite result that is not a dict with string keys.

    Raises
    ------
    CompositeError
        Names the function and what it returned.
    """
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return
    got = "a dict with other keys than str" if isinstance(value, Mapping) else type(value).__name__
    msg = f"{spec.label} has returns_composite=True and must return a dict with string keys, but returned {got}"
    raise CompositeError(msg)


def store_composite(recorder: Recorder) -> object:
    """Store every member, then the dict that refers to them, and return a proxy of that dict."""
    call = recorder.call
    value: Mapping[str, object] = recorder.computed.value  # type: ignore[assignment]  # checked before
    started = perf_counter()
    members = {name: describe_value(member, call.repo) for name, member in value.items()}
    seconds = perf_counter() - started
    composite_id = call.id if call.use_cache else key.uncached_id(call.id, ValueId(hash_value(dict(value))))
    stored: dict[str, object] = {}
    for name, described in members.items():
        target = Target(
            id=key.member_id(composite_id, name),
            name=f"{call.spec.name}_{name}",
            encoding=member_encoding(call.spec, name),
        )
        artifact = recorder.store(target, described, 0.0)
        same = artifact.value_id == described.value_id
        stored[name] = holding_proxy(artifact, described.value) if same else artifact.proxy()
    described = describe_value(stored, call.repo)
    target = Target(id=composite_id, name=call.spec.name, encoding=Encoding(), composite=True)
    artifact = recorder.store(target, described, seconds)
    return holding_proxy(artifact, stored) if artifact.value_id == described.value_id else artifact.proxy()


def member_encoding(spec: FunctionSpec, name: str) -> Encoding:
    """How one member is to be serialised: options given as a dict by key go by key, others hold for all."""
    options = spec.options
    serializer = options.serializer
    return Encoding(
        serializer=serializer if isinstance(serializer, str) or serializer is None else serializer.get(name),
        load_kwargs=_for_member(options.load_kwargs, name),
        dump_kwargs=_for_member(options.dump_kwargs, name),
    )


def _for_member(kwargs: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    by_key = bool(kwargs) and all(isinstance(item, Mapping) for item in kwargs.values())
    return kwargs.get(name, {}) if by_key else kwargs
