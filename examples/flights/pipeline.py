"""The pipeline: which function gets whose result. Building it computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from examples.flights.cleaning import clean_flights, clean_planes, clean_weather, join_planes, join_weather
from examples.flights.data import installed_release, load_flights, load_planes, load_weather
from examples.flights.features import flights_of_month, late_rates, month_features, stack_months
from examples.flights.models import Setting, fit, score
from examples.flights.scores import report, summarise
from provenance_dask import LazyArtifact

MONTHS = range(1, 13)
TEST_MONTHS = range(7, 13)
TRAINING_MONTHS = 6
"""A model is fitted to so many months before the one it is tested on."""

SETTINGS = (
    Setting("linear", "linear", {"alpha": 1e-3, "max_iter": 5, "tol": None}),
    Setting("tree", "tree", {"max_depth": 6, "min_samples_leaf": 50}),
    Setting("boosting", "boosting", {"learning_rate": 0.1, "max_iter": 25}),
    Setting("small steps", "boosting", {"learning_rate": 0.05, "max_iter": 30, "max_leaf_nodes": 15}),
)


@dataclass(frozen=True)
class Pipeline:
    """One way to compute the report.

    Attributes
    ----------
    nodes : mapping
        Every call by what it is about, as in ``"fit boosting 07"``.
    report : LazyArtifact
        The last one.
    """

    nodes: Mapping[str, LazyArtifact]
    report: LazyArtifact


def with_option(settings: Sequence[Setting], name: str, option: str, value: object) -> tuple[Setting, ...]:
    """The same settings with one option of one of them changed."""
    return tuple(
        replace(setting, options={**setting.options, option: value}) if setting.name == name else setting
        for setting in settings
    )


def build(settings: Sequence[Setting] = SETTINGS, *, sample: float = 1.0, seed: int = 2013) -> Pipeline:
    """Call every function of the pipeline on nodes.

    Parameters
    ----------
    settings : sequence of Setting
        One model each for every month in `TEST_MONTHS`.
    sample : float
        Share of all flights, more than 0 and at most 1.
    seed : int
        For the sample and the models.
    """
    nodes: dict[str, LazyArtifact] = {}
    flights = _add_tables(nodes, sample, seed)
    _add_months(nodes, flights)
    rows = [_add_setting(nodes, setting, seed) for setting in settings]
    nodes["report"] = report(rows)
    return Pipeline(nodes, nodes["report"])


def _add_tables(nodes: dict[str, LazyArtifact], sample: float, seed: int) -> LazyArtifact:
    release = installed_release()
    flights = nodes["load flights"] = load_flights(release, sample, seed)
    weather = nodes["load weather"] = load_weather(release)
    planes = nodes["load planes"] = load_planes(release)
    flights = nodes["clean flights"] = clean_flights(flights)
    weather = nodes["clean weather"] = clean_weather(weather)
    planes = nodes["clean planes"] = clean_planes(planes)
    flights = nodes["join weather"] = join_weather(flights, weather)
    flights = nodes["join planes"] = join_planes(flights, planes)
    return flights


def _add_months(nodes: dict[str, LazyArtifact], flights: LazyArtifact) -> None:
    for month in MONTHS:
        of_month = nodes[f"flights {month:02}"] = flights_of_month(flights, month)
        nodes[f"features {month:02}"] = month_features(of_month, nodes.get(f"rates {month - 1:02}"))
        if month < MONTHS[-1]:
            nodes[f"rates {month:02}"] = late_rates(of_month)
    for month in TEST_MONTHS:
        earlier = [nodes[f"features {past:02}"] for past in range(month - TRAINING_MONTHS, month)]
        nodes[f"training {month:02}"] = stack_months(earlier)


def _add_setting(nodes: dict[str, LazyArtifact], setting: Setting, seed: int) -> LazyArtifact:
    scores = []
    for month in TEST_MONTHS:
        model = nodes[f"fit {setting.name} {month:02}"] = fit(nodes[f"training {month:02}"], setting, seed)
        scored = nodes[f"score {setting.name} {month:02}"] = score(model, nodes[f"features {month:02}"], month)
        scores.append(scored)
    summary = nodes[f"summary {setting.name}"] = summarise(setting, scores)
    return summary
