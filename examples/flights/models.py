"""Models for several settings: fit on earlier months, score on a later one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from examples.flights.features import NAMES, NUMBERS, TARGET
from provenance_dask import provenance

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Setting:
    """One way to fit a model.

    Attributes
    ----------
    name : str
        What the report calls it.
    kind : str
        A key of `KINDS`.
    options : mapping
        Parameters of the estimator.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)


def linear(seed: int, options: Mapping[str, Any]) -> Any:
    """Logistic regression by stochastic gradient descent on scaled numbers and one column per name."""
    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    columns = make_column_transformer((numbers, NUMBERS), (OneHotEncoder(handle_unknown="ignore"), NAMES))
    return make_pipeline(columns, SGDClassifier(loss="log_loss", random_state=seed, **options))


def tree(seed: int, options: Mapping[str, Any]) -> Any:
    """One decision tree; names become numbers in the order of the alphabet."""
    names = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((names, NAMES), ("passthrough", NUMBERS))
    return make_pipeline(columns, DecisionTreeClassifier(random_state=seed, **options))


def boosting(seed: int, options: Mapping[str, Any]) -> Any:
    """Gradient boosting on histograms, which takes names and unknown values as they are."""
    return HistGradientBoostingClassifier(
        categorical_features="from_dtype", early_stopping=False, random_state=seed, **options
    )


KINDS = {"linear": linear, "tree": tree, "boosting": boosting}


@provenance(version=1, tags=["model"])
def fit(training: pd.DataFrame, setting: Setting, seed: int) -> Any:
    """An estimator that tells late flights from others, fitted to the features of earlier months."""
    model = KINDS[setting.kind](seed, setting.options)
    return model.fit(training[[*NAMES, *NUMBERS]], training[TARGET])


@provenance(version=1, tags=["model"])
def score(model: Any, features: pd.DataFrame, month: int) -> dict[str, float]:
    """How well the estimator foretold one month."""
    late = features[TARGET]
    chance = model.predict_proba(features[[*NAMES, *NUMBERS]])[:, 1]
    return {
        "month": month,
        "flights": len(features),
        "late": int(late.sum()),
        "roc_auc": float(roc_auc_score(late, chance)),
        "average_precision": float(average_precision_score(late, chance)),
        "brier": float(brier_score_loss(late, chance)),
    }
