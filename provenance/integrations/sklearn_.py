"""scikit-learn: estimators, fitted or not, by class and attributes.

The version of the library, which estimators put into their pickled state, does not count.
"""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from provenance.hashing import Attributes, Parts, register_encoder, type_name


def _estimator(obj: Any) -> Parts:
    state = obj.__getstate__()
    if isinstance(state, dict):
        attributes = {**state}
        attributes.pop("_sklearn_version", None)
        state = Attributes(attributes)
    return Parts("sklearn.estimator", (type_name(type(obj)), state))


def _bunch(obj: Any) -> Parts:
    return Parts("sklearn.Bunch", (dict(obj),))


register_encoder("sklearn.utils._bunch.Bunch", _bunch)
register_encoder(BaseEstimator, _estimator)
