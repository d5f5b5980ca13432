"""The keys of a call: the artifact id by what its inputs are, the recipe key by how they come about."""

from __future__ import annotations

from collections.abc import Iterable

from provenance._util.containers import map_leaves
from provenance.artifacts.ids import is_proxy
from provenance.engine.digests import Digests
from provenance.engine.inputs import Inputs
from provenance.engine.spec import FunctionSpec
from provenance.engine.templates import CALL, RECIPE
from provenance.hashing import fingerprint, key_of
from provenance.types import ArtifactId, CarriesArtifact, RecipeKey, ValueId


def artifact_id(spec: FunctionSpec, digests: Digests) -> ArtifactId:
    """Content key of a call."""
    return ArtifactId(key_of(CALL, spec.identity, digests.named, digests.positional))


def uncached_id(content_key: ArtifactId, value_id: ValueId) -> ArtifactId:
    """Id of a call that is never reused: each different value is another artifact."""
    return ArtifactId(key_of("provenance.uncached", content_key, value_id))


def member_id(composite_id: ArtifactId, key: str) -> ArtifactId:
    """Id of the member `key` of a composite."""
    return ArtifactId(key_of("provenance.member", composite_id, key))


def recipe_from_digests(spec: FunctionSpec, digests: Digests) -> RecipeKey:
    """Recipe key of a call whose lazy inputs were hashed by their recipe keys."""
    return RecipeKey(key_of(RECIPE, spec.identity, digests.named, digests.positional))


def member_recipe(recipe: RecipeKey, key: str) -> RecipeKey:
    """Recipe key of the member `key` of a composite with this recipe key."""
    return RecipeKey(key_of("provenance.member", recipe, key))


class RecipeStandIn:
    """Stands for a value inside a recipe: hashes as the recipe key that leads to the value."""

    __slots__ = ("recipe",)

    def __init__(self, recipe: RecipeKey) -> None:
        self.recipe = recipe

    def __provenance_encoding__(self) -> bytes:
        return b"R" + bytes.fromhex(self.recipe)


def recipe_of_call(spec: FunctionSpec, inputs: Inputs) -> RecipeKey | None:
    """Recipe key of a call with known inputs, by the recipes of the artifacts among them.

    None when the call or an input is not to be found by recipe: it is always computed anew.
    """
    if spec.options.input_hash_fn is not None and inputs.carriers:
        return None
    recipes = _recipes(carrier for _, carrier in inputs.carriers)
    if recipes is None:
        return None
    if not recipes:
        return recipe_from_digests(spec, inputs.digests)

    def stand_in(carrier: object) -> object:
        return RecipeStandIn(recipes[id(carrier)])

    def digest(value: object, known: str) -> str:
        replaced = map_leaves(value, lambda leaf: id(leaf) in recipes, stand_in)
        return known if replaced is value else fingerprint(replaced).digest

    named = tuple((name, digest(inputs.kargs.get(name), known)) for name, known in inputs.digests.named)
    positional = tuple(map(digest, inputs.varargs, inputs.digests.positional))
    return recipe_from_digests(spec, Digests(named, positional))


def _recipes(carriers: Iterable[CarriesArtifact]) -> dict[int, RecipeKey] | None:
    """Recipe keys by the ``id()`` of their carrier; None if one has none."""
    recipes: dict[int, RecipeKey] = {}
    for carrier in carriers:
        recipe = carrier.artifact.record.recipe if is_proxy(carrier) else None  # type: ignore[attr-defined]
        if recipe is None:
            return None
        recipes[id(carrier)] = recipe
    return recipes
