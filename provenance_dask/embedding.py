"""Dask collections as arguments of nodes: keyed by their token, computed as part of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from provenance import engine
from provenance.engine import FunctionSpec, Options
from provenance.types import ArtifactId, RecipeKey
from provenance_dask import _compat
from provenance_dask.common import Common
from provenance_dask.steps import Results, Step


def computed(value: object) -> object:
    """The value of a collection, as Dask gives it."""
    return value


_SPEC = FunctionSpec(computed, Options())


class CollectionStep(Step):
    """A Dask collection whose value is wanted.

    Its recipe key is made of the token, so that what depends on it can be found by recipe. Nothing is stored under
    it: the value is no artifact.
    """

    __slots__ = ("_single", "collection")

    def __init__(self, collection: Any, token: str) -> None:
        super().__init__(_SPEC, (), (), (), token, RecipeKey(token))
        self.collection = collection
        self._single: tuple[Mapping[Any, object], str] | None = None

    @property
    def name(self) -> str:
        """Type of the collection."""
        return type(self.collection).__name__

    @property
    def label(self) -> str:
        """Module and name of that type."""
        kind = type(self.collection)
        return f"{kind.__module__}.{kind.__qualname__}"

    def content_id(self, results: Results) -> ArtifactId:  # noqa: ARG002  there are no inputs
        """The id of no artifact: whether the value is known is not known before it is computed."""
        return ArtifactId(self.token)

    def support(self) -> Mapping[Any, object]:
        """The tasks of the collection."""
        return self._as_one_result()[0]

    def task(
        self,
        key: str,
        sources: Sequence[object],  # noqa: ARG002  there are no inputs
        recipe: RecipeKey | None,  # noqa: ARG002  nothing is recorded
        common: Common,  # noqa: ARG002  as above
    ) -> object:
        """The Dask task; see `Step.task`."""
        return _compat.Task(key, computed, _compat.TaskRef(self._as_one_result()[1]))

    def copy(self) -> CollectionStep:
        """Another step for the same value."""
        return CollectionStep(self.collection, self.token)

    def _as_one_result(self) -> tuple[Mapping[Any, object], str]:
        if self._single is None:
            self._single = _compat.as_one_result(self.collection)
        return self._single


def embed(collection: Any) -> CollectionStep:
    """The step for the value of a collection, which is known by the token of its graph."""
    return CollectionStep(collection, engine.digest_of("provenance_dask.collection", _compat.token_of(collection)))
