"""The values behind proxies must stay what their artifacts say."""

from __future__ import annotations

from typing import cast

from provenance.artifacts.proxy import ArtifactProxy, plain_value
from provenance.engine.spec import FunctionSpec
from provenance.errors import HashingError, MutatedArtifactValueError
from provenance.hashing import fingerprint
from provenance.types import CarriesArtifact


def refuse_mutated(spec: FunctionSpec, carriers: list[tuple[str, CarriesArtifact]]) -> None:
    """Refuse proxies whose loaded value no longer hashes as their artifact says.

    Raises
    ------
    MutatedArtifactValueError
        Names the argument and the artifact.
    """
    for path, carrier in carriers:
        if is_loaded_and_changed(carrier):
            msg = (
                f"the value of {path} given to {spec.label} was changed after it came from artifact "
                f"{cast('ArtifactProxy', carrier).artifact_id}; change a copy instead "
                "(copy.deepcopy of a proxy gives a plain one)"
            )
            raise MutatedArtifactValueError(msg)


def is_loaded_and_changed(carrier: CarriesArtifact) -> bool:
    """Whether a stand-in is a proxy whose value is in memory and no longer the artifact's."""
    return isinstance(carrier, ArtifactProxy) and carrier.is_loaded and is_changed(carrier)


def is_changed(proxy: ArtifactProxy) -> bool:
    """Whether the value of a proxy, which is loaded if need be, no longer is the artifact's."""
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
