"""Inputs must not change: not the values behind proxies before a call, nor any input during it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from provenance.artifacts.proxy import ArtifactProxy, plain_value
from provenance.engine.inputs import Digests, resolve_inputs
from provenance.engine.spec import FunctionSpec
from provenance.errors import HashingError, ImpureFunctionError, MutatedArtifactValueError
from provenance.hashing import fingerprint
from provenance.types import CarriesArtifact, Kargs

if TYPE_CHECKING:
    from provenance.engine.call import Call

_IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, bytes})


def refuse_mutated(spec: FunctionSpec, carriers: list[tuple[str, CarriesArtifact]]) -> None:
    """Refuse proxies whose loaded value no longer hashes as their artifact says.

    Raises
    ------
    MutatedArtifactValueError
        Names the argument and the artifact.
    """
    for path, carrier in carriers:
        if _is_loaded_and_changed(carrier):
            msg = (
                f"the value of {path} given to {spec.label} was changed after it came from artifact "
                f"{cast('ArtifactProxy', carrier).artifact_id}; change a copy instead "
                "(copy.deepcopy of a proxy gives a plain one)"
            )
            raise MutatedArtifactValueError(msg)


def _is_loaded_and_changed(carrier: CarriesArtifact) -> bool:
    return isinstance(carrier, ArtifactProxy) and carrier.is_loaded and _is_changed(carrier)


def _is_changed(proxy: ArtifactProxy) -> bool:
    now = _encoding(plain_value(proxy))
    if now == proxy.__provenance_encoding__():
        return False
    # Values of some types hash differently once they went through their serializer; what was not changed since
    # it was loaded then hashes as another load does.
    artifact = proxy.artifact
    return not artifact.is_stored or now != _encoding(artifact.value)


def _encoding(value: object) -> bytes | None:
    try:
        return fingerprint(value).encoding
    except HashingError:
        return None


def refuse_impure(call: Call, kargs: Kargs, varargs: tuple[object, ...]) -> None:
    """Refuse a call whose body changed one of its hashed inputs.

    Parameters
    ----------
    call : Call
        The call, with the digests its inputs had before.
    kargs, varargs : dict, tuple
        What the body got.

    Raises
    ------
    ImpureFunctionError
        Names the inputs that were changed.
    """
    if all(type(value) in _IMMUTABLE for value in (*kargs.values(), *varargs)):
        return
    # What an outer body got as plain values is checked when that body ends, not once for each nested call.
    carried = None if call.outer is None else call.outer.carried
    try:
        after = resolve_inputs(call.spec, kargs, varargs, carried).raw
    except HashingError as error:
        raise ImpureFunctionError(_impure(call, [str(error)])) from error
    changed = [path for path in _differing(call.inputs.raw, after) if not _only_reloaded(call, path)]
    if call.spec.options.pass_proxies:
        changed += [path for path, carrier in call.inputs.carriers if _is_loaded_and_changed(carrier)]
    if changed:
        raise ImpureFunctionError(_impure(call, changed))


def _impure(call: Call, changed: list[str]) -> str:
    hint = (
        " (or the value of a proxy was changed before: set_check_mutations(True) tells)" if call.inputs.carriers else ""
    )
    return (
        f"{call.spec.label} changed its inputs: {', '.join(changed)}{hint}. A result cannot be keyed by inputs that "
        "change: work on copies, or exclude the parameter with ignore= or remove="
    )


def _differing(before: Digests, after: Digests) -> list[str]:
    old, new = before.by_path(), after.by_path()
    return [path for path in old if new.get(path) != old[path]]


def _only_reloaded(call: Call, path: str) -> bool:
    """Whether the input differs only because its value hashes differently once it was stored and loaded."""
    loaded = [carrier for at, carrier in call.inputs.carriers if at.startswith(path)]
    return bool(loaded) and not any(isinstance(carrier, ArtifactProxy) and _is_changed(carrier) for carrier in loaded)
