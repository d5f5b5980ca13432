"""A body must not change its inputs: its result is keyed by what they were."""

from __future__ import annotations

from provenance.artifacts.proxy import ArtifactProxy
from provenance.engine.call import Call
from provenance.engine.digests import Digests
from provenance.engine.inputs import resolve_inputs
from provenance.engine.mutation import is_changed, is_loaded_and_changed
from provenance.errors import HashingError, ImpureFunctionError
from provenance.hashing.bulk import covers_atoms
from provenance.types import Kargs


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
    if covers_atoms(map(type, (*kargs.values(), *varargs))):
        return
    # What an outer body got as plain values is checked when that body ends, not once for each nested call.
    carried = None if call.outer is None else call.outer.carried
    try:
        after = resolve_inputs(call.spec, kargs, varargs, carried).raw
    except HashingError as error:
        raise ImpureFunctionError(_impure(call, [str(error)])) from error
    changed = [path for path in _differing(call.inputs.raw, after) if not _only_reloaded(call, path)]
    if call.spec.options.pass_proxies:
        changed += [path for path, carrier in call.inputs.carriers if is_loaded_and_changed(carrier)]
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
    return bool(loaded) and not any(isinstance(carrier, ArtifactProxy) and is_changed(carrier) for carrier in loaded)
